# SPDX-License-Identifier: Apache-2.0
"""Cost of creating a subnet: doubles with every creation, falls linearly after it (mechanics 4.1).

Twin of `contracts/modules/lock_cost.vy`.
"""

from __future__ import annotations

from offchain.protocol.identifiers import RAO_PER_TAO, Rao


def lock_cost_rao(
    last_lock_rao: int,
    elapsed_ticks: int,
    reduction_interval_ticks: int,
    emission_rate_rao: int,
    min_lock_rao: int,
) -> Rao:
    """Cost now; `last_lock_rao` is 0 before the first creation, the rate is rao per tick.

    The interval halves with the halvings. Both divisions round down, as Bittensor's do.
    """
    # never 0: at the end of the schedule the cost falls within one tick
    interval = max(reduction_interval_ticks * emission_rate_rao // RAO_PER_TAO, 1)
    reduction = last_lock_rao // interval * elapsed_ticks
    return Rao(max(min_lock_rao, last_lock_rao * 2 - reduction))
