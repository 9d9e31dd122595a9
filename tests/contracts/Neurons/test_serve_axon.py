# SPDX-License-Identifier: Apache-2.0
"""Neurons.serve_axon and commit_model: what a hotkey says about itself."""

import boa
import pytest

from offchain.chain.neurons import COMMIT_MODEL_GAS, SERVE_AXON_GAS
from offchain.protocol.hyperparameters import hyperparameter
from tests.contracts import life
from tests.contracts.deployment import role_address
from tests.contracts.Weights.voting import transaction_gas

OWNER = role_address("owner")
MINER = life.key("miner").address
HOST = 10 * 2**24 + 7  # 10.0.0.7


@pytest.fixture
def netuid(world):
    """Epoch 2; the miner serves on uid 0."""
    world.warp(1)
    netuid = life.create(world)
    life.register(world, netuid, "miner")
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 2)
    return netuid


def serve(world, netuid, ip=HOST, port=8_091, ip_type=4, protocol=3, version=7, sender=MINER):
    world.neurons.serve_axon(netuid, ip, port, ip_type, protocol, version, sender=sender)


def test_serve_axon__is_kept_and_told(world, netuid):
    serve(world, netuid)
    (event,) = world.neurons.get_logs()
    registration_id = world.neurons.registration_at(netuid, 0, 2)
    assert (event.netuid, event.uid, event.registration_id) == (netuid, 0, registration_id)
    assert (event.ip, event.port, event.ip_type) == (HOST, 8_091, 4)
    assert (event.protocol, event.version) == (3, 7)
    assert tuple(world.neurons.axon_of(netuid, 0)) == (HOST, 8_091, 4, 3, 7, world.tick)
    assert tuple(world.neurons.axon_of(netuid, 1)) == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"port": 0}, "neurons: bad port"),
        ({"port": 65_536}, "neurons: bad port"),
        ({"ip_type": 5}, "neurons: bad ip type"),
        ({"ip": 2**32 - 1}, "neurons: bad ip"),
        ({"ip": 2**32}, "neurons: bad ip"),
        ({"ip": 127 * 2**24 + 1}, "neurons: bad ip"),
        ({"ip_type": 6, "ip": 1}, "neurons: bad ip"),
        ({"ip_type": 6, "ip": 2**128 - 1}, "neurons: bad ip"),
        ({"ip_type": 6, "ip": 2**128}, "neurons: bad ip"),
        ({"protocol": 256}, "neurons: bad protocol or version"),
        ({"version": 2**32}, "neurons: bad protocol or version"),
    ],
)
def test_serve_axon__outside_bittensors_rules__reverts(world, netuid, changed, reason):
    with boa.reverts(reason):
        serve(world, netuid, **changed)


@pytest.mark.parametrize(
    "allowed",
    [
        {"ip": 0},
        {"ip": 127 * 2**24 + 2},
        {"ip": 2**32 - 2},
        {"port": 1},
        {"port": 65_535, "protocol": 255, "version": 2**32 - 1},
        {"ip_type": 6, "ip": 2**128 - 2},
        {"ip_type": 6, "ip": 2},
    ],
)
def test_serve_axon__at_the_edges__every_field_keeps_to_itself(world, netuid, allowed):
    served = {"ip": HOST, "port": 8_091, "ip_type": 4, "protocol": 3, "version": 7} | allowed
    serve(world, netuid, **served)
    assert tuple(world.neurons.axon_of(netuid, 0)) == (*served.values(), world.tick)


def test_serve_axon__too_soon__reverts_up_to_the_last_tick(world, netuid):
    serve(world, netuid)
    first = world.tick
    world.warp_to(first + 49)
    with boa.reverts("neurons: serving too often"):
        serve(world, netuid)
    world.warp_to(first + 50)
    serve(world, netuid, port=1)
    assert world.neurons.axon_of(netuid, 0).port == 1


def test_serve_axon__rate_limit__is_the_subnets(world, netuid):
    row = hyperparameter("serving_rate_limit_ticks")
    world.subnets.set_parameter(netuid, row.id, 0, sender=OWNER)
    serve(world, netuid)
    with boa.reverts("neurons: serving too often"):
        serve(world, netuid)  # still the old value in this epoch
    life.go_to_epoch(world, netuid, 4)
    serve(world, netuid)
    serve(world, netuid)


