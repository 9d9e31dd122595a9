# SPDX-License-Identifier: Apache-2.0
"""What is due when: every phase edge +-1 tick, turns, and nothing remembered between calls."""

from dataclasses import replace

import pytest

from offchain.protocol.eras import EpochWindow
from offchain.validator.plan import (
    Duty,
    EpochState,
    Verb,
    commit_from_tick,
    duties,
    is_null,
    turn_delay,
)

T, R, W = 12, 4, 3


def window(epoch: int, start: int = 100, tempo: int = T) -> EpochWindow:
    return EpochWindow(epoch, start + epoch * tempo, tempo, R, W)


def state(epoch: int, **changes) -> EpochState:
    """A revealed epoch of a single validator, closed by nobody yet."""
    plain = EpochState(
        window=window(epoch),
        closable_until=100 + (epoch + 2) * T + R,
        seat=0,
        committed=True,
        revealed=True,
        occupied_seats=1,
        revealed_seats=1,
    )
    return replace(plain, **changes)


def running(epoch: int, **changes) -> EpochState:
    return state(epoch, committed=False, revealed=False, revealed_seats=0, **changes)


def due(tick: int, now: EpochState, *past: EpochState, wants_seat: bool = False) -> list[Duty]:
    return duties(tick, now, past, wants_seat=wants_seat)


@pytest.mark.parametrize(("offset", "expected"), [(7, False), (8, True), (11, True)])
def test_commit__only_at_the_end_of_the_epoch(offset, expected):
    assert (Duty(Verb.COMMIT, 0) in due(100 + offset, running(0))) is expected


def test_commit__already_on_chain_or_no_seat__nothing():
    assert due(110, state(0)) == []
    assert due(110, running(0, seat=None)) == []


def test_commit_from_tick__long_epoch_leaves_a_sixth():
    assert commit_from_tick(window(0, 0, 360)) == 300
    assert commit_from_tick(window(0, 0, 3)) == 0


@pytest.mark.parametrize(
    ("tick", "expected"), [(111, False), (112, True), (115, True), (116, False)]
)
def test_reveal__exactly_in_the_reveal_window(tick, expected):
    hidden = state(0, revealed=False, revealed_seats=0)
    assert (Duty(Verb.REVEAL, 0) in due(tick, running(1), hidden)) is expected


@pytest.mark.parametrize(
    ("tick", "expected"), [(115, False), (116, True), (127, True), (128, False)]
)
def test_close__from_the_end_of_reveals_until_the_successor_can_be_closed(tick, expected):
    assert (Duty(Verb.CLOSE, 0) in due(tick, state(1), state(0))) is expected


def test_close__null_epoch__nothing():
    few = state(0, occupied_seats=4, revealed_seats=1)
    assert is_null(few)
    assert not is_null(replace(few, revealed_seats=2))
    assert is_null(replace(few, occupied_seats=0, revealed_seats=0))
    assert due(116, state(1), few) == []


def test_propose_then_finalize():
    closed = state(0, closed_tick=116, may_propose=True)
    assert due(116, state(1), closed) == [Duty(Verb.PROPOSE, 0)]
    assert due(116, state(1), replace(closed, may_propose=False)) == []
    proposed = replace(closed, proposed_tick=117, may_propose=False)
    assert due(119, state(1), proposed) == []
    assert due(120, state(1), proposed) == [Duty(Verb.FINALIZE, 0)]
    assert due(118, state(1), replace(proposed, is_proven=True)) == [Duty(Verb.FINALIZE, 0)]
    assert due(120, state(1), replace(proposed, is_parent_resolved=False)) == []


def test_void__three_tempos_after_the_close():
    stale = state(0, closed_tick=116, proposed_tick=117, is_parent_resolved=False)
    assert due(152, state(1), stale) == []
    resolved = replace(stale, is_parent_resolved=True)
    assert due(151, state(1), resolved) == [Duty(Verb.FINALIZE, 0)]
    assert due(152, state(1), resolved) == [Duty(Verb.VOID, 0)]


def test_turns__rotate_and_leave_everybody_a_turn():
    delays = [[turn_delay(window(e), seat, 4) for seat in range(4)] for e in range(4)]
    assert all(sorted(row) == [0, 2, 4, 6] for row in delays)
    assert len({row.index(0) for row in delays}) == 4
    assert turn_delay(window(0), None, 4) == 0


def test_order__a_reveal_comes_before_anything_that_can_wait():
    hidden = state(1, revealed=False, revealed_seats=3, occupied_seats=4)
    closed = state(0, closed_tick=116, proposed_tick=117)
    found = due(126, running(2), closed, hidden, wants_seat=True)
    assert [d.verb for d in found] == [Verb.REVEAL, Verb.POKE, Verb.FINALIZE]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(5, [Verb.POKE, Verb.CLOSE]), (6, []), (7, []), (8, [Verb.COMMIT, Verb.POKE, Verb.CLOSE])],
)
def test_order__nothing_that_can_wait_begins_shortly_before_a_commit(offset, expected):
    found = due(112 + offset, running(1), state(0), wants_seat=True)
    assert [d.verb for d in found] == expected
    seatless = due(112 + offset, running(1, seat=None), state(0), wants_seat=True)
    assert [d.verb for d in seatless] == [Verb.POKE, Verb.CLOSE]


def test_before_the_start__only_a_poke_for_epoch_0():
    assert duties(90, None, [], wants_seat=True) == [Duty(Verb.POKE, 0)]
