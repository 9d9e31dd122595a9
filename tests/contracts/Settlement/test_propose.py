# SPDX-License-Identifier: Apache-2.0
"""propose: shape, bond, parent, one live proposal per epoch, two unfinal epochs in a row."""

from random import Random

import boa
import pytest

from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import (
    EMISSION_RAO,
    MIN_BOND,
    NETUID,
    open_stage,
    random_content,
)


def closed(stage, *epochs, seats=3):
    random = Random(5)
    for epoch in epochs:
        stage.close(epoch, random_content(random, epoch, stage.max_uids, seats))
    return stage


@pytest.fixture
def stage():
    return closed(open_stage(), 0)


def attempt(stage, epoch, *, parent_id=0, bond=None, words=None):
    bond = stage.settlement.bond_rao(NETUID, epoch) if bond is None else bond
    account = stage.fund("proposer", bond)
    words = stage.result(epoch).words if words is None else words
    return stage.settlement.propose(NETUID, epoch, parent_id, bond, list(words), sender=account)


def test_propose__stores_proposer_tick_and_bond(stage):
    proposal_id = stage.propose(0, bond=10 * EMISSION_RAO)
    assert proposal_id == NETUID << 128 | 1
    proposal = stage.settlement.proposal_of(proposal_id)
    assert proposal.proposer == role_address("proposer")
    assert proposal.tick == stage.tick
    assert (
        proposal.bond_rao
        == 10 * EMISSION_RAO
        == stage.tao.balanceOf(stage.settlement) - (EMISSION_RAO)
    )


@pytest.mark.parametrize("change", [-1, 1])
def test_propose__another_length__refused(stage, change):
    words = list(stage.result(0).words)
    with boa.reverts("settlement: wrong trace length"):
        attempt(stage, 0, words=words[:-1] if change < 0 else [*words, 0])


def test_propose__bond_below_the_emission__refused(stage):
    assert stage.settlement.bond_rao(NETUID, 0) == EMISSION_RAO
    with boa.reverts("settlement: bond too small"):
        attempt(stage, 0, bond=EMISSION_RAO - 1)


def test_propose__small_emission__the_minimum_holds():
    stage = open_stage()
    random = Random(5)
    content = random_content(random, 0, 16, 3)
    stage.close(0, type(content)(content.seats, content.generations, accrued_rao=7))
    assert stage.settlement.bond_rao(NETUID, 0) == MIN_BOND == stage.settlement.min_bond_rao()
    with boa.reverts("settlement: bond too small"):
        attempt(stage, 0, bond=MIN_BOND - 1)
    attempt(stage, 0, bond=MIN_BOND)


def test_propose__bond_that_does_not_fit__refused(stage):
    with boa.reverts("settlement: bond too large"):
        stage.settlement.propose(NETUID, 0, 0, 2**56, list(stage.result(0).words))


def test_propose__bond_not_approved__refused(stage):
    bond = stage.settlement.bond_rao(NETUID, 0)
    with boa.reverts():
        stage.settlement.propose(
            NETUID, 0, 0, bond, list(stage.result(0).words), sender=role_address("poor")
        )


def test_propose__second_live_one__refused(stage):
    stage.propose(0)
    with boa.reverts("settlement: already proposed"):
        attempt(stage, 0)


def test_propose__wrong_parent__refused(stage):
    for parent_id in (1, NETUID << 128 | 1):
        with boa.reverts("settlement: wrong parent"):
            attempt(stage, 0, parent_id=parent_id)


def test_propose__parent_without_a_proposal__refused(stage):
    closed(stage, 1)
    for parent_id in (0, NETUID << 128 | 1):
        with boa.reverts("settlement: wrong parent"):
            attempt(stage, 1, parent_id=parent_id)
    with boa.reverts("settlement: parent not proposed"):
        attempt(stage, 1, parent_id=NETUID << 128)


def test_propose__on_a_live_parent__allowed_on_two__refused(stage):
    closed(stage, 1, 2)
    stage.propose(0)
    second = stage.propose(1)
    with boa.reverts("settlement: two unfinal epochs"):
        attempt(stage, 2, parent_id=second)
    stage.finalize(0)
    stage.propose(2)


def test_propose__parent_struck_meanwhile__names_a_dead_one__refused(stage):
    closed(stage, 1)
    words = list(stage.result(0).words)
    words[1] ^= 1
    first = stage.propose(0, words)
    stage.strike(0)
    stage.propose(0)
    with boa.reverts("settlement: wrong parent"):
        attempt(stage, 1, parent_id=first)
    stage.propose(1)
