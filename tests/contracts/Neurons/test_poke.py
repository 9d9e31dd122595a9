# SPDX-License-Identifier: Apache-2.0
"""Neurons.poke: seats go by stake at a tick that is over, so moved stake cannot sit twice."""

import boa
import pytest

from offchain.chain.neurons import KEEPS_SEAT
from offchain.protocol.hyperparameters import hyperparameter
from offchain.settlement.frozen import pack_generations
from tests.contracts import life
from tests.contracts.deployment import MINIMAL, RAO, deploy_world, role_address, seeded

OWNER = role_address("owner")
NAMES = ("small", "middle", "large", "other")
UID = {name: uid for uid, name in enumerate(NAMES)}


def subnet(world):
    """Four registered hotkeys without stake; the subnet is not started."""
    world.warp(1)
    netuid = life.create(world)
    for name in NAMES:
        life.register(world, netuid, name)
    return netuid


@pytest.fixture
def netuid(world):
    return subnet(world)


@pytest.fixture
def running(world, netuid):
    """Epoch 2; stakes 10, 20, 30, 0 TAO since before the start."""
    for name, tao in (("small", 10), ("middle", 20), ("large", 30)):
        life.stake(world, name, tao * RAO)
    world.warp(1)
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 2, plus=3)
    return netuid


def sitting(world, netuid, epoch):
    """Names in the four seats of an epoch."""
    words = life.seats_at(world, netuid, epoch)
    uids = [word >> 64 >> 48 & 0xFFFF if word else None for word in words]
    return [None if uid is None else NAMES[uid] for uid in uids]


def test_poke__empty_seat__serves_from_the_next_epoch(world, running):
    world.neurons.poke(running, 1, UID["small"])
    (event,) = world.neurons.get_logs()
    registration_id = world.neurons.registration_at(running, 0, 2)
    assert (event.netuid, event.seat, event.uid) == (running, 1, UID["small"])
    assert (event.registration_id, event.from_epoch) == (registration_id, 3)
    assert sitting(world, running, 2) == [None] * 4
    assert sitting(world, running, 3) == [None, "small", None, None]
    assert tuple(world.neurons.seat_at(running, 1, 3)) == (registration_id, 3)
    assert tuple(world.neurons.seat_at(running, 1, 2)) == (0, 0)
    life.go_to_epoch(world, running, 9)
    assert tuple(world.neurons.seat_at(running, 1, 10)) == (registration_id, 3)


def test_poke__more_stake__takes_the_seat_at_the_boundary(world, running):
    world.neurons.poke(running, 0, UID["small"])
    life.go_to_epoch(world, running, 3)
    with boa.reverts("neurons: already seated"):
        world.neurons.poke(running, 0, UID["small"])
    world.neurons.poke(running, 0, UID["large"])
    assert [sitting(world, running, epoch)[0] for epoch in (2, 3, 4)] == [None, "small", "large"]
    # the one who lost its seat is free to sit elsewhere
    world.neurons.poke(running, 1, UID["small"])
    assert sitting(world, running, 4) == ["large", "small", None, None]
    with boa.reverts("neurons: holder has more stake"):
        world.neurons.poke(running, 0, UID["middle"])


def test_poke__several_in_one_epoch__the_largest_stake_sits(world, running):
    for name in ("small", "large"):
        world.neurons.poke(running, 2, UID[name])
    with boa.reverts("neurons: holder has more stake"):
        world.neurons.poke(running, 2, UID["middle"])
    assert sitting(world, running, 3) == [None, None, "large", None]


def test_poke__equal_stake__the_higher_uid_sits(world, running):
    life.stake(world, "small", 10 * RAO)  # as much as middle
    life.go_to_epoch(world, running, 3)
    world.neurons.poke(running, 0, UID["small"])
    world.neurons.poke(running, 0, UID["middle"])
    with boa.reverts("neurons: holder has more stake"):
        world.neurons.poke(running, 0, UID["small"])
    assert sitting(world, running, 4) == ["middle", None, None, None]


