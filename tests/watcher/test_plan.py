# SPDX-License-Identifier: Apache-2.0
"""Which move a watcher makes: lies first, and nothing that it was not told to do."""

import pytest

from offchain.protocol.identifiers import first_epoch
from offchain.settlement.history import Demand, History
from offchain.settlement.trace import bonds_words
from offchain.watcher.plan import PATIENCE_TICKS, Mandate, Move, Outlook, Verb, moves
from tests.watcher.epochs import NETUID, ROWS, T, W, close, propose

ONLY_WATCH = Mandate()
SETTLE = Mandate(settle=True)
ALL_PROVEN = 1 | 1 << 255  # one block and the sums


def moves_of(
    history, tick=101, proposed=None, proven=None, mandate=ONLY_WATCH, **more
) -> list[Move]:
    return moves(history, Outlook(tick, proposed or {}, proven or {}, **more), mandate)


@pytest.fixture
def history() -> History:
    made = History(NETUID)
    close(made, 0)
    return made


def test_moves__true_proposal__nothing(history):
    proposal_id = propose(history, 0)
    assert moves_of(history, proposed={proposal_id: 100}) == []


@pytest.mark.parametrize("word", [1, 2, 3, 4, 5, 6])
def test_moves__any_word_of_a_block_is_false__it_is_challenged(history, word):
    proposal_id = propose(history, 0, change=word)
    (move,) = moves_of(history, proposed={proposal_id: 100}, mandate=SETTLE)
    assert move.proposal_id == proposal_id
    assert move.verb in (Verb.CHALLENGE_BLOCK, Verb.CHALLENGE_SUM)
    # a rank that the total does not confirm is struck from the posted words alone
    assert (move.verb is Verb.CHALLENGE_SUM) == (word <= 4)


@pytest.mark.parametrize("word", [0, 7])
def test_moves__total_is_false__the_sums_are_challenged(history, word):
    proposal_id = propose(history, 0, change=word)
    assert moves_of(history, proposed={proposal_id: 100}) == [
        Move(Verb.CHALLENGE_SUM, NETUID, 0, proposal_id)
    ]


def test_moves__false_parent__nothing_is_settled_on_top(history):
    lie = propose(history, 0, change=5)
    close(history, 1, closed_tick=112)
    child = propose(history, 1)
    found = moves_of(history, 999, {lie: 100, child: 112}, {}, Mandate(prove=True, settle=True))
    assert found == [Move(Verb.CHALLENGE_BLOCK, NETUID, 0, lie, 0)]


def test_moves__struck_and_reopened__proposed_only_if_told_and_after_patience(history):
    history.proposal_ended(propose(history, 0, change=5), struck=True)
    assert moves_of(history, 100 + PATIENCE_TICKS) == []
    assert moves_of(history, 99 + PATIENCE_TICKS, mandate=SETTLE) == []
    assert moves_of(history, 100 + PATIENCE_TICKS, mandate=SETTLE) == [
        Move(Verb.PROPOSE, NETUID, 0)
    ]


def test_moves__true_proposal_is_due__finalized_only_if_told(history):
    proposal_id = propose(history, 0)
    due = 100 + W + PATIENCE_TICKS
    assert moves_of(history, due, {proposal_id: 100}) == []
    assert moves_of(history, due - 1, {proposal_id: 100}, mandate=SETTLE) == []
    assert moves_of(history, due, {proposal_id: 100}, mandate=SETTLE) == [
        Move(Verb.FINALIZE, NETUID, 0, proposal_id)
    ]


def test_moves__proven_proposal__finalized_without_waiting(history):
    proposal_id = propose(history, 0)
    prove = Mandate(prove=True, settle=True)
    unproven, proven = {proposal_id: 0}, {proposal_id: ALL_PROVEN}
    assert moves_of(history, 100, {proposal_id: 100}, unproven, prove) == [
        Move(Verb.PROVE, NETUID, 0, proposal_id)
    ]
    assert moves_of(history, 100, {proposal_id: 100}, proven, prove) == [
        Move(Verb.FINALIZE, NETUID, 0, proposal_id)
    ]


