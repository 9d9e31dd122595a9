# SPDX-License-Identifier: Apache-2.0
"""A subnet rebuilt from its events."""

from dataclasses import replace
from random import Random

import pytest

from offchain.protocol.errors import ConsensusMismatch
from offchain.settlement.frozen import frozen_hash, pack_generations
from offchain.settlement.history import History, State
from offchain.settlement.payouts import pack_cumulatives, settle
from offchain.settlement.result import compute
from tests.settlement.epochs import NETUID, feed, frozen_epoch, propose


def closed(*parents, replaced=()):
    """Epochs 0, 1, ... with the given parents."""
    random = Random(6)
    history = History(NETUID)
    for epoch, parent in enumerate(parents):
        feed(history, *frozen_epoch(random, epoch, parent=parent, replaced=replaced))
    return history


def finalize(history, epoch):
    proposal_id = propose(history, epoch)
    record = history.epochs[epoch]
    pay = settle(record.frozen, history.result(epoch).trace)
    history.epoch_finalized(epoch, proposal_id, pack_cumulatives(pay.cumulatives))


def test_result__builds_on_the_parents_bonds():
    history = closed(None, 0)
    rows = history.epochs[1].rows
    alone = compute(history.epochs[1].frozen, rows)
    assert history.result(1).words != alone.words
    built = compute(history.epochs[1].frozen, rows, history.result(0).bonds)
    assert history.result(1).words == built.words


def test_result__void_parent__zero_bonds_and_the_base_handed_on():
    history = closed(None, 0, 1, replaced=(3, 30))
    finalize(history, 0)
    base = history.epochs[0].cumulatives
    history.epoch_voided(1)
    assert history.parent_id(2) == 0
    alone = compute(history.epochs[2].frozen, history.epochs[2].rows)
    assert history.result(2).words == alone.words
    assert history.base(2) == base
    assert history.carried(2)[0] == 1 << 255 - 3 | 1 << 255 - 30


def test_void__before_anything_is_final__nothing_to_carry():
    history = closed(None, 0, replaced=(3,))
    history.epoch_voided(0)
    assert history.base(1) == ()
    assert history.carried(1) == (0, 0, 0, 0)


def test_result__zeroed_block__drops_its_old_bonds():
    history = closed(None, 0)
    before = history.result(1).words
    history.block_zeroed(0, 1)
    after = history.result(1).words
    assert before[1:7] != after[1:7] or before[7:13] != after[7:13]
    assert before[1 + 4] == after[1 + 4]  # bonds of block 0 stay
    assert before[7 + 4] != after[7 + 4]


def test_may_propose__two_unfinal_epochs_in_a_row_at_most():
    history = closed(None, 0, 1)
    assert [history.may_propose(e) for e in range(3)] == [True, False, False]
    propose(history, 0)
    assert [history.may_propose(e) for e in range(3)] == [False, True, False]
    propose(history, 1)
    assert [history.may_propose(e) for e in range(3)] == [False, False, False]
    history.epoch_finalized(0, history.epochs[0].live.proposal_id, ())
    assert history.may_propose(2)


def test_proposal_ended__struck__epoch_open_again():
    history = closed(None)
    proposal_id = propose(history, 0)
    history.proposal_ended(proposal_id, struck=True)
    assert history.epochs[0].live is None
    assert history.epochs[0].strikes == 1
    assert history.epochs[0].state is State.CLOSED
    assert history.may_propose(0)


def test_epoch_closed__words_of_another_hash__refused():
    frozen, rows = frozen_epoch(Random(1))
    other = replace(frozen, generations=(2,) * 32)
    history, wrong = History(NETUID), History(NETUID)
    feed(history, frozen, rows)
    record = history.epochs[0]
    words = (record.header, record.seats, pack_generations(other.generations))
    stored = frozen_hash(record.header, record.seats, record.generations)
    with pytest.raises(ConsensusMismatch, match="hash"):
        wrong.epoch_closed(*words, stored, 1)


@pytest.mark.parametrize("fault", ["missing", "changed"])
def test_result__row_missing_or_changed__refused(fault):
    frozen, rows = frozen_epoch(Random(1))
    if fault == "missing":
        del rows[0]
    else:
        rows[0] = bytes(len(rows[0]))
    history = History(NETUID)
    feed(history, frozen, rows)
    with pytest.raises(ConsensusMismatch, match=r"seat 0|rows fold to"):
        history.result(0)
