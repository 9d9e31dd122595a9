# SPDX-License-Identifier: Apache-2.0
"""Subnets.create: who pays what for a subnet, and what is refused."""

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.protocol.lock_cost import lock_cost_rao
from tests.contracts import life
from tests.contracts.deployment import FULL, RAO, compiled, deploy_world, role_address

OWNER = role_address("owner")
HOTKEY = life.key("owner hotkey")
OWNER_HOTKEY = HOTKEY.address


def pay(world, *, max_uids=16, max_validators=4, hotkey=OWNER_HOTKEY, limit=life.NO_LIMIT):
    world.give(OWNER, world.subnets.cost_rao(), world.address["Subnets"])
    return create(world, max_uids, max_validators, limit, hotkey=hotkey)


def create(world, max_uids, max_validators, limit, hotkey=OWNER_HOTKEY):
    """Create with the consent of the owner's hotkey."""
    consent = life.owning(world, HOTKEY, OWNER)
    return world.subnets.create(hotkey, max_uids, max_validators, limit, consent, sender=OWNER)


def test_create__first__locks_the_cost_and_tells(world):
    cost = world.subnets.cost_rao()
    assert cost == world.preset.min_lock_rao
    held = world.tao.balanceOf(world.subnets.address)
    supply = world.tao.totalSupply()

    netuid = pay(world, max_uids=256, max_validators=64)

    (event,) = [e for e in world.subnets.get_logs() if type(e).__name__ == "SubnetCreated"]
    assert (event.netuid, event.owner, event.incarnation) == (netuid, OWNER, 1)
    assert (event.max_uids, event.max_validators, event.cost_rao) == (256, 64, cost)
    assert netuid == 1
    assert world.subnets.subnet_count() == 1
    assert world.subnets.exists(1)
    assert not world.subnets.exists(2)
    assert world.subnets.owner_of(1) == OWNER
    assert world.subnets.incarnation_of(1) == 1
    assert world.subnets.max_uids(1) == 256
    assert world.subnets.max_validators(1) == 64
    assert world.subnets.lock_rao(1) == cost
    assert world.subnets.consensus_parameters(1, 0).owner_hotkey == OWNER_HOTKEY
    assert world.subnets.start_ticks(1) == (life.NO_LIMIT, life.NO_LIMIT)
    # INVARIANT: every lock is covered by the token, and none of it is burned
    assert world.tao.balanceOf(world.subnets.address) - held == cost
    assert world.tao.totalSupply() == supply


def test_create__again__doubles_and_falls_back_linearly(world):
    floor, interval = world.preset.min_lock_rao, world.preset.lock_reduction_ticks
    pay(world)
    assert world.subnets.cost_rao() == 2 * floor
    pay(world)
    assert world.subnets.cost_rao() == 4 * floor
    world.warp(interval // 2)
    assert world.subnets.cost_rao() == 3 * floor
    world.warp(interval // 2)
    assert world.subnets.cost_rao() == 2 * floor
    world.warp(interval)
    assert world.subnets.cost_rao() == floor
    world.warp(100 * interval)
    assert world.subnets.cost_rao() == floor


def test_create__cost_rose_since_the_quote__reverts(world):
    quoted = world.subnets.cost_rao()
    pay(world)
    world.give(OWNER, 2 * quoted, world.address["Subnets"])
    before = world.tao.balanceOf(OWNER)
    with boa.reverts("subnets: cost above maximum"):
        create(world, 16, 4, quoted)
    assert world.tao.balanceOf(OWNER) == before


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"max_uids": 8, "max_validators": 4}, "subnets: max_uids out of bounds"),
        ({"max_uids": 2_048}, "subnets: max_uids out of bounds"),
        ({"max_uids": 24}, "subnets: not a power of two"),
        ({"max_validators": 0}, "subnets: bad seats"),
        ({"max_uids": 16, "max_validators": 17}, "subnets: bad seats"),
        ({"max_uids": 128, "max_validators": 65}, "subnets: bad seats"),
        ({"hotkey": "0x" + "00" * 20}, "subnets: no owner hotkey"),
    ],
)
def test_create__outside_the_bounds__reverts(world, changed, reason):
    with boa.reverts(reason):
        pay(world, **changed)


