# SPDX-License-Identifier: Apache-2.0
"""Subnets.start: when epoch 0 begins, who may say so, and what the subnet is before."""

import boa
import pytest

from tests.contracts import life
from tests.contracts.deployment import role_address

OWNER = role_address("owner")


@pytest.fixture
def netuid(world):
    world.warp(1)
    return life.create(world)


def test_start__sets_t0_and_opens_the_share(world, netuid):
    called = world.tick
    assert world.emission.share_of(netuid) == 0

    world.subnets.start(netuid, called + 5, sender=OWNER)

    logs = {type(e).__name__: e for e in world.subnets.get_logs()}
    started, era = logs["SubnetStarted"], logs["EraBegun"]
    assert (started.called_tick, started.start_tick) == (called, called + 5)
    profile = world.preset.profile
    assert (era.start_epoch, era.start_tick, era.tempo) == (0, called + 5, profile.tempo_ticks)
    assert (era.reveal_ticks, era.window_ticks) == (profile.reveal_ticks, profile.window_ticks)
    assert world.subnets.start_ticks(netuid) == (called, called + 5)
    assert world.emission.share_of(netuid) > 0


def test_start__before_t0__no_epoch_yet_but_the_set_is_for_epoch_0(world, netuid):
    with boa.reverts("subnets: not started"):
        world.subnets.epoch_at(netuid, world.tick)
    with boa.reverts("subnets: not started"):
        world.subnets.window_of(netuid, 0)
    assert (world.subnets.next_epoch(netuid), world.subnets.running_epoch(netuid)) == (0, 0)

    t0 = life.start(world, netuid, in_ticks=5)

    with boa.reverts("subnets: not started"):
        world.subnets.epoch_at(netuid, t0 - 1)
    assert world.subnets.window_of(netuid, 0).start_tick == t0
    assert (world.subnets.next_epoch(netuid), world.subnets.running_epoch(netuid)) == (0, 0)
    world.warp_to(t0 - 1)
    assert (world.subnets.next_epoch(netuid), world.subnets.running_epoch(netuid)) == (0, 0)
    world.warp_to(t0)
    assert (world.subnets.next_epoch(netuid), world.subnets.running_epoch(netuid)) == (1, 0)
    tempo = world.preset.profile.tempo_ticks
    world.warp_to(t0 + tempo - 1)
    assert (world.subnets.next_epoch(netuid), world.subnets.running_epoch(netuid)) == (1, 0)
    world.warp_to(t0 + tempo)
    assert (world.subnets.next_epoch(netuid), world.subnets.running_epoch(netuid)) == (2, 1)


def test_start__poke_terms__before_and_after_t0(world, netuid):
    with boa.reverts("subnets: not started"):
        world.subnets.poke_terms(netuid)
    called = world.tick
    t0 = life.start(world, netuid, in_ticks=5)
    assert tuple(world.subnets.poke_terms(netuid)) == (0, called - 1, 4)
    world.warp_to(t0 - 1)
    assert tuple(world.subnets.poke_terms(netuid)) == (0, called - 1, 4)
    world.warp_to(t0)
    assert tuple(world.subnets.poke_terms(netuid)) == (1, t0 - 1, 4)
    tempo = world.preset.profile.tempo_ticks
    world.warp_to(t0 + tempo + 3)
    assert tuple(world.subnets.poke_terms(netuid)) == (2, t0 + tempo - 1, 4)


@pytest.mark.parametrize("ahead", [0, -1])
def test_start__not_in_the_future__reverts(world, netuid, ahead):
    with boa.reverts("subnets: start not in future"):
        world.subnets.start(netuid, world.tick + ahead, sender=OWNER)


def test_start__delay__is_bounded(world, netuid):
    most = world.subnets.MAX_START_DELAY_TICKS()
    with boa.reverts("subnets: start too far ahead"):
        world.subnets.start(netuid, world.tick + most + 1, sender=OWNER)
    world.subnets.start(netuid, world.tick + most, sender=OWNER)


def test_start__twice__reverts(world, netuid):
    life.start(world, netuid)
    with boa.reverts("subnets: already started"):
        world.subnets.start(netuid, world.tick + 1, sender=OWNER)


def test_start__by_others__reverts(world, netuid, stranger):
    for caller in (stranger, world.address["Timelock"], life.key("owner hotkey").address):
        with boa.reverts("subnets: not the owner"):
            world.subnets.start(netuid, world.tick + 1, sender=caller)


def test_start__unknown_netuid__reverts(world, netuid):
    for unknown in (netuid + 1, 2**255):
        with boa.reverts("subnets: unknown netuid"):
            world.subnets.start(unknown, world.tick + 1, sender=OWNER)


def test_start__in_the_first_tick__reverts(world):
    """There is no tick before it at which pokes could compare stakes."""
    netuid = life.create(world)
    with boa.reverts("subnets: too early"):
        world.subnets.start(netuid, 5, sender=OWNER)


def test_set_identity__by_the_owner_alone(world, netuid, stranger):
    with boa.reverts("subnets: not the owner"):
        world.subnets.set_identity(netuid, "digits", "https://example.org", sender=stranger)
    world.subnets.set_identity(netuid, "digits", "https://example.org", sender=OWNER)
    (event,) = world.subnets.get_logs()
    assert (event.netuid, event.name, event.url) == (netuid, "digits", "https://example.org")
    assert world.subnets.identity_of(netuid) == ("digits", "https://example.org")


@pytest.mark.parametrize(
    "view, arguments",
    [
        ("owner_of", ()),
        ("max_uids", ()),
        ("max_validators", ()),
        ("start_ticks", ()),
        ("next_epoch", ()),
        ("running_epoch", ()),
        ("parameter_at", (1, 0)),
        ("consensus_parameters", (0,)),
        ("registration_terms", ()),
        ("poke_terms", ()),
        ("lock_rao", ()),
        ("identity_of", ()),
    ],
)
def test_views__unknown_netuid__revert(world, netuid, view, arguments):
    for unknown in (netuid + 1, 2**255):
        with boa.reverts("subnets: unknown netuid"):
            getattr(world.subnets, view)(unknown, *arguments)
