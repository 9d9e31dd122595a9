# SPDX-License-Identifier: Apache-2.0
"""What a watcher does on the real contracts about several lies, and about one that became final."""

from __future__ import annotations

from random import Random

import boa
import pytest

from offchain.settlement import challenge
from offchain.settlement.history import Demand, State
from offchain.settlement.trace import BONDS_HASH, bonds_hashes, bonds_words, with_bonds_block
from offchain.settlement.words import words_hash
from offchain.watcher.plan import PATIENCE_TICKS, Mandate, Verb
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import NETUID, T, open_stage, random_content
from tests.watcher.stage import StagedWatcher

EVERYTHING = Mandate(prove=True, settle=True)


@pytest.fixture(autouse=True)
def isolation():
    with boa.env.anchor():
        yield


@pytest.fixture
def stage():
    random = Random(11)
    made = open_stage(32)
    made.settle(0, random_content(random, 0, 32, 5, silent=0))
    made.close(1, random_content(random, 1, 32, 5, silent=0))
    return made


def lie(stage, epoch, word):
    words = list(stage.result(epoch).words)
    words[word] ^= 1
    return stage.propose(epoch, words, proposer="liar")


def close_next(stage, epoch):
    stage.close(epoch, random_content(Random(epoch), epoch, 32, 5, silent=0))


def test_watcher__parent_and_child_are_lies__takes_half_of_both_bonds(stage):
    parent = lie(stage, 1, 1)
    close_next(stage, 2)
    child = lie(stage, 2, 1)
    bonds = [stage.settlement.proposal_of(i).bond_rao for i in (parent, child)]
    made = StagedWatcher(stage).run()
    assert len(made) == 2
    assert stage.withdrawable("watcher") == sum(bond // 2 for bond in bonds)
    assert stage.withdrawable("liar") == 0


def test_watcher__true_child_of_a_lie__only_the_lie_is_struck(stage):
    lie(stage, 1, 1)
    close_next(stage, 2)
    child = stage.propose(2)
    bond = stage.settlement.proposal_of(child).bond_rao
    assert len(StagedWatcher(stage).run()) == 1
    assert stage.withdrawable("proposer") >= bond  # dropped with its parent, and given back
    assert stage.history.epochs[2].live is None


def test_watcher__lie_about_bonds_became_final__asks_expires_and_settles_on(stage):
    """Nobody watched for a whole window: the hash of a bonds block is one that nobody can open."""
    bonds_word = 1 + BONDS_HASH
    liar = lie(stage, 1, bonds_word)
    stage.finalize(1)
    close_next(stage, 2)
    on_top = stage.propose(2)
    watcher = StagedWatcher(stage, EVERYTHING)
    assert watcher.plan()[0].verb is Verb.DEMAND
    before = stage.settlement.proposal_of(liar).bond_rao
    assert watcher.run() == [Verb.DEMAND]
    assert stage.settlement.proposal_of(on_top).bond_rao > 0
    stage.warp_to(stage.history.epochs[1].demands[0].deadline_tick)
    made = watcher.run()
    assert made[0] is Verb.EXPIRE
    stage.warp_to(stage.tick + PATIENCE_TICKS)
    made += watcher.run()
    assert made[1:] == [Verb.PROPOSE, Verb.PROVE, Verb.PROVE, Verb.FINALIZE]
    assert stage.history.epochs[2].state is State.FINAL
    deposit = stage.settlement.deposit_rao()
    pay = stage.history.epochs[2].frozen.header.proposer_rao
    assert stage.withdrawable("watcher") == deposit + before // 2 + pay
    assert stage.history.epochs[1].zeroed == {0}


def test_watcher__liar_shows_its_false_bonds__the_truth_builds_on_what_was_shown(stage):
    """An attacker whose lie became final answers: honest results now follow from its bonds."""
    words = list(stage.result(1).words)
    false = [2**256 - 1 - word for word in bonds_words(stage.result(1).bonds, 0)]
    words[1 + BONDS_HASH] = int.from_bytes(words_hash(false), "big")
    stage.propose(1, words, proposer="liar")
    stage.finalize(1)
    close_next(stage, 2)
    watcher = StagedWatcher(stage, EVERYTHING)
    assert watcher.run() == [Verb.DEMAND]
    record = stage.history.epochs[1]
    matrix = stage.history.bonds_after(1)
    shown = challenge.answer(record, with_bonds_block(matrix, 0, false), 0)
    stage.settlement.answer(*shown, sender=role_address("liar"))
    (log,) = stage.logs("BlockAnswered")
    without = stage.result(2).words
    stage.history.block_answered(1, 0, log.bonds)
    assert stage.result(2).words != without
    stage.warp_to(stage.tick + PATIENCE_TICKS)
    made = watcher.run()
    assert made == [Verb.PROPOSE, Verb.PROVE, Verb.PROVE, Verb.FINALIZE]


def test_watcher__somebody_asks_for_a_true_block__answers_and_takes_the_deposit(stage):
    stage.fund("griefer", stage.settlement.deposit_rao())
    stage.settlement.demand(NETUID, 0, 1, sender=role_address("griefer"))
    (log,) = stage.logs("BlockDemanded")
    stage.history.block_demanded(0, 1, Demand(str(log.account), log.deadline_tick))
    assert StagedWatcher(stage).run() == [Verb.ANSWER]
    assert stage.withdrawable("watcher") == stage.settlement.deposit_rao()


def test_watcher__nobody_settles__proposes_proves_and_finalizes_only_if_told(stage):
    stage.warp_to(stage.tick + PATIENCE_TICKS)
    assert StagedWatcher(stage).run() == []
    made = StagedWatcher(stage, EVERYTHING).run()
    assert made == [Verb.PROPOSE, Verb.PROVE, Verb.PROVE, Verb.FINALIZE]


def test_watcher__epoch_is_too_old_and_the_bond_too_dear__voids_it(stage):
    stage.warp_to(stage.history.epochs[1].frozen.header.closed_tick + 3 * T + PATIENCE_TICKS)
    watcher = StagedWatcher(stage, EVERYTHING)
    propose, void = watcher.plan()
    assert (propose.verb, void.verb) == (Verb.PROPOSE, Verb.VOID)
    watcher.make(void)
    assert stage.settlement.epoch_of(NETUID, 1).state == 3
    close_next(stage, 4)
    stage.warp_to(stage.tick + PATIENCE_TICKS)
    assert watcher.run() == [Verb.PROPOSE, Verb.PROVE, Verb.PROVE, Verb.FINALIZE]


def test_watcher__liar_answers_with_a_list_of_another_length__refused_and_expired(stage):
    """Nobody could open a block of three words for five seats, and it is asked for only once."""
    short = [7, 7, 7]
    words = list(stage.result(1).words)
    words[1 + BONDS_HASH] = int.from_bytes(words_hash(short), "big")
    stage.propose(1, words, proposer="liar")
    stage.finalize(1)
    close_next(stage, 2)
    watcher = StagedWatcher(stage, EVERYTHING)
    assert watcher.run() == [Verb.DEMAND]
    record = stage.history.epochs[1]
    hashes = bonds_hashes(record.live.trace, 2)
    answer = (NETUID, 1, 0, short, hashes, words_hash(record.live.trace))
    with boa.reverts("settlement: wrong bonds"):
        stage.settlement.answer(*answer, sender=role_address("liar"))
    stage.warp_to(record.demands[0].deadline_tick)
    assert watcher.run()[0] is Verb.EXPIRE
