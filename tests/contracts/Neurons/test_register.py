# SPDX-License-Identifier: Apache-2.0
"""Neurons.register: consent, price, the boundary from which it serves, and what is refused."""

import boa
import pytest

from offchain.protocol.burn_price import decayed_rao
from offchain.protocol.hyperparameters import hyperparameter
from offchain.protocol.identifiers import pack_registration_id
from tests.contracts import life
from tests.contracts.deployment import MINIMAL, RAO, deploy_world, role_address, seeded

OWNER = role_address("owner")
PAYER = role_address("payer")


@pytest.fixture
def netuid(world):
    world.warp(1)
    return life.create(world)


@pytest.fixture
def running(world, netuid):
    """A subnet in the middle of epoch 3."""
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 3, plus=5)
    return netuid


def pay_and_register(world, netuid, name, signature=None, limit=life.NO_LIMIT):
    world.give(PAYER, world.neurons.burn_rao(netuid), world.address["Neurons"])
    hotkey = life.key(name)
    signature = signature or life.consent(world, netuid, hotkey, PAYER)
    return world.neurons.register(netuid, hotkey.address, limit, signature, sender=PAYER)


def test_register__serves_from_the_next_boundary(world, running):
    price = world.neurons.burn_rao(running)

    registration_id = pay_and_register(world, running, "miner")

    (event,) = [e for e in world.neurons.get_logs() if type(e).__name__ == "NeuronRegistered"]
    hotkey = life.key("miner").address
    assert registration_id == pack_registration_id(running, 0, 1)
    assert (event.netuid, event.uid, event.registration_id) == (running, 0, registration_id)
    assert (event.hotkey, event.coldkey) == (hotkey, PAYER)
    assert (event.from_epoch, event.burn_rao) == (4, price)
    assert world.neurons.hotkey_of(registration_id) == hotkey
    assert world.staking.owner_of(hotkey) == PAYER
    assert world.neurons.uid_count(running) == 1
    assert [world.neurons.registration_at(running, 0, e) for e in (3, 4)] == [0, registration_id]
    assert world.neurons.uid_of(running, hotkey, 3) == life.NO_LIMIT
    assert world.neurons.uid_of(running, hotkey, 4) == 0
    assert world.neurons.pruning_of(running, 0) == (0, world.tick)


def test_register__before_start__serves_epoch_0(world, netuid):
    """Also between the call of start and t0."""
    first = pay_and_register(world, netuid, "early")
    life.start(world, netuid, in_ticks=5)
    second = pay_and_register(world, netuid, "later")
    registered = [world.neurons.registration_at(netuid, uid, 0) for uid in (0, 1, 2)]
    assert registered == [first, second, 0]


def test_register__pays_now_and_recycles_all_of_it(world, running):
    price = world.neurons.burn_rao(running)
    world.give(PAYER, price, world.address["Neurons"])
    supply, issuance = world.tao.totalSupply(), world.emission.issuance_rao()
    before = world.tao.balanceOf(PAYER)

    signature = life.consent(world, running, life.key("miner"), PAYER)
    world.neurons.register(running, life.key("miner").address, price, signature, sender=PAYER)

    assert before - world.tao.balanceOf(PAYER) == price
    assert supply - world.tao.totalSupply() == price
    assert issuance - world.emission.issuance_rao() == price
    assert world.tao.balanceOf(world.neurons.address) == 0
    assert world.tao.allowance(world.neurons.address, world.emission.address) == 0


def test_B1_two_registrations_in_one_block__second_pays_the_raised_price(world, running):
    """The second with the old price as its limit reverts; what is burned is the quotes' sum."""
    first = world.neurons.burn_rao(running)
    supply = world.tao.totalSupply()
    pay_and_register(world, running, "quick", limit=first)
    second = world.neurons.burn_rao(running)
    assert second == first * 126 // 100

    before = world.tao.balanceOf(PAYER)
    with boa.reverts("neurons: burn above maximum"):
        pay_and_register(world, running, "slow", limit=first)
    with boa.reverts("neurons: burn above maximum"):
        pay_and_register(world, running, "slow", limit=second - 1)
    assert world.neurons.uid_count(running) == 1
    world.tao.transfer(world.address["faucet"], world.tao.balanceOf(PAYER) - before, sender=PAYER)

    pay_and_register(world, running, "slow", limit=second)
    assert supply - world.tao.totalSupply() == first + second


