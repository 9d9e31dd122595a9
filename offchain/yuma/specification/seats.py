# SPDX-License-Identifier: Apache-2.0
"""The epoch on the inputs that the chain freezes: dense rows by seat, masks applied, fixed-rate
Yuma3.

The same functions as `epoch` on another shape of input, plus the sums by block that a proposal
posts. It differs from Bittensor in one thing, which `protocol.md` names: without any rank or any
dividend nobody is paid.
"""

from __future__ import annotations

from collections.abc import Sequence

from offchain.yuma.errors import InvalidEpoch
from offchain.yuma.specification import bonds as bond
from offchain.yuma.specification import consensus as agreement
from offchain.yuma.specification.emission import emission, emission_shares
from offchain.yuma.specification.fixed_point import (
    FRACTION_BITS,
    ONE,
    PPM,
    from_u16,
    multiply,
    normalize,
)
from offchain.yuma.specification.matrix import Matrix, normalize_columns, normalize_rows
from offchain.yuma.types import SEAT_BLOCK_COLUMNS, SeatEpoch, SeatResult
from offchain.yuma.validation import check_seat_epoch


def seat_shares(stakes_rao: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The stake inputs of an epoch from the rao of each seat (0 for one that did not reveal).

    Returns (stake, active stake), V Q32 numbers each: the share of all, rounded down, and that
    share normalised once more as step 4 of the vectors' page does; `close` freezes the second.
    Raises `InvalidEpoch` for a negative stake.
    """
    for seat, stake_rao in enumerate(stakes_rao):
        if stake_rao < 0:
            raise InvalidEpoch(f"stakes[{seat}]", f"got {stake_rao}, the limit is 0")
    stake = normalize(stakes_rao)
    return stake, normalize(stake)


def run_seat_epoch(epoch: SeatEpoch) -> SeatResult:
    """Consensus, ranks, bonds, dividends and emissions of one frozen epoch.

    Bits equal those of `run_epoch` for the same stake shares, rows and bonds (Yuma3, liquid alpha
    off, no explicit zeros). Raises `InvalidEpoch` for a shape that does not fit or a number
    outside its limits.
    """
    check_seat_epoch(epoch)
    n = len(epoch.replaced)
    weight = normalize_rows(
        [{j: w << FRACTION_BITS for j, w in enumerate(row) if w > 0} for row in epoch.rows]
    )
    consensus = agreement.consensus(weight, epoch.active_stake_bits, from_u16(epoch.kappa), n)
    clipped = agreement.clipped_weights(weight, consensus)
    ranks = agreement.ranks(clipped, epoch.active_stake_bits, n)
    incentive = agreement.incentive(ranks)

    ema = _ema_bonds(epoch, weight, clipped)
    parts = _dividend_parts(ema, incentive, n)
    totals = tuple(sum(column) for column in zip(*parts, strict=True))
    products = [multiply(t, a) for t, a in zip(totals, epoch.active_stake_bits, strict=True)]
    dividends = normalize(products)

    stored = bond.stored_bonds(ema, epoch.keeps_seat)
    pays = sum(ranks) > 0 and sum(products) > 0
    server, validator = (0,) * n, (0,) * len(totals)
    if pays:
        server, validator = _emissions(epoch, incentive, dividends)
    return SeatResult(
        consensus_bits=consensus,
        rank_bits=ranks,
        total_rank=sum(ranks),
        incentive_bits=incentive,
        bonds_bits=_dense(ema, n),
        bonds_u16=_dense(stored, n),
        dividend_parts=parts,
        dividend_totals=totals,
        dividends_bits=dividends,
        pays=pays,
        server_emission=server,
        validator_emission=validator,
    )


def _ema_bonds(epoch: SeatEpoch, weight: Matrix, clipped: Matrix) -> Matrix:
    """The new bonds before storage; old bonds to a replaced uid are gone."""
    old = [
        {j: from_u16(b) for j, b in enumerate(row) if b > 0 and not epoch.replaced[j]}
        for row in epoch.old_bonds
    ]
    rate = ONE - (epoch.bonds_moving_average << FRACTION_BITS) // PPM
    penalty = from_u16(epoch.bonds_penalty)
    return bond.moving_average(bond.weights_for_bonds(weight, clipped, penalty), old, rate)


def _dividend_parts(ema: Matrix, incentive: Sequence[int], n: int) -> tuple[tuple[int, ...], ...]:
    """Per block of columns and seat: sum of the seat's share of each bond column times the
    column's incentive.
    """
    share = normalize_columns(ema, n)
    return tuple(
        tuple(
            sum(
                multiply(value, incentive[j])
                for j, value in row.items()
                if j // SEAT_BLOCK_COLUMNS == block
            )
            for row in share
        )
        for block in range(-(-n // SEAT_BLOCK_COLUMNS))
    )


def _emissions(
    epoch: SeatEpoch, incentive: Sequence[int], dividends: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Rao for each uid as a server and for each seat as a validator, rounded down.

    Seats and uids are two lists here: the sum that both are divided by is the same as if they
    were one.
    """
    servers, seats = len(incentive), len(dividends)
    shares = emission_shares([*incentive, *(0,) * seats], [*(0,) * servers, *dividends], (), ())
    return (
        emission(shares.server[:servers], epoch.rao_emission),
        emission(shares.validator[servers:], epoch.rao_emission),
    )


def _dense(matrix: Matrix, n: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row.get(j, 0) for j in range(n)) for row in matrix)
