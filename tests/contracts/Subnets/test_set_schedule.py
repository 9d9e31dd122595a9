# SPDX-License-Identifier: Apache-2.0
"""Subnets.set_schedule, epoch_at and window_of: eras on chain equal eras in Python."""

import random

import boa
import pytest

from offchain.protocol.eras import Era, check_schedule, epoch_at, window_of
from offchain.protocol.errors import InvalidSubmission
from tests.contracts import life
from tests.contracts.deployment import MINIMAL, compiled, deploy_world, role_address, seeded

OWNER = role_address("owner")


@pytest.fixture
def netuid(world):
    world.warp(1)
    return life.create(world)


@pytest.mark.parametrize(
    "tempo, reveal, window, reason",
    [
        (3_601, 100, 100, "eras: tempo out of bounds"),
        (2**32 + 12, 4, 3, "eras: tempo out of bounds"),
        (12, 0, 3, "eras: reveal out of bounds"),
        (12, 7, 3, "eras: reveal out of bounds"),
        (13, 7, 3, "eras: reveal out of bounds"),
        (1, 1, 1, "eras: reveal out of bounds"),
        (0, 0, 0, "eras: reveal out of bounds"),
        (12, 4, 0, "eras: window out of bounds"),
        (12, 4, 13, "eras: window out of bounds"),
    ],
)
def test_J5_schedule__beyond_its_bounds__reverts(world, netuid, tempo, reveal, window, reason):
    for started in (False, True):
        if started:
            life.start(world, netuid)
        for caller in (OWNER, world.address["Timelock"]):
            with boa.reverts(reason):
                world.subnets.set_schedule(netuid, tempo, reveal, window, sender=caller)
    with pytest.raises(InvalidSubmission):
        check_schedule(tempo, reveal, window)


@pytest.mark.parametrize("is_started", [False, True])
def test_J5_schedule__owner_shortens_the_challenge_window__reverts(world, netuid, is_started):
    """Or it could make a false result of its subnet final before anybody has time to strike it."""
    if is_started:
        life.start(world, netuid)
    least = world.preset.profile.window_ticks
    with boa.reverts("subnets: beyond owner's bound"):
        world.subnets.set_schedule(netuid, 12, 4, least - 1, sender=OWNER)
    with boa.env.anchor():
        world.subnets.set_schedule(netuid, 12, 4, least, sender=OWNER)
    world.subnets.set_schedule(netuid, 12, 4, least - 1, sender=world.address["Timelock"])


@pytest.mark.parametrize("schedule", [(2, 1, 1), (3_600, 1_800, 3_600), (13, 6, 13)])
def test_set_schedule__at_the_bounds__holds_from_epoch_0(world, netuid, schedule):
    check_schedule(*schedule)
    world.subnets.set_schedule(netuid, 360, 100, 150, sender=OWNER)
    world.subnets.set_schedule(netuid, *schedule, sender=world.address["Timelock"])
    t0 = life.start(world, netuid)
    assert tuple(world.subnets.window_of(netuid, 0)) == (0, t0, *schedule)


def test_set_schedule__running__begins_an_era_at_the_boundary_after_the_next(world, netuid):
    t0 = life.start(world, netuid)
    life.go_to_epoch(world, netuid, 3, plus=9)
    world.subnets.set_schedule(netuid, 20, 5, 6, sender=OWNER)
    (era,) = world.subnets.get_logs()
    assert (era.netuid, era.start_epoch, era.start_tick) == (netuid, 5, t0 + 5 * 12)
    assert (era.tempo, era.reveal_ticks, era.window_ticks) == (20, 5, 6)
    # phases of an epoch are its own era's: the reveal of epoch 4 lies in epoch 5
    assert tuple(world.subnets.window_of(netuid, 4)) == (4, t0 + 48, 12, 4, 3)
    assert tuple(world.subnets.window_of(netuid, 6)) == (6, t0 + 80, 20, 5, 6)
    assert tuple(world.subnets.epoch_at(netuid, t0 + 59)) == (4, t0 + 48, 12, 4, 3)
    assert tuple(world.subnets.epoch_at(netuid, t0 + 60)) == (5, t0 + 60, 20, 5, 6)


def test_set_schedule__again_before_two_epochs_later__reverts(world, netuid):
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 3)
    world.subnets.set_schedule(netuid, 20, 5, 6, sender=OWNER)  # from epoch 5
    last = life.go_to_epoch(world, netuid, 7) - 1
    with boa.env.anchor():
        boa.env.timestamp = world.genesis_at + last
        with boa.reverts("eras: changed too recently"):
            world.subnets.set_schedule(netuid, 30, 5, 6, sender=OWNER)
    world.subnets.set_schedule(netuid, 30, 5, 6, sender=OWNER)


def test_set_schedule__by_others__reverts(world, netuid, stranger):
    for started in (False, True):
        if started:
            life.start(world, netuid)
        with boa.reverts("subnets: not the owner"):
            world.subnets.set_schedule(netuid, 20, 5, 6, sender=stranger)
    with boa.reverts("subnets: unknown netuid"):
        world.subnets.set_schedule(netuid + 1, 20, 5, 6, sender=OWNER)


