# SPDX-License-Identifier: Apache-2.0
"""demand, answer, expire: a bonds block that nobody can open does not stop the subnet."""

from copy import deepcopy
from dataclasses import replace
from random import Random

import boa
import pytest

from offchain.settlement import challenge
from offchain.settlement.trace import bonds_hashes, bonds_words
from offchain.settlement.words import words_hash
from tests.contracts.deployment import role_address, seeded
from tests.contracts.Settlement.worlds import DEPOSIT, NETUID, W, open_stage, random_content

LIE = 1 + 6 + 4  # bonds hash of block 1


def final_then_closed(lie=False, **patched):
    """A final epoch 0, perhaps with a bonds hash that nobody can open, and a closed epoch 1."""
    random = Random(4)
    stage = open_stage(32, **patched)
    stage.close(0, random_content(random, 0, 32, 4, silent=0))
    words = list(stage.result(0).words)
    words[LIE] ^= lie
    stage.propose(0, words)
    stage.finalize(0)
    stage.close(1, random_content(random, 1, 32, 4, silent=0))
    return stage


@pytest.fixture(scope="module")
def true_world():
    with boa.env.anchor():
        yield final_then_closed()


@pytest.fixture(scope="module")
def false_world():
    with boa.env.anchor():
        yield final_then_closed(lie=True)


@pytest.fixture
def honest(true_world):
    return replace(true_world, history=deepcopy(true_world.history))


@pytest.fixture
def lying(false_world):
    return replace(false_world, history=deepcopy(false_world.history))


@pytest.fixture(params=["honest", "lying"])
def stage(request):
    return request.getfixturevalue(request.param)


def demand(stage, block=1, epoch=0):
    account = stage.fund("demander", DEPOSIT)
    stage.settlement.demand(NETUID, epoch, block, sender=account)


def answer(stage, block=1, sender="answerer"):
    arguments = challenge.answer(stage.history.epochs[0], stage.result(0).bonds, block)
    stage.settlement.answer(*arguments, sender=role_address(sender))


def expire(stage, block=1):
    stage.settlement.expire(NETUID, 0, block)
    stage._end_dropped()
    stage.history.block_zeroed(0, block)


def test_answer__in_time__takes_the_deposit(honest):
    demand(honest)
    honest.warp_to(honest.tick + W - 1)
    answer(honest)
    (log,) = honest.logs("BlockAnswered")
    assert honest.withdrawable("answerer") == DEPOSIT
    assert tuple(log.bonds) == bonds_words(honest.result(0).bonds, 1)
    with boa.reverts("demands: no such demand"):
        answer(honest)
    with boa.reverts("demands: already demanded"):
        demand(honest)
    honest.propose(1)
    honest.finalize(1)


def test_answer__late__refused(honest):
    demand(honest)
    honest.warp_to(honest.tick + W)
    with boa.reverts("settlement: demand expired"):
        answer(honest)


def test_answer__other_bonds__refused(honest):
    demand(honest)
    right = list(challenge.answer(honest.history.epochs[0], honest.result(0).bonds, 1))
    wrong = [*right[:3], [right[3][0] ^ 1, *right[3][1:]], *right[4:]]
    with boa.reverts("settlement: wrong bonds"):
        honest.settlement.answer(*wrong)
    other = bonds_words(honest.result(0).bonds, 0)
    forged = [right[4][0], int.from_bytes(words_hash(other), "big")]
    with boa.reverts("settlement: wrong bonds hashes"):
        honest.settlement.answer(*right[:3], other, forged, right[5])


@pytest.mark.parametrize("offset, has_expired", [(-1, False), (0, True), (1, True)])
def test_expire__from_the_deadline_on(lying, offset, has_expired):
    demand(lying)
    lying.warp_to(lying.tick + W + offset)
    if has_expired:
        expire(lying)
    else:
        with boa.reverts("settlement: demand is open"):
            expire(lying)