def test_poke__no_stake__reverts(world, running):
    with boa.reverts("neurons: no stake"):
        world.neurons.poke(running, 0, UID["other"])


def test_poke__second_seat__reverts(world, running):
    world.neurons.poke(running, 0, UID["large"])
    for seat in range(4):
        with boa.reverts("neurons: already seated"):
            world.neurons.poke(running, seat, UID["large"])
    life.go_to_epoch(world, running, 5)
    with boa.reverts("neurons: already seated"):
        world.neurons.poke(running, 1, UID["large"])


def test_poke__unknown_seat_or_uid__reverts(world, running):
    for seat in (4, 63, 64, 2**255):
        with boa.reverts("neurons: no such seat or uid"):
            world.neurons.poke(running, seat, UID["small"])
    for uid in (4, 1_023, 2**255):
        with boa.reverts("neurons: no such seat or uid"):
            world.neurons.poke(running, 0, uid)


def test_poke__before_start__reverts(world, netuid):
    life.stake(world, "small", RAO)
    with boa.reverts("subnets: not started"):
        world.neurons.poke(netuid, 0, UID["small"])


def test_poke__before_t0__goes_by_the_stake_at_the_tick_before_the_call_of_start(world, netuid):
    life.stake(world, "small", 10 * RAO)
    world.warp(1)
    life.stake(world, "large", 30 * RAO)  # in the tick of the call: too late
    life.start(world, netuid, in_ticks=8)
    world.warp(5)
    world.neurons.poke(netuid, 0, UID["small"])
    with boa.reverts("neurons: no stake"):
        world.neurons.poke(netuid, 1, UID["large"])
    assert sitting(world, netuid, 0) == ["small", None, None, None]
    assert world.neurons.seat_at(netuid, 0, 0).since_epoch == 0


def stake_arrives_at_the_boundary(world, netuid):
    """C4: stake that comes in epoch 3 and wants to sit in epoch 4. True if it gets the seat."""
    life.go_to_epoch(world, netuid, 3)
    life.stake(world, "other", 1_000 * RAO)  # first tick of epoch 3: after b(3) - 1
    world.warp(1)
    try:
        world.neurons.poke(netuid, 0, UID["other"])
    except boa.BoaError:
        return False
    return True


def test_C4_stake_that_arrives_in_the_epoch__does_not_sit_in_the_next(world, running):
    assert not stake_arrives_at_the_boundary(world, running)
    life.go_to_epoch(world, running, 4)
    world.neurons.poke(running, 0, UID["other"])
    assert sitting(world, running, 5) == ["other", None, None, None]


def moved_stake_sits_twice(world, netuid):
    """One stake, moved between hotkeys of one coldkey inside an epoch, pokes with each of them."""
    coldkey = role_address("mover")
    for name in ("first", "second"):
        life.register(world, netuid, name, coldkey=coldkey)
    shares = stake_of_mover(world, coldkey)
    life.go_to_epoch(world, netuid, 4, plus=2)
    seated = 0
    first, second = (life.key(name).address for name in ("first", "second"))
    for seat, name, move in ((0, "first", (first, second)), (1, "second", None)):
        uid = world.neurons.uid_of(netuid, life.key(name).address, 4)
        try:
            world.neurons.poke(netuid, seat, uid)
            seated += 1
        except boa.BoaError:
            pass
        if move:
            world.staking.move_stake(*move, shares, sender=coldkey)
            world.warp(1)
    return seated > 1


def stake_of_mover(world, coldkey):
    world.give(coldkey, 50 * RAO, world.address["Staking"])
    first = life.key("first").address
    world.staking.add_stake(first, 50 * RAO, sender=coldkey)
    return world.staking.shares_of(first, coldkey)


def test_stake_moved_between_hotkeys__sits_once(world, running):
    assert not moved_stake_sits_twice(world, running)


