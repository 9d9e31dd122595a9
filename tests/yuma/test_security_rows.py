# SPDX-License-Identifier: Apache-2.0
"""Rows E2 and E3 of the security page: a minority's zeros, and bonds over a uid that changed hands.

Each has the control that shows that the check would notice.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from offchain.yuma.specification import run_seat_epoch, seat_shares
from offchain.yuma.types import SeatEpoch

HONEST, CABAL, UIDS = 3, 2, 16
VICTIM = 5


def epoch_of(random: Random, honest_tao: int, cabal_tao: int, *, spiteful: bool) -> SeatEpoch:
    """The honest agree on a row; the cabal joins them, or gives the victim nothing."""
    stakes = [honest_tao * 10**9] * HONEST + [cabal_tao * 10**9] * CABAL
    row = tuple(random.randrange(1, 65_536) for _ in range(UIDS))
    spite = tuple(0 if uid == VICTIM else random.randrange(65_536) for uid in range(UIDS))
    return SeatEpoch(
        active_stake_bits=seat_shares(stakes)[1],
        rows=(row,) * HONEST + (spite if spiteful else row,) * CABAL,
        old_bonds=tuple(
            tuple(random.randrange(1, 65_536) for _ in range(UIDS)) for _ in range(HONEST + CABAL)
        ),
        replaced=(False,) * UIDS,
        keeps_seat=(True,) * (HONEST + CABAL),
        kappa=32_767,
        bonds_penalty=65_535,
        bonds_moving_average=900_000,
        rao_emission=10**9 + 7,
    )


def consensus_of_victim(seed: int, honest_tao: int, cabal_tao: int, *, spiteful: bool) -> int:
    epoch = epoch_of(Random(seed), honest_tao, cabal_tao, spiteful=spiteful)
    return run_seat_epoch(epoch).consensus_bits[VICTIM]


@pytest.mark.parametrize("seed", range(10))
def test_E2_zeros_of_a_minority__do_not_lower_the_victims_consensus(seed: int) -> None:
    """Three of 20 against two of 29 TAO: 51 % against 49 %."""
    joined = consensus_of_victim(seed, 20, 29, spiteful=False)
    assert consensus_of_victim(seed, 20, 29, spiteful=True) == joined > 0


def test_E2_zeros_of_a_majority__would_be_noticed() -> None:
    assert consensus_of_victim(1, 20, 31, spiteful=True) == 0


@pytest.mark.parametrize("seed", range(10))
def test_E3_uid_that_changed_hands__starts_without_a_bond(seed: int) -> None:
    epoch = epoch_of(Random(seed), 20, 29, spiteful=False)
    masked = replace(epoch, replaced=tuple(uid == VICTIM for uid in range(UIDS)))
    blank = replace(
        epoch,
        old_bonds=tuple((*row[:VICTIM], 0, *row[VICTIM + 1 :]) for row in epoch.old_bonds),
    )
    assert run_seat_epoch(masked) == run_seat_epoch(blank)
    assert run_seat_epoch(masked) != run_seat_epoch(epoch)
