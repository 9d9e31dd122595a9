# SPDX-License-Identifier: Apache-2.0
"""The one function for what may be done for an epoch at a tick.

Twin of `contracts/modules/phases.vy`.

All intervals are half-open (protocol.md, "Epochs"):

    FUTURE | COMMIT             | REVEAL                 | SETTLE
           start                end = start + tempo      end + reveal

An epoch can be closed while it is in SETTLE and its successor is not; from then on, an unclosed
epoch is null. A proposal can be challenged and proven until it is final, and made final from
`final_from` on; a closed epoch without a final result can be voided from `void_from` on.
"""

from __future__ import annotations

from enum import IntEnum

from offchain.protocol.eras import EpochWindow
from offchain.protocol.identifiers import Tick


class Phase(IntEnum):
    """Phase of one epoch; the numbers are those of the contract."""

    FUTURE = 0
    COMMIT = 1
    REVEAL = 2
    SETTLE = 3


# A closed epoch without a final result can be voided this many tempos after its close.
VOID_TEMPOS = 3


def phase_of(window: EpochWindow, tick: int) -> Phase:
    """Phase of the epoch with this window at a tick."""
    if tick < window.start_tick:
        return Phase.FUTURE
    if tick < window.end_tick:
        return Phase.COMMIT
    if tick < window.end_tick + window.reveal_ticks:
        return Phase.REVEAL
    return Phase.SETTLE


def is_closable(window: EpochWindow, successor: EpochWindow, tick: int) -> bool:
    """Whether the epoch may be closed at a tick; `successor` is the window of the next epoch."""
    return phase_of(window, tick) is Phase.SETTLE and phase_of(successor, tick) is not Phase.SETTLE


def final_from(proposed_tick: int, window_ticks: int) -> Tick:
    """First tick at which an unproven proposal may be made final."""
    return Tick(proposed_tick + window_ticks)


def void_from(closed_tick: int, tempo: int) -> Tick:
    """First tick at which a closed epoch without a final result may be voided."""
    return Tick(closed_tick + VOID_TEMPOS * tempo)
