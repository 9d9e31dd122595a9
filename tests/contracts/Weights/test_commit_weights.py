# SPDX-License-Identifier: Apache-2.0
"""Weights.commit_weights: one hidden row per seat and epoch, by the hotkey in the seat."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import life
from tests.contracts.deployment import role_address
from tests.contracts.Weights.voting import SALT, Voting, transaction_gas

HASH = b"\x77" * 32


def test_commit_weights__in_its_seat__stores_and_logs(voting: Voting) -> None:
    voting.weights.commit_weights(voting.netuid, 0, 1, HASH, sender=voting.hotkey(1))

    (event,) = voting.weights.get_logs()
    assert type(event).__name__ == "WeightsCommitted"
    assert (event.netuid, event.epoch, event.seat) == (voting.netuid, 0, 1)
    assert event.registration_id == voting.registration_id(1, 0)
    assert event.commit_hash == HASH == voting.weights.commit_of(voting.netuid, 0, 1)
    assert not voting.weights.row_of(voting.netuid, 0, 1).revealed


@pytest.mark.parametrize("sender", ["stranger", "owner", "validator 0 coldkey"])
def test_commit_weights__by_another_key__reverts(voting: Voting, sender: str) -> None:
    with boa.reverts("weights: not your seat"):
        voting.weights.commit_weights(voting.netuid, 0, 0, HASH, sender=role_address(sender))


def test_commit_weights__into_another_validators_seat__reverts(voting: Voting) -> None:
    with boa.reverts("weights: not your seat"):
        voting.weights.commit_weights(voting.netuid, 0, 0, HASH, sender=voting.hotkey(1))


def test_commit_weights__empty_seat__reverts(voting: Voting) -> None:
    with boa.reverts("weights: seat is empty"):
        voting.weights.commit_weights(voting.netuid, 0, 3, HASH, sender=voting.hotkey(0))


def test_commit_weights__no_such_seat__reverts(voting: Voting) -> None:
    with boa.reverts("neurons: no such seat or uid"):
        voting.weights.commit_weights(voting.netuid, 0, 64, HASH, sender=voting.hotkey(0))


def test_commit_weights__zero_hash__reverts(voting: Voting) -> None:
    with boa.reverts("weights: hash is zero"):
        voting.weights.commit_weights(voting.netuid, 0, 0, bytes(32), sender=voting.hotkey(0))


def test_commit_weights__unknown_netuid__reverts(voting: Voting) -> None:
    with boa.reverts("subnets: not started"):
        voting.weights.commit_weights(99, 0, 0, HASH, sender=voting.hotkey(0))


def test_commit_weights__before_t0__reverts(voting: Voting) -> None:
    netuid = life.create(voting.world, owner="other owner")
    life.start(voting.world, netuid, in_ticks=3)
    with boa.reverts("subnets: not started"):
        voting.weights.commit_weights(netuid, 0, 0, HASH, sender=voting.hotkey(0))


@pytest.mark.parametrize("second", [HASH, b"\x78" * 32])
def test_D3_commit_weights__second_in_an_epoch__reverts(voting: Voting, second: bytes) -> None:
    """Nobody can hold two rows and reveal the better one."""
    voting.weights.commit_weights(voting.netuid, 0, 0, HASH, sender=voting.hotkey(0))
    with boa.reverts("weights: already committed"):
        voting.weights.commit_weights(voting.netuid, 0, 0, second, sender=voting.hotkey(0))


def test_D3_commit_weights__never_revealed__is_on_record_and_counts_for_nothing(
    voting: Voting,
) -> None:
    voting.weights.commit_weights(voting.netuid, 0, 0, HASH, sender=voting.hotkey(0))
    voting.go(2)
    assert voting.weights.commit_of(voting.netuid, 0, 0) == HASH
    assert voting.weights.rows_of(voting.netuid, 0, 3) == [0] * 4


def test_commit_weights__next_epoch__is_a_commit_of_its_own(voting: Voting) -> None:
    voting.weights.commit_weights(voting.netuid, 0, 0, HASH, sender=voting.hotkey(0))
    voting.go(1)
    voting.weights.commit_weights(voting.netuid, 1, 0, b"\x78" * 32, sender=voting.hotkey(0))
    assert voting.weights.commit_of(voting.netuid, 0, 0) == HASH
    assert voting.weights.commit_of(voting.netuid, 1, 0) == b"\x78" * 32


@pytest.mark.parametrize("epoch", [0, 2])
def test_commit_weights__for_another_epoch__reverts(voting: Voting, epoch: int) -> None:
    """What is mined too late, or sent too early, takes no commit away."""
    voting.go(1)
    with boa.reverts("weights: not the running epoch"):
        voting.weights.commit_weights(voting.netuid, epoch, 0, HASH, sender=voting.hotkey(0))
    voting.weights.commit_weights(voting.netuid, 1, 0, HASH, sender=voting.hotkey(0))


@pytest.mark.soundness
def test_commit_weights__epoch_unchecked__is_caught(voting: Voting) -> None:
    """The seeded bug: who commits when others have revealed can copy them."""
    broken = voting.with_bug(("Weights.vy", "assert epoch == running, ", "assert True, "))
    row = broken.row()
    broken.commit(0, 0, row)
    broken.go(1)
    broken.reveal(0, 0, row)
    broken.commit(1, 0, row)
    broken.reveal(1, 0, row)
    assert broken.weights.row_of(voting.netuid, 0, 1).revealed


def test_commit_weights__gas__is_at_most_66k(voting: Voting) -> None:
    arguments = (voting.netuid, 0, 0, voting.hash_of(0, 0, voting.row(), SALT))
    voting.weights.commit_weights(*arguments, sender=voting.hotkey(0))
    gas = transaction_gas(voting.weights, "commit_weights", *arguments)
    assert 45_000 < gas <= 66_000


@pytest.mark.soundness
def test_commit_weights__sender_unchecked__is_caught(voting: Voting) -> None:
    """The seeded bug: anybody fills a seat's one commit of the epoch."""
    check = "assert msg.sender == hotkey, "
    broken = voting.with_bug(("Weights.vy", check, "assert True, ")).weights
    broken.commit_weights(voting.netuid, 0, 0, HASH, sender=role_address("stranger"))
    assert broken.commit_of(voting.netuid, 0, 0) == HASH
