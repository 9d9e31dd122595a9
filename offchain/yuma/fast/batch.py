# SPDX-License-Identifier: Apache-2.0
"""Many independent epochs in one call: many subnets, or the draws of a Monte Carlo study.

Every epoch of a batch has V seats (rows) and N columns, dense, masks already applied, as
`offchain.yuma.types.SeatEpoch` describes one. The epochs share their shape and the kind of bonds;
every other parameter may differ between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offchain.yuma.errors import InvalidEpoch
from offchain.yuma.fast import kernels
from offchain.yuma.fast.columns import side_by_side
from offchain.yuma.fast.kernels import Bytes, Ints, U16s
from offchain.yuma.fast.settings import SETTINGS, kernel_settings

PerEpoch: TypeAlias = int | NDArray[Any]
"""One integer for all epochs, or B of them."""

PARTS_PER_THREAD = 4
"""Ranges of epochs handed out per thread, so that a slow one does not keep the others waiting."""


@dataclass(frozen=True, slots=True, eq=False)
class EpochBatch:
    """B epochs of V seats and N columns."""

    active_stake: Ints
    """B x V, Q32 shares; `active_shares` makes them from rao."""
    weights: U16s
    """B x V x N; 0 is absent."""
    bonds: U16s | None = None
    """B x V x N as stored by the epoch before; None means that nobody has any."""
    replaced: NDArray[np.bool_] | None = None
    """B x N: nobody keeps a bond to this column; None means no column."""
    keeps_seat: NDArray[np.bool_] | None = None
    """B x V: whose new bonds are stored; None means everybody's."""
    kappa: PerEpoch = 32767
    """u16"""
    bonds_penalty: PerEpoch = 65535
    """u16"""
    bonds_moving_average: PerEpoch = 900_000
    """Parts per million."""
    yuma3: bool = True
    liquid_alpha: bool = False
    alpha_low: PerEpoch = 45875
    alpha_high: PerEpoch = 58982
    alpha_sigmoid_steepness: PerEpoch = 1000


@dataclass(frozen=True, slots=True, eq=False)
class BatchResult:
    """The outcomes of a batch; all but the stored bonds are Q32."""

    consensus: Ints
    """B x N"""
    rank: Ints
    """B x N, not normalised."""
    incentive: Ints
    """B x N"""
    validator_trust: Ints
    """B x V"""
    dividend_totals: Ints
    """B x V: bond share x incentive, before the seat's own stake enters."""
    dividends: Ints
    """B x V"""
    bonds: U16s | None
    """B x V x N as stored, None unless asked for."""

    def shares(self) -> tuple[Ints, Ints]:
        """Shares of the epochs' emission: servers' (B x N) and validators' (B x V); all 0 where
        nobody earned.
        """
        totals = self.incentive.sum(axis=1) + self.dividends.sum(axis=1)
        return (
            kernels.divide_rows(self.incentive, totals),
            kernels.divide_rows(self.dividends, totals),
        )


def active_shares(stakes_rao: ArrayLike) -> Ints:
    """Active stake (B x V, Q32) from rao (B x V): shares of each epoch's total, normalised twice
    as an epoch does.

    Raises `InvalidEpoch` for a negative stake or more than two dimensions.
    """
    stakes = np.asarray(stakes_rao)
    if stakes.ndim != 2 or stakes.dtype.kind not in "iu":
        raise InvalidEpoch(
            "stakes", f"got shape {stakes.shape} of {stakes.dtype}, wanted B x V integers"
        )
    if stakes.size and stakes.min() < 0:
        raise InvalidEpoch("stakes", f"got {stakes.min()}, the limit is 0")
    return kernels.shares_of_rows(np.ascontiguousarray(stakes, np.uint64))


