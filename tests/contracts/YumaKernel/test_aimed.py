# SPDX-License-Identifier: Apache-2.0
"""What vectors and random worlds hardly ever meet, with its mutants (exact-kernel.md, 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import pytest

from offchain.settlement.trace import pack_columns
from offchain.settlement.words import pack_lanes
from offchain.yuma.specification import run_seat_epoch
from tests.contracts.deployment import CONTRACTS, seeded
from tests.contracts.YumaKernel.blocks import (
    COLUMNS,
    ONE,
    Block,
    Words,
    answer,
    blocks_of,
    filled,
    in_group,
    seat_word,
    words_of,
)
from tests.contracts.YumaKernel.test_hints import _accepts
from tests.contracts.YumaKernel.test_worlds import dense_world

U16 = 65_535
MAX_ROW_SUM = 1_024 * U16


def alone(weights: list[int], row_sum: int) -> Block:
    """One validator with all stake: its scores are the consensus, so a hint that is accepted is
    the kernel's quotient (weight << 32) // row_sum.
    """
    return Block(
        seat_count=1,
        seats=filled([seat_word(ONE, row_sum)]),
        rows=filled(pack_lanes(weights, 16)),
        bonds=filled([]),
        hints=list(pack_columns([(weight << 32) // row_sum for weight in weights])),
        replaced=0,
        kappa_u16=32_767,
        bonds_penalty_u16=0,
        bonds_moving_average_ppm=900_000,
        total_rank=ONE,
    )


def nearly_whole_quotients() -> Iterator[tuple[int, int]]:
    """(weight, row sum) with weight * 2**32 = -1 modulo the sum: any excess rounds up."""
    for row_sum in range(MAX_ROW_SUM - 1, 0, -2):
        weight = -pow(ONE, -1, row_sum) % row_sum
        if 0 < weight <= U16:
            yield weight, row_sum


def test_recompute__quotients_that_are_nearly_whole__are_rounded_down(kernel: Any) -> None:
    for weight, row_sum in islice(nearly_whole_quotients(), 40):
        assert (weight << 32) % row_sum == row_sum - 1
        assert _accepts(kernel, alone([weight] * COLUMNS, row_sum))


def test_recompute__quotients_that_are_whole__are_exact(kernel: Any) -> None:
    for power in range(17, 26):
        assert _accepts(kernel, alone([1, U16, 2**15, 4097] * 4, 2**power))
    for row_sum in (1, 3, U16, U16 + 2, 2**26 - 1, MAX_ROW_SUM):
        weights = [min(weight, row_sum) for weight in (1, U16, 2**15, 4097)] * 4
        assert _accepts(kernel, alone(weights, row_sum))


@pytest.mark.soundness
def test_recompute__reciprocal_of_58_bits__is_caught() -> None:
    """Passes every vector and every random world, and is wrong here."""
    right = "unsafe_add(unsafe_div(2**74, (seat >> ROW_SUM_BIT) & U64_MAX), 1)"
    short = "unsafe_add(unsafe_div(2**58, (seat >> ROW_SUM_BIT) & U64_MAX), 1) << 16"
    mutant = seeded("YumaKernel", ("YumaKernel.vy", right, short)).deploy()
    pairs = list(islice(nearly_whole_quotients(), 10))
    assert not any(_accepts(mutant, alone([w] * COLUMNS, row_sum)) for w, row_sum in pairs)


def telling_averages() -> Iterator[int]:
    """Rates in ppm at which 2**32 and 2**32 - 1 decay to different u16."""
    for ppm in range(1, 10**6):
        kept = (ppm << 32) // 10**6
        if kept * U16 % ONE < U16:
            yield ppm


def bonds_at_the_edges(average: int) -> tuple[Block, Words]:
    """Old bonds of 0, 1, 65,534 and 65,535 that only decay, and what the engine makes of them."""
    world = replace(
        dense_world(4, 16),
        rows=((0,) * 16,) * 4,
        old_bonds=tuple(
            tuple((0, 1, U16 - 1, U16)[(seat + column // 4) % 4] for column in range(16))
            for seat in range(4)
        ),
        replaced=(False,) * 16,
        keeps_seat=(True,) * 4,
        bonds_moving_average=average,
    )
    result = run_seat_epoch(world)
    return blocks_of(world, result)[0], words_of(result)[0]


def test_recompute__old_bonds_at_the_edges_of_u16__load_exactly(kernel: Any) -> None:
    for average in (1, 999_999, *islice(telling_averages(), 5)):
        block, words = bonds_at_the_edges(average)
        assert answer(kernel, block) == words


@pytest.mark.soundness
@pytest.mark.parametrize("group", [0, 3])
def test_recompute__full_bond_loaded_without_its_carry__is_caught(group: int) -> None:
    carry = "unsafe_add(unsafe_mul(old, 65_537), (unsafe_add(old, LANES) >> 16) & LANES)"
    bug = in_group(group, carry, "unsafe_mul(old, 65_537)")
    block, words = bonds_at_the_edges(next(telling_averages()))
    assert answer(seeded("YumaKernel", bug).deploy(), block) != words


def test_recompute__full_penalty__takes_the_whole_excess(kernel: Any) -> None:
    """65,535 is passed as 2**32 - 1: an excess of exactly 2**32 leaves 1, which becomes no bond."""
    rows = ((U16, *(0,) * 15), (0, U16, *(0,) * 14), (0, U16, *(0,) * 14))
    for average in (1, 999_999):
        world = replace(
            dense_world(3, 16),
            rows=rows,
            old_bonds=((0,) * 16,) * 3,
            active_stake_bits=(ONE // 4, ONE // 2, ONE // 4),
            bonds_penalty=U16,
            bonds_moving_average=average,
        )
        result = run_seat_epoch(world)
        assert result.consensus_bits[0] == 0
        assert result.bonds_bits[0][0] == 0
        (block,) = blocks_of(world, result)
        assert answer(kernel, block) == words_of(result)[0]


@pytest.mark.parametrize("total_rank", [0, 1, 2, 2**32 + 1, 2**64, 2**255, 2**256 - 1])
def test_recompute__total_rank_whatever_was_posted__never_reverts(
    kernel: Any, total_rank: int
) -> None:
    """Ranks and bonds do not depend on it; the partial hash is of numbers modulo 2**64."""
    world = dense_world(6, 16)
    result = run_seat_epoch(world)
    (block,) = blocks_of(world, result)
    ranks, bonds_hash, partial_hash = answer(kernel, block._replace(total_rank=total_rank))
    right = words_of(result)[0]
    assert (ranks, bonds_hash) == right[:2]
    assert partial_hash != right[2]


def test_recompute__lists_beyond_the_last_seat__are_ignored(kernel: Any) -> None:
    world = dense_world(5, 16)
    result = run_seat_epoch(world)
    (block,) = blocks_of(world, result)
    garbage = [2**256 - 1] * (64 - 5)
    dirty = block._replace(
        seats=block.seats[:5] + garbage,
        rows=block.rows[:5] + garbage,
        bonds=block.bonds[:5] + garbage,
    )
    assert answer(kernel, dirty) == words_of(result)[0]


def test_recompute__seat_without_a_row__has_bonds_that_decay_and_no_vote(kernel: Any) -> None:
    """Not revealed: its weights are nothing whatever is passed, its old bonds still load."""
    world = replace(dense_world(3, 16), keeps_seat=(True,) * 3, replaced=(False,) * 16)
    silent = replace(
        world,
        active_stake_bits=(ONE // 2, ONE // 2, 0),
        rows=(*world.rows[:2], (0,) * 16),
    )
    result = run_seat_epoch(silent)
    (block,) = blocks_of(silent, result)
    not_revealed = filled([*block.seats[:2], block.seats[2] & ~1])
    shouted = filled([*block.rows[:2], 2**256 - 1])
    assert answer(kernel, block._replace(seats=not_revealed, rows=shouted)) == words_of(result)[0]
    assert 0 < result.bonds_u16[2][0] < silent.old_bonds[2][0]


def test_recompute__seat_that_changed_hands__starts_without_bonds(kernel: Any) -> None:
    world = replace(dense_world(3, 16), replaced=(False,) * 16)
    fresh = replace(world, old_bonds=(*world.old_bonds[:2], (0,) * 16))
    result = run_seat_epoch(fresh)
    (block,) = blocks_of(world, result)
    does_not_load = filled([*block.seats[:2], block.seats[2] & ~4])
    assert answer(kernel, block._replace(seats=does_not_load)) == words_of(result)[0]


def test_kernel__its_four_groups__say_the_same_line_by_line() -> None:
    """They are written out for gas; only the group's number and shift may differ."""
    text = (CONTRACTS / "YumaKernel.vy").read_text()
    starts = [text.index(f"        # columns {g}, ") for g in range(4)]
    starts.append(text.index("        # A seat that changes hands"))
    parts = []
    for group, (start, end) in enumerate(pairwise(starts)):
        part = text[start:end].replace(": uint256 =", " =").split("\n", 1)[1]
        part = re.sub(rf"\[{group}\]", "[g]", part)
        part = re.sub(rf"(row|parent) >> {48 - 16 * group}\)", r"\1 >> low)", part)
        part = re.sub(rf"row >> {112 - 16 * group}\)", "row >> high)", part)
        parts.append(re.sub(rf"<< {48 - 16 * group}\n", "<< low\n", part).strip())
    assert len(set(parts)) == 1
    assert parts[0].count("\n") > 15


def test_kernel__gas_of_a_dense_block__stays_below_300_a_cell(kernel: Any) -> None:
    """64 validators x 16 columns without a zero; sixteen of them are an epoch of 64 x 256."""
    world = dense_world(64, 16)
    (block,) = blocks_of(world, run_seat_epoch(world))
    kernel.recompute(block)
    gas = kernel._computation.get_gas_used()
    print(f"kernel: {gas} gas a block of 64 x 16, {gas / 1024:.0f} a cell")
    assert 200_000 < gas < 300 * 1_024 + 1
