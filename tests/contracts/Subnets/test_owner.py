# SPDX-License-Identifier: Apache-2.0
"""Who owns a subnet: offer and acceptance, the owner's hotkey and its consent, its name."""

import boa
import pytest
from eth_abi.abi import encode

from offchain.chain.neurons import eip712_separator
from offchain.keys.consent import sign_owning
from offchain.keys.signer import Signer
from tests.contracts import life
from tests.contracts.deployment import deploy_world, role_address, seeded

OWNER, HEIR = role_address("owner"), role_address("heir")
ZERO = "0x" + "00" * 20
NEXT = life.key("next hotkey")
LIMIT = 50_400


@pytest.fixture
def netuid(world):
    world.warp(1)
    return life.create(world)


def set_hotkey(world, netuid, hotkey=NEXT, owner=OWNER, **changed):
    consent = life.owning(world, hotkey, owner, **changed)
    world.subnets.set_owner_hotkey(netuid, hotkey.address, consent, sender=owner)


def test_offer_and_accept__hands_over_all_but_the_hotkey(world, netuid):
    world.subnets.offer_owner(netuid, HEIR, sender=OWNER)
    (event,) = world.subnets.get_logs()
    assert (event.netuid, event.owner) == (netuid, HEIR)
    assert world.subnets.offered_to(netuid) == HEIR
    assert world.subnets.owner_of(netuid) == OWNER
    world.subnets.accept_owner(netuid, sender=HEIR)
    (event,) = world.subnets.get_logs()
    assert (event.netuid, event.owner, event.previous) == (netuid, HEIR, OWNER)
    assert world.subnets.owner_of(netuid) == HEIR
    assert world.subnets.offered_to(netuid) == ZERO
    assert world.subnets.owner_hotkey_at(netuid, 0) == life.key("owner hotkey").address
    with boa.reverts("subnets: not the owner"):
        world.subnets.set_identity(netuid, "mine", "", sender=OWNER)
    world.subnets.set_identity(netuid, "mine", "", sender=HEIR)
    with boa.reverts("subnets: not offered to you"):
        world.subnets.accept_owner(netuid, sender=HEIR)


def test_offer__taken_back_or_to_somebody_else__cannot_be_accepted(world, netuid, stranger):
    world.subnets.offer_owner(netuid, HEIR, sender=OWNER)
    for caller in (stranger, OWNER, world.address["Timelock"]):
        with boa.reverts("subnets: not offered to you"):
            world.subnets.accept_owner(netuid, sender=caller)
    world.subnets.offer_owner(netuid, ZERO, sender=OWNER)
    with boa.reverts("subnets: not offered to you"):
        world.subnets.accept_owner(netuid, sender=HEIR)
    with boa.reverts("subnets: not the owner"):
        world.subnets.offer_owner(netuid, HEIR, sender=stranger)
    with boa.reverts("subnets: unknown netuid"):
        world.subnets.accept_owner(netuid + 1, sender=HEIR)


def test_root__nobody_can_own_it(world, stranger):
    with boa.reverts("subnets: not the owner"):
        world.subnets.offer_owner(0, stranger, sender=stranger)
    with boa.reverts("subnets: not offered to you"):
        world.subnets.accept_owner(0, sender=stranger)


def test_set_owner_hotkey__before_start__holds_at_once(world, netuid):
    set_hotkey(world, netuid)
    assert world.subnets.get_logs()[0].from_epoch == 0
    assert world.subnets.owner_hotkey_at(netuid, 0) == NEXT.address
    assert world.subnets.registration_terms(netuid).owner_hotkey == NEXT.address


def test_set_owner_hotkey__running__from_the_epoch_after_the_next(world, netuid):
    """Nothing that a close, a reveal or a registration reads now moves."""
    first = life.key("owner hotkey").address
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 4, plus=5)
    set_hotkey(world, netuid)
    (event,) = world.subnets.get_logs()
    assert (event.netuid, event.owner_hotkey, event.from_epoch) == (netuid, NEXT.address, 6)
    hotkeys = [world.subnets.owner_hotkey_at(netuid, epoch) for epoch in range(2, 8)]
    assert hotkeys == [first] * 4 + [NEXT.address] * 2
    named = [world.subnets.consensus_parameters(netuid, e).owner_hotkey for e in range(2, 8)]
    assert named == hotkeys
    assert world.subnets.registration_terms(netuid).owner_hotkey == first
    life.go_to_epoch(world, netuid, 6)
    assert world.subnets.registration_terms(netuid).owner_hotkey == NEXT.address


