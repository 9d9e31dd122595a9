# SPDX-License-Identifier: Apache-2.0
"""finalize: when, and where every rao goes."""

from dataclasses import replace
from random import Random

import boa
import pytest

from offchain.settlement.frozen import pack_header
from offchain.settlement.payouts import settle, unpack_cumulatives
from offchain.settlement.trace import unpack_trace
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import (
    EMISSION_RAO,
    NETUID,
    Content,
    Validator,
    W,
    open_stage,
    random_content,
)

FLAT = (1,) * 16


def law(stage, epoch, log, pot_before):
    """drained + pot before == payouts + owner + proposer + recycled + pot after."""
    given = log.payouts_rao + log.owner_rao + log.proposer_rao + log.recycled_rao + log.pot_rao
    return stage.drained[epoch] + pot_before == given


def voters(count, row=FLAT, **fields):
    return Content(tuple(Validator(uid, row=row) for uid in range(count)), FLAT, **fields)


@pytest.mark.parametrize("seed", range(4))
def test_finalize__random_epochs__money_law_to_the_rao(seed):
    random = Random(seed)
    stage = open_stage(32, kappa=random.choice((0, 32_767, 65_535)))
    recycled = pot = 0
    for epoch in range(3):
        content = random_content(random, epoch, 32, 4, taken=30, replaced=(1, 31))
        content = replace(content, accrued_rao=random.choice((0, 1, 999, EMISSION_RAO)))
        before = stage.tao.balanceOf(stage.rewards)
        log = stage.settle(epoch, content)
        assert law(stage, epoch, log, pot)
        pot = log.pot_rao
        recycled += log.recycled_rao
        assert stage.tao.balanceOf(stage.rewards) - before == log.payouts_rao
        assert stage.near.recycled_rao() == recycled
        assert stage.settlement.pot_rao(NETUID) == pot
    held = stage.tao.balanceOf(stage.settlement)
    locked = stage.settlement.proposal_of(stage.history.epochs[2].final_id).bond_rao
    assert held == pot + locked + stage.withdrawable("proposer") + stage.withdrawable("owner")


def test_finalize__payouts_as_the_engine_splits_the_emission():
    stage = open_stage(32)
    log = stage.settle(0, random_content(Random(8), 0, 32, 5, silent=0))
    record = stage.history.epochs[0]
    yuma = stage.result(0).yuma
    vector = unpack_cumulatives(log.cumulatives)
    owner = record.frozen.header.owner_uid
    assert yuma.pays
    for uid, pair in enumerate(vector):
        assert pair.server_rao == (0 if uid == owner else yuma.server_emission[uid])
    for seat, held in enumerate(record.frozen.seats):
        assert vector[held.uid].validator_rao == yuma.validator_emission[seat]
    assert sum(pair.server_rao + pair.validator_rao for pair in vector) == log.payouts_rao


def test_finalize__scores_of_every_uid_reach_neurons():
    stage = open_stage(32)
    stage.settle(0, random_content(Random(8), 0, 32, 5, silent=0))
    pay = settle(stage.history.epochs[0].frozen, stage.result(0).trace)
    words = [stage.near.scores(i) for i in range(2)]
    lanes = [word >> 240 - 16 * lane & 65_535 for word in words for lane in range(16)]
    assert tuple(lanes) == pay.scores_u16
    assert max(lanes) == 65_535


def test_finalize__owner_uid_and_empty_uids__incentive_is_recycled():
    stage = open_stage()
    content = Content(
        tuple(Validator(uid, row=FLAT) for uid in range(3)), (1,) * 12 + (0,) * 4, owner_uid=5
    )
    log = stage.settle(0, content)
    server = stage.result(0).yuma.server_emission
    assert log.recycled_rao == server[5] + sum(server[12:]) > 0
    assert all(pair.server_rao == 0 for pair in unpack_cumulatives(log.cumulatives)[12:])


def test_finalize__owner_validates_too__keeps_its_dividends():
    stage = open_stage()
    log = stage.settle(0, voters(2, owner_uid=1))
    pair = unpack_cumulatives(log.cumulatives)[1]
    assert pair.server_rao == 0
    assert pair.validator_rao == stage.result(0).yuma.validator_emission[1] > 0


@pytest.mark.parametrize(
    "content",
    [
        voters(3, row=(0,) * 16),
        Content((Validator(0, stake_rao=0, row=FLAT),), FLAT),
        Content((Validator(0, row=(0,) * 16), Validator(1, row=None)), FLAT),
    ],
    ids=["blank rows", "no stake", "one blank row"],
)
def test_finalize__no_rank_at_all__emission_and_owner_cut_recycled_proposer_paid(content):
    stage = open_stage()
    log = stage.settle(0, content)
    assert log.payouts_rao == log.owner_rao == log.pot_rao == 0
    assert log.proposer_rao == EMISSION_RAO // 1_000
    assert log.recycled_rao == EMISSION_RAO - log.proposer_rao
    assert stage.rewards.root_of(NETUID, 0) == log.root
    assert not any(log.cumulatives)
    assert stage.withdrawable("proposer") == log.proposer_rao


def test_finalize__nobody_paid__cumulatives_carry_on():
    stage = open_stage()
    first = stage.settle(0, voters(3))
    second = stage.settle(1, voters(3, row=(0,) * 16))
    assert list(second.cumulatives) == list(first.cumulatives)


