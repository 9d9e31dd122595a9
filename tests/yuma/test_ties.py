# SPDX-License-Identifier: Apache-2.0
"""Row B4 of the security page: a uid's number is worth nothing where scores are equal."""

from __future__ import annotations

from random import Random

import pytest

from offchain.yuma.specification import run_seat_epoch, seat_shares
from offchain.yuma.types import SeatEpoch, SeatResult

SEATS, UIDS = 5, 32


def tied_epoch(random: Random) -> SeatEpoch:
    """Few different weights, stakes and bonds, so that nearly everything ties."""
    stakes = [random.choice((100, 200)) * 10**9 for _ in range(SEATS)]

    def row() -> tuple[int, ...]:
        return tuple(random.choice((0, 1_000, 1_000, 60_000)) for _ in range(UIDS))

    return SeatEpoch(
        active_stake_bits=seat_shares(stakes)[1],
        rows=tuple(row() for _ in range(SEATS)),
        old_bonds=tuple(row() for _ in range(SEATS)),
        replaced=tuple(random.random() < 0.1 for _ in range(UIDS)),
        keeps_seat=(True,) * SEATS,
        kappa=32_767,
        bonds_penalty=65_535,
        bonds_moving_average=900_000,
        rao_emission=10**9 + 7,
    )


def renumbered(epoch: SeatEpoch, order: list[int]) -> SeatEpoch:
    """The same miners under other uids: uid u is the old `order[u]`."""

    def move(values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(values[u] for u in order)

    return SeatEpoch(
        active_stake_bits=epoch.active_stake_bits,
        rows=tuple(map(move, epoch.rows)),
        old_bonds=tuple(map(move, epoch.old_bonds)),
        replaced=tuple(epoch.replaced[u] for u in order),
        keeps_seat=epoch.keeps_seat,
        kappa=epoch.kappa,
        bonds_penalty=epoch.bonds_penalty,
        bonds_moving_average=epoch.bonds_moving_average,
        rao_emission=epoch.rao_emission,
    )


def by_miner(result: SeatResult) -> list[tuple[object, ...]]:
    """Everything that belongs to one uid."""
    return [
        (
            *(result.consensus_bits[u], result.rank_bits[u], result.incentive_bits[u]),
            *(result.server_emission[u], tuple(row[u] for row in result.bonds_u16)),
        )
        for u in range(UIDS)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_B4_uids_permuted__payouts_permute_identically(seed: int) -> None:
    random = Random(seed)
    epoch = tied_epoch(random)
    order = random.sample(range(UIDS), UIDS)
    before, after = run_seat_epoch(epoch), run_seat_epoch(renumbered(epoch, order))
    assert by_miner(after) == [by_miner(before)[u] for u in order]
    assert after.validator_emission == before.validator_emission
    assert after.dividend_totals == before.dividend_totals
    assert before.pays


@pytest.mark.parametrize("seed", range(20))
def test_B4_two_miners_scored_alike__earn_alike_to_the_rao(seed: int) -> None:
    random = Random(seed)
    epoch = tied_epoch(random)
    low, high = sorted(random.sample(range(UIDS), 2))

    def twin(values: tuple[int, ...]) -> tuple[int, ...]:
        return (*values[:high], values[low], *values[high + 1 :])

    twins = SeatEpoch(
        active_stake_bits=epoch.active_stake_bits,
        rows=tuple(map(twin, epoch.rows)),
        old_bonds=tuple(map(twin, epoch.old_bonds)),
        replaced=(False,) * UIDS,
        keeps_seat=epoch.keeps_seat,
        kappa=epoch.kappa,
        bonds_penalty=epoch.bonds_penalty,
        bonds_moving_average=epoch.bonds_moving_average,
        rao_emission=epoch.rao_emission,
    )
    miners = by_miner(run_seat_epoch(twins))
    assert miners[low] == miners[high]


def test_B4_an_engine_that_prefers_low_uids__would_be_seen() -> None:
    """The check notices one rao more for the lower of two equal uids."""
    epoch = tied_epoch(Random(1))
    result = run_seat_epoch(epoch)
    favoured = list(by_miner(result))
    favoured[0] = (*favoured[0][:3], int(str(favoured[0][3])) + 1, favoured[0][4])
    order = [*range(1, UIDS), 0]
    moved = by_miner(run_seat_epoch(renumbered(epoch, order)))
    assert moved != [favoured[u] for u in order]
