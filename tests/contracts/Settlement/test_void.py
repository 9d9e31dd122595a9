# SPDX-License-Identifier: Apache-2.0
"""void, release, cancel: every closed epoch reaches its end, and every bond its owner."""

from random import Random

import boa
import pytest

from offchain.settlement import challenge
from offchain.settlement.payouts import settle, unpack_cumulatives
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import (
    EMISSION_RAO,
    NETUID,
    Content,
    T,
    Validator,
    W,
    open_stage,
    random_content,
)

ROW = (1,) * 16


def voters(count=3, **fields):
    return Content(tuple(Validator(uid, row=ROW) for uid in range(count)), (1,) * 16, **fields)


@pytest.mark.parametrize("offset, is_late", [(-1, False), (0, True), (1, True)])
def test_void__three_tempos_after_the_close_and_not_before(offset, is_late):
    stage = open_stage()
    stage.close(0, voters())
    stage.warp_to(stage.tick + 3 * T + offset)
    if not is_late:
        with boa.reverts("settlement: too early to void"):
            stage.void(0)
        return
    stage.void(0)
    assert stage.settlement.epoch_of(NETUID, 0).state == 3
    assert stage.near.recycled_rao() == EMISSION_RAO
    assert stage.tao.balanceOf(stage.settlement) == 0


def test_void__final_or_void_or_unclosed__refused():
    stage = open_stage()
    stage.settle(0, voters())
    stage.close(1, voters())
    stage.warp_to(stage.tick + 3 * T)
    stage.void(1)
    for epoch in (0, 1):
        with boa.reverts("settlement: not closed"):
            stage.settlement.void(*challenge.void(stage.history.epochs[epoch]))
    arguments = list(challenge.void(stage.history.epochs[1]))
    arguments[1] = 9
    with boa.reverts("settlement: not closed"):
        stage.settlement.void(*arguments)


def test_void__other_words__refused():
    stage = open_stage()
    stage.close(0, voters())
    stage.warp_to(stage.tick + 3 * T)
    arguments = list(challenge.void(stage.history.epochs[0]))
    arguments[2] = (*arguments[2][:4], 2**255, *arguments[2][5:])
    with boa.reverts("settlement: wrong frozen words"):
        stage.settlement.void(*arguments)


def test_void__parent_still_open__waits_for_it():
    stage = open_stage()
    stage.close(0, voters())
    stage.close(1, voters())
    stage.warp_to(stage.tick + 3 * T)
    with boa.reverts("settlement: parent is open"):
        stage.void(1)
    stage.void(0)
    stage.void(1)


def test_void__live_proposals_of_it_and_its_child__end_with_their_bonds_returned():
    stage = open_stage()
    bonds = 0
    for epoch in range(2):
        stage.close(epoch, voters())
        proposal_id = stage.propose(epoch)
        bonds += stage.settlement.proposal_of(proposal_id).bond_rao
    stage.warp_to(stage.tick + 3 * T)
    stage.void(0)
    assert stage.withdrawable("proposer") == bonds
    assert not stage.settlement.epoch_of(NETUID, 1).is_live
    assert stage.history.epochs[1].live is None


def test_void__child_has_zero_bonds_and_the_cumulatives_of_the_last_final():
    """Replaced in the void epoch or in the next: either way the uid begins at zero."""
    stage = open_stage()
    first = unpack_cumulatives(stage.settle(0, voters()).cumulatives)
    stage.close(1, voters(replaced=(3,)))
    stage.close(2, voters(replaced=(5,)))
    stage.warp_to(stage.tick + 3 * T)
    stage.void(1)
    assert any(any(row) for row in stage.result(1).bonds)
    assert stage.history.parent_id(2) == 0
    stage.propose(2)
    stage.prove(2)
    log = stage.finalize(2, wait=False)
    record = stage.history.epochs[2]
    gains = settle(record.frozen, stage.result(2).trace).gains
    for uid, pair in enumerate(unpack_cumulatives(log.cumulatives)):
        old = 0 if uid in (3, 5) else first[uid].server_rao
        assert pair.server_rao == old + gains[uid].server_rao


def test_void__two_in_a_row__carry_everything_that_they_replaced():
    stage = open_stage()
    first = unpack_cumulatives(stage.settle(0, voters()).cumulatives)
    stage.close(1, voters(replaced=(3,)))
    stage.close(2, voters(replaced=(4,)))
    stage.close(3, voters(replaced=(5,)))
    stage.warp_to(stage.tick + 3 * T)
    stage.void(1)
    stage.void(2)
    with boa.reverts("settlement: wrong carried"):
        stage.propose(3)
        stage.warp_to(stage.tick + W)
        arguments = stage.finalize_arguments(3)
        stage.settlement.finalize(*arguments[:-1], [0, 0, 0, 0])
    log = stage.finalize(3)
    second = unpack_cumulatives(log.cumulatives)
    kept = [uid for uid in range(16) if second[uid].server_rao > first[uid].server_rao]
    assert kept == [uid for uid in range(16) if uid not in (3, 4, 5)]


