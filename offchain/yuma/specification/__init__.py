# SPDX-License-Identifier: Apache-2.0
"""The readable integer specification of the epoch: plain Python integers, one function per named
quantity.

Read in this order: `fixed_point`, `stake`, `weights`, `consensus`, `bonds`, `liquid_alpha`,
`emission`, then `epoch`, which is the list of steps of `tests/vectors/README.md`. `seats` is the
same arithmetic on the inputs that the chain freezes.
"""

from offchain.yuma.specification.epoch import run_epoch
from offchain.yuma.specification.seats import run_seat_epoch, seat_shares

__all__ = ["run_epoch", "run_seat_epoch", "seat_shares"]