def test_stake_moved_away__its_old_seat_falls_to_anybody_with_stake(world, running):
    """What sits in the seat it left counts 0 there, and cannot hold it against any stake."""
    moved_stake_sits_twice(world, running)
    life.go_to_epoch(world, running, 5)
    world.neurons.poke(running, 0, UID["small"])
    assert sitting(world, running, 6)[0] == "small"


@pytest.mark.soundness
@pytest.mark.parametrize("attack", [stake_arrives_at_the_boundary, moved_stake_sits_twice])
def test_C4_seeded__pokes_by_current_stake__are_sniped(attack):
    bug = (
        "Neurons.vy",
        "STAKING.stake_for(hotkeys._hotkey_of(registration_id), life, tick)",
        "STAKING.stake_of(hotkeys._hotkey_of(registration_id))",
    )
    world = deploy_world(MINIMAL, Neurons=seeded("Neurons", bug))
    netuid = subnet(world)
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 2)
    assert attack(world, netuid)


@pytest.mark.soundness
def test_C4_seeded__stake_tick_of_the_running_epoch__is_sniped():
    """b(c) instead of b(c) - 1: stake that arrives in the boundary's own tick would count."""
    bug = ("Subnets.vy", "eras._epoch_at(netuid, tick).start_tick - 1", "tick - 1")
    world = deploy_world(MINIMAL, Subnets=seeded("Subnets", bug))
    netuid = subnet(world)
    life.start(world, netuid)
    life.go_to_epoch(world, netuid, 2)
    assert stake_arrives_at_the_boundary(world, netuid)


@pytest.mark.soundness
def test_poke__seeded_without_the_seat_guard__one_registration_sits_twice():
    guard = "    assert not seats._is_seated(life, registration_id), "
    bug = ("Neurons.vy", guard + '"neurons: already seated"\n', "")
    world = deploy_world(MINIMAL, Neurons=seeded("Neurons", bug))
    netuid = subnet(world)
    life.stake(world, "large", RAO)
    world.warp(1)
    life.start(world, netuid)
    for seat in (0, 1):
        world.neurons.poke(netuid, seat, UID["large"])
    assert sitting(world, netuid, 0)[:2] == ["large", "large"]


def crowd_out(world, netuid, name):
    """Let a new neuron take the uid of `name`, which is the first to go."""
    scores = [0xFFFF] * 16
    scores[UID[name]] = 0
    word = sum(s << 16 * (15 - i) for i, s in enumerate(scores))
    epoch = world.subnets.running_epoch(netuid)
    world.neurons.record_scores(netuid, epoch, [word], sender=world.address["Settlement"])
    for number in range(world.neurons.uid_count(netuid), 16):
        life.register(world, netuid, f"filler {number}")
    registration_id = life.register(world, netuid, "newcomer")
    assert registration_id >> 48 & 0xFFFF == UID[name]


def open_full(world, netuid):
    """Epoch 3 of a full subnet without immunity; large holds seat 0."""
    world.subnets.set_parameter(netuid, hyperparameter("immunity_ticks").id, 0, sender=OWNER)
    for name, tao in (("small", 10), ("middle", 20), ("large", 30)):
        life.stake(world, name, tao * RAO)
    for number in range(4, 16):
        life.register(world, netuid, f"filler {number}")
    world.warp(1)
    life.start(world, netuid, in_ticks=3)
    world.neurons.poke(netuid, 0, UID["large"])
    life.go_to_epoch(world, netuid, 3, plus=2)
    return netuid


@pytest.fixture
def full(world, netuid):
    return open_full(world, netuid)


def test_replaced_holder__sits_to_the_end_of_its_epoch_and_its_successor_does_not(world, full):
    crowd_out(world, full, "large")
    assert [sitting(world, full, epoch)[0] for epoch in (2, 3, 4)] == ["large", "large", None]
    # anybody with stake may have the empty seat
    world.neurons.poke(full, 0, UID["small"])
    assert [sitting(world, full, epoch)[0] for epoch in (3, 4)] == ["large", "small"]


