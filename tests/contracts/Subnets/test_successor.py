# SPDX-License-Identifier: Apache-2.0
"""Nothing of a predecessor reaches the subnet that takes its number: no borrowed weight, no place
of a parent, no child take, no pay, no pot. What is kept by netuid in each contract and survives an
eviction has a test here or in test_evict.py and test_whole_life.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boa
import pytest

from offchain.protocol.identifiers import first_epoch, life_of
from tests.contracts import life
from tests.contracts.deployment import MINIMAL, RAO, World, deploy_world, role_address, seeded
from tests.contracts.Rewards.payroll import Pay, Payroll
from tests.contracts.Subnets.successor import replace_subnet
from tests.contracts.Subnets.test_whole_life import PROPOSER, open_market
from tests.contracts.Weights.voting import Voting

ALL = 65_535
NETUID = 1
FIRST = first_epoch(2)
OLD, NEW = life_of(NETUID, 1), life_of(NETUID, 2)
NOTICE = MINIMAL.unbonding_ticks
OWNERS = {"rival": "rival", "child": "family"}
_OF_NETUID = "hotkeys._hotkey_of(registration_id), ids._netuid(registration_id),"
_KEPT = "        recycled_rao += owner_rao"


def lending_world(**patched: Any) -> World:
    """`parent` (10 TAO) lends everything to `child` (1 TAO) in netuid 1; both are of one owner."""
    world = deploy_world(**patched)
    assert life.create(world) == NETUID
    owner = role_address("family owner")
    for name, amount in (("parent", 10), ("child", 1)):
        life.register(world, NETUID, name, coldkey=owner)
        life.stake(world, name, amount * RAO)
    parent, child = (life.key(name).address for name in ("parent", "child"))
    world.keys.set_child_take(child, NETUID, 3_000, sender=owner)
    world.keys.set_children(parent, NETUID, [child], [ALL], sender=owner)
    world.warp(2 * NOTICE + 1)
    return world


def weights(world: World, subnet: int) -> tuple[int, int]:
    """Weight of parent and child in a life of the subnet, at the last tick."""
    parent, child = (
        int(world.staking.stake_for(life.key(name).address, subnet, world.tick - 1))
        for name in ("parent", "child")
    )
    return parent, child


def loans_end_with_their_subnet(**patched: Any) -> None:
    world = lending_world(**patched)
    parent, child = (life.key(name).address for name in ("parent", "child"))
    owner = role_address("family owner")
    assert weights(world, OLD) == (0, 11 * RAO)
    assert world.keys.child_take_of(child, NETUID) == 3_000
    assert replace_subnet(world, NETUID) == NEW
    world.warp(NOTICE + 1)

    assert weights(world, NEW) == (10 * RAO, RAO)
    assert world.keys.child_take_of(child, NETUID) == 0
    # neither the place of a parent nor a loan is in the way of new ones, the other way round
    world.keys.set_children(child, NETUID, [parent], [ALL], sender=owner)
    world.warp(NOTICE + 1)
    assert weights(world, NEW) == (11 * RAO, 0)
    # what was is as it was: unclaimed pay of the first life goes by it
    assert weights(world, OLD) == (0, 11 * RAO)


def test_children__successor__inherits_no_loan_no_parent_no_take() -> None:
    loans_end_with_their_subnet()


def borrowed_weight_does_not_vote(**patched: Any) -> None:
    """The child takes a seat and reveals in the successor: with its own stake, and no other."""
    world = lending_world(**patched)
    replace_subnet(world, NETUID)
    for name in ("rival", "child"):
        life.register(world, NETUID, name, coldkey=role_address(f"{OWNERS[name]} owner"))
    life.stake(world, "rival", 5 * RAO)
    world.warp(1)
    life.start(world, NETUID, in_ticks=2)
    world.neurons.poke(NETUID, 0, 0)
    with boa.reverts("neurons: holder has more stake"):
        world.neurons.poke(NETUID, 0, 1)
    world.neurons.poke(NETUID, 1, 1)
    voting = Voting(world, NETUID, 16, ["rival", "child"])
    voting.go(FIRST)
    voting.commit(1, FIRST, voting.row())
    voting.go(FIRST + 1)
    voting.reveal(1, FIRST, voting.row())
    assert world.weights.row_of(NETUID, FIRST, 1).stake_rao == RAO


def test_children__child_in_the_successor__takes_its_seat_and_reveals_with_its_own_stake() -> None:
    borrowed_weight_does_not_vote()


def payroll_of(world: World, names: list[str], epoch: int) -> Payroll:
    ids = [int(world.neurons.registration_at(NETUID, uid, epoch)) for uid in range(len(names))]
    return Payroll(world, NETUID, names, ids, rewards=world.rewards)


def dividends_go_by_the_loans_of_their_life(**patched: Any) -> None:
    """Claimed after the eviction: the first life's are shared 10 : 1, the second one's are not."""
    world = lending_world(**patched)
    old = payroll_of(world, ["parent", "child"], 0)
    old.add_root(0, {1: Pay(0, 11 * RAO)})
    replace_subnet(world, NETUID)
    life.register(world, NETUID, "child", coldkey=role_address("family owner"))
    new = payroll_of(world, ["child"], FIRST)
    new.add_root(FIRST, {0: Pay(0, 5 * RAO)})
    parent, child = (life.key(name).address for name in ("parent", "child"))

    world.rewards.claim(NETUID, new.claim(FIRST, 0))
    assert (world.staking.stake_of(parent), world.staking.stake_of(child)) == (10 * RAO, 6 * RAO)
    world.rewards.claim(NETUID, old.claim(0, 1))
    assert (world.staking.stake_of(parent), world.staking.stake_of(child)) == (20 * RAO, 7 * RAO)


def test_claim__dividends_of_both_lives__are_shared_by_the_loans_of_their_own() -> None:
    dividends_go_by_the_loans_of_their_life()


def false_root_takes_nobody_elses_pay(**patched: Any) -> None:
    """A root of the successor grants what was never sent; the predecessor's pay is still there."""
    world = lending_world(**patched)
    old = payroll_of(world, ["parent", "child"], 0)
    old.add_root(0, {0: Pay(7 * RAO, 0)})
    replace_subnet(world, NETUID)
    life.register(world, NETUID, "thief")
    new = payroll_of(world, ["thief"], FIRST)
    new.add_root(FIRST, {0: Pay(7 * RAO, 0)}, sent_rao=2 * RAO)

    world.rewards.claim(NETUID, new.claim(FIRST, 0))
    assert new.claimed(0) == Pay(2 * RAO, 0)
    assert (world.rewards.received_rao(NEW), world.rewards.paid_rao(NEW)) == (2 * RAO, 2 * RAO)
    world.rewards.claim(NETUID, old.claim(0, 0))
    assert old.claimed(0) == Pay(7 * RAO, 0)
    assert (world.rewards.received_rao(OLD), world.rewards.paid_rao(OLD)) == (7 * RAO, 7 * RAO)


