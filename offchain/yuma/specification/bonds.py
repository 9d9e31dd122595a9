# SPDX-License-Identifier: Apache-2.0
"""A validator's memory of whom it backed early, and what that pays: bonds and dividends (steps 8
to 11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offchain.yuma.specification.fixed_point import (
    FRACTION_BITS,
    ONE,
    PPM,
    multiply,
    normalize,
    to_u16,
)
from offchain.yuma.specification.matrix import (
    Matrix,
    column_maxima,
    divide_columns,
    keep,
    load,
    normalize_columns,
    scale_rows,
    times_vector,
)
from offchain.yuma.types import EpochInput, EpochParameters


def weights_for_bonds(weight: Matrix, clipped: Matrix, penalty: int) -> Matrix:
    """W + penalty * (clipped - W), what is left above 0; a penalty of exactly 0 or 1 takes one
    matrix untouched.
    """
    if penalty == 0:
        return weight
    if penalty == ONE:
        return clipped
    blended: Matrix = []
    for row, clipped_row in zip(weight, clipped, strict=True):
        cells = {
            column: row[column] + multiply(penalty, clipped_row.get(column, 0) - row[column])
            for column in sorted(row)
        }
        blended.append({column: value for column, value in cells.items() if value > 0})
    return blended


def old_bonds(
    parameters: EpochParameters, epoch: EpochInput, value_of: Callable[[int], int]
) -> Matrix:
    """Stored bonds without those to miners that registered since the last epoch."""
    last_step = epoch.last_step_block
    since = last_step + 1 if last_step else max(epoch.block - parameters.tempo, 0)
    bonds = load(epoch.bonds, value_of)
    return keep(bonds, lambda _, column: epoch.registered_block[column] < since)


def fixed_rate(parameters: EpochParameters) -> int:
    """The EMA rate that every pair shares: 1 - bonds_moving_average."""
    return ONE - (parameters.bonds_moving_average << FRACTION_BITS) // PPM


def moving_average(new: Matrix, old: Matrix, rate: int) -> Matrix:
    """rate * new + (1 - rate) * old over the entries of either, the two halves rounded down
    apart; what is above 0.
    """
    averaged: Matrix = []
    for new_row, old_row in zip(new, old, strict=True):
        cells = {
            column: multiply(rate, new_row.get(column, 0))
            + multiply(ONE - rate, old_row.get(column, 0))
            for column in sorted(new_row.keys() | old_row.keys())
        }
        averaged.append({column: value for column, value in cells.items() if value > 0})
    return averaged


def yuma3_dividends(
    ema_bonds: Matrix, incentive_bits: Sequence[int], active_stake: Sequence[int]
) -> tuple[int, ...]:
    """D_i: the validator's part of every miner's bonds times the miner's incentive, times its own
    stake.
    """
    parts = times_vector(normalize_columns(ema_bonds, len(active_stake)), incentive_bits)
    return normalize(
        [multiply(part, stake) for part, stake in zip(parts, active_stake, strict=True)]
    )


def classic_bonds(
    parameters: EpochParameters, epoch: EpochInput, weight: Matrix, active_stake: Sequence[int]
) -> Matrix:
    """EMA of stake-weighted, column-normalised weights; normalised before and after, so a column
    adds up to 1.
    """
    n = parameters.n
    old = normalize_columns(old_bonds(parameters, epoch, lambda value: value << FRACTION_BITS), n)
    bought = normalize_columns(scale_rows(weight, active_stake), n)
    return normalize_columns(moving_average(bought, old, fixed_rate(parameters)), n)


def classic_dividends(ema_bonds: Matrix, incentive_bits: Sequence[int]) -> tuple[int, ...]:
    """D_i: the validator's part of every miner's bonds times the miner's incentive."""
    return normalize(times_vector(ema_bonds, incentive_bits))


def classic_storage(ema_bonds: Matrix, n: int) -> Matrix:
    """Scaled so that the largest bond to each miner, over all rows, is 1."""
    return divide_columns(ema_bonds, column_maxima(ema_bonds, n))


def stored_bonds(scaled: Matrix, permits: Sequence[bool]) -> Matrix:
    """u16 values as they are kept; a uid without a new permit keeps none."""
    return [
        {column: to_u16(value) for column, value in row.items()} if permit else {}
        for row, permit in zip(scaled, permits, strict=True)
    ]
