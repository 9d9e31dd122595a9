# SPDX-License-Identifier: Apache-2.0
"""A lost hotkey is replaced mid-epoch: nothing is lost, and the old one is nobody."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_account.messages import encode_typed_data

from tests.contracts import life
from tests.contracts.deployment import RAO, World, deploy_world, seeded
from tests.contracts.Rewards.payroll import Pay, Payroll
from tests.contracts.Staking.actions import exit_fully
from tests.contracts.Weights.voting import STAKE_RAO, Voting, open_voting

COST = RAO // 10
NEW = "new hotkey"
PLACE_TYPES = {
    "TakePlace": [
        {"name": "old_hotkey", "type": "address"},
        {"name": "new_hotkey", "type": "address"},
        {"name": "coldkey", "type": "address"},
    ]
}


def consent(world: World, old: str, coldkey: str, name: str = NEW, **changed: Any) -> bytes:
    """The new hotkey's signature; `changed` replaces parts of message or domain."""
    domain = {
        "name": "evmtensor Keys",
        "version": "1",
        "chainId": changed.get("chain_id", 1),
        "verifyingContract": changed.get("contract", world.address["Keys"]),
    }
    message = {
        "old_hotkey": changed.get("place", old),
        "new_hotkey": life.key(name).address,
        "coldkey": changed.get("for_coldkey", coldkey),
    }
    signable = encode_typed_data(domain, PLACE_TYPES, message)
    return bytes(life.key(name).sign_message(signable).signature)


def swap(world: World, old: str, lives: list[int], name: str = NEW) -> None:
    coldkey = world.staking.owner_of(old)
    world.give(coldkey, COST, world.address["Keys"])
    signature = consent(world, old, coldkey, name)
    world.keys.swap_hotkey(old, life.key(name).address, lives, signature, sender=coldkey)


@pytest.fixture(scope="module")
def voting() -> Voting:
    return opened()


def opened(**patched: Any) -> Voting:
    """Three validators in epoch 0 of a subnet, and the root has begun."""
    voting = open_voting(deploy_world(**patched), 3)
    voting.world.subnets.start(0, voting.world.tick + 1)
    voting.world.warp(2)
    return voting


def renamed(voting: Voting, seat: int = 0) -> Voting:
    """The same validators, one of them with its new key."""
    names = [NEW if index == seat else name for index, name in enumerate(voting.names)]
    return Voting(voting.world, voting.netuid, voting.max_uids, names)


def test_C10_swap_hotkey__mid_epoch__row_stake_seat_and_pay_go_on(voting: Voting) -> None:
    world, netuid, old, new = voting.world, voting.netuid, voting.hotkey(0), life.key(NEW).address
    coldkey = world.staking.owner_of(old)
    world.neurons.poke_root(0, old)
    voting.go(1)
    row = voting.row()
    voting.commit(0, 1, row)
    total, id_ = world.staking.total_stake_rao(), voting.registration_id(0, 1)
    pool = world.staking.pool_of(old)
    recycled = world.emission.recycled_rao()

    swap(world, old, [netuid])

    assert world.staking.total_stake_rao() == total == 3 * STAKE_RAO
    assert world.staking.pool_of(new) == pool
    assert (world.staking.stake_of(old), world.staking.stake_of(new)) == (0, STAKE_RAO)
    assert world.staking.owner_of(new) == coldkey
    assert world.emission.recycled_rao() - recycled == COST
    assert world.neurons.uid_of(netuid, new, 1) == 0
    assert world.neurons.uid_of(netuid, old, 1) == 2**256 - 1
    assert world.neurons.hotkey_of(id_) == new
    assert world.neurons.member_of(new) != 0 == world.neurons.member_of(old)
    assert world.neurons.hotkey_of(world.neurons.member_of(new)) == new

    after = renamed(voting)
    after.go(2)
    after.reveal(0, 1, row)
    assert world.weights.row_of(netuid, 1, 0).stake_rao == STAKE_RAO, "no epoch of stake is lost"
    with boa.reverts("weights: not your seat"):
        world.weights.commit_weights(netuid, 2, 0, b"\1" * 32, sender=old)
    after.commit(0, 2, row)

    ids = [after.registration_id(seat, 2) for seat in range(3)]
    assert ids[0] == id_
    payroll = Payroll(world, netuid, after.names, ids, rewards=world.rewards)
    payroll.add_root(0, {0: Pay(7 * RAO, 5 * RAO)})
    world.rewards.claim(netuid, payroll.claim(0, 0))
    assert world.tao.balanceOf(coldkey) == 7 * RAO
    assert world.staking.stake_of(new) == STAKE_RAO + 5 * RAO