def test_claim__false_root_of_the_successor__takes_no_pay_of_the_first_life() -> None:
    false_root_takes_nobody_elses_pay()


def the_pot_is_recycled(**patched: Any) -> None:
    """What rounding left before the eviction, and what it leaves of old epochs after it."""
    world = deploy_world(**patched)
    assert life.create(world) == NETUID
    old = open_market(world, ["old validator", "old validator 2"], ["old miner", "old miner 2"])
    for epoch in (0, 2):
        old.vote(epoch)
        old.close(epoch)
        old.propose(epoch)
    old.finalize(0)
    left = int(world.settlement.pot_rao(NETUID))
    assert left > 0

    replace_subnet(world, NETUID)
    late = old.finalize(2)
    assert (late.pot_rao, late.owner_rao) == (0, 0)
    given = late.payouts_rao + late.proposer_rao + late.recycled_rao
    header = old.history.epochs[2].frozen.header
    assert given == header.rao_emission + header.owner_rao + header.proposer_rao
    assert world.settlement.pot_rao(NETUID) == left
    new = open_market(world, ["new validator", "new validator 2"], ["new miner", "new miner 2"])
    new.vote(FIRST)
    recycled = int(world.emission.recycled_rao() - world.emission.withheld_rao())
    header = new.close(FIRST).frozen.header
    assert world.settlement.pot_rao(NETUID) == 0
    total = header.rao_emission + header.owner_rao + header.proposer_rao
    assert total == world.emission.drained_rao(NETUID)
    assert world.emission.recycled_rao() - world.emission.withheld_rao() == recycled + left


