# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Lock cost
@license AGPL-3.0-only
@notice What it costs to create a subnet: doubles with every creation and falls linearly after it
        (mechanics 4.1). Twin: offchain/protocol/lock_cost.py.
@custom:invariant The cost is never below its floor.
"""

from contracts.modules import constants as c

# 0 before the first creation
_last_lock_rao: uint256
_last_lock_tick: uint256


@internal
def _pay(paid_rao: uint256, tick: uint256):
    """
    @notice Remember what the latest creation paid.
    """
    self._last_lock_rao = paid_rao
    self._last_lock_tick = tick


@internal
@view
def _is_due(tick: uint256, rate_limit_ticks: uint256) -> bool:
    """
    @notice Whether the latest creation is long enough ago (Bittensor's NetworkRateLimit).
    """
    return self._last_lock_rao == 0 or tick >= self._last_lock_tick + rate_limit_ticks


@internal
@view
def _cost(
    tick: uint256, rate_rao: uint256, reduction_interval_ticks: uint256, min_lock_rao: uint256
) -> uint256:
    """
    @notice Cost at a tick while the emission is rate_rao per tick.
    """
    doubled_rao: uint256 = 2 * self._last_lock_rao
    # The interval halves with the halvings. It is never 0: at the end of the schedule the cost
    # falls within a tick. Both divisions round down, as Bittensor's do.
    interval_ticks: uint256 = max(reduction_interval_ticks * rate_rao // c.RAO_PER_TAO, 1)
    reduction_rao: uint256 = (
        self._last_lock_rao // interval_ticks * (tick - self._last_lock_tick)
    )
    if doubled_rao < reduction_rao + min_lock_rao:
        return min_lock_rao
    return doubled_rao - reduction_rao
