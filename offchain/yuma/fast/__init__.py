# SPDX-License-Identifier: Apache-2.0
"""The fast epoch on numpy and numba, equal to the specification in every bit; they share only
`offchain.yuma.types`.

`run_epoch` is the twin of the specification's; `run_arrays` skips the sparse rows; `run_batch`
runs many independent epochs in one call.
"""

from offchain.yuma.fast.arrays import EpochArrays, pack
from offchain.yuma.fast.batch import BatchResult, EpochBatch, active_shares, run_batch
from offchain.yuma.fast.epoch import EpochResult, run_arrays
from offchain.yuma.fast.seats import run_seat_epoch
from offchain.yuma.fast.unpack import unpack
from offchain.yuma.types import EpochInput, EpochOutput, EpochParameters
from offchain.yuma.validation import check_input, check_parameters

__all__ = [
    "BatchResult",
    "EpochArrays",
    "EpochBatch",
    "EpochResult",
    "active_shares",
    "pack",
    "run_arrays",
    "run_batch",
    "run_epoch",
    "run_seat_epoch",
]


def run_epoch(parameters: EpochParameters, epoch: EpochInput, threads: int = 1) -> EpochOutput:
    """Run one epoch. Raises `InvalidEpoch` for inputs outside the limits of
    `offchain.yuma.validation`.
    """
    check_parameters(parameters)
    check_input(parameters, epoch)
    arrays = pack(parameters, epoch)
    return unpack(parameters, epoch, arrays, run_arrays(parameters, arrays, threads))