def test_moves__stale_epoch_without_proposal_that_may_come__voided(history):
    close(history, 1, closed_tick=112)  # its parent has no proposal, so it cannot get one
    found = moves_of(history, 100 + 3 * 12 + PATIENCE_TICKS, mandate=SETTLE)
    assert found[0] == Move(Verb.PROPOSE, NETUID, 0)
    assert found[1] == Move(Verb.VOID, NETUID, 0)  # for a watcher that cannot pay the bond
    history.epoch_voided(0)
    assert moves_of(history, 112 + PATIENCE_TICKS, mandate=SETTLE) == [
        Move(Verb.PROPOSE, NETUID, 1)
    ]


def test_moves__parent_and_child_are_false__the_child_first(history):
    """Once the parent is struck, a child that still stands gets its bond back."""
    lie = propose(history, 0, change=5)
    close(history, 1, closed_tick=112)
    child = propose(history, 1, change=6)
    assert moves_of(history, proposed={lie: 100, child: 112}) == [
        Move(Verb.CHALLENGE_BLOCK, NETUID, 1, child, 0),
        Move(Verb.CHALLENGE_BLOCK, NETUID, 0, lie, 0),
    ]


def test_moves__epoch_that_nobody_closes__closed_only_if_told_and_with_rows(history):
    history.weights_revealed(1, 0, ROWS[0])
    due = 116 + PATIENCE_TICKS
    told = {"mandate": SETTLE, "closable": (1, 116)}
    assert moves_of(history, due - 1, **told)[:1] != [Move(Verb.CLOSE, NETUID, 1)]
    assert moves_of(history, due, **told)[0] == Move(Verb.CLOSE, NETUID, 1)
    assert Move(Verb.CLOSE, NETUID, 1) not in moves_of(history, due, closable=(1, 116))
    empty = History(NETUID)
    assert moves_of(empty, due, mandate=SETTLE, closable=(0, 116)) == []


def final(history, epoch=0, **lie) -> int:
    """A final epoch, true or false; its proposal's id."""
    proposal_id = propose(history, epoch, **lie)
    history.epoch_finalized(epoch, proposal_id, ())
    return proposal_id


def test_moves__final_epoch_names_unknown_bonds__asked_for_once(history):
    final(history, change=5)  # the bonds hash of the only block
    demand = Move(Verb.DEMAND, NETUID, 0, block=0)
    assert moves_of(history) == [demand]
    history.block_demanded(0, 0, Demand("0xme", 103))
    assert moves_of(history, 102, account="0xme") == []
    assert moves_of(history, 103, account="0xme") == [Move(Verb.EXPIRE, NETUID, 0, block=0)]
    assert moves_of(history, 103, account="0xother") == []
    history.block_zeroed(0, 0)
    assert moves_of(history, 104, account="0xme") == []


def test_moves__demand_for_a_block_that_is_known__answered_in_time(history):
    final(history)
    history.block_demanded(0, 0, Demand("0xother", 103))
    assert moves_of(history, 102) == [Move(Verb.ANSWER, NETUID, 0, block=0)]
    assert moves_of(history, 103) == []
    assert moves_of(history, 103, mandate=SETTLE) == [Move(Verb.EXPIRE, NETUID, 0, block=0)]


def test_moves__demand_is_open__nothing_is_settled_on_top(history):
    final(history, change=5)
    close(history, 1, closed_tick=112)
    history.block_demanded(0, 0, Demand("0xother", 999))
    assert moves_of(history, 200, mandate=SETTLE) == []


