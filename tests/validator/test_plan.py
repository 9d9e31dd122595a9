# SPDX-License-Identifier: Apache-2.0
"""What is due when: every phase edge +-1 tick, turns, and nothing remembered between calls."""

from dataclasses import dataclass, replace

import pytest

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


@dataclass(frozen=True)
class Ticks:
    epoch: int
    start_tick: int
    tempo: int = T
    reveal_ticks: int = R
    window_ticks: int = W


def state(epoch: int, **changes) -> EpochState:
    plain = EpochState(
        window=Ticks(epoch, 100 + epoch * T),
        seat=0,
        committed=True,
        revealed=True,
        occupied_seats=1,
        revealed_seats=1,
        closed_tick=None,
        proposed_tick=None,
        parent_final=True,
        may_propose=True,
        final=False,
    )
    return replace(plain, **changes)


def due(tick: int, *states: EpochState, wants_seat: bool = False) -> list[Duty]:
    return duties(tick, states, wants_seat=wants_seat)


def fresh(epoch: int, **changes) -> EpochState:
    return state(epoch, committed=False, revealed=False, revealed_seats=0, **changes)


@pytest.mark.parametrize(("offset", "expected"), [(7, False), (8, True), (11, True)])
def test_commit__only_at_the_end_of_the_epoch(offset, expected):
    tick = 100 + offset
    assert (Duty(Verb.COMMIT, 0) in due(tick, fresh(0))) is expected


def test_commit__already_on_chain_or_no_seat__nothing():
    assert due(110, state(0)) == []
    assert due(110, fresh(0, seat=None)) == []


def test_commit_from_tick__long_epoch_leaves_a_twelfth():
    assert commit_from_tick(Ticks(0, 0, tempo=360)) == 330
    assert commit_from_tick(Ticks(0, 0, tempo=3)) == 0


@pytest.mark.parametrize(("offset", "expected"), [(11, False), (12, True), (15, True), (16, False)])
def test_reveal__exactly_in_the_reveal_window(offset, expected):
    hidden = state(0, revealed=False, revealed_seats=0)
    current = fresh(1) if offset >= 12 else hidden
    states = (hidden, current) if offset >= 12 else (hidden,)
    assert (Duty(Verb.REVEAL, 0) in due(100 + offset, *states)) is expected


@pytest.mark.parametrize(
    ("tick", "expected"), [(115, False), (116, True), (127, True), (128, False)]
)
def test_close__from_the_end_of_reveals_until_the_successor_can_be_closed(tick, expected):
    assert (Duty(Verb.CLOSE, 0) in due(tick, state(0), fresh(1))) is expected


def test_close__null_epoch__nothing():
    few = state(0, occupied_seats=4, revealed_seats=1)
    assert is_null(few)
    assert not is_null(replace(few, revealed_seats=2))
    assert is_null(replace(few, occupied_seats=0, revealed_seats=0))
    assert due(116, few, fresh(1)) == []


def test_propose_then_finalize_then_nothing():
    closed = state(0, closed_tick=116)
    assert due(116, closed, fresh(1)) == [Duty(Verb.PROPOSE, 0)]
    assert due(116, replace(closed, may_propose=False), fresh(1)) == []
    proposed = replace(closed, proposed_tick=117)
    assert due(119, proposed, fresh(1)) == []
    assert Duty(Verb.FINALIZE, 0) in due(120, proposed, fresh(1))
    assert Duty(Verb.FINALIZE, 0) not in due(120, replace(proposed, parent_final=False), fresh(1))
    assert due(119, replace(proposed, final=True), fresh(1)) == []


def test_void__three_tempos_after_the_close():
    stale = state(0, closed_tick=116, proposed_tick=117, parent_final=False)
    assert Duty(Verb.VOID, 0) not in due(151, stale, fresh(1))
    assert Duty(Verb.VOID, 0) in due(152, stale, fresh(1))


def test_turns__rotate_and_leave_everybody_a_turn():
    delays = [[turn_delay(Ticks(e, 0), seat, 4) for seat in range(4)] for e in range(4)]
    assert all(sorted(row) == [0, 1, 2, 3] for row in delays)
    assert len({row.index(0) for row in delays}) == 4
    assert turn_delay(Ticks(0, 0), None, 4) == 0


def test_order__a_reveal_comes_before_anything_that_can_wait():
    hidden = state(1, revealed=False, revealed_seats=3, occupied_seats=4)
    closed = state(0, closed_tick=116, proposed_tick=117)
    found = due(126, closed, hidden, fresh(2), wants_seat=True)
    assert [d.verb for d in found] == [Verb.REVEAL, Verb.POKE, Verb.FINALIZE]


def test_restart__same_chain_same_duties():
    states = (state(0, closed_tick=116), fresh(1))
    assert due(121, *states) == due(121, *states)
