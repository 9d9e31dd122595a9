# SPDX-License-Identifier: Apache-2.0
"""Which weights count, and how they are scaled (step 5)."""

from __future__ import annotations

from collections.abc import Sequence

from offchain.yuma.specification.fixed_point import FRACTION_BITS
from offchain.yuma.specification.matrix import Matrix, keep, load, normalize_rows
from offchain.yuma.types import EpochInput, EpochParameters


def counted_weights(
    parameters: EpochParameters, epoch: EpochInput, permits: Sequence[bool]
) -> Matrix:
    """The entries that say something about a neuron that is still there, from a row that may
    speak; unscaled.
    """

    def counts(uid: int, column: int) -> bool:
        registered = epoch.registered_block[column]
        commit_block = epoch.active_commit_blocks[uid]
        return (
            permits[uid]
            and (column != uid or uid == parameters.owner_uid)
            and epoch.last_update[uid] > registered
            and not (
                parameters.commit_reveal and commit_block is not None and commit_block < registered
            )
        )

    return keep(load(epoch.weights, lambda value: value << FRACTION_BITS), counts)


def weights(parameters: EpochParameters, epoch: EpochInput, permits: Sequence[bool]) -> Matrix:
    """W: the counted weights, each row scaled to add up to 1."""
    return normalize_rows(counted_weights(parameters, epoch, permits))
