# SPDX-License-Identifier: Apache-2.0
"""What liquid alpha has to know beyond the numbers: which zeros are listed, and which entries its
lookup misses.
"""

from __future__ import annotations

import numpy as np

from offchain.yuma.fast.arrays import NO_MASK, EpochArrays, Flags
from offchain.yuma.fast.kernels import Bytes, Ints
from offchain.yuma.types import EpochParameters, Rows


def is_blended(parameters: EpochParameters) -> bool:
    """A penalty strictly between 0 and 1 makes dense rows: in order, without zeros."""
    return 0 < parameters.bonds_penalty < 65535


def listed_zeros(parameters: EpochParameters, epoch: EpochArrays, counts: Flags) -> Bytes:
    """V x n, 1 for a listed weight of 0 that counts and is an entry of the weights for bonds; may
    be empty.
    """
    if is_blended(parameters) or not epoch.listed_zeros.size:
        return NO_MASK
    return (counts & (epoch.listed_zeros > 0)).astype(np.uint8)


def overlooked(
    parameters: EpochParameters,
    epoch: EpochArrays,
    counts: Flags,
    kept: Flags,
    consensus: Ints,
) -> tuple[Bytes, Bytes]:
    """V x n masks of the weights and the bonds that the lookup of a rate takes for 0.

    It walks a row once and only forward, so it misses an entry that comes after one of a higher
    uid. What the masks or the clipping dropped is not in the way any more. Both empty if all rows
    are in order.
    """
    if epoch.disordered is None:
        return NO_MASK, NO_MASK
    weight_rows, bond_rows = epoch.disordered
    present = counts
    if parameters.bonds_penalty == 65535:
        present = counts & ((epoch.weights == 0) | (consensus > 0))
    hidden_weights = _after_higher(weight_rows, present)
    if is_blended(parameters):
        hidden_weights[:] = 0
    return hidden_weights, _after_higher(bond_rows, np.broadcast_to(kept, counts.shape))


def _after_higher(rows: Rows, present: Flags) -> Bytes:
    """1 for entries that come after a present one of a higher uid."""
    after = np.zeros(present.shape, np.uint8)
    for i, row in enumerate(rows):
        highest = -1
        for uid, _ in row:
            if present[i, uid]:
                after[i, uid] = uid < highest
                highest = max(highest, uid)
    return after
