# SPDX-License-Identifier: Apache-2.0
"""Borrowed stake is weight: it takes a seat, counts in the reveal, and shares its pay."""

from __future__ import annotations

from tests.contracts import life
from tests.contracts.deployment import RAO, deploy_world
from tests.contracts.Rewards.payroll import Pay, Payroll
from tests.contracts.Weights.voting import STAKE_RAO, Voting, open_voting

ALL = 65_535


def test_child__takes_a_seat_and_reveals_with_borrowed_weight__and_shares_its_pay() -> None:
    voting: Voting = open_voting(deploy_world(), 3)
    world, netuid = voting.world, voting.netuid
    parent, child = voting.hotkey(0), life.key("child")
    coldkey = world.staking.owner_of(parent)
    # one tick is all that a poke looks at: the child needs no stake of its own
    life.register(world, netuid, "child", coldkey=coldkey)
    world.keys.set_children(parent, netuid, [child.address], [ALL], sender=coldkey)
    notice = world.preset.unbonding_ticks
    world.warp(notice + 1)
    tick = world.tick - 1
    assert world.staking.stake_for(child.address, netuid, tick) == STAKE_RAO
    assert world.staking.stake_for(parent, netuid, tick) == 0
    epoch = int(world.subnets.epoch_at(netuid, world.tick).epoch)
    life.go_to_epoch(world, netuid, epoch + 1)
    # the lender's seat is weak now: whoever has any weight takes it
    world.neurons.poke(netuid, 0, 3)
    with_child = Voting(world, netuid, voting.max_uids, ["child", *voting.names[1:]])
    served = epoch + 2
    with_child.go(served)
    with_child.commit(0, served, with_child.row())
    with_child.go(served + 1)
    with_child.reveal(0, served, with_child.row())
    assert world.weights.row_of(netuid, served, 0).stake_rao == STAKE_RAO

    ids = [with_child.registration_id(seat, served) for seat in range(3)]
    payroll = Payroll(world, netuid, with_child.names, ids, rewards=world.rewards)
    # leaves go by uid; the child's is 3
    child_id = ids[0]
    payroll.names, payroll.ids = ["", "", "", "child"], [0, 0, 0, child_id]
    payroll.add_root(0, {3: Pay(0, 8 * RAO)})
    world.warp(notice)
    world.rewards.claim(netuid, payroll.claim(0, 3))
    assert world.staking.stake_of(parent) == STAKE_RAO + 8 * RAO
    assert world.staking.stake_of(child.address) == 0