def outcome_of(call, *arguments):
    """What a contract or Python answers, with every refusal counted as None."""
    try:
        return tuple(call(*arguments))
    except boa.BoaError:
        return None


def windows_agree(harness, seed):
    """A random history of eras; False once contract and Python differ on a nearby window."""
    rng = random.Random(seed)
    netuid = seed + 1
    t0 = rng.randrange(1, 100)
    harness.begin(netuid, t0, 0, 12, 4, 3)
    eras = [Era(t0, 0, 12, 4, 3)]
    tick = 0
    for _ in range(40):
        tick += rng.randrange(1, 40)
        running = epoch_at(eras, tick).epoch if tick >= t0 else -1
        tempo = rng.randrange(2, 60)
        schedule = (tempo, rng.randrange(1, tempo // 2 + 1), rng.randrange(1, tempo + 1))
        allowed = len(eras) == 1 or running >= eras[-1].start_epoch + 2
        try:
            harness.change_era(netuid, tick, *schedule)
            changed = True
        except boa.BoaError:
            changed = False
        if changed != allowed:
            return False
        if changed:
            boundary = window_of(eras, running + 2).start_tick
            eras.append(Era(boundary, running + 2, *schedule))
        for epoch in range(max(running - 2, 0), running + 3):
            window = window_of(eras, epoch)
            expected = (epoch, window.start_tick, window.tempo, window.reveal_ticks)
            got = outcome_of(harness.window_of, netuid, epoch)
            if got is None or got[:4] != expected or got[4] != window.window_ticks:
                return False
            for near in (window.start_tick, window.end_tick - 1):
                if outcome_of(harness.epoch_at, netuid, near) != got:
                    return False
    assert len(eras) > 3, "the history tested nothing"
    return True


@pytest.mark.parametrize("seed", range(12))
def test_windows__random_eras__contract_equals_python(seed):
    assert windows_agree(compiled("SubnetsHarness").deploy(), seed)


@pytest.mark.soundness
@pytest.mark.parametrize(
    "right, wrong",
    [
        ("        if tick >= start_tick:\n", "        if tick > start_tick:\n"),
        ("    from_epoch: uint256 = next_epoch + 1\n", "    from_epoch: uint256 = next_epoch\n"),
        ("next_epoch >= start_epoch + 3", "next_epoch >= start_epoch + 2"),
        ("    self._older[netuid][index] = latest\n", ""),
    ],
)
def test_windows__seeded__contract_and_python_differ(right, wrong):
    harness = seeded("mocks/SubnetsHarness", ("modules/eras.vy", right, wrong)).deploy()
    assert not all(windows_agree(harness, seed) for seed in range(12))


def test_eras__changed_between_the_call_of_start_and_t0__spare_epoch_0(world, netuid):
    """The first version took a scheduled change for a subnet that runs."""
    t0 = life.start(world, netuid, in_ticks=6)
    world.subnets.set_schedule(netuid, 20, 5, 6, sender=OWNER)
    assert (world.subnets.next_epoch(netuid), world.subnets.running_epoch(netuid)) == (0, 0)
    assert world.subnets.poke_terms(netuid).next_epoch == 0
    world.warp_to(t0)
    assert tuple(world.subnets.epoch_at(netuid, t0)) == (0, t0, 12, 4, 3)
    assert tuple(world.subnets.window_of(netuid, 1)) == (1, t0 + 12, 20, 5, 6)
    assert world.subnets.next_epoch(netuid) == 1


def test_window_of__older_than_four_eras__reverts(world, netuid):
    life.start(world, netuid)
    for change in range(4):
        life.go_to_epoch(world, netuid, 4 * change + 4)
        world.subnets.set_schedule(netuid, 12 + change, 4, 3, sender=OWNER)
    with boa.reverts("subnets: era too old"):
        world.subnets.window_of(netuid, 5)
    with boa.reverts("subnets: era too old"):
        world.subnets.epoch_at(netuid, world.subnets.start_ticks(netuid)[1])
    assert world.subnets.window_of(netuid, 6).tempo == 12


@pytest.mark.soundness
def test_start__seeded_without_its_guard__lies_in_the_past():
    bug = ("Subnets.vy", '    assert start_tick > tick, "subnets: start not in future"\n', "")
    world = deploy_world(MINIMAL, Subnets=seeded("Subnets", bug))
    world.warp(10)
    netuid = life.create(world)
    world.subnets.start(netuid, 1, sender=OWNER)
    assert world.subnets.epoch_at(netuid, world.tick).start_tick < world.tick


@pytest.mark.soundness
def test_J5_schedule__seeded_without_owners_bound__is_one_tick():
    bug = ("Subnets.vy", '    assert is_inside, "subnets: beyond owner\'s bound"\n', "")
    world = deploy_world(MINIMAL, Subnets=seeded("Subnets", bug))
    world.warp(1)
    netuid = life.create(world)
    world.subnets.set_schedule(netuid, 2, 1, 1, sender=OWNER)
    life.start(world, netuid)
    assert world.subnets.window_of(netuid, 0).window_ticks == 1