def test_J6_swap_hotkey__old_key__can_do_nothing(voting: Voting) -> None:
    world, netuid, old = voting.world, voting.netuid, voting.hotkey(0)
    coldkey = world.staking.owner_of(old)
    swap(world, old, [netuid])
    world.warp(1)
    assert world.staking.pool_id_of(old) == 0
    assert world.staking.stake_at(old, world.tick - 1) == 0
    assert world.staking.stake_for(old, netuid, world.tick - 1) == 0
    assert world.staking.member_stake_at(old, coldkey, world.tick - 1) == 0
    world.give(coldkey, 10 * RAO, world.address["Staking"])
    for reason, call in (
        (
            "neurons: not registered",
            lambda: world.neurons.serve_axon(netuid, 2_130_706_434, 8_091, 4, 4, 1, sender=old),
        ),
        (
            "neurons: not registered",
            lambda: world.neurons.commit_model(netuid, b"\1" * 32, b"\2" * 32, sender=old),
        ),
        ("neurons: no stake", lambda: world.neurons.poke_root(0, old)),
        ("staking: retired hotkey", lambda: world.staking.add_stake(old, RAO, sender=coldkey)),
        ("staking: retired hotkey", lambda: world.staking.set_take(old, 1, sender=coldkey)),
        ("staking: retired hotkey", lambda: life.register(world, netuid, voting.names[0])),
        ("keys: unknown or retired hotkey", lambda: swap(world, old, [netuid], "third")),
    ):
        with boa.reverts(reason):
            call()


