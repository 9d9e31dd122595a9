# SPDX-License-Identifier: Apache-2.0
"""The consensus hint: accepted if it is the consensus, refused otherwise, at every corner."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import boa
import pytest

from offchain.yuma.specification import run_seat_epoch
from offchain.yuma.types import SeatEpoch
from tests.contracts.deployment import seeded
from tests.contracts.YumaKernel.blocks import (
    COLUMNS,
    ONE,
    answer,
    blocks_of,
    widened,
    with_hint,
    words_of,
)
from tests.contracts.YumaKernel.test_worlds import dense_world
from tests.yuma.worlds import random_seat_epoch

U16 = 65_535


def scores_of(epoch: SeatEpoch, column: int) -> set[int]:
    """What the seats score a column, voters or not."""
    return {(row[column] << 32) // (sum(row) or 1) for row in epoch.rows if column < len(row)}


def wrong_hints(epoch: SeatEpoch, column: int, right: int, rng: Random) -> set[int]:
    """Neighbours, other scores, borders of lanes, anything."""
    near = {right - 1, right + 1, *scores_of(epoch, column)}
    far = {0, 1, ONE - 1, ONE, ONE + 1, 2**33 - 1, 2**33, 2**63 - 1, 2**63, 2**64 - 1}
    far |= {2**63 + right, rng.getrandbits(32), rng.getrandbits(64)}
    return {hint for hint in near | far if 0 <= hint < 2**64} - {right}


@pytest.mark.parametrize("first", range(0, 24, 6))
def test_recompute__wrong_hints_in_random_worlds__none_is_accepted(kernel: Any, first: int) -> None:
    tried = 0
    for seed in range(first, first + 6):
        rng = Random(seed)
        epoch = random_seat_epoch(seed)
        result = run_seat_epoch(epoch)
        block = blocks_of(epoch, result)[0]
        consensus = widened(result.consensus_bits)
        for column in rng.sample(range(COLUMNS), 3):
            for hint in wrong_hints(epoch, column, consensus[column], rng):
                with boa.reverts("kernel: wrong hint"):
                    kernel.recompute(with_hint(block, column, hint))
                tried += 1
    assert tried > 150


def test_recompute__nobody_votes__only_zero_is_accepted(kernel: Any) -> None:
    epoch = replace(dense_world(3, 16), active_stake_bits=(0, 0, 0))
    result = run_seat_epoch(epoch)
    (block,) = blocks_of(epoch, result)
    assert answer(kernel, block) == words_of(result)[0]
    for column in range(COLUMNS):
        for hint in (1, ONE, 2**63, *scores_of(epoch, column)):
            with boa.reverts("kernel: wrong hint"):
                kernel.recompute(with_hint(block, column, hint))


@pytest.mark.parametrize("kappa", [0, 1, 65_534, U16])
def test_recompute__kappa_at_its_ends__one_hint_per_column_is_accepted(
    kernel: Any, kappa: int
) -> None:
    """kappa 0 takes the top score, 65,535 the lowest; nothing makes a block unsettleable."""
    epoch = replace(dense_world(5, 16), kappa=kappa)
    result = run_seat_epoch(epoch)
    (block,) = blocks_of(epoch, result)
    for column in range(COLUMNS):
        scores = scores_of(epoch, column)
        consensus = max(scores) if kappa <= 1 else min(scores)
        assert result.consensus_bits[column] == consensus
        accepted = [hint for hint in scores if _accepts(kernel, with_hint(block, column, hint))]
        assert accepted == [consensus]


def _accepts(kernel: Any, block: Any) -> bool:
    try:
        kernel.recompute(block)
    except boa.BoaError as error:
        if "kernel: wrong hint" not in str(error):
            raise
        return False
    return True


@pytest.mark.soundness
def test_recompute__quantile_not_strict__mutant_accepts_what_the_kernel_refuses(
    kernel: Any,
) -> None:
    """Invisible with honest hints: at kappa 65,535 all votes lie above the lowest score less 1."""
    strict = "is_exceeded: bool = unsafe_sub(columns.votes_above[group] | TOP, threshold)"
    loose = strict.replace("threshold)", "unsafe_add(threshold, LANES))")
    mutant = seeded("YumaKernel", ("YumaKernel.vy", strict, loose)).deploy()
    tried = 0
    for seed in range(3):
        epoch = replace(dense_world(3 + seed, 16, seed), kappa=U16)
        result = run_seat_epoch(epoch)
        (block,) = blocks_of(epoch, result)
        assert answer(mutant, block) == words_of(result)[0]
        for column in range(COLUMNS):
            aimed = with_hint(block, column, result.consensus_bits[column] - 1)
            assert _accepts(mutant, aimed)
            assert not _accepts(kernel, aimed)
            tried += 1
    assert tried == 48


@pytest.mark.soundness
@pytest.mark.parametrize("half", ["is_reached", "not is_exceeded"])
def test_recompute__half_of_the_check__lets_a_wrong_hint_pass(kernel: Any, half: str) -> None:
    line = 'assert is_reached and not is_exceeded, "kernel: wrong hint"'
    halved = line.replace("is_reached and not is_exceeded", half)
    mutant = seeded("YumaKernel", ("YumaKernel.vy", line, halved)).deploy()
    epoch = dense_world(5, 16)
    result = run_seat_epoch(epoch)
    (block,) = blocks_of(epoch, result)
    wrong = {0, ONE, *scores_of(epoch, 0)} - {result.consensus_bits[0]}
    aimed = [with_hint(block, 0, hint) for hint in wrong]
    assert any(_accepts(mutant, attempt) for attempt in aimed)
    assert not any(_accepts(kernel, attempt) for attempt in aimed)