def test_serve_axon__by_others__reverts(world, netuid, stranger):
    for caller in (stranger, role_address("miner coldkey"), OWNER):
        with boa.reverts("neurons: not registered"):
            serve(world, netuid, sender=caller)
        with boa.reverts("neurons: not registered"):
            world.neurons.commit_model(netuid, b"\x01" * 32, b"\x02" * 32, sender=caller)


def replace_miner(world, netuid):
    """Fill the subnet; the next registration takes the miner's uid."""
    for number in range(1, 16):
        life.register(world, netuid, f"filler {number}")
    life.go_to_epoch(world, netuid, 3)
    life.register(world, netuid, "newcomer")


def test_replaced_neuron__may_serve_to_the_end_of_its_epoch(world, netuid):
    """Both neurons of the uid can speak; each has an endpoint of its own."""
    replace_miner(world, netuid)
    newcomer = life.key("newcomer").address
    serve(world, netuid, port=1_111)
    serve(world, netuid, port=2_222, sender=newcomer)
    world.neurons.commit_model(netuid, b"\x01" * 32, b"\x02" * 32, sender=MINER)
    assert world.neurons.axon_of(netuid, 0).port == 1_111
    life.go_to_epoch(world, netuid, 4)
    assert world.neurons.axon_of(netuid, 0).port == 2_222
    for call in (
        lambda: serve(world, netuid),
        lambda: world.neurons.commit_model(netuid, b"\x03" * 32, b"\x02" * 32, sender=MINER),
    ):
        with boa.reverts("neurons: no longer registered"):
            call()


def test_fixed_gas__is_twice_what_the_dearest_call_uses(world, netuid):
    """The miner's calls are sent without an estimate; dearest for a neuron that is replaced."""
    replace_miner(world, netuid)
    axon = (netuid, 2**128 - 2, 65_535, 6, 255, 2**32 - 1)
    world.neurons.serve_axon(*axon, sender=MINER)
    assert 2 * transaction_gas(world.neurons, "serve_axon", *axon) <= SERVE_AXON_GAS
    model = (netuid, b"\xff" * 32, b"\xfe" * 32)
    world.neurons.commit_model(*model, sender=MINER)
    assert 2 * transaction_gas(world.neurons, "commit_model", *model) <= COMMIT_MODEL_GAS


def test_successor__inherits_neither_endpoint_nor_model(world, netuid):
    serve(world, netuid)
    world.neurons.commit_model(netuid, b"\x01" * 32, b"\x02" * 32, sender=MINER)
    replace_miner(world, netuid)
    life.go_to_epoch(world, netuid, 4)
    assert tuple(world.neurons.axon_of(netuid, 0)) == (0, 0, 0, 0, 0, 0)
    successor = world.neurons.registration_at(netuid, 0, 4)
    assert world.neurons.model_of(successor).committed_tick == 0


def test_commit_model__keeps_hash_profile_and_tick(world, netuid):
    world.neurons.commit_model(netuid, b"\x01" * 32, b"\x02" * 32, sender=MINER)
    (event,) = world.neurons.get_logs()
    registration_id = world.neurons.registration_at(netuid, 0, 2)
    assert (event.netuid, event.uid, event.registration_id) == (netuid, 0, registration_id)
    assert (event.model_hash, event.profile_hash) == (b"\x01" * 32, b"\x02" * 32)
    committed = world.neurons.model_of(registration_id)
    assert tuple(committed) == (b"\x01" * 32, b"\x02" * 32, world.tick)


def test_commit_model__the_same_again__reverts_and_keeps_the_first_tick(world, netuid):
    """A repeat would make the first one look later than its copy."""
    world.neurons.commit_model(netuid, b"\x01" * 32, b"\x02" * 32, sender=MINER)
    first = world.tick
    world.warp(5)
    with boa.reverts("neurons: model already committed"):
        world.neurons.commit_model(netuid, b"\x01" * 32, b"\x02" * 32, sender=MINER)
    registration_id = world.neurons.registration_at(netuid, 0, 2)
    assert world.neurons.model_of(registration_id).committed_tick == first
    world.neurons.commit_model(netuid, b"\x01" * 32, b"\x03" * 32, sender=MINER)
    assert world.neurons.model_of(registration_id).committed_tick == world.tick


def test_commit_model__zero_hash__reverts(world, netuid):
    with boa.reverts("neurons: hash is zero"):
        world.neurons.commit_model(netuid, b"\x00" * 32, b"\x02" * 32, sender=MINER)