def test_create__without_allowance__reverts_and_leaves_no_subnet(world):
    world.give(OWNER, world.subnets.cost_rao())
    world.tao.approve(world.address["Subnets"], 0, sender=OWNER)
    with boa.reverts():
        create(world, 16, 4, life.NO_LIMIT)
    assert not world.subnets.exists(1)


@pytest.mark.parametrize(
    "changed",
    [
        {"chain_id": 5},
        {"contract": role_address("another contract")},
        {"for_owner": role_address("sniper")},
        {"nonce": 1},
    ],
)
def test_create__consent_for_something_else__reverts(world, changed):
    world.give(OWNER, world.subnets.cost_rao(), world.address["Subnets"])
    consent = life.owning(world, HOTKEY, OWNER, **changed)
    for signature in (consent, b"", consent[:64]):
        with boa.reverts("subnets: no consent"):
            world.subnets.create(OWNER_HOTKEY, 16, 4, life.NO_LIMIT, signature, sender=OWNER)


def test_create__consent_twice__reverts(world):
    consent = life.owning(world, HOTKEY, OWNER)
    world.give(OWNER, 10**6 * RAO // 10, world.address["Subnets"])
    world.subnets.create(OWNER_HOTKEY, 16, 4, life.NO_LIMIT, consent, sender=OWNER)
    with boa.reverts("subnets: no consent"):
        world.subnets.create(OWNER_HOTKEY, 16, 4, life.NO_LIMIT, consent, sender=OWNER)


def test_create__by_the_hotkey_itself__needs_no_signature(world, miner):
    world.give(miner, world.subnets.cost_rao(), world.address["Subnets"])
    netuid = world.subnets.create(miner, 16, 4, life.NO_LIMIT, b"", sender=miner)
    assert world.subnets.owner_hotkey_at(netuid, 0) == miner
    assert world.subnets.nonce_of(miner) == 0


def test_create__rate_limit_of_mainnet__one_in_28_800_ticks():
    world = deploy_world(FULL)
    pay(world)
    world.warp(world.preset.creation_rate_limit_ticks - 1)
    with boa.reverts("subnets: created too recently"):
        pay(world)
    world.warp(1)
    assert pay(world) == 2


@pytest.fixture(scope="module")
def harness():
    return compiled("SubnetsHarness").deploy()


# worked by hand from mechanics 4.1: 2,000 TAO paid, interval 100,800 at 1 TAO a tick
@pytest.mark.parametrize(
    "elapsed, rate, cost",
    [
        (0, RAO, 4_000 * RAO),
        (100_800, RAO, 4_000 * RAO - 2_000 * RAO // 100_800 * 100_800),
        (100_800, RAO // 2, 1_000 * RAO),  # the interval has halved with the halving
        (50_400, RAO // 2, 4_000 * RAO - 2_000 * RAO // 50_400 * 50_400),
        (1, 0, 2_000 * RAO),  # end of the schedule: falls within a tick
        (2, 0, 1_000 * RAO),
    ],
)
def test_cost__worked_numbers(harness, elapsed, rate, cost):
    harness.pay_lock(2_000 * RAO, 7)
    assert harness.cost(7 + elapsed, rate, 100_800, 1_000 * RAO) == cost
    assert lock_cost_rao(2_000 * RAO, elapsed, 100_800, rate, 1_000 * RAO) == cost


@settings(max_examples=60, deadline=None)
@given(
    paid=st.integers(0, 21 * 10**15),
    elapsed=st.integers(0, 2**32),
    interval=st.integers(1, 2**24),
    rate=st.integers(0, RAO),
    floor=st.integers(0, 10**15),
)
def test_cost__random__contract_equals_python(harness, paid, elapsed, interval, rate, floor):
    harness.pay_lock(paid, 11)
    expected = lock_cost_rao(paid, elapsed, interval, rate, floor)
    assert harness.cost(11 + elapsed, rate, interval, floor) == expected