def test_unbroken_tenure__the_one_that_would_have_taken_the_seat_is_replaced(world, full):
    """small outweighed by nobody in the end: it keeps the seat it had since its own boundary."""
    world.neurons.poke(full, 1, UID["small"])  # from 4
    life.go_to_epoch(world, full, 5)
    world.neurons.poke(full, 1, UID["middle"])  # would sit from 6
    crowd_out(world, full, "middle")
    world.neurons.poke(full, 1, UID["small"])
    for epoch in (5, 6):
        seat = world.neurons.seat_at(full, 1, epoch)
        assert (seat.registration_id >> 48 & 0xFFFF, seat.since_epoch) == (UID["small"], 4)


def kept_seats(world, netuid, epoch):
    """Seats whose holder has them in the next epoch too, asked one by one."""
    pairs = [
        [world.neurons.seat_at(netuid, number, e).registration_id for e in (epoch, epoch + 1)]
        for number in range(4)
    ]
    return [now != 0 and now == after for now, after in pairs]


def standing_is_as_asked_one_by_one(world, netuid, epochs):
    for epoch in epochs:
        standing = world.neurons.standing_at(netuid, epoch)
        seats = [world.neurons.seat_at(netuid, number, epoch) for number in range(4)]
        words = [seat.registration_id << 64 | seat.since_epoch for seat in seats]
        if [word & ~KEEPS_SEAT for word in standing.seats] != words:
            return False
        kept = [word & KEEPS_SEAT != 0 for word in standing.seats]
        if kept != kept_seats(world, netuid, epoch):
            return False
        ids = [world.neurons.registration_at(netuid, uid, epoch) for uid in range(16)]
        if list(standing.generations) != list(pack_generations([i & 0xFFFF_FFFF for i in ids])):
            return False
    return True


def outweigh(world, netuid):
    """Seats 1 and 3 have a new holder from epoch 4, seat 3 another one from 6."""
    world.neurons.poke(netuid, 1, UID["middle"])
    world.neurons.poke(netuid, 3, UID["small"])
    life.go_to_epoch(world, netuid, 5)
    life.stake(world, "other", 15 * RAO)
    life.go_to_epoch(world, netuid, 7)
    world.neurons.poke(netuid, 3, UID["other"])
    return (6, 7, 8)


def replace(world, netuid):
    """The holder of seat 0 serves to the end of epoch 3."""
    crowd_out(world, netuid, "large")
    return (2, 3, 4)


@pytest.mark.parametrize("happening", [outweigh, replace])
def test_standing_at__equals_seat_at_and_registration_at(world, full, happening):
    assert standing_is_as_asked_one_by_one(world, full, (1, 2, 3))
    assert standing_is_as_asked_one_by_one(world, full, happening(world, full))


@pytest.mark.soundness
@pytest.mark.parametrize(
    "happening, right, wrong",
    [
        (outweigh, "            next_tenure = seats._tenure_at(life, seat, epoch + 1)\n", ""),
        (outweigh, "            tenure = seats._tenure_at(life, seat, epoch)\n", ""),
        (replace, "(leaving[uid >> 8] << (uid & 255)) >> 255 == 0", "True"),
        (replace, "if generation != (word >> 64) & _MASK_32:", "if False:"),
    ],
)
def test_standing_at__seeded__differs(happening, right, wrong):
    world = deploy_world(MINIMAL, Neurons=seeded("Neurons", ("Neurons.vy", right, wrong)))
    with boa.env.anchor():
        netuid = open_full(world, subnet(world))
        epochs = happening(world, netuid)
        assert not standing_is_as_asked_one_by_one(world, netuid, epochs)


def test_seat_at__no_such_seat__reverts(world, full):
    with boa.reverts("neurons: no such seat or uid"):
        world.neurons.seat_at(full, 64, 3)
