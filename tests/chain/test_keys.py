# SPDX-License-Identifier: Apache-2.0
"""Children, transfers and swaps of keys in domain words, on a real chain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offchain.chain.coldkey import Coldkey
from offchain.chain.contract import Call
from offchain.chain.errors import InsufficientFunds, NotRegistered, Reverted
from offchain.chain.keys import Identity, IdentitySet
from offchain.chain.metagraph import read_metagraph
from offchain.chain.stakes import Family, Loan, family, lives_of, positions, waiting
from offchain.keys import Signer
from offchain.protocol.identifiers import RAO_PER_TAO, life_of
from tests.chain.conftest import Localnet

TAO = RAO_PER_TAO
ALL = 65_535


def two_hotkeys(anvil: Localnet) -> tuple[Coldkey, int, Signer, Signer]:
    """An owner with 40 and 10 TAO behind two hotkeys of one subnet."""
    owner = Coldkey(anvil.network, anvil.funded(5_000))
    netuid = owner.create_subnet(Signer.random(), 16, 4, 2_000 * TAO).netuid
    one, other = Signer.random(), Signer.random()
    for hotkey, amount in ((one, 40), (other, 10)):
        owner.register(netuid, hotkey, 5 * TAO)
        owner.add_stake(hotkey.address, amount * TAO)
    return owner, netuid, one, other


@pytest.mark.chain
def test_children__set_counted_and_revoked(anvil: Localnet) -> None:
    owner, netuid, one, other = two_hotkeys(anvil)
    network, staking = anvil.network, anvil.network.staking
    done = owner.set_children(one.address, netuid, {other.address: ALL // 4})
    assert done.children == (other.address,)
    announced = family(network, one.address, netuid)
    assert announced.announced == (Loan(other.address, ALL // 4, done.from_tick),)
    assert announced.children == ()
    anvil.jump_to(done.from_tick + 1)
    lent, life = 40 * TAO * (ALL // 4) // ALL, life_of(netuid, 1)
    assert staking.stake_for(one.address, life, done.from_tick) == 40 * TAO - lent
    assert staking.stake_for(other.address, life, done.from_tick) == 10 * TAO + lent
    child = family(network, other.address, netuid)
    assert child == Family((), (), 0, (Loan(one.address, ALL // 4),), 0)
    ended = owner.set_children(one.address, netuid, {})
    now = family(network, one.address, netuid)
    assert (now.children, now.announced, now.ends_tick) == (
        (Loan(other.address, ALL // 4),),
        (),
        ended.from_tick,
    )
    with pytest.raises(Reverted, match="keys: has parents") as refused:
        owner.set_children(other.address, netuid, {one.address: 1})
    assert "only own stake" in refused.value.next_step
    with pytest.raises(NotRegistered, match="has no pool"):
        family(network, owner.address, netuid)


@pytest.mark.chain
def test_list__added_given_moved_unbonded__what_is_there(anvil: Localnet) -> None:
    owner, _, one, other = two_hotkeys(anvil)
    network = anvil.network
    heir = Coldkey(network, anvil.funded(1))
    given = owner.transfer_stake(one.address, heir.address, 15 * TAO)
    assert given.amount_rao in (15 * TAO, 15 * TAO - 1)
    moved = heir.move_stake(one.address, other.address, 5 * TAO)
    assert 0 <= moved.amount_rao - 5 * TAO <= 1
    begun = heir.unbond(other.address, 2 * TAO)
    held = {p.hotkey: p for p in positions(network, heir.address)}
    assert set(held) == {one.address, other.address}
    assert abs(held[one.address].value_rao - 10 * TAO) <= 2
    assert not held[one.address].is_owner
    assert [w.unbonding_id for w in waiting(network, heir.address)] == [begun.unbonding_id]
    own = {p.hotkey: p.is_owner for p in positions(network, owner.address)}
    assert own == {one.address: True, other.address: True}
    for amount, said in ((99 * TAO, "not 99"), (10 * TAO - 5, "less than the minimum")):
        with pytest.raises(InsufficientFunds, match=said):
            heir.unbond(one.address, amount)


@pytest.mark.chain
def test_swap_hotkey_twice_and_coldkey__everything_follows(anvil: Localnet) -> None:
    owner, netuid, one, other = two_hotkeys(anvil)
    network, staking = anvil.network, anvil.network.staking
    second, third = Signer.random(), Signer.random()
    owner.unbond(one.address, 5 * TAO)
    owner.swap_hotkey(one.address, second)
    assert lives_of(network, second.address) == [netuid]
    assert staking.pool_id_of(one.address) == staking.stake_of(one.address) == 0
    with pytest.raises(Reverted, match="keys: swapped lately"):
        owner.swap_hotkey(second.address, third)
    successor = Coldkey(network, anvil.funded(1))
    ripe = owner.announce_coldkey_swap(successor.address).ripe_tick
    owner.cancel_coldkey_swap()
    assert network.keys.coldkey_swap_of(owner.address) is None
    ripe = owner.announce_coldkey_swap(successor.address).ripe_tick
    with pytest.raises(Reverted, match="keys: notice not over"):
        successor.swap_coldkey(owner.address)
    anvil.jump_to(ripe)
    successor.swap_coldkey(owner.address)
    successor.swap_hotkey(second.address, third)
    held = {p.hotkey: p for p in positions(network, successor.address)}
    assert {key: p.is_owner for key, p in held.items()} == {
        third.address: True,
        other.address: True,
    }
    assert abs(held[third.address].value_rao - 35 * TAO) <= 1
    assert [w.hotkey for w in waiting(network, successor.address)] == [third.address]
    assert positions(network, owner.address) == waiting(network, owner.address) == []
    assert network.neurons.uid_of(netuid, third.address, 0) is not None
    with pytest.raises(Reverted, match="staking: retired coldkey"):
        owner.add_stake(other.address, TAO)


def raw_name(call: Call, name: bytes) -> Call:
    """The same call with other bytes in the place of a name of as many `?`."""
    asked = (b"?" * len(name)).hex()
    assert call.data.count(asked) == 1
    return replace(call, data=call.data.replace(asked, name.hex()))


@pytest.mark.chain
def test_identity__set_read_and_taken_over(anvil: Localnet) -> None:
    owner, netuid, one, _ = two_hotkeys(anvil)
    keys = anvil.network.keys
    assert keys.identity_of(owner.address) is None
    said = Identity("Acme", url="https://acme.example", additional="x" * 1024)
    owner.set_own_identity(said)
    assert keys.identity_of(owner.address) == said
    assert [p.name for p in positions(anvil.network, owner.address)] == ["Acme", "Acme"]
    assert [n.name for n in read_metagraph(anvil.network, netuid).neurons] == ["Acme", "Acme"]
    with pytest.raises(NotRegistered, match="never registered a hotkey"):
        Coldkey(anvil.network, anvil.funded(1)).set_own_identity(said)
    successor = Coldkey(anvil.network, anvil.funded(1))
    anvil.jump_to(owner.announce_coldkey_swap(successor.address).ripe_tick)
    successor.swap_coldkey(owner.address)
    assert keys.identity_of(successor.address) == said
    with pytest.raises(NotRegistered):
        owner.set_own_identity(Identity("still me"))
    with pytest.raises(Reverted, match="keys: not the owner"):
        owner.sender.send(keys.set_identity(one.address, Identity("still me")))
    successor.set_own_identity(Identity())
    assert keys.identity_of(successor.address) is None


@pytest.mark.chain
def test_names__that_are_no_text__stop_nobody_from_reading(anvil: Localnet) -> None:
    """Vyper stores any bytes; a strict decoder would let one neuron hide a whole metagraph."""
    owner, netuid, one, _ = two_hotkeys(anvil)
    network = anvil.network
    call = network.keys.set_identity(one.address, Identity("????", url="https://a.example"))
    receipt = owner.sender.send(raw_name(call, b"\xff\xc3\x28\x00"))
    said = network.keys.identity_of(owner.address)
    assert said == Identity("\\xff\\xc3(\x00", url="https://a.example")
    (event,) = network.keys.events(IdentitySet, receipt.logs)
    assert (event.coldkey, Identity(*event.identity)) == (owner.address, said)
    assert read_metagraph(network, netuid).neurons[0].name == said.name
    for name in ("0x" + "z" * 40, "0x" + "aB" * 20, "0x" + "é" * 40, "'; drop", "[bold]"):
        owner.set_own_identity(Identity(name, description=name))
        assert network.keys.identity_of(owner.address) == Identity(name, description=name)
        assert read_metagraph(network, netuid).neurons[0].name == name
    owner.sender.send(raw_name(network.subnets.set_identity(netuid, "????", ""), b"ab\xff\xfe"))
    assert network.subnets.identity_of(netuid) == ("ab\\xff\\xfe", "")
