# SPDX-License-Identifier: Apache-2.0
"""What a validator owes the chain at a tick: a pure function of what the chain says.

Nothing here is remembered between two calls, so a validator that was killed anywhere goes on with
the epoch it was in: whatever is not yet on chain is due again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Protocol

# Share of an epoch, at its end, in which the row is committed: late enough to have measured the
# epoch, early enough to survive a slow block or a restart.
COMMIT_SHARE = 12
MIN_COMMIT_TICKS = 4
# Anybody may close, propose and finalize. Validators take turns, so that only one pays for it.
TURN_SHARE = 60
# A closed epoch without a final result is void after this many tempos (protocol.md, Skipping).
VOID_TEMPOS = 3


class Window(Protocol):
    """The ticks of one epoch, as `ISubnets.EpochWindow`."""

    @property
    def epoch(self) -> int: ...
    @property
    def start_tick(self) -> int: ...
    @property
    def tempo(self) -> int: ...
    @property
    def reveal_ticks(self) -> int: ...
    @property
    def window_ticks(self) -> int: ...


class Verb(Enum):
    """What can be due; the values are the protocol's verbs."""

    POKE = "poke"
    COMMIT = "commit_weights"
    REVEAL = "reveal_weights"
    CLOSE = "close"
    PROPOSE = "propose"
    FINALIZE = "finalize"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Duty:
    """One transaction that is due: the verb and the epoch it concerns."""

    verb: Verb
    epoch: int


@dataclass(frozen=True, slots=True)
class EpochState:
    """What the chain says of one epoch, for one validator.

    Attributes:
        window: its ticks.
        seat: the validator's seat in it, or None.
        committed: the validator's commit is on chain.
        revealed: the validator's row is on chain.
        occupied_seats, revealed_seats: of the whole subnet.
        closed_tick: tick of the close, or None.
        proposed_tick: tick of the standing proposal, or None.
        parent_final: the result that a proposal for it builds on is final (or there is none).
        may_propose: at most one earlier epoch is closed, proposed and not final, and its parent
            has a proposal.
        final: its result is final or it was made null by `void`.
    """

    window: Window
    seat: int | None
    committed: bool
    revealed: bool
    occupied_seats: int
    revealed_seats: int
    closed_tick: int | None
    proposed_tick: int | None
    parent_final: bool
    may_propose: bool
    final: bool


def commit_from_tick(window: Window) -> int:
    """First tick in which a validator commits; the row is measured until then."""
    margin = min(window.tempo, max(MIN_COMMIT_TICKS, window.tempo // COMMIT_SHARE))
    return window.start_tick + window.tempo - margin


def turn_delay(window: Window, seat: int | None, occupied_seats: int) -> int:
    """Ticks to leave to those whose turn comes first; the order rotates with the epoch."""
    if seat is None or occupied_seats < 2:
        return 0
    step = max(1, window.tempo // TURN_SHARE)
    return ((seat + window.epoch) % occupied_seats) * step


def is_null(state: EpochState) -> bool:
    """Less than a third of the occupied seats revealed, or none: nobody can close it."""
    return state.revealed_seats == 0 or 3 * state.revealed_seats < state.occupied_seats


def duties(tick: int, states: Sequence[EpochState], *, wants_seat: bool) -> list[Duty]:
    """What is due at `tick`, most urgent first.

    Args:
        tick: the tick that the next block will have.
        states: consecutive epochs, oldest first, the last one is the epoch that `tick` lies in.
        wants_seat: the validator holds no seat in the next epoch and its stake would win one.

    Returns:
        Duties in the order in which they should be sent: what loses money when late comes first.
    """
    current = states[-1]
    due: list[Duty] = []
    for state in states[:-1]:
        due += _reveal(tick, state)
    owes_commit = current.seat is not None and not current.committed
    if owes_commit and tick >= commit_from_tick(current.window):
        due.append(Duty(Verb.COMMIT, current.window.epoch))
    if wants_seat:
        due.append(Duty(Verb.POKE, current.window.epoch + 1))
    for state, successor in pairwise(states):
        due += _settle(tick, state, successor.window)
    return due


def _reveal(tick: int, state: EpochState) -> list[Duty]:
    end = state.window.start_tick + state.window.tempo
    if state.committed and not state.revealed and end <= tick < end + state.window.reveal_ticks:
        return [Duty(Verb.REVEAL, state.window.epoch)]
    return []


def _settle(tick: int, state: EpochState, successor: Window) -> list[Duty]:
    """The next step of an epoch towards its final result, if it is this validator's turn."""
    if state.final:
        return []
    window = state.window
    delay = turn_delay(window, state.seat, state.occupied_seats)
    opens = window.start_tick + window.tempo + window.reveal_ticks
    closes = successor.start_tick + successor.tempo + successor.reveal_ticks
    if state.closed_tick is None:
        can_close = opens + delay <= tick < closes and not is_null(state)
        return [Duty(Verb.CLOSE, window.epoch)] if can_close else []
    if tick >= state.closed_tick + VOID_TEMPOS * window.tempo + delay:
        return [Duty(Verb.VOID, window.epoch)]
    if state.proposed_tick is None:
        may = state.may_propose and tick >= state.closed_tick + delay
        return [Duty(Verb.PROPOSE, window.epoch)] if may else []
    if state.parent_final and tick >= state.proposed_tick + window.window_ticks + delay:
        return [Duty(Verb.FINALIZE, window.epoch)]
    return []