def test_expire__block_is_zero_bond_taken_deposit_back_and_the_subnet_goes_on(lying):
    bond = lying.settlement.proposal_of(lying.history.epochs[0].final_id).bond_rao
    recycled = lying.near.recycled_rao()
    with pytest.raises(challenge.UnknownBonds):
        lying.propose(1)
        challenge.challenge_block(challenge.examine(lying.history, 1), 1)
    demand(lying)
    lying.warp_to(lying.tick + W)
    earned = lying.withdrawable("proposer")
    expire(lying)

    assert lying.withdrawable("demander") == DEPOSIT + bond // 2
    assert lying.near.recycled_rao() - recycled == bond - bond // 2
    dropped = lying.settlement.bond_rao(NETUID, 1)
    assert lying.withdrawable("proposer") == earned + dropped  # the child's bond alone
    assert lying.history.epochs[1].live is None
    lying.propose(1)
    lying.prove(1)
    lying.finalize(1, wait=False)


def test_expire__block_really_counts_as_zero(lying):
    before = lying.result(1).words
    demand(lying)
    lying.warp_to(lying.tick + W)
    expire(lying)
    after = lying.result(1).words
    assert before != after
    lying.propose(1, before)
    lying.strike(1)
    lying.propose(1, after)
    with boa.reverts("settlement: block is right"):
        lying.challenge_block(1, 1)


def test_demand__while_open__nothing_is_proposed_or_finalized_on_it(stage):
    stage.propose(1)
    demand(stage)
    stage.warp_to(stage.tick + W)
    with boa.reverts("settlement: demand is open"):
        stage.settlement.finalize(*stage.finalize_arguments(1))
    expire(stage)
    demand(stage, 0)
    with boa.reverts("settlement: demand is open"):
        stage.propose(1)


def test_demand__not_the_last_final__refused(honest):
    with boa.reverts("settlement: not the last final"):
        demand(honest, epoch=1)
    honest.propose(1)
    honest.finalize(1)
    with boa.reverts("settlement: not the last final"):
        demand(honest, epoch=0)
    demand(honest, epoch=1)


@pytest.mark.parametrize("block", [2, 63, 64, 2**255])
def test_demand__no_such_block__refused(stage, block):
    with boa.reverts("settlement: no such block"):
        demand(stage, block)


ALIASES = [2, 63, 64, 65, 128, 129, 192, 2**64 + 1, 2**255]


@pytest.mark.parametrize("block", ALIASES)
def test_expire__block_number_that_names_another_bitmap__refused(stage, block):
    demand(stage)
    stage.warp_to(stage.tick + W)
    bond = stage.settlement.proposal_of(stage.history.epochs[0].final_id).bond_rao
    with boa.reverts("demands: no such demand"):
        stage.settlement.expire(NETUID, 0, block)
    assert stage.settlement.proposal_of(stage.history.epochs[0].final_id).bond_rao == bond


def test_expire__seeded_bug__without_the_bound_a_stranger_takes_the_bond():
    bug = ("modules/demands.vy", "is_open: bool = column_block < 64", "is_open: bool = True")
    stage = final_then_closed(Settlement=seeded("Settlement", bug))
    demand(stage)
    stage.settlement.expire(NETUID, 0, 65)  # the bit that says "block 1 was asked for"
    assert stage.settlement.proposal_of(stage.history.epochs[0].final_id).bond_rao == 0


def test_release__while_a_block_is_demanded__refused():
    random = Random(4)
    stage = open_stage(32)
    stage.settle(0, random_content(random, 0, 32, 4))
    stage.warp_to(stage.tick + 40)
    demand(stage)
    with boa.reverts("settlement: bond is needed"):
        stage.settlement.release(NETUID, 0)


def test_answer__hashes_are_those_of_the_posted_trace(honest):
    trace = honest.history.epochs[0].live.trace
    shown = bonds_words(honest.result(0).bonds, 1)
    assert int.from_bytes(words_hash(shown), "big") == bonds_hashes(trace, 2)[1]
