# SPDX-License-Identifier: Apache-2.0
"""Row B3 of the security page: a whale who wants every uid of a subnet, for a day."""

from __future__ import annotations

import pytest

from tests.contracts import life
from tests.contracts.deployment import MINIMAL, RAO, World, deploy_world, role_address

DAY_EPOCHS = 20  # a day on mainnet: 7,200 ticks, 20 epochs of 360
TEMPO = 360
OWNER = role_address("owner")
WHALE = role_address("whale")


def open_subnet(max_uids: int) -> tuple[World, int]:
    """A subnet with mainnet's tempo in which the whale has bought every uid but the owner's."""
    world = deploy_world(MINIMAL)
    world.warp(1)
    netuid = life.create(world, max_uids=max_uids)
    world.subnets.set_schedule(netuid, TEMPO, 100, 150, sender=OWNER)
    life.register(world, netuid, "owner hotkey")
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 1)
    return world, netuid


def buy(world: World, netuid: int, name: str) -> tuple[int, int]:
    """The whale registers another hotkey; its uid and what it burned."""
    price = int(world.neurons.burn_rao(netuid))
    registration_id = life.register(world, netuid, name, coldkey=WHALE)
    return registration_id >> 48 & 0xFFFF, price


def fill(world: World, netuid: int, count: int) -> int:
    return sum(buy(world, netuid, f"whale {number}")[1] for number in range(count))


def push_out(world: World, netuid: int, uid: int, epoch: int) -> int:
    """What the whale pays until a neuron has lost its uid: everybody older goes first."""
    paid, number = 0, 0
    while True:
        taken, price = buy(world, netuid, f"whale {epoch} {uid} {number}")
        paid, number = paid + price, number + 1
        if taken == uid:
            return paid


@pytest.mark.parametrize("max_uids", [16, 32])
def test_B3_day__every_honest_newcomer_gets_a_uid_at_once(max_uids: int) -> None:
    """And to be rid of one costs the whale a whole round of the subnet, at rising prices."""
    world, netuid = open_subnet(max_uids)
    spent = [fill(world, netuid, max_uids - 1)]
    assert world.neurons.uid_count(netuid) == max_uids
    for epoch in range(2, DAY_EPOCHS, 6):
        life.go_to_epoch(world, netuid, epoch)
        honest_price = int(world.neurons.burn_rao(netuid))
        entrant = life.register(world, netuid, f"honest {epoch}")
        uid = entrant >> 48 & 0xFFFF
        life.go_to_epoch(world, netuid, epoch + 1)
        assert world.neurons.registration_at(netuid, uid, epoch + 1) == entrant
        cost = push_out(world, netuid, uid, epoch)
        spent.append(cost)
        # the whale pays at least for everybody who is older, and far more than the newcomer
        assert cost >= (max_uids - 1) * world.subnets.registration_terms(netuid).min_burn_rao
        assert cost > 20 * honest_price
    assert len(spent) == 1 + 3
    assert min(spent) > 0


def test_B3_cost_of_all_uids__grows_faster_than_their_number() -> None:
    """Each uid costs 1.26 times the one before, up to 100 TAO."""
    costs = []
    for max_uids in (16, 32):
        world, netuid = open_subnet(max_uids)
        costs.append(fill(world, netuid, max_uids - 1))
    assert costs[0] > 15 * RAO
    assert costs[1] > 10 * costs[0]
