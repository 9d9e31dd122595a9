# SPDX-License-Identifier: Apache-2.0
"""Liquid alpha: bonds that follow a weight faster the further it is from consensus (step 12)."""

from __future__ import annotations

from collections.abc import Sequence

from offchain.yuma.specification.fixed_point import (
    FRACTION_BITS,
    HALF,
    ONE,
    clamp,
    divide,
    exp,
    from_u16,
    multiply,
)
from offchain.yuma.specification.matrix import Matrix, SparseRow
from offchain.yuma.types import EpochParameters


def rate(parameters: EpochParameters, weight: int, bond: int, consensus: int) -> int:
    """The EMA rate of one pair, between alpha_low and alpha_high.

    A buyer (weight at or above its bond) is judged by how far it stands above consensus, a seller
    by how far its weight fell below its bond.
    """
    low, high = from_u16(parameters.alpha_low), from_u16(parameters.alpha_high)
    distance = clamp(weight - consensus if weight >= bond else bond - weight, 0, ONE)
    slope = divide(parameters.alpha_sigmoid_steepness << FRACTION_BITS, -100 << FRACTION_BITS)
    sigmoid = divide(ONE, ONE + exp(multiply(slope, distance - HALF)))
    return clamp(low + multiply(sigmoid, high - low), low, high)


def visible(row: SparseRow) -> SparseRow:
    """The entries that Bittensor's lookup finds: it only ever moves forward, so an entry after a
    higher uid is missed.

    A row in ascending order, the usual one, is seen whole.
    """
    seen: SparseRow = {}
    for column, value in row.items():
        if not seen or column > max(seen):
            seen[column] = value
    return seen


def rates(
    parameters: EpochParameters, weight: Matrix, bonds: Matrix, consensus: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """The rate of every (validator, miner), listed or not."""
    return tuple(
        tuple(
            rate(parameters, weight_row.get(column, 0), bond_row.get(column, 0), consensus[column])
            for column in range(parameters.n)
        )
        for weight_row, bond_row in zip(map(visible, weight), map(visible, bonds), strict=True)
    )


def moving_average(
    parameters: EpochParameters, weight: Matrix, bonds: Matrix, consensus: Sequence[int]
) -> Matrix:
    """min(1, (1 - rate) * bond + rate * weight) for the pairs that the validator's own row lists;
    others lose the bond.
    """
    averaged: Matrix = []
    for weight_row, bond_row in zip(weight, bonds, strict=True):
        seen_weight, seen_bond = visible(weight_row), visible(bond_row)
        cells: SparseRow = {}
        for column, value in weight_row.items():
            alpha = rate(
                parameters,
                seen_weight.get(column, 0),
                seen_bond.get(column, 0),
                consensus[column],
            )
            decayed = multiply(ONE - alpha, bond_row.get(column, 0))
            bond = min(decayed + multiply(alpha, value), ONE)
            if bond > 0:
                cells[column] = bond
        averaged.append(cells)
    return averaged
