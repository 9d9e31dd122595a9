# SPDX-License-Identifier: Apache-2.0
"""What a validator owes the chain at a tick: a pure function of what the chain says.

Nothing here is remembered between two calls, so a validator that was killed anywhere goes on with
the epoch it was in: whatever is not yet on chain is due again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from offchain.protocol.eras import EpochWindow
from offchain.protocol.phases import Phase, final_from, phase_of, void_from

# Share of an epoch, at its end, in which the row is committed: late enough to have measured the
# epoch, early enough to survive a slow block or a restart.
COMMIT_SHARE = 6
MIN_COMMIT_TICKS = 4
# Anybody may close, propose and finalize. Validators take turns, so that only one pays for it.
TURN_SHARE = 60
MIN_TURN_TICKS = 2  # a transaction and the look at what it did
# A transaction that waits for its block holds up the next: nothing that can wait begins so shortly
# before a commit.
CLEAR_TICKS = 2


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
        closable_until: first tick at which it is too late to close it.
        seat: the validator's seat in it, or None.
        committed: the validator's commit is on chain.
        revealed: the validator's row is on chain.
        occupied_seats, revealed_seats: of the whole subnet.
        closed_tick: tick of the close, or None.
        proposed_tick: tick of the live proposal, or None.
        is_proven: every block and the sums of the live proposal are proven.
        is_parent_resolved: what it builds on is final, void or nothing.
        may_propose: a proposal would be accepted (its parent has one, at most two are unfinal).
    """

    window: EpochWindow
    closable_until: int
    seat: int | None
    committed: bool
    revealed: bool
    occupied_seats: int
    revealed_seats: int
    closed_tick: int | None = None
    proposed_tick: int | None = None
    is_proven: bool = False
    is_parent_resolved: bool = True
    may_propose: bool = False


def commit_from_tick(window: EpochWindow) -> int:
    """First tick in which a validator commits; the row is measured until then."""
    margin = min(window.tempo, max(MIN_COMMIT_TICKS, window.tempo // COMMIT_SHARE))
    return window.start_tick + window.tempo - margin


def is_calm(window: EpochWindow, tick: int) -> bool:
    """Whether what takes several blocks can begin and end before the commit."""
    return tick < commit_from_tick(window) - CLEAR_TICKS


def turn_delay(window: EpochWindow, seat: int | None, occupied_seats: int) -> int:
    """Ticks to leave to those whose turn comes first; the order rotates with the epoch."""
    if seat is None or occupied_seats < 2:
        return 0
    step = max(MIN_TURN_TICKS, window.tempo // TURN_SHARE)
    return ((seat + window.epoch) % occupied_seats) * step


def is_null(state: EpochState) -> bool:
    """Less than a third of the occupied seats revealed, or none: nobody can close it."""
    return state.revealed_seats == 0 or 3 * state.revealed_seats < state.occupied_seats


def duties(
    tick: int, running: EpochState | None, past: Sequence[EpochState], *, wants_seat: bool
) -> list[Duty]:
    """What is due at `tick`, most urgent first.

    Args:
        tick: tick of the newest block.
        running: the epoch that `tick` lies in; None before the subnet's start.
        past: earlier epochs that are not resolved, oldest first.
        wants_seat: the validator holds no seat in the next epoch and its stake would win one.

    Returns:
        Duties in the order in which they should be sent: what loses money when late comes first.
    """
    due = [Duty(Verb.REVEAL, s.window.epoch) for s in past if _owes_reveal(tick, s)]
    if running is not None and _owes_commit(tick, running):
        due.append(Duty(Verb.COMMIT, running.window.epoch))
    if running is not None and _is_about_to_commit(tick, running):
        return due
    if wants_seat:
        due.append(Duty(Verb.POKE, 0 if running is None else running.window.epoch + 1))
    for state in past:
        verb = _settlement_step(tick, state)
        if verb is not None:
            due.append(Duty(verb, state.window.epoch))
    return due


def _owes_reveal(tick: int, state: EpochState) -> bool:
    in_time = phase_of(state.window, tick) is Phase.REVEAL
    return state.committed and not state.revealed and in_time


def _owes_commit(tick: int, state: EpochState) -> bool:
    return state.seat is not None and not state.committed and tick >= commit_from_tick(state.window)


def _is_about_to_commit(tick: int, state: EpochState) -> bool:
    from_tick = commit_from_tick(state.window)
    owes = state.seat is not None and not state.committed
    return owes and from_tick - CLEAR_TICKS <= tick < from_tick


def _settlement_step(tick: int, state: EpochState) -> Verb | None:
    """The next step of an epoch towards its final result, if it is this validator's turn."""
    window = state.window
    turn = tick - turn_delay(window, state.seat, state.occupied_seats)
    if state.closed_tick is None:
        opens = window.end_tick + window.reveal_ticks
        can_close = opens <= turn and tick < state.closable_until and not is_null(state)
        return Verb.CLOSE if can_close else None
    if turn >= void_from(state.closed_tick, window.tempo):
        return Verb.VOID if state.is_parent_resolved else None
    if state.proposed_tick is None:
        return Verb.PROPOSE if state.may_propose and turn >= state.closed_tick else None
    is_due = state.is_proven or turn >= final_from(state.proposed_tick, window.window_ticks)
    return Verb.FINALIZE if state.is_parent_resolved and is_due else None