def test_history__answer_shows_other_bonds__the_next_epoch_builds_on_them(history):
    close(history, 1)
    before = history.result(1).words
    honest = bonds_words(history.result(0).bonds, 0)
    history.block_answered(0, 0, [0] * len(honest))
    shown = history.result(1).words
    assert shown != before
    history.block_answered(0, 0, honest)
    assert history.result(1).words == before
    history.block_answered(0, 0, honest[:-1])  # nobody can open a block of another length
    assert history.result(1).words == before
    history.block_zeroed(0, 0)
    assert history.result(1).words == shown


def test_history__parent_is_voided__the_child_builds_on_no_bonds(history):
    close(history, 1)
    with_bonds = history.result(1).words
    history.epoch_voided(0)
    assert history.result(1).words != with_bonds


def test_moves__own_bond_after_the_last_epoch__released_when_due(history):
    proposal_id = final(history)
    release = Move(Verb.RELEASE, NETUID, 0, proposal_id)
    mine = {"account": "0xproposer", "locked_rao": {proposal_id: 10**9}}
    assert moves_of(history, 100 + 3 * T, **mine) == [release]
    assert moves_of(history, 99 + 3 * T, **mine) == []
    assert moves_of(history, 100 + 3 * T, account="0xproposer") == []
    assert moves_of(history, 100 + 3 * T, account="0xother", locked_rao=mine["locked_rao"]) == []


SECOND = first_epoch(2)


def second_life(history) -> None:
    """The netuid's second subnet has a final epoch, too."""
    close(history, SECOND, closed_tick=500)
    final(history, SECOND)


def test_moves__demand_of_a_subnet_that_was_evicted__is_still_answered_and_ended(history):
    final(history)
    history.block_demanded(0, 0, Demand("0xasker", 600))
    second_life(history)
    assert moves_of(history, 599) == [Move(Verb.ANSWER, NETUID, 0, block=0)]
    assert moves_of(history, 600, mandate=SETTLE) == [Move(Verb.EXPIRE, NETUID, 0, block=0)]


def test_moves__unknown_bonds_of_a_subnet_that_was_evicted__nobody_asks_for_them(history):
    final(history, change=5)
    second_life(history)
    assert moves_of(history) == []


def test_moves__own_bonds_in_both_lives__released_when_due(history):
    old = final(history)
    second_life(history)
    new = history.epochs[SECOND].final_id
    mine = {"account": "0xproposer", "locked_rao": {old: 10**9, new: 10**9}}
    released = [Move(Verb.RELEASE, NETUID, 0, old)]
    assert moves_of(history, 499 + 3 * T, **mine) == released
    released.append(Move(Verb.RELEASE, NETUID, SECOND, new))
    assert moves_of(history, 500 + 3 * T, **mine) == released
    mine["locked_rao"] = {new: 10**9}
    assert moves_of(history, 500 + 3 * T, **mine) == released[1:]


def test_forget__open_epoch_of_a_subnet_that_was_evicted__is_waited_for(history):
    final(history)
    close(history, 1)
    proposal_id = propose(history, 1)
    for epoch in range(SECOND, SECOND + 4):
        close(history, epoch)
        final(history, epoch)
    assert not history.forget(2)
    history.epoch_finalized(1, proposal_id, ())
    assert history.forget(2)
    assert sorted(history.epochs) == [SECOND + 2, SECOND + 3]


def test_history__word_about_what_was_forgotten__changes_nothing(history):
    """Whoever asked an evicted subnet for a block can end that as late as they like."""
    final(history)
    for epoch in range(SECOND, SECOND + 3):
        close(history, epoch)
        final(history, epoch)
    assert history.forget(1)
    words = history.fingerprint(SECOND + 2)
    history.block_demanded(0, 0, Demand("0xasker", 600))
    history.block_answered(0, 0, (1, 2))
    history.block_zeroed(0, 0)
    assert sorted(history.epochs) == [SECOND + 2]
    assert history.fingerprint(SECOND + 2) == words
