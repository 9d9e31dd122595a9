# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Clock
@license AGPL-3.0-only
@notice A tick is what Bittensor calls a block: a fixed number of seconds counted from genesis, so
        that chains with other block times behave alike. Nothing in evmtensor reads a block
        number.
@custom:invariant The tick never falls, and every call in one block sees the same tick.
"""

GENESIS: immutable(uint256)
TICK_SECONDS: immutable(uint256)


@deploy
def __init__(genesis_at: uint256, tick_seconds: uint256):
    """
    @param genesis_at Unix time of tick 0, not in the future.
    @param tick_seconds Seconds in a tick, at least 1.
    """
    assert genesis_at <= block.timestamp, "clock: genesis in the future"
    assert tick_seconds > 0, "clock: no length"
    GENESIS = genesis_at
    TICK_SECONDS = tick_seconds


@external
@view
@reentrant
def clock() -> uint48:
    """
    @notice The current tick (EIP-6372).
    @return Whole ticks since genesis.
    """
    return convert(self._tick(), uint48)


@external
@pure
@reentrant
def CLOCK_MODE() -> String[9]:
    """
    @notice What the clock counts (EIP-6372): neither blocks nor seconds.
    @return "mode=tick".
    """
    return "mode=tick"


@external
@view
@reentrant
def genesis_at() -> uint256:
    """
    @notice When tick 0 began.
    @return Unix time in seconds.
    """
    return GENESIS


@external
@view
@reentrant
def tick_seconds() -> uint256:
    """
    @notice How long a tick is.
    @return Seconds.
    """
    return TICK_SECONDS


@internal
@view
def _tick() -> uint256:
    """
    @notice The current tick, for the contract's own rules.
    """
    # rounds down: a tick lasts until the next one begins
    return (block.timestamp - GENESIS) // TICK_SECONDS