def run_batch(batch: EpochBatch, threads: int = 1, store_bonds: bool = False) -> BatchResult:
    """Run every epoch of the batch. Raises `InvalidEpoch` for arrays that do not fit together.

    Bits equal those of one `run_seat_epoch` per epoch, and do not depend on `threads`. Memory
    beyond the arrays themselves: 8 x V x N bytes per thread.
    """
    check_batch(batch)
    epochs, seats, n = batch.weights.shape
    settings = batch_settings(batch)
    result = BatchResult(
        consensus=np.zeros((epochs, n), np.int64),
        rank=np.zeros((epochs, n), np.int64),
        incentive=np.zeros((epochs, n), np.int64),
        validator_trust=np.zeros((epochs, seats), np.int64),
        dividend_totals=np.zeros((epochs, seats), np.int64),
        dividends=np.zeros((epochs, seats), np.int64),
        bonds=np.zeros((epochs, seats, n), np.uint16) if store_bonds else None,
    )
    none = np.zeros((0, seats, n), np.uint16)
    weights = np.ascontiguousarray(batch.weights)
    bonds = none if batch.bonds is None else np.ascontiguousarray(batch.bonds)
    stake = np.ascontiguousarray(batch.active_stake, np.int64)
    kept, keeps = kept_columns(batch), kept_seats(batch)

    def work(first: int, last: int) -> None:
        kernels.batch_pass(
            weights,
            bonds,
            kept,
            keeps,
            stake,
            settings,
            first,
            last,
            result.consensus,
            result.rank,
            result.incentive,
            result.validator_trust,
            result.dividend_totals,
            result.dividends,
            none if result.bonds is None else result.bonds,
        )

    if threads <= 1 or epochs <= 1:
        work(0, epochs)
        return result
    parts = min(threads * PARTS_PER_THREAD, epochs)
    edges = [epochs * part // parts for part in range(parts + 1)]
    side_by_side(threads, [partial(work, first, last) for first, last in pairwise(edges)])
    return result


def check_batch(batch: EpochBatch) -> None:
    """Raise `InvalidEpoch` unless all arrays have the shapes and types that `EpochBatch` states."""
    if batch.weights.ndim != 3 or batch.weights.shape[2] < 1:
        raise InvalidEpoch(
            "weights", f"got shape {batch.weights.shape}, wanted B x V x N with N > 0"
        )
    epochs, seats, n = batch.weights.shape
    wanted = {
        "weights": ((epochs, seats, n), "u"),
        "bonds": ((epochs, seats, n), "u"),
        "active_stake": ((epochs, seats), "i"),
        "replaced": ((epochs, n), "b"),
        "keeps_seat": ((epochs, seats), "b"),
    }
    for field, (shape, kind) in wanted.items():
        array = getattr(batch, field)
        if array is None:
            continue
        if array.shape != shape or array.dtype.kind != kind:
            raise InvalidEpoch(
                field, f"got {array.dtype} {array.shape}, wanted {shape} of kind {kind!r}"
            )
        if kind == "u" and array.dtype != np.uint16:
            raise InvalidEpoch(field, f"got {array.dtype}, wanted uint16")
    stake = batch.active_stake
    if stake.size and (stake.min() < 0 or stake.sum(axis=1).max() > kernels.ONE):
        raise InvalidEpoch("active_stake", "wanted shares from 0 that add up to at most 2**32")


def batch_settings(batch: EpochBatch) -> Ints:
    """One row of kernel settings per epoch (B x SETTINGS). Raises `InvalidEpoch` for a parameter
    out of range.
    """
    epochs = batch.weights.shape[0]
    names = (
        "kappa",
        "bonds_penalty",
        "bonds_moving_average",
        "alpha_low",
        "alpha_high",
        "alpha_sigmoid_steepness",
    )
    limits = {
        "bonds_moving_average": (0, 1_000_000),
        "alpha_sigmoid_steepness": (-(2**15), 2**15 - 1),
    }
    columns: list[list[int]] = []
    for name in names:
        values = np.asarray(getattr(batch, name))
        low, high = limits.get(name, (0, 65535))
        if values.dtype.kind not in "iu" or values.ndim > 1 or values.size not in (1, epochs):
            raise InvalidEpoch(name, f"got shape {values.shape}, wanted one integer or {epochs}")
        if values.size and (values.min() < low or values.max() > high):
            raise InvalidEpoch(
                name, f"got {values.min()} to {values.max()}, the limits are {low} and {high}"
            )
        columns.append(np.broadcast_to(values, (epochs,)).tolist())
    settings = np.zeros((epochs, SETTINGS), np.int64)
    known: dict[tuple[int, ...], Ints] = {}
    for epoch, row in enumerate(zip(*columns, strict=True)):
        if row not in known:
            known[row] = kernel_settings(
                yuma3=batch.yuma3,
                liquid_alpha=batch.liquid_alpha,
                **dict(zip(names, row, strict=True)),
            )
        settings[epoch] = known[row]
    return settings


def kept_columns(batch: EpochBatch) -> Bytes:
    """B x N, 1 where bonds to the column survive."""
    epochs, _, n = batch.weights.shape
    if batch.replaced is None:
        return np.ones((epochs, n), np.uint8)
    return (~batch.replaced).astype(np.uint8)


def kept_seats(batch: EpochBatch) -> Bytes:
    """B x V, 1 where the seat's new bonds are stored."""
    epochs, seats, _ = batch.weights.shape
    if batch.keeps_seat is None:
        return np.ones((epochs, seats), np.uint8)
    return batch.keeps_seat.astype(np.uint8)