def test_void__parents_bond_is_released():
    stage = open_stage()
    stage.settle(0, voters())
    final_id = stage.history.epochs[0].final_id
    bond = stage.settlement.proposal_of(final_id).bond_rao
    before = stage.withdrawable("proposer")
    stage.close(1, voters())
    stage.warp_to(stage.tick + 3 * T)
    stage.void(1)
    assert stage.withdrawable("proposer") == before + bond


def test_release__no_epoch_follows__bond_back_after_three_tempos():
    stage = open_stage()
    stage.settle(0, voters())
    final_id = stage.history.epochs[0].final_id
    closed = stage.settlement.epoch_of(NETUID, 0).closed_tick
    stage.warp_to(closed + 3 * T - 1)
    with boa.reverts("settlement: too early"):
        stage.settlement.release(NETUID, 0)
    stage.warp_to(closed + 3 * T)
    stage.settlement.release(NETUID, 0)
    paid = stage.withdrawable("proposer")
    stage.settlement.release(NETUID, 0)
    assert stage.withdrawable("proposer") == paid == EMISSION_RAO + EMISSION_RAO // 1_000
    assert stage.settlement.proposal_of(final_id).bond_rao == 0


def test_release__an_epoch_follows_or_is_open__refused():
    stage = open_stage()
    stage.settle(0, voters())
    stage.close(1, voters())
    stage.warp_to(stage.tick + 3 * T)
    for epoch in (0, 1, 2):
        with boa.reverts("settlement: bond is needed"):
            stage.settlement.release(NETUID, epoch)


@pytest.fixture
def guarded():
    stage = open_stage()
    stage.settlement.set_guardian(role_address("guardian"), sender=role_address("Timelock"))
    for epoch in range(2):
        stage.close(epoch, voters())
        stage.propose(epoch)
    return stage


def cancel(stage, epoch, sender="guardian"):
    proposal_id = stage.history.epochs[epoch].live.proposal_id
    stage.settlement.cancel(proposal_id, sender=role_address(sender))
    stage._end_dropped()
    stage.history.proposal_ended(proposal_id, struck=False)


def test_cancel__bonds_of_it_and_of_its_child_returned_epoch_open_again(guarded):
    bond = guarded.settlement.bond_rao(NETUID, 0)
    cancel(guarded, 0)
    assert guarded.withdrawable("proposer") == 2 * EMISSION_RAO
    assert guarded.settlement.bond_rao(NETUID, 0) == bond
    guarded.propose(0)
    guarded.propose(1)
    guarded.finalize(0)
    guarded.finalize(1)


def test_cancel__twice_in_an_epoch__refused(guarded):
    cancel(guarded, 0)
    guarded.propose(0)
    with boa.reverts("settlement: already cancelled"):
        cancel(guarded, 0)


def test_cancel__proven__refused(guarded):
    guarded.prove(0)
    with boa.reverts("settlement: proven"):
        cancel(guarded, 0)


def test_cancel__by_another_or_of_a_final_one__refused(guarded):
    for role in ("proposer", "Timelock", "stranger"):
        with boa.reverts("settlement: not the guardian"):
            cancel(guarded, 0, role)
    guarded.finalize(0)
    with boa.reverts("slots: not live"):
        guarded.settlement.cancel(
            guarded.history.epochs[0].final_id, sender=role_address("guardian")
        )


def test_cancel__before_a_guardian_is_set__nobody_can():
    stage = open_stage()
    stage.close(0, voters())
    stage.propose(0)
    with boa.reverts("settlement: not the guardian"):
        cancel(stage, 0)


def test_set_guardian__only_timelock_and_once():
    stage = open_stage()
    guardian = role_address("guardian")
    with boa.reverts("settlement: not the timelock"):
        stage.settlement.set_guardian(guardian, sender=guardian)
    stage.settlement.set_guardian(guardian, sender=role_address("Timelock"))
    assert stage.settlement.guardian() == guardian
    with boa.reverts("settlement: guardian is set"):
        stage.settlement.set_guardian(guardian, sender=role_address("Timelock"))


def test_strike__child_of_the_struck__ends_with_its_bond_returned():
    random = Random(2)
    stage = open_stage()
    stage.close(0, random_content(random, 0, 16, 3, silent=0))
    words = list(stage.result(0).words)
    words[1] ^= 1 << 64
    stage.propose(0, words, proposer="liar")
    stage.close(1, random_content(random, 1, 16, 3))
    stage.propose(1, proposer="honest")
    bond = stage.settlement.bond_rao(NETUID, 1)
    stage.strike(0)
    assert stage.withdrawable("honest") == bond
    assert stage.withdrawable("liar") == 0
    assert stage.history.epochs[1].live is None
    with boa.reverts("settlement: parent not proposed"):
        stage.settlement.propose(NETUID, 1, NETUID << 128 | 1, bond, list(stage.result(1).words))
