# SPDX-License-Identifier: Apache-2.0
"""Which move a watcher makes: lies first, and nothing that it was not told to do."""

import pytest

from offchain.settlement.history import History
from offchain.watcher.plan import PATIENCE_TICKS, Mandate, Move, Verb, moves
from tests.watcher.epochs import NETUID, W, close, propose

ONLY_WATCH = Mandate()
SETTLE = Mandate(settle=True)
ALL_PROVEN = 1 | 1 << 255  # one block and the sums


def moves_of(history, tick=101, proposed=None, proven=None, mandate=ONLY_WATCH) -> list[Move]:
    return moves(history, tick, proposed or {}, proven or {}, mandate)


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
        Move(Verb.CHALLENGE_SUM, 0, proposal_id)
    ]


def test_moves__false_parent__nothing_is_settled_on_top(history):
    lie = propose(history, 0, change=5)
    close(history, 1, closed_tick=112)
    child = propose(history, 1)
    found = moves_of(history, 999, {lie: 100, child: 112}, {}, Mandate(prove=True, settle=True))
    assert found == [Move(Verb.CHALLENGE_BLOCK, 0, lie, 0)]


def test_moves__struck_and_reopened__proposed_only_if_told_and_after_patience(history):
    history.proposal_ended(propose(history, 0, change=5), struck=True)
    assert moves_of(history, 100 + PATIENCE_TICKS) == []
    assert moves_of(history, 99 + PATIENCE_TICKS, mandate=SETTLE) == []
    assert moves_of(history, 100 + PATIENCE_TICKS, mandate=SETTLE) == [Move(Verb.PROPOSE, 0)]


def test_moves__true_proposal_is_due__finalized_only_if_told(history):
    proposal_id = propose(history, 0)
    due = 100 + W + PATIENCE_TICKS
    assert moves_of(history, due, {proposal_id: 100}) == []
    assert moves_of(history, due - 1, {proposal_id: 100}, mandate=SETTLE) == []
    assert moves_of(history, due, {proposal_id: 100}, mandate=SETTLE) == [
        Move(Verb.FINALIZE, 0, proposal_id)
    ]


def test_moves__proven_proposal__finalized_without_waiting(history):
    proposal_id = propose(history, 0)
    prove = Mandate(prove=True, settle=True)
    unproven, proven = {proposal_id: 0}, {proposal_id: ALL_PROVEN}
    assert moves_of(history, 100, {proposal_id: 100}, unproven, prove) == [
        Move(Verb.PROVE, 0, proposal_id)
    ]
    assert moves_of(history, 100, {proposal_id: 100}, proven, prove) == [
        Move(Verb.FINALIZE, 0, proposal_id)
    ]


def test_moves__stale_epoch_without_proposal_that_may_come__voided(history):
    close(history, 1, closed_tick=112)  # its parent has no proposal, so it cannot get one
    found = moves_of(history, 100 + 3 * 12 + PATIENCE_TICKS, mandate=SETTLE)
    assert found[0] == Move(Verb.PROPOSE, 0)
    history.epoch_voided(0)
    assert moves_of(history, 400, mandate=SETTLE) == [Move(Verb.PROPOSE, 1)]
