# SPDX-License-Identifier: Apache-2.0
"""Rewards.add_root: only Settlement, one root per epoch, for ever."""

from __future__ import annotations

import boa
import pytest

from offchain.protocol.identifiers import life_of
from tests.contracts.deployment import role_address
from tests.contracts.Rewards.payroll import Pay, Payroll

ROOT = b"\x11" * 32


def test_add_root__by_settlement__stores_logs_and_raises_the_cap(payroll: Payroll) -> None:
    root = payroll.add_root(4, {0: Pay(700, 0), 1: Pay(0, 300)})

    (event,) = payroll.rewards.get_logs()
    assert type(event).__name__ == "RootAdded"
    assert (event.netuid, event.epoch, event.root) == (payroll.netuid, 4, root)
    assert event.payouts_rao == 1_000 == payroll.rewards.received_rao(payroll.netuid)
    assert payroll.rewards.paid_rao(payroll.netuid) == 0
    assert payroll.rewards.root_of(payroll.netuid, 4) == root
    assert payroll.rewards.depth_of(payroll.netuid, 4) == 4


@pytest.mark.parametrize("sender", ["stranger", "deployer", "owner"])
def test_add_root__by_anybody_else__reverts(payroll: Payroll, sender: str) -> None:
    with boa.reverts("rewards: not settlement"):
        payroll.rewards.add_root(payroll.netuid, 0, ROOT, 4, 0, sender=role_address(sender))


def test_add_root__zero__reverts(payroll: Payroll) -> None:
    with boa.reverts("rewards: root is zero"):
        payroll.rewards.add_root(payroll.netuid, 0, bytes(32), 4, 0, sender=payroll.settlement)


@pytest.mark.parametrize("epoch", [5, 4, 0])
@pytest.mark.parametrize("depth", [3, 4, 5])
def test_add_root__epoch_that_has_one_or_an_earlier_one__reverts(
    payroll: Payroll, epoch: int, depth: int
) -> None:
    """A root is never overwritten: an epoch cannot get a second one, of another depth either."""
    payroll.rewards.add_root(payroll.netuid, 5, ROOT, 4, 0, sender=payroll.settlement)
    with boa.reverts("rewards: not a later epoch"):
        payroll.rewards.add_root(
            payroll.netuid, epoch, b"\x12" * 32, depth, 0, sender=payroll.settlement
        )
    assert payroll.rewards.root_of(payroll.netuid, 5) == ROOT


def test_add_root__last_epoch_of_an_evicted_subnet_after_the_next_ones_first__both_stay(
    payroll: Payroll,
) -> None:
    first = 1 << 32
    payroll.rewards.add_root(payroll.netuid, first, ROOT, 4, 3, sender=payroll.settlement)
    payroll.rewards.add_root(payroll.netuid, 7, b"\x12" * 32, 5, 4, sender=payroll.settlement)
    assert payroll.rewards.root_of(payroll.netuid, first) == ROOT
    assert payroll.rewards.root_of(payroll.netuid, 7) == b"\x12" * 32
    assert payroll.rewards.received_rao(life_of(payroll.netuid, 1)) == 4
    assert payroll.rewards.received_rao(life_of(payroll.netuid, 2)) == 3
    with boa.reverts("rewards: not a later epoch"):
        payroll.rewards.add_root(payroll.netuid, 7, ROOT, 5, 4, sender=payroll.settlement)
    with boa.reverts("rewards: not a later epoch"):
        payroll.rewards.add_root(payroll.netuid, first, ROOT, 4, 3, sender=payroll.settlement)


def test_add_root__other_subnets__have_epochs_of_their_own(payroll: Payroll) -> None:
    payroll.rewards.add_root(payroll.netuid, 5, ROOT, 4, 0, sender=payroll.settlement)
    payroll.rewards.add_root(payroll.netuid + 1, 2, ROOT, 4, 0, sender=payroll.settlement)
    assert payroll.rewards.root_of(payroll.netuid + 1, 2) == ROOT
    assert payroll.rewards.root_of(payroll.netuid, 2) == bytes(32)


def test_G7_add_root__deeper_than_a_path_can_be__reverts(payroll: Payroll) -> None:
    payroll.rewards.add_root(payroll.netuid, 0, ROOT, 10, 0, sender=payroll.settlement)
    with boa.reverts("rewards: tree too deep"):
        payroll.rewards.add_root(payroll.netuid, 1, ROOT, 11, 0, sender=payroll.settlement)


def test_add_root__several_epochs__caps_add_up_per_subnet(payroll: Payroll) -> None:
    for epoch, amount in enumerate((5, 7, 0)):
        payroll.rewards.add_root(
            *(payroll.netuid, epoch, ROOT, 4, amount), sender=payroll.settlement
        )
    payroll.rewards.add_root(payroll.netuid + 1, 0, ROOT, 4, 100, sender=payroll.settlement)
    assert payroll.rewards.received_rao(payroll.netuid) == 12
    assert payroll.rewards.received_rao(payroll.netuid + 1) == 100
