# SPDX-License-Identifier: Apache-2.0
"""Subnets.set_parameter: hard bounds, authority, and that nothing near ever moves."""

import boa
import pytest

from offchain.protocol.eras import FREEZE_TICKS, EpochWindow, is_frozen
from offchain.protocol.hyperparameters import HYPERPARAMETERS, Authority, hyperparameter
from tests.contracts import life
from tests.contracts.deployment import MINIMAL, compiled, deploy_world, role_address, seeded

OWNER = role_address("owner")
PENALTY = hyperparameter("bonds_penalty_u16").id
IDS = [row.name for row in HYPERPARAMETERS]


@pytest.fixture
def netuid(world):
    world.warp(1)
    return life.create(world)


@pytest.fixture(scope="module")
def harness():
    return compiled("SubnetsHarness").deploy()


def setter(world, row):
    """Who can set a row to both of its bounds."""
    is_owners = row.authority is Authority.OWNER and row.owner_most == row.most
    return OWNER if is_owners else world.address["Timelock"]


def test_J5_owners_bound__narrower_than_the_timelocks(world, netuid):
    (row,) = [row for row in HYPERPARAMETERS if row.owner_most < row.most]
    world.subnets.set_parameter(netuid, row.id, row.owner_most, sender=OWNER)
    with boa.reverts("subnets: beyond owner's bound"):
        world.subnets.set_parameter(netuid, row.id, row.owner_most + 1, sender=OWNER)
    world.subnets.set_parameter(netuid, row.id, row.most, sender=world.address["Timelock"])


@pytest.mark.parametrize("row", HYPERPARAMETERS, ids=IDS)
def test_freeze__last_ticks_of_an_epoch__refuse_what_the_table_says(world, netuid, row):
    """Mechanics 3.1: the last 10 blocks; of a tempo of 12 ticks a quarter, which is 3."""
    life.start(world, netuid)
    assert world.subnets.FREEZE_TICKS() == FREEZE_TICKS
    window = EpochWindow(4, life.go_to_epoch(world, netuid, 4), 12, 4, 3)
    for tick in range(window.start_tick, window.end_tick):
        with boa.env.anchor():
            world.warp_to(tick)
            arguments = (netuid, row.id, row.default)
            if row.has_freeze and is_frozen(window, tick):
                with boa.reverts("subnets: frozen before boundary"):
                    world.subnets.set_parameter(*arguments, sender=setter(world, row))
            else:
                world.subnets.set_parameter(*arguments, sender=setter(world, row))
    assert [is_frozen(window, tick) for tick in range(window.start_tick, window.end_tick)] == (
        [False] * 10 + [True] * 2
    )


def test_freeze__schedule_and_tempo_360__last_nine_ticks(world, netuid):
    """Closed while fewer than 10 ticks are left, as Bittensor's window is."""
    world.subnets.set_schedule(netuid, 360, 100, 150, sender=OWNER)
    t0 = life.start(world, netuid)
    for left, is_open in ((11, True), (10, True), (9, False), (1, False)):
        with boa.env.anchor():
            world.warp_to(t0 + 360 - left)
            assert is_frozen(EpochWindow(0, t0, 360, 100, 150), world.tick) is not is_open
            if is_open:
                world.subnets.set_schedule(netuid, 360, 90, 150, sender=OWNER)
            else:
                with boa.reverts("subnets: frozen before boundary"):
                    world.subnets.set_schedule(netuid, 360, 90, 150, sender=OWNER)


def test_owner_cut__disabled__all_goes_to_miners_and_validators(world, netuid):
    cut = hyperparameter("owner_cut_enabled").id
    world.subnets.set_parameter(netuid, cut, 0, sender=OWNER)
    assert not world.subnets.consensus_parameters(netuid, 0).is_owner_cut_enabled
    assert world.subnets.consensus_parameters(0, 0).is_owner_cut_enabled


@pytest.mark.parametrize("row", HYPERPARAMETERS, ids=IDS)
def test_table__contract_equals_python(harness, row):
    by_timelock = row.authority is Authority.TIMELOCK
    assert tuple(harness.row(row.id)) == (
        *(row.default, row.least, row.most, by_timelock),
        row.has_freeze,
    )


def test_table__ids_run_from_1_and_the_contract_has_no_more(harness):
    assert [row.id for row in HYPERPARAMETERS] == list(range(1, len(HYPERPARAMETERS) + 1))
    for unknown in (0, len(HYPERPARAMETERS) + 1):
        with boa.reverts("subnets: unknown parameter"):
            harness.row(unknown)


def test_table__defaults_lie_inside_the_bounds():
    for row in HYPERPARAMETERS:
        row.check(row.default)
    # min_burn <= max_burn whatever is chosen
    assert hyperparameter("min_burn_rao").most <= hyperparameter("max_burn_rao").least


@pytest.mark.parametrize("row", HYPERPARAMETERS, ids=IDS)
def test_J5_each_parameter__beyond_its_bounds__reverts(world, netuid, row):
    """least - 1 and most + 1 revert for everybody; both ends can be set."""
    caller = setter(world, row)
    for started in (False, True):
        if started:
            life.start(world, netuid)
        if row.least > 0:
            with boa.reverts("subnets: out of bounds"):
                world.subnets.set_parameter(netuid, row.id, row.least - 1, sender=caller)
        with boa.reverts("subnets: out of bounds"):
            world.subnets.set_parameter(netuid, row.id, row.most + 1, sender=caller)
        for allowed in (row.least, row.most):
            with boa.env.anchor():
                world.subnets.set_parameter(netuid, row.id, allowed, sender=caller)
                assert world.subnets.parameter_at(netuid, row.id, 2) == allowed


