# SPDX-License-Identifier: Apache-2.0
"""The epoch in numpy arrays: only the rows of uids that have a say or a bond, dense over all
columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.yuma.fast.kernels import Bytes, Ints, U16s, U64s
from offchain.yuma.types import EpochInput, EpochParameters, Rows

NO_COMMIT = 2**64 - 1
NO_MASK: Bytes = np.zeros((0, 0), np.uint8)
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class EpochArrays:
    """One epoch's input. V rows, n uids; the parameters are `EpochParameters`."""

    block: int
    last_step_block: int
    stakes: U64s
    """n, rao."""
    tao_stakes: U64s
    """n, rao."""
    last_update: U64s
    registered_block: U64s
    validator_permits: Flags
    commit_block: U64s
    """n; NO_COMMIT where there is none."""
    row_uids: Ints
    """V, ascending: every permitted uid (the owner is one) and every uid with a bond."""
    weights: U16s
    """V x n; 0 where nothing is listed. Rows without a permit are zeros."""
    bonds: U16s
    """V x n."""
    listed_zeros: Bytes
    """V x n, 1 where a weight of 0 is listed; empty if there is none."""
    disordered: tuple[Rows, Rows] | None
    """The listed rows of weights and of bonds if any of them is not in ascending order of uid.

    Liquid alpha overlooks some of their entries; see `liquid.overlooked`.
    """


def pack(parameters: EpochParameters, epoch: EpochInput) -> EpochArrays:
    """The arrays of an input that `validation.check_input` has passed."""
    n = parameters.n
    permits = np.array(epoch.validator_permits, np.bool_)
    acting = permits.copy()
    if parameters.owner_uid is not None:
        acting[parameters.owner_uid] = True
    has_row = acting | np.array([len(row) > 0 for row in epoch.bonds], np.bool_)
    row_uids = np.nonzero(has_row)[0].astype(np.int64)
    weight_rows = tuple(epoch.weights[uid] if acting[uid] else () for uid in row_uids)
    bond_rows = tuple(epoch.bonds[uid] for uid in row_uids)
    in_order = _in_order(weight_rows) and _in_order(bond_rows)
    return EpochArrays(
        block=epoch.block,
        last_step_block=epoch.last_step_block,
        stakes=np.array(epoch.stakes, np.uint64),
        tao_stakes=np.array(epoch.tao_stakes, np.uint64),
        last_update=np.array(epoch.last_update, np.uint64),
        registered_block=np.array(epoch.registered_block, np.uint64),
        validator_permits=permits,
        commit_block=np.array(
            [NO_COMMIT if block is None else block for block in epoch.active_commit_blocks],
            np.uint64,
        ),
        row_uids=row_uids,
        weights=_dense(weight_rows, n),
        bonds=_dense(bond_rows, n),
        listed_zeros=_listed_zeros(weight_rows, n),
        disordered=None if in_order else (weight_rows, bond_rows),
    )


def _dense(rows: Rows, n: int) -> U16s:
    dense = np.zeros((len(rows), n), np.uint16)
    for i, row in enumerate(rows):
        if row:
            cells = np.array(row, np.int64)
            dense[i, cells[:, 0]] = cells[:, 1]
    return dense


def _listed_zeros(rows: Rows, n: int) -> Bytes:
    zeros = [(i, uid) for i, row in enumerate(rows) for uid, value in row if value == 0]
    if not zeros:
        return NO_MASK
    listed = np.zeros((len(rows), n), np.uint8)
    for i, uid in zeros:
        listed[i, uid] = 1
    return listed


def _in_order(rows: Rows) -> bool:
    return all(row[i][0] < row[i + 1][0] for row in rows for i in range(len(row) - 1))
