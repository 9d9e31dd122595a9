# SPDX-License-Identifier: Apache-2.0
"""challenge_block, challenge_sum: every wrong word is struck, no true proposal is."""

from copy import deepcopy
from dataclasses import replace
from random import Random

import boa
import pytest

from offchain.settlement import challenge
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import NETUID, open_stage, random_content


def two_epochs(seed, max_uids=32, seats=5, **parameters):
    """A final epoch 0 with bonds, and a closed epoch 1 on top of it."""
    random = Random(seed)
    stage = open_stage(max_uids, **parameters)
    stage.settle(0, random_content(random, 0, max_uids, seats, silent=0))
    held = stage.history.epochs[0].frozen.seats
    content = random_content(random, 1, max_uids, seats, replaced=(3, max_uids - 1))
    assert len(held) == len(content.seats)
    stage.close(1, content)
    return stage


@pytest.fixture(scope="module")
def played():
    with boa.env.anchor():
        yield two_epochs(7)


@pytest.fixture
def stage(played):
    return replace(played, history=deepcopy(played.history))


def corrupted(words, index, bit=0):
    changed = list(words)
    changed[index] ^= 1 << bit
    return changed


@pytest.mark.parametrize("index", range(1 + 6 * 2 + 2))
def test_challenge__any_word_wrong__struck_in_one_call(stage, index):
    posted = corrupted(stage.result(1).words, index, bit=64 * (index % 4))
    stage.propose(1, posted)
    bond = stage.settlement.proposal_of(stage.history.epochs[1].live.proposal_id).bond_rao
    recycled = stage.near.recycled_rao()

    log = stage.strike(1)

    assert log.reward_rao == bond // 2 == stage.withdrawable("challenger")
    assert log.recycled_rao == bond - bond // 2 == stage.near.recycled_rao() - recycled
    record = stage.settlement.epoch_of(NETUID, 1)
    assert not record.is_live
    assert (record.strikes, record.state) == (1, 1)
    assert stage.settlement.bond_rao(NETUID, 1) == 2 * bond


def test_challenge__true_proposal__refused(stage):
    stage.propose(1)
    for block in range(2):
        with boa.reverts("settlement: block is right"):
            stage.challenge_block(1, block)
    with boa.reverts("settlement: sums are right"):
        stage.challenge_sum(1)


def test_challenge_sum__wrong_total_rank__needs_no_partials(stage):
    posted = corrupted(stage.result(1).words, 0)
    stage.propose(1, posted)
    arguments = list(challenge.sums(challenge.examine(stage.history, 1)))
    arguments[-1] = []
    stage.settlement.challenge_sum(*arguments, sender=role_address("challenger"))
    assert stage.withdrawable("challenger") > 0


def test_challenge_block__garbage_of_every_kind_posted__never_reverts_but_strikes(stage):
    length = len(stage.result(1).words)
    for words in ([2**256 - 1] * length, [0] * length, [1] * length):
        stage.propose(1, words)
        log = stage.strike(1)
        assert log.reward_rao > 0


def test_challenge_block__wrong_inputs__refused(stage):
    stage.propose(1, corrupted(stage.result(1).words, 1))
    examination = challenge.examine(stage.history, 1)
    right = list(challenge.challenge_block(examination, 0))

    def attempt(position, field, index, reason, bits=1):
        arguments = [list(a) if isinstance(a, tuple) else a for a in right]
        changed = [list(x) if isinstance(x, (tuple, list)) else x for x in arguments[position]]
        if field is None:
            changed[index] ^= bits
        else:
            changed[field][index] ^= bits
        arguments[position] = changed
        with boa.reverts(reason):
            stage.settlement.challenge_block(*arguments)

    attempt(2, 0, 3, "settlement: wrong frozen words")
    attempt(2, 1, 0, "settlement: wrong frozen words", bits=2)  # keeps_seat
    attempt(2, 1, -1, "openings: wrong rows")
    attempt(3, None, 5, "settlement: wrong trace")
    attempt(4, 0, 0, "openings: wrong rows")
    attempt(4, 2, 0, "openings: wrong bonds")
    attempt(4, 4, 0, "openings: wrong bonds")
    attempt(4, 4, 1, "settlement: wrong parent bonds")
    attempt(4, None, 6, "settlement: wrong zeroed blocks")
    wrong_hints = [list(x) if isinstance(x, (tuple, list)) else x for x in right[4]]
    wrong_hints[3][0] ^= 1
    with boa.reverts():
        stage.settlement.challenge_block(*right[:4], wrong_hints)


def test_challenge_block__no_such_block__refused(stage):
    stage.propose(1)
    examination = challenge.examine(stage.history, 1)
    arguments = list(challenge.challenge_block(examination, 0))
    for block, reason in ((2, "examiner: no such block"), (2**255, "examiner: no such block")):
        arguments[1] = block
        with boa.reverts(reason):
            stage.settlement.challenge_block(*arguments)


def test_challenge__proposal_is_struck_final_or_unknown__refused(stage):
    proposal_id = stage.propose(1, corrupted(stage.result(1).words, 1))
    examination = challenge.examine(stage.history, 1)
    arguments = challenge.challenge_block(examination, 0)
    stage.strike(1)
    for wrong_id in (proposal_id, proposal_id + 1, 0, stage.history.epochs[0].final_id):
        with boa.reverts("slots: not live"):
            stage.settlement.challenge_block(wrong_id, *arguments[1:])


def test_challenge_sum__wrong_shape_or_partials__refused(stage):
    stage.propose(1, corrupted(stage.result(1).words, -1, bit=192))
    right = list(challenge.sums(challenge.examine(stage.history, 1)))
    for position in (1, 2):
        wrong = right.copy()
        wrong[position] += 1
        with boa.reverts("settlement: wrong shape"):
            stage.settlement.challenge_sum(*wrong)
    with boa.reverts("trace: wrong partials"):
        stage.settlement.challenge_sum(*right[:4], right[4][:-1])
    with boa.reverts("trace: wrong partials"):
        stage.settlement.challenge_sum(*right[:4], [right[4][0] ^ 1, *right[4][1:]])
    stage.settlement.challenge_sum(*right)