@pytest.mark.parametrize("row", HYPERPARAMETERS, ids=IDS)
def test_J5_each_parameter__change__waits_for_the_epoch_after_the_next(world, netuid, row):
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 5, plus=7)
    world.subnets.set_parameter(netuid, row.id, row.most, sender=setter(world, row))
    (event,) = world.subnets.get_logs()
    assert (event.netuid, event.parameter_id, event.value) == (netuid, row.id, row.most)
    assert event.from_epoch == 7
    values = [world.subnets.parameter_at(netuid, row.id, epoch) for epoch in range(3, 10)]
    assert values == [row.default] * 4 + [row.most] * 3


def test_J5_change__again_before_two_epochs_later__reverts(world, netuid):
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 5)
    world.subnets.set_parameter(netuid, PENALTY, 11, sender=OWNER)  # from epoch 7
    last = life.go_to_epoch(world, netuid, 9) - 1
    with boa.env.anchor():
        boa.env.timestamp = world.genesis_at + last * world.preset.tick_seconds
        with boa.reverts("subnets: changed too recently"):
            world.subnets.set_parameter(netuid, PENALTY, 22, sender=OWNER)
    world.subnets.set_parameter(netuid, PENALTY, 22, sender=OWNER)
    values = [world.subnets.parameter_at(netuid, PENALTY, epoch) for epoch in range(7, 13)]
    assert values == [11] * 4 + [22] * 2


def test_set_parameter__before_start__holds_from_epoch_0_and_can_be_corrected(world, netuid):
    world.subnets.set_parameter(netuid, PENALTY, 1, sender=OWNER)
    world.subnets.set_parameter(netuid, PENALTY, 2, sender=OWNER)
    assert world.subnets.get_logs()[0].from_epoch == 0
    life.start(world, netuid, in_ticks=5)
    assert world.subnets.parameter_at(netuid, PENALTY, 0) == 2
    with boa.reverts("subnets: changed too recently"):
        world.subnets.set_parameter(netuid, PENALTY, 3, sender=OWNER)


def test_set_parameter__between_the_call_of_start_and_t0__spares_epoch_0(world, netuid):
    life.start(world, netuid, in_ticks=5)
    world.subnets.set_parameter(netuid, PENALTY, 3, sender=OWNER)
    values = [world.subnets.parameter_at(netuid, PENALTY, epoch) for epoch in range(3)]
    assert values == [65_535, 3, 3]


def nearby(world, netuid):
    """What a close, a commit or a registration may read: epochs c - 2 to c + 1."""
    running = world.subnets.running_epoch(netuid)
    epochs = range(max(running - 2, 0), running + 2)
    return {e: world.subnets.parameter_at(netuid, PENALTY, e) for e in epochs}


def nothing_near_moves(world):
    """Change whenever it is allowed, for 20 epochs; False once a value that was seen moves."""
    world.warp(1)
    netuid = life.create(world)
    life.start(world, netuid)
    seen: dict[int, int] = {}
    changes = 0
    for epoch in range(20):
        life.go_to_epoch(world, netuid, epoch, plus=epoch % 3)
        for _ in range(2):
            now = nearby(world, netuid)
            if any(seen.get(e, value) != value for e, value in now.items()):
                return False
            seen |= now
            try:
                world.subnets.set_parameter(netuid, PENALTY, 100 + epoch, sender=OWNER)
                changes += 1
            except boa.BoaError:
                continue
    return changes >= 4


def test_parameters__changed_at_every_chance__what_was_seen_never_moves(world):
    assert nothing_near_moves(world)


@pytest.mark.soundness
@pytest.mark.parametrize(
    "right, wrong",
    [
        # effective at the next boundary
        ("    from_epoch: uint256 = next_epoch + 1\n", "    from_epoch: uint256 = next_epoch\n"),
        # a further change one epoch too early
        ("(packed & _MASK_64) + 3", "(packed & _MASK_64)"),
        # the value in between is forgotten
        ("        current = (packed >> 64) & _MASK_96\n", "        current = packed >> 160\n"),
    ],
)
def test_parameters__seeded__a_value_moves(right, wrong):
    bug = seeded("Subnets", ("modules/hyperparameters.vy", right, wrong))
    assert not nothing_near_moves(deploy_world(MINIMAL, Subnets=bug))


def test_set_parameter__only_the_timelock_sets_the_timelocks(world, netuid, stranger):
    timelock = world.address["Timelock"]
    others = (OWNER, stranger, life.key("owner hotkey").address, world.address["deployer"])
    for row in HYPERPARAMETERS:
        if row.authority is Authority.TIMELOCK:
            for caller in others:
                with boa.reverts("subnets: not the timelock"):
                    world.subnets.set_parameter(netuid, row.id, row.default, sender=caller)
        else:
            for caller in others[1:]:
                with boa.reverts("subnets: not the owner"):
                    world.subnets.set_parameter(netuid, row.id, row.default, sender=caller)
            world.subnets.set_parameter(netuid, row.id, row.default, sender=OWNER)
        world.subnets.set_parameter(netuid, row.id, row.default, sender=timelock)


def test_set_parameter__unknown_parameter_or_netuid__reverts(world, netuid):
    timelock = world.address["Timelock"]
    for unknown in (0, len(HYPERPARAMETERS) + 1, 2**255):
        with boa.reverts("subnets: unknown parameter"):
            world.subnets.set_parameter(netuid, unknown, 1, sender=timelock)
        with boa.reverts("subnets: unknown parameter"):
            world.subnets.parameter_at(netuid, unknown, 0)
    for caller in (OWNER, timelock):
        with boa.reverts("subnets: unknown netuid"):
            world.subnets.set_parameter(netuid + 1, PENALTY, 1, sender=caller)