def test_pot__of_a_predecessor__is_recycled() -> None:
    the_pot_is_recycled()


def demands_end_with_their_subnet(**patched: Any) -> None:
    """Nothing builds on the last final epoch of an evicted subnet, so nobody must answer for it."""
    world = deploy_world(**patched)
    assert life.create(world) == NETUID
    old = open_market(world, ["old validator", "old validator 2"], ["old miner", "old miner 2"])
    old.vote(0)
    old.close(0)
    old.propose(0)
    old.finalize(0)
    asker, settlement = role_address("asker"), world.settlement
    world.give(asker, 10 * RAO, settlement.address)
    with boa.env.anchor():
        settlement.demand(NETUID, 0, 0, sender=asker)
    replace_subnet(world, NETUID)
    with boa.reverts("settlement: not the last final"):
        settlement.demand(NETUID, 0, 0, sender=asker)
    # the bond of whoever made it final is free
    settlement.release(NETUID, 0)
    assert settlement.withdrawable_rao(PROPOSER) > settlement.bond_rao(NETUID, 0)


def test_demand__of_an_evicted_subnet__is_refused() -> None:
    demands_end_with_their_subnet()


BUGS: dict[str, tuple[Callable[..., None], str, tuple[str, str, str]]] = {
    "loans are noted under the netuid": (
        loans_end_with_their_subnet,
        "Keys",
        ("Keys.vy", "return ids._life_of(netuid, incarnation)", "return netuid"),
    ),
    "pokes read the loans of the first life": (
        borrowed_weight_does_not_vote,
        "Neurons",
        ("Neurons.vy", "hotkeys._hotkey_of(registration_id), life,", _OF_NETUID),
    ),
    "reveals read the loans of the first life": (
        borrowed_weight_does_not_vote,
        "Weights",
        ("Weights.vy", "life: uint256 = ids._life(netuid, epoch)", "life: uint256 = netuid"),
    ),
    "all dividends go by the loans of the first life": (
        dividends_go_by_the_loans_of_their_life,
        "Rewards",
        ("Rewards.vy", "STAKING.credit(hotkey, life,", "STAKING.credit(hotkey, netuid,"),
    ),
    "all lives are paid from one purse": (
        false_root_takes_nobody_elses_pay,
        "Rewards",
        (
            "modules/registration_id.vy",
            "(epoch >> LIFE_EPOCH_BITS) << 16 | netuid",
            "netuid",
        ),
    ),
    "an evicted subnet is asked for bonds": (
        demands_end_with_their_subnet,
        "Settlement",
        ("Settlement.vy", "assert is_alive and self._is", "assert self._is"),
    ),
    "the pot is inherited": (
        the_pot_is_recycled,
        "Settlement",
        ("Settlement.vy", "        subnet.pot_rao = 0\n    replaced", "    replaced"),
    ),
    "old epochs fill the pot of the next life": (
        the_pot_is_recycled,
        "Settlement",
        ("Settlement.vy", "        dust_rao = 0\n        recycled_rao += owner_rao", _KEPT),
    ),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_successor__seeded_bug__is_found(name: str) -> None:
    check, contract, bug = BUGS[name]
    with boa.env.anchor(), pytest.raises((AssertionError, ValueError, boa.BoaError)):
        check(**{contract: seeded(contract, bug)})