def test_B1_price__decays_by_half_lives_and_stays_within_its_bounds(world, netuid):
    """Mechanics 5.2: from 1 TAO, x1.26 a sale, half after 360 ticks, at least 500,000 rao."""
    world.subnets.set_parameter(
        netuid, hyperparameter("max_burn_rao").id, 10**9 + 500, sender=OWNER
    )
    assert world.neurons.burn_rao(netuid) == RAO
    pay_and_register(world, netuid, "first")
    assert world.neurons.burn_rao(netuid) == 10**9 + 500  # capped, not 1.26 TAO
    world.warp(360)
    assert world.neurons.burn_rao(netuid) == 500_000_114  # decayed_rao(10**9 + 500, 360, 360, ...)
    world.warp(360 * 40)
    assert world.neurons.burn_rao(netuid) == 500_000


def test_register__another_half_life__is_searched_once_and_kept(world, netuid):
    half_life = hyperparameter("burn_half_life_ticks").id
    world.subnets.set_parameter(netuid, half_life, 7_200, sender=OWNER)
    pay_and_register(world, netuid, "first")
    searched = world.neurons._computation.get_gas_used()
    pay_and_register(world, netuid, "second")
    assert world.neurons._computation.get_gas_used() < searched - 60_000


def test_B1_price__after_the_longest_time__is_asked_for_at_bounded_gas(world, netuid):
    """8,192 multiplications and one power, whatever the owner has chosen."""
    half_life = hyperparameter("burn_half_life_ticks").id
    world.subnets.set_parameter(netuid, half_life, 36_100, sender=OWNER)
    pay_and_register(world, netuid, "first")
    pay_and_register(world, netuid, "second")
    at_once = world.neurons._computation.get_gas_used()
    world.warp(100_000)
    price = world.neurons.burn_rao(netuid)
    assert price == decayed_rao(1_260_000_000 * 126 // 100, 100_000, 36_100, 500_000, 100 * RAO)
    pay_and_register(world, netuid, "third")
    assert world.neurons._computation.get_gas_used() < at_once + 1_200_000


@pytest.mark.parametrize(
    "changed",
    [
        {"for_netuid": 77},
        {"for_coldkey": role_address("thief")},
        {"nonce": 1},
        {"chain_id": 2},
        {"contract": role_address("another contract")},
    ],
)
def test_B9_consent__for_something_else__reverts(world, running, changed):
    hotkey = life.key("victim")
    signature = life.consent(world, running, hotkey, PAYER, **changed)
    with boa.reverts("neurons: no consent"):
        pay_and_register(world, running, "victim", signature)


def test_B9_consent__by_another_key_or_none__reverts(world, running):
    other = life.consent(world, running, life.key("thief"), PAYER)
    for signature in (other, b"", b"\x01" * 63):
        with boa.reverts("neurons: no consent"):
            world.neurons.register(
                running, life.key("victim").address, life.NO_LIMIT, signature, sender=PAYER
            )
    with boa.reverts("ecdsa: invalid signature"):
        pay_and_register(world, running, "victim", b"\x00" * 65)


def test_B9_zero_hotkey__with_a_signature_of_odd_length__reverts(world, running):
    """Recovering from it gives the zero address, which must not count as consent."""
    with boa.reverts("neurons: no consent"):
        world.neurons.register(running, "0x" + "00" * 20, life.NO_LIMIT, b"", sender=PAYER)


def test_B9_consent__with_high_s__reverts(world, running):
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    good = life.consent(world, running, life.key("victim"), PAYER)
    high = (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    twin = good[:32] + high + bytes([55 - good[64]])  # 27 <-> 28
    with boa.reverts("ecdsa: invalid signature `s` value"):
        pay_and_register(world, running, "victim", twin)


def test_B9_consent__replayed__reverts(world, netuid):
    """The nonce is used up, also in another subnet's favour and after the neuron was replaced."""
    signature = life.consent(world, netuid, life.key("victim"), PAYER)
    pay_and_register(world, netuid, "victim", signature)
    assert world.neurons.nonce_of(life.key("victim").address) == 1
    other = life.create(world)
    with boa.reverts("neurons: no consent"):
        pay_and_register(world, other, "victim", signature)
    fill(world, netuid, 30)
    epoch = world.subnets.next_epoch(netuid)
    assert world.neurons.uid_of(netuid, life.key("victim").address, epoch) == life.NO_LIMIT
    with boa.reverts("neurons: no consent"):
        pay_and_register(world, netuid, "victim", signature)


def fill(world, netuid, neurons):
    """Register so many, with time to mature; one epoch of the set for each beyond the 16th."""
    world.subnets.set_parameter(netuid, hyperparameter("immunity_ticks").id, 0, sender=OWNER)
    life.start(world, netuid)
    for number in range(neurons):
        if world.neurons.uid_count(netuid) == 16:
            life.go_to_epoch(world, netuid, world.subnets.next_epoch(netuid))
        life.register(world, netuid, f"filler {number}")


def test_register__twice__reverts(world, running):
    pay_and_register(world, running, "miner")
    with boa.reverts("neurons: already registered"):
        pay_and_register(world, running, "miner")
    life.go_to_epoch(world, running, 5)
    with boa.reverts("neurons: already registered"):
        pay_and_register(world, running, "miner")


def test_register__hotkey_of_another_coldkey__reverts_and_takes_nothing(world, running):
    other = life.create(world)
    pay_and_register(world, running, "miner")
    thief = role_address("thief")
    world.give(thief, world.neurons.burn_rao(other), world.address["Neurons"])
    before = world.tao.balanceOf(thief)
    signature = life.consent(world, other, life.key("miner"), thief)
    with boa.reverts("staking: owned by another"):
        world.neurons.register(
            other, life.key("miner").address, life.NO_LIMIT, signature, sender=thief
        )
    assert world.tao.balanceOf(thief) == before
    # its own coldkey can
    assert pay_and_register(world, other, "miner") == pack_registration_id(other, 0, 1)


def test_register__closed_by_the_timelock__reverts(world, netuid):
    world.subnets.set_parameter(
        netuid, hyperparameter("registration_allowed").id, 0, sender=world.address["Timelock"]
    )
    with boa.reverts("neurons: registration closed"):
        pay_and_register(world, netuid, "miner")


def test_register__unknown_netuid__reverts(world, netuid):
    signature = life.consent(world, 0, life.key("miner"), PAYER)
    for unknown in (netuid + 1, 2**255):
        with boa.reverts("subnets: unknown netuid"):
            world.neurons.register(
                unknown, life.key("miner").address, life.NO_LIMIT, signature, sender=PAYER
            )


def test_register__without_allowance__reverts_and_changes_nothing(world, running):
    signature = life.consent(world, running, life.key("miner"), PAYER)
    with boa.reverts():
        world.neurons.register(
            running, life.key("miner").address, life.NO_LIMIT, signature, sender=PAYER
        )
    assert world.neurons.uid_count(running) == 0
    assert world.neurons.nonce_of(life.key("miner").address) == 0


def replaced(world, netuid, epoch):
    """A full subnet in which a new neuron has just taken uid 0 in an epoch."""
    fill(world, netuid, 16)
    life.go_to_epoch(world, netuid, epoch, plus=2)
    return life.register(world, netuid, "successor")


def test_replaced_neuron__serves_to_the_end_of_its_epoch(world, netuid):
    new = replaced(world, netuid, 5)
    old = pack_registration_id(netuid, 0, 1)
    assert new == pack_registration_id(netuid, 0, 2)
    seen = [world.neurons.registration_at(netuid, 0, epoch) for epoch in range(3, 8)]
    assert seen == [old, old, old, new, new]
    hotkey = life.key("filler 0").address
    assert world.neurons.hotkey_of(old) == hotkey  # kept for ever: its pay can be claimed
    uids = [world.neurons.uid_of(netuid, hotkey, epoch) for epoch in (4, 5, 6)]
    assert uids == [0, 0, life.NO_LIMIT]
    life.go_to_epoch(world, netuid, 8)
    assert world.neurons.registration_at(netuid, 0, 5) == old
    assert world.neurons.hotkey_of(old) == hotkey


def test_replaced_neuron__comes_back_in_the_same_epoch__on_another_uid(world, netuid):
    replaced(world, netuid, 5)
    hotkey = life.key("filler 0").address
    life.register(world, netuid, "filler 0")
    assert [world.neurons.uid_of(netuid, hotkey, e) for e in (4, 5, 6)] == [0, 0, 1]


def test_hotkey__replaced_and_back_in_four_epochs__is_found_in_each(world, netuid):
    """The most that one hotkey can do in the epochs that are answered."""
    replaced(world, netuid, 5)
    hotkey = life.key("filler 0").address
    epochs = range(5, 9)
    for epoch in epochs:
        life.go_to_epoch(world, netuid, epoch, plus=3)
        life.register(world, netuid, "filler 0")
        # the next one out is the one that just came in: all others scored
        scores = [2**256 - 1]
        mine = world.neurons.uid_of(netuid, hotkey, epoch + 1)
        scores[0] ^= 0xFFFF << 16 * (15 - mine)
        life.go_to_epoch(world, netuid, epoch + 1)
        world.neurons.record_scores(netuid, epoch + 1, scores, sender=world.address["Settlement"])
        if epoch < 8:
            assert life.register(world, netuid, f"pest {epoch}") >> 48 & 0xFFFF == mine
    uids = {e: world.neurons.uid_of(netuid, hotkey, e) for e in range(7, 11)}
    for epoch, uid in uids.items():
        at = world.neurons.registration_at(netuid, uid, epoch)
        assert world.neurons.hotkey_of(at) == hotkey


def mask_of(uids):
    words = [0] * 4
    for uid in uids:
        words[uid // 256] |= 1 << (255 - uid % 256)
    return words


def test_B2_E3_take_replaced__names_every_uid_that_changed_hands_since_the_parent(world, netuid):
    settlement = world.address["Settlement"]
    replaced(world, netuid, 5)  # uid 0, boundary 6
    life.go_to_epoch(world, netuid, 6)
    life.register(world, netuid, "another")  # uid 1, boundary 7
    taken = world.neurons.take_replaced(netuid, 5, sender=settlement)
    assert taken == mask_of(range(16))  # everybody came in before
    # epoch 6 is null: nobody takes; epoch 7 is closed
    life.go_to_epoch(world, netuid, 8, plus=5)
    taken = world.neurons.take_replaced(netuid, 7, sender=settlement)
    assert taken == mask_of([0, 1])
    assert world.neurons.take_replaced(netuid, 8, sender=settlement) == mask_of([])


def test_take_replaced__not_by_others_and_not_twice(world, running, stranger):
    for caller in (stranger, OWNER, world.address["Timelock"], world.address["Weights"]):
        with boa.reverts("neurons: not settlement"):
            world.neurons.take_replaced(running, 3, sender=caller)
    world.neurons.take_replaced(running, 3, sender=world.address["Settlement"])
    with boa.reverts("neurons: already taken"):
        world.neurons.take_replaced(running, 3, sender=world.address["Settlement"])
    with boa.reverts("neurons: already taken"):
        world.neurons.take_replaced(running, 2, sender=world.address["Settlement"])


@pytest.mark.soundness
def test_seeded__registration_that_serves_at_once__moves_the_running_set():
    bug = (
        "Subnets.vy",
        "        next_epoch=self._next_epoch(netuid),\n        max_uids",
        "        next_epoch=epoch,\n        max_uids",
    )
    world = deploy_world(MINIMAL, Subnets=seeded("Subnets", bug))
    world.warp(1)
    netuid = life.create(world)
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 3, plus=5)
    life.register(world, netuid, "miner")
    assert world.neurons.registration_at(netuid, 0, 3) != 0


@pytest.mark.soundness
@pytest.mark.parametrize(
    "right, wrong, attack",
    [
        # the nonce is not used up
        ("else _ONE_LIFE + 1\n", "else _ONE_LIFE\n", "replay"),
        # the coldkey is not part of the consent
        (
            "netuid, hotkey, coldkey, hotkeys._nonce(",
            "netuid, hotkey, hotkey, hotkeys._nonce(",
            "any",
        ),
    ],
)
def test_B9_seeded__consent_is_worth_more_than_it_says(right, wrong, attack):
    file = "modules/hotkeys.vy" if attack == "replay" else "Neurons.vy"
    world = deploy_world(MINIMAL, Neurons=seeded("Neurons", (file, right, wrong)))
    world.warp(1)
    netuid = life.create(world)
    hotkey = life.key("victim")
    if attack == "replay":
        signature = life.consent(world, netuid, hotkey, PAYER)
        pay_and_register(world, netuid, "victim", signature)
        fill(world, netuid, 30)
        pay_and_register(world, netuid, "victim", signature)
    else:
        signature = life.consent(world, netuid, hotkey, hotkey.address)
        pay_and_register(world, netuid, "victim", signature)
    assert world.neurons.uid_count(netuid) > 0
