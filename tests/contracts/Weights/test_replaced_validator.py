# SPDX-License-Identifier: Apache-2.0
"""A validator whose uid somebody else has bought: it serves to the end of its epoch, not longer."""

from __future__ import annotations

import boa
import pytest

from offchain.protocol.hyperparameters import hyperparameter
from tests.contracts import life
from tests.contracts.deployment import role_address
from tests.contracts.Weights.voting import Voting


@pytest.fixture
def replaced(voting: Voting) -> Voting:
    """Epoch 3, in which a newcomer has bought the uid of the validator in seat 0."""
    world, netuid = voting.world, voting.netuid
    world.subnets.set_parameter(
        netuid, hyperparameter("immunity_ticks").id, 0, sender=role_address("owner")
    )
    voting.go(3)
    for number in range(world.neurons.uid_count(netuid), 16):
        life.register(world, netuid, f"filler {number}")
    voting.go(4)
    lowest_is_uid_0 = (1 << 240) - 1
    settlement = world.address["Settlement"]
    world.neurons.record_scores(netuid, 4, [lowest_is_uid_0], sender=settlement)
    assert life.register(world, netuid, "newcomer") >> 48 & 0xFFFF == 0
    return voting


def test_reveal_weights__of_the_epoch_in_which_it_was_replaced__counts(replaced: Voting) -> None:
    replaced.commit(0, 4, replaced.row())
    replaced.go(5)
    replaced.reveal(0, 4, replaced.row())
    assert replaced.weights.row_of(replaced.netuid, 4, 0).revealed


def test_reveal_weights__of_the_epoch_after__reverts(replaced: Voting) -> None:
    """It may still commit, for the seat's record keeps its name, and that is worth nothing."""
    former = replaced.registration_id(0, 4)
    replaced.go(5)
    assert replaced.registration_id(0, 5) == 0
    assert replaced.world.neurons.holder_of(replaced.netuid, 0, 5) == (former, replaced.hotkey(0))
    replaced.commit(0, 5, replaced.row())
    replaced.go(6)
    with boa.reverts("weights: seat is empty"):
        replaced.reveal(0, 5, replaced.row())
    assert replaced.weights.rows_of(replaced.netuid, 5, 1) == [0, 0]  # no record, no row


def test_commit_weights__by_the_successor__reverts(replaced: Voting) -> None:
    replaced.go(5)
    with boa.reverts("weights: not your seat"):
        replaced.weights.commit_weights(
            replaced.netuid, 5, 0, b"\1" * 32, sender=life.key("newcomer").address
        )