def test_finalize__replaced_uid__begins_at_zero():
    stage = open_stage()
    first = unpack_cumulatives(stage.settle(0, voters(3)).cumulatives)
    log = stage.settle(1, voters(3, replaced=(2, 9)))
    second = unpack_cumulatives(log.cumulatives)
    gains = settle(stage.history.epochs[1].frozen, stage.result(1).trace).gains
    for uid in range(16):
        old = 0 if uid in (2, 9) else first[uid].server_rao
        assert second[uid].server_rao == old + gains[uid].server_rao


@pytest.mark.parametrize("offset, is_due", [(-1, False), (0, True), (1, True)])
def test_finalize__w_ticks_after_the_proposal_and_not_before(offset, is_due):
    stage = open_stage()
    stage.close(0, voters(2))
    stage.propose(0)
    stage.warp_to(stage.tick + W + offset)
    if is_due:
        stage.finalize(0, wait=False)
    else:
        with boa.reverts("settlement: window is open"):
            stage.finalize(0, wait=False)


def test_finalize__parent_not_final__refused():
    stage = open_stage()
    for epoch in range(2):
        stage.close(epoch, voters(2))
        stage.propose(epoch)
    stage.warp_to(stage.tick + W)
    with boa.reverts("settlement: parent is open"):
        stage.finalize(1)
    stage.finalize(0)
    stage.finalize(1)


def test_finalize__twice__refused():
    stage = open_stage()
    stage.settle(0, voters(2))
    with boa.reverts("slots: not live"):
        stage.settlement.finalize(*stage.finalize_arguments(0))


def test_finalize__anything_else_than_what_was_stored__refused():
    stage = open_stage()
    stage.settle(0, voters(3))
    stage.close(1, voters(3))
    stage.propose(1)
    stage.warp_to(stage.tick + W)
    right = stage.finalize_arguments(1)

    def attempt(position, index, reason):
        wrong = [list(part) if isinstance(part, list) else part for part in right]
        wrong[position][index] ^= 1
        with boa.reverts(reason):
            stage.settlement.finalize(*wrong)

    attempt(1, 2, "settlement: wrong frozen words")
    attempt(2, 0, "settlement: wrong frozen words")
    attempt(3, 0, "settlement: wrong frozen words")
    attempt(4, 1, "settlement: wrong trace")
    attempt(5, 0, "settlement: wrong cumulatives")
    attempt(6, 0, "settlement: wrong carried")
    with boa.reverts("settlement: wrong cumulatives"):
        stage.settlement.finalize(*right[:5], [], right[6])
    stage.settlement.finalize(*right)


def test_finalize__bond_stays_until_the_next_epoch_is_final():
    stage = open_stage()
    stage.settle(0, voters(2))
    first = stage.history.epochs[0].final_id
    bond = stage.settlement.proposal_of(first).bond_rao
    earned = stage.withdrawable("proposer")
    assert bond > 0
    stage.close(1, voters(2))
    stage.propose(1, proposer="second proposer")
    assert stage.withdrawable("proposer") == earned
    stage.finalize(1)
    assert stage.withdrawable("proposer") == earned + bond
    assert stage.settlement.proposal_of(first).bond_rao == 0


def test_finalize__subnet_evicted_meanwhile__owner_cut_and_rest_recycled_pay_not_touched():
    stage = open_stage()
    stage.close(0, voters(2))
    stage.propose(0)
    stage.near.set_incarnation(2, True)
    log = stage.finalize(0)
    assert log.owner_rao == log.pot_rao == stage.settlement.pot_rao(NETUID) == 0
    assert log.payouts_rao > 0
    assert log.recycled_rao == EMISSION_RAO - log.payouts_rao - log.proposer_rao
    assert log.recycled_rao >= EMISSION_RAO * 11_796 // 65_535
    with boa.reverts():
        stage.near.scores(0)  # they would be those of the next subnet


@pytest.mark.parametrize("word", [0, 1, 2**32, 2**64 - 1, 2**128 + 7, 2**256 - 1])
@pytest.mark.parametrize("seed", range(2))
def test_finalize__lies_that_nobody_struck__never_more_than_the_emission(word, seed):
    random = Random(seed)
    stage = open_stage(32)
    stage.close(0, random_content(random, 0, 32, 5, silent=0))
    words = [random.choice((word, random.randrange(2**256))) for _ in stage.result(0).words]
    words[0] = word
    stage.propose(0, words)
    log = stage.finalize(0)
    assert law(stage, 0, log, 0)
    assert log.payouts_rao <= stage.history.epochs[0].frozen.header.rao_emission
    pay = settle(stage.history.epochs[0].frozen, unpack_trace(words, 2, 5))
    assert pay.paid_rao == log.payouts_rao
    assert pay.cumulatives == unpack_cumulatives(log.cumulatives)


def test_withdraw__pays_the_account_once_whoever_calls(stranger):
    stage = open_stage()
    stage.settle(0, voters(2))
    owner = role_address("owner")
    amount = stage.withdrawable("owner")
    stage.settlement.withdraw(owner, sender=stranger)
    assert stage.tao.balanceOf(owner) == amount == EMISSION_RAO * 11_796 // 65_535
    with boa.reverts("settlement: nothing to withdraw"):
        stage.settlement.withdraw(owner)


def test_finalize__header_as_packed_off_chain():
    stage = open_stage()
    record = stage.close(0, voters(2))
    assert tuple(record.header) == pack_header(record.frozen.header)