def test_C11_swap_hotkey__just_before_an_exit__the_exit_goes_through_by_the_old_name(
    voting: Voting, delegator: str
) -> None:
    world, old = voting.world, voting.hotkey(0)
    world.give(delegator, 2 * RAO, world.address["Staking"])
    shares = world.staking.add_stake(old, 2 * RAO, sender=delegator)
    waiting = world.staking.unbond(old, shares // 2, sender=delegator)
    swap(world, old, [voting.netuid])
    assert world.staking.value_of(old, delegator) == RAO
    assert exit_fully(world, old, delegator) == RAO
    world.staking.cancel_unbonding(waiting, sender=delegator)
    assert world.staking.value_of(life.key(NEW).address, delegator) == RAO


def test_swap_hotkey__replaced_neuron__its_old_pay_reaches_pool_and_coldkey(
    voting: Voting,
) -> None:
    """An id so old that no subnet remembers it keeps its old hotkey's name, and is still paid."""
    world, netuid, old = voting.world, voting.netuid, voting.hotkey(0)
    coldkey, id_ = world.staking.owner_of(old), voting.registration_id(0, 0)
    swap(world, old, [netuid])
    forgotten = id_ + 77  # of an earlier generation
    world.neurons.eval(f"hotkeys._hotkeys[{forgotten}] = {old}")
    payroll = Payroll(world, netuid, ["x"], [forgotten], rewards=world.rewards)
    payroll.add_root(0, {0: Pay(3 * RAO, 2 * RAO)})
    world.rewards.claim(netuid, payroll.claim(0, 0))
    assert world.tao.balanceOf(coldkey) == 3 * RAO
    assert world.staking.stake_of(life.key(NEW).address) == STAKE_RAO + 2 * RAO


def test_swap_hotkey__wrong_caller_key_lives_or_consent__reverts(
    voting: Voting, stranger: str
) -> None:
    world, netuid, old = voting.world, voting.netuid, voting.hotkey(0)
    coldkey, new = world.staking.owner_of(old), life.key(NEW).address
    world.give(coldkey, COST, world.address["Keys"])
    world.give(stranger, COST, world.address["Keys"])
    good = consent(world, old, coldkey)
    other = life.key(voting.names[1])
    cases = [
        ("keys: not the owner", stranger, new, [netuid], consent(world, old, stranger)),
        ("neurons: not all lives", coldkey, new, [], good),
        ("neurons: not all lives", coldkey, new, [netuid, netuid], good),
        ("neurons: not registered there", coldkey, new, [netuid + 1], good),
        (
            "staking: hotkey is taken",
            *(coldkey, other.address, [netuid]),
            consent(world, old, coldkey, voting.names[1]),
        ),
        *(
            ("keys: no consent", coldkey, new, [netuid], consent(world, old, coldkey, **changed))
            for changed in (
                {"chain_id": 2},  # A5: of another chain
                {"contract": world.address["Neurons"]},
                {"place": voting.hotkey(1)},
                {"for_coldkey": stranger},
            )
        ),
        ("keys: no consent", coldkey, new, [netuid], good[:63]),
        ("keys: no hotkey", coldkey, "0x" + "00" * 20, [netuid], b"\0" * 65),
    ]
    for reason, caller, key, lives, signature in cases:
        with boa.reverts(reason):
            world.keys.swap_hotkey(old, key, lives, signature, sender=caller)
    world.keys.swap_hotkey(old, new, [netuid], good, sender=coldkey)
    world.give(coldkey, COST, world.address["Keys"])
    with boa.reverts("keys: swapped lately"):
        swap(world, new, [netuid], "third")
    world.warp(world.preset.unbonding_ticks)
    swap(world, new, [netuid], "third")
    assert world.staking.stake_of(life.key("third").address) == STAKE_RAO


def test_C10_swap_hotkey__between_two_claims__both_go_into_the_pool(voting: Voting) -> None:
    """Rewards remembers the key that it has paid first, which leads to the same pool for ever."""
    world, netuid, old, new = voting.world, voting.netuid, voting.hotkey(0), life.key(NEW).address
    voting.go(1)
    ids = [voting.registration_id(seat, 1) for seat in range(3)]
    payroll = Payroll(world, netuid, voting.names, ids, rewards=world.rewards)
    payroll.add_root(0, {0: Pay(0, 5 * RAO)})
    world.rewards.claim(netuid, payroll.claim(0, 0))

    swap(world, old, [netuid])
    payroll.add_root(1, {0: Pay(0, 9 * RAO)})
    world.rewards.claim(netuid, payroll.claim(1, 0))

    credited = [e for e in world.rewards.get_logs() if type(e).__name__ == "DividendCredited"]
    assert [event.hotkey for event in credited] == [new]
    assert (world.staking.stake_of(old), world.staking.stake_of(new)) == (0, STAKE_RAO + 9 * RAO)


def test_swap_hotkey__in_neurons_by_anybody_but_keys__reverts(
    voting: Voting, stranger: str
) -> None:
    world, old = voting.world, voting.hotkey(0)
    for caller in (stranger, old, world.staking.owner_of(old), world.address["Settlement"]):
        with boa.reverts("neurons: not keys"):
            world.neurons.swap_hotkey(old, stranger, [voting.netuid], sender=caller)


def test_swap_hotkey__in_two_subnets__all_or_nothing(voting: Voting) -> None:
    world = voting.world
    second = life.create(world, owner="second owner")
    coldkey = world.staking.owner_of(voting.hotkey(0))
    life.register(world, second, voting.names[0], coldkey=coldkey)
    assert world.neurons.lives_of(voting.hotkey(0)) == 2
    with boa.reverts("neurons: not all lives"):
        swap(world, voting.hotkey(0), [voting.netuid])
    swap(world, voting.hotkey(0), [second, voting.netuid])
    new = life.key(NEW).address
    assert [world.neurons.lives_of(key) for key in (voting.hotkey(0), new)] == [0, 2]
    assert world.neurons.uid_of(second, new, 0) == 0
    with boa.reverts("neurons: already registered"):
        life.register(world, second, NEW, coldkey=coldkey)


def owner_of_epochs(voting: Voting, epochs: range) -> list[tuple[str, int]]:
    """What a close would freeze as the owner's: the hotkey, and the uid that it has."""
    world, netuid = voting.world, voting.netuid
    named = [world.subnets.consensus_parameters(netuid, e).owner_hotkey for e in epochs]
    return [
        (name, world.neurons.uid_of(netuid, name, e)) for e, name in zip(epochs, named, strict=True)
    ]


def test_swap_hotkey__of_a_subnets_owner__new_key_is_the_owners_in_every_open_epoch(
    voting: Voting,
) -> None:
    """Otherwise its incentive would be paid in the place of being recycled."""
    world, netuid, new = voting.world, voting.netuid, life.key(NEW).address
    owner_seat, other = len(voting.names) - 1, life.create(voting.world, owner="second owner")
    others = world.subnets.owner_hotkey_at(other, 0)
    voting.go(1)
    swap(world, voting.hotkey(owner_seat), [netuid])
    assert owner_of_epochs(voting, range(3)) == [(new, owner_seat)] * 3
    assert world.subnets.owner_hotkey_at(netuid, 1) == new
    assert world.subnets.registration_terms(netuid).owner_hotkey == new, "immune as before"
    assert world.subnets.owner_hotkey_at(other, 0) == others


def test_swap_hotkey__of_an_owner_who_named_another__each_epoch_keeps_its_key(
    voting: Voting,
) -> None:
    world, netuid, new = voting.world, voting.netuid, life.key(NEW).address
    owner, owner_seat = world.subnets.owner_of(netuid), len(voting.names) - 1
    heir = life.key(voting.names[0])
    signature = life.owning(world, heir, owner)
    world.subnets.set_owner_hotkey(netuid, heir.address, signature, sender=owner)
    swap(world, voting.hotkey(owner_seat), [netuid])
    assert owner_of_epochs(voting, range(3)) == [
        (new, owner_seat),
        (new, owner_seat),
        (heir.address, 0),
    ]
    swap(world, heir.address, [netuid], "third")
    third = life.key("third").address
    assert [name for name, _ in owner_of_epochs(voting, range(3))] == [new, new, third]


def test_swap_hotkey__in_subnets_by_anybody_but_keys__reverts(
    voting: Voting, stranger: str
) -> None:
    world, old = voting.world, voting.hotkey(-1)
    for caller in (stranger, old, world.staking.owner_of(old), world.address["Neurons"]):
        with boa.reverts("subnets: not keys"):
            world.subnets.swap_hotkey(old, stranger, [voting.netuid], sender=caller)


BUGS = {
    "an owner's new key is not the owner's": (
        "Keys",
        ("Keys.vy", "    extcall SUBNETS.swap_hotkey(old_hotkey, new_hotkey, lives)\n", ""),
    ),
    "an owner's former key stays": (
        "Subnets",
        ("Subnets.vy", "self._former_hotkeys[netuid] = new_hotkey", "pass"),
    ),
    "the old key keeps its stake": (
        "Staking",
        ("modules/names.vy", "self._hotkeys[old_hotkey] = word | RETIRED", "pass"),
    ),
    "the old key keeps its neurons": (
        "Neurons",
        ("modules/hotkeys.vy", "    self._history[life][old_hotkey] = 0\n", ""),
    ),
    "some neurons may be left behind": (
        "Neurons",
        ("Neurons.vy", "len(lives) == hotkeys._lives(old_hotkey)", "len(lives) < 129"),
    ),
    "registrations keep the old key": (
        "Neurons",
        (
            "modules/hotkeys.vy",
            "entry & _MASK_32)] = new_hotkey",
            "entry & _MASK_32)] = old_hotkey",
        ),
    ),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_C10_seeded_bug__is_found(name: str, stranger: str) -> None:
    contract, bug = BUGS[name]
    voting = opened(**{contract: seeded(contract, bug)})
    with pytest.raises((AssertionError, ValueError, boa.BoaError)):
        for check in (
            test_C10_swap_hotkey__mid_epoch__row_stake_seat_and_pay_go_on,
            test_J6_swap_hotkey__old_key__can_do_nothing,
            test_swap_hotkey__in_two_subnets__all_or_nothing,
            test_swap_hotkey__of_a_subnets_owner__new_key_is_the_owners_in_every_open_epoch,
            test_swap_hotkey__of_an_owner_who_named_another__each_epoch_keeps_its_key,
        ):
            with boa.env.anchor():
                check(voting)