def test_set_owner_hotkey__again_within_50_400_ticks__reverts(world, netuid):
    assert world.subnets.HOTKEY_RATE_LIMIT_TICKS() == LIMIT
    life.start(world, netuid)
    set_hotkey(world, netuid)
    changed = world.tick
    third = life.key("third hotkey")
    world.warp_to(changed + LIMIT - 1)
    with boa.reverts("subnets: hotkey set too recently"):
        set_hotkey(world, netuid, third)
    world.warp_to(changed + LIMIT)
    set_hotkey(world, netuid, third)
    running = world.subnets.running_epoch(netuid)
    hotkeys = [world.subnets.owner_hotkey_at(netuid, running + i) for i in range(-2, 3)]
    assert hotkeys == [NEXT.address] * 4 + [third.address]


@pytest.mark.parametrize(
    "changed",
    [
        {"chain_id": 5},
        {"contract": role_address("another contract")},
        {"for_owner": HEIR},
        {"nonce": 1},
    ],
)
def test_B9_set_owner_hotkey__consent_for_something_else__reverts(world, netuid, changed):
    with boa.reverts("subnets: no consent"):
        set_hotkey(world, netuid, **changed)


def test_B9_set_owner_hotkey__key_of_somebody_else_or_none__reverts(world, netuid):
    signature = life.owning(world, life.key("another"), OWNER)
    for hotkey, reason in ((NEXT.address, "no consent"), (ZERO, "no owner hotkey")):
        for given in (signature, b"", signature[:64]):
            with boa.reverts(f"subnets: {reason}"):
                world.subnets.set_owner_hotkey(netuid, hotkey, given, sender=OWNER)


def test_consent__signed_by_our_python__is_taken(world, netuid):
    """The off-chain signer and the contract agree on every byte."""
    signer = Signer.random()
    domain = world.subnets.eip712Domain()
    separator = eip712_separator(tuple(domain))
    signature = sign_owning(signer, separator, OWNER, 0)
    world.subnets.set_owner_hotkey(netuid, signer.address, signature, sender=OWNER)
    assert world.subnets.owner_hotkey_at(netuid, 0) == signer.address


def test_owners_neuron__of_a_new_hotkey__is_immune_from_then_on(world):
    """The old one can be pruned, the new one cannot (mechanics 5.3)."""
    netuid = life.create(world, max_uids=16)
    for uid in range(15):
        life.register(world, netuid, f"neuron {uid}")
    life.register(world, netuid, "owner hotkey")
    world.warp(1)
    world.subnets.set_parameter(netuid, 4, 0, sender=OWNER)
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 1)
    first = life.key("neuron 0")
    set_hotkey(world, netuid, first)
    life.go_to_epoch(world, netuid, 3)
    registered = [life.register(world, netuid, f"newcomer {n}") >> 48 & 0xFFFF for n in range(3)]
    assert registered == [1, 2, 3]  # uid 0 is the owner's now
    assert world.neurons.uid_of(netuid, first.address, 4) == 0


@pytest.mark.parametrize("field, size", [("name", 64), ("url", 256)])
def test_B10_identity__longer_than_its_bound__reverts(world, netuid, field, size):
    longest = "x" * size
    texts = {"name": "", "url": ""} | {field: longest}
    world.subnets.set_identity(netuid, texts["name"], texts["url"], sender=OWNER)
    assert longest in world.subnets.identity_of(netuid)
    selector = world.subnets.set_identity.prepare_calldata(netuid, "", "")[:4]
    texts[field] = longest + "y"
    data = selector + encode(["uint256", "string", "string"], [netuid, *texts.values()])
    assert boa.env.execute_code(world.subnets.address, sender=OWNER, data=data).is_error
    assert longest in world.subnets.identity_of(netuid)


@pytest.mark.parametrize(
    "test, right, wrong",
    [
        ("offer", "assert msg.sender == self._offers[netuid], ", "assert True, "),
        ("near", "        from_epoch += 1\n    self._set_owner", "    self._set_owner"),
        ("limit", 'assert is_due, "subnets: hotkey', 'assert True, "subnets: hotkey'),
        ("consent", "assert ecdsa._recover_sig(digest, signature) == hotkey, ", "assert True, "),
    ],
)
def test_owner__seeded__trips(test, right, wrong):
    world = deploy_world(Subnets=seeded("Subnets", ("Subnets.vy", right, wrong)))
    world.warp(1)
    netuid = life.create(world)
    checks = {
        "offer": lambda: test_offer__taken_back_or_to_somebody_else__cannot_be_accepted(
            world, netuid, role_address("stranger")
        ),
        "near": lambda: test_set_owner_hotkey__running__from_the_epoch_after_the_next(
            world, netuid
        ),
        "limit": lambda: test_set_owner_hotkey__again_within_50_400_ticks__reverts(world, netuid),
        "consent": lambda: test_B9_set_owner_hotkey__consent_for_something_else__reverts(
            world, netuid, {"nonce": 1}
        ),
    }
    with pytest.raises((AssertionError, ValueError, boa.BoaError)):
        checks[test]()
