# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Phases
@license AGPL-3.0-only
@notice The one function for what may be done for an epoch at a tick. Twin:
        offchain/protocol/phases.py.

        FUTURE | COMMIT             | REVEAL                 | SETTLE
               start                end = start + tempo      end + reveal

@custom:invariant The phases are half-open and cover every tick once.
"""

from contracts.interfaces import ISubnets

FUTURE: constant(uint256) = 0
COMMIT: constant(uint256) = 1
REVEAL: constant(uint256) = 2
SETTLE: constant(uint256) = 3

# a closed epoch without a final result can be voided this many tempos after its close
VOID_TEMPOS: constant(uint256) = 3


@internal
@pure
def _phase(window: ISubnets.EpochWindow, tick: uint256) -> uint256:
    """
    @notice Phase of the epoch with this window at a tick.
    """
    end_tick: uint256 = window.start_tick + window.tempo
    if tick < window.start_tick:
        return FUTURE
    if tick < end_tick:
        return COMMIT
    if tick < end_tick + window.reveal_ticks:
        return REVEAL
    return SETTLE


@internal
@pure
def _is_closable(
    window: ISubnets.EpochWindow, successor: ISubnets.EpochWindow, tick: uint256
) -> bool:
    """
    @notice Whether an epoch may be closed: from the end of its reveals to the end of its
            successor's.
    """
    return self._phase(window, tick) == SETTLE and self._phase(successor, tick) != SETTLE


@internal
@pure
def _final_from(proposed_tick: uint256, window_ticks: uint256) -> uint256:
    """
    @notice First tick at which an unproven proposal may be made final.
    """
    return proposed_tick + window_ticks


@internal
@pure
def _void_from(closed_tick: uint256, tempo: uint256) -> uint256:
    """
    @notice First tick at which a closed epoch without a final result may be voided.
    """
    return closed_tick + VOID_TEMPOS * tempo
