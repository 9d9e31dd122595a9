# SPDX-License-Identifier: Apache-2.0
"""netuid 0: there from the beginning, owned by nobody; and the columns that it weighs."""

import boa
import pytest

from offchain.protocol.hyperparameters import HYPERPARAMETERS
from tests.contracts import life
from tests.contracts.deployment import deploy_world, role_address, seeded

ROOT = 0
ZERO = "0x" + "00" * 20


def lanes(world, tick):
    """Incarnation of every netuid by the words of the contract; netuid 1 first."""
    words = world.subnets.incarnations_at(tick)
    assert len(words) == 16
    return [word >> 32 * (7 - lane) & 0xFFFF_FFFF for word in words for lane in range(8)]


def test_root__exists_from_deployment_and_has_no_owner(world):
    assert world.subnets.exists(ROOT)
    assert world.subnets.owner_of(ROOT) == ZERO
    assert world.subnets.incarnation_of(ROOT) == 1
    assert (world.subnets.max_uids(ROOT), world.subnets.max_validators(ROOT)) == (128, 64)
    assert world.subnets.lock_rao(ROOT) == 0
    assert world.subnets.start_ticks(ROOT) == (life.NO_LIMIT, life.NO_LIMIT)
    assert world.subnets.subnet_count() == 0


def test_root__start__by_anybody_once(world, stranger):
    world.warp(3)
    world.subnets.start(ROOT, world.tick + 2, sender=stranger)
    assert world.emission.is_open(ROOT)
    assert world.subnets.window_of(ROOT, 0).start_tick == world.tick + 2
    with boa.reverts("subnets: already started"):
        world.subnets.start(ROOT, world.tick + 2, sender=stranger)


def test_root__set__by_the_timelock_alone(world, stranger):
    timelock = world.address["Timelock"]
    for row in HYPERPARAMETERS:
        with boa.reverts():
            world.subnets.set_parameter(ROOT, row.id, row.most, sender=stranger)
        world.subnets.set_parameter(ROOT, row.id, row.most, sender=timelock)
        assert world.subnets.parameter_at(ROOT, row.id, 0) == row.most
    with boa.reverts("subnets: not the owner"):
        world.subnets.set_schedule(ROOT, 24, 8, 6, sender=stranger)
    world.subnets.set_schedule(ROOT, 24, 8, 6, sender=timelock)
    world.warp(1)
    world.subnets.start(ROOT, world.tick + 1, sender=stranger)
    assert world.subnets.window_of(ROOT, 0).tempo == 24
    with boa.reverts("subnets: not the owner"):
        world.subnets.set_identity(ROOT, "root", "", sender=stranger)


def test_root__register__is_refused(world):
    with boa.reverts("neurons: registration closed"):
        life.register(world, ROOT, "miner")


def test_incarnations_at__only_subnets_that_were_started_before_the_tick(world):
    world.warp(1)
    netuids = [life.create(world, owner=f"owner {n}") for n in range(10)]
    assert netuids == list(range(1, 11))
    assert lanes(world, world.tick) == [0] * 128
    called = {}
    for netuid in (10, 1, 9, 8):
        world.warp(2)
        called[netuid] = world.tick
        life.start(world, netuid)
    world.subnets.start(ROOT, world.tick + 1, sender=role_address("stranger"))
    for tick in range(world.tick + 3):
        expected = [int(called.get(n, tick) < tick) for n in range(1, 129)]
        assert lanes(world, tick) == expected


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("& _MASK_32 >= tick:", "& _MASK_32 > tick:"),
        ("uint256 = 32 * (_LANES - 1 - (netuid - 1)", "uint256 = 32 * ((netuid - 1)"),
        ("    if netuid != c.ROOT_NETUID:\n        self._ent", "    if True:\n        self._ent"),
    ],
)
def test_incarnations_at__seeded__trips(right, wrong):
    world = deploy_world(Subnets=seeded("Subnets", ("Subnets.vy", right, wrong)))
    with pytest.raises((AssertionError, boa.BoaError)):
        test_incarnations_at__only_subnets_that_were_started_before_the_tick(world)
