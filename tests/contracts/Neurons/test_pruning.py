# SPDX-License-Identifier: Apache-2.0
"""Who makes room in a full subnet (mechanics 5.3): every case ends in a choice or a clear no."""

import random

import boa
import pytest

from offchain.protocol.hyperparameters import hyperparameter
from offchain.protocol.identifiers import unpack_registration_id
from tests.contracts import life
from tests.contracts.deployment import compiled, role_address, seeded

NETUID = 3
NOBODY = 2**256 - 1
OWNER = role_address("owner")


def chosen(neurons, tick, immunity, owner_uid, staged):
    """mechanics 5.3 in its own words; neurons are (score, registered tick) by uid."""
    free = [uid for uid in range(len(neurons)) if uid != owner_uid and uid not in staged]
    order = {uid: (*neurons[uid], uid) for uid in free}
    immune = [uid for uid in free if tick - neurons[uid][1] < immunity]
    mature = [uid for uid in free if uid not in immune]
    pool = mature if len(mature) > 10 else immune
    return min(pool, key=order.__getitem__, default=NOBODY)


def words_of(values, bits):
    lanes = 256 // bits
    padded = values + [0] * (-len(values) % lanes)
    return [
        sum(v << bits * (lanes - 1 - i) for i, v in enumerate(padded[start : start + lanes]))
        for start in range(0, len(padded), lanes)
    ]


def bitmap(uids):
    words = [0] * 4
    for uid in uids:
        words[uid // 256] |= 1 << (255 - uid % 256)
    return words


def agree(harness, seed):
    """A random full subnet; False if contract and model choose differently."""
    rng = random.Random(seed)
    count = rng.choice([16, 16, 17, 27])
    tick = rng.randrange(10_000, 2**31)
    immunity = rng.choice([0, 1, 50, 5_000, 2**31])
    spread = rng.choice([2, 60, 9_000])
    neurons = []
    for uid in range(count):
        registered = tick - rng.randrange(spread)
        harness.admit(NETUID, uid, registered)
        neurons.append((rng.choice([0, 0, 1, 500, 65_535]), registered))
    harness.record(NETUID, words_of([score for score, _ in neurons], 16), [0] * 4)
    owner_uid = rng.choice([NOBODY, rng.randrange(count)])
    staged = set(rng.sample(range(count), rng.choice([0, 0, 3, count - 1, count])))
    got = harness.choose(NETUID, count, tick, immunity, owner_uid, bitmap(staged))
    return got == chosen(neurons, tick, immunity, owner_uid, staged)


@pytest.mark.parametrize("seeds", [range(start, start + 15) for start in (0, 15, 30, 45)])
def test_choose__random_subnets__contract_equals_model(seeds):
    harness = compiled("NeuronsHarness").deploy()
    assert [seed for seed in seeds if not agree(harness, seed)] == []


@pytest.mark.soundness
@pytest.mark.parametrize(
    "right, wrong",
    [
        (" or uid == owner_uid", ""),
        ("barred >> 255 == 1 or ", ""),
        ("since_tick + immunity_ticks > tick", "since_tick + immunity_ticks >= tick"),
        ("mature_count > min_non_immune_uids", "mature_count >= min_non_immune_uids"),
        ("    chosen: uint256 = immune\n", "    chosen: uint256 = min(immune, mature)\n"),
        ("(scores >> 240) << 48 | since_tick << 16", "since_tick << 48 | (scores >> 240) << 16"),
        ("since_tick << 16 | uid", "since_tick << 16 | (1023 - uid)"),
        (" or uid >= count", ""),
    ],
)
def test_choose__seeded__contract_and_model_differ(right, wrong):
    harness = seeded("mocks/NeuronsHarness", ("modules/pruning.vy", right, wrong)).deploy()
    assert not all(agree(harness, seed) for seed in range(60))


def test_choose__1024_uids__stays_far_below_a_block():
    harness = compiled("NeuronsHarness").deploy()
    for uid in range(1_024):
        harness.admit(NETUID, uid, 7_000 - uid)
    harness.record(NETUID, [2**256 - 1] * 64, [0] * 4)
    assert harness.choose(NETUID, 1_024, 99_999, 5_000, 1_023, [0] * 4) == 1_022
    assert harness._computation.get_gas_used() < 1_500_000


@pytest.fixture
def full(world):
    """A subnet of 16 in epoch 2: the owner's neuron on uid 0, nobody immune."""
    world.warp(1)
    netuid = life.create(world)
    world.subnets.set_parameter(netuid, hyperparameter("immunity_ticks").id, 0, sender=OWNER)
    life.start(world, netuid)
    life.register(world, netuid, "owner hotkey")
    for number in range(1, 16):
        life.register(world, netuid, f"neuron {number}")
    life.go_to_epoch(world, netuid, 2)
    return netuid


def score(world, netuid, scores, epoch):
    words = words_of(scores, 16)
    world.neurons.record_scores(netuid, epoch, words, sender=world.address["Settlement"])


def uid_of(registration_id):
    return unpack_registration_id(registration_id).uid


def test_register__full__replaces_the_lowest_score(world, full):
    scores = [900 - uid for uid in range(16)]
    score(world, full, scores, 1)
    assert uid_of(life.register(world, full, "new 1")) == 15
    # it changes hands at this boundary already; its own score is 0 from now on
    assert world.neurons.pruning_of(full, 15) == (0, world.tick)
    assert uid_of(life.register(world, full, "new 2")) == 14


def test_register__full__ties_go_by_registration_then_uid(world, full):
    assert uid_of(life.register(world, full, "new 1")) == 1
    life.go_to_epoch(world, full, 3)
    # all scores are 0: uid 1 registered last, so uid 2 goes
    assert uid_of(life.register(world, full, "new 2")) == 2


def test_B5_owners_neuron__is_never_pruned(world, full):
    score(world, full, [0] + [100] * 15, 1)
    replaced = [uid_of(life.register(world, full, f"new {n}")) for n in range(5)]
    assert 0 not in replaced
    # five are staged: ten others are left, and Bittensor wants more than ten outside immunity
    assert_nobody_makes_room(world, full)
    life.go_to_epoch(world, full, 3)
    # the newcomers have no score yet, nor has the owner's neuron
    assert uid_of(life.register(world, full, "late")) == replaced[0]


def assert_nobody_makes_room(world, netuid):
    """A registration reverts, before anything is paid or written."""
    payer = role_address("late coldkey")
    world.give(payer, 10**12, world.address["Neurons"])
    hotkey = life.key("late")
    signature = life.consent(world, netuid, hotkey, payer)
    before = world.tao.balanceOf(payer), world.neurons.burn_rao(netuid)
    with boa.reverts("neurons: no uid available"):
        world.neurons.register(netuid, hotkey.address, life.NO_LIMIT, signature, sender=payer)
    assert (world.tao.balanceOf(payer), world.neurons.burn_rao(netuid)) == before
    assert world.staking.owner_of(hotkey.address) == "0x" + "00" * 20


def test_B5_all_immune__the_specified_one_goes_and_never_loops(world):
    """Default immunity 5,000 ticks: nobody is mature, so the lowest of the immune goes."""
    world.warp(1)
    netuid = life.create(world)
    life.start(world, netuid)
    life.register(world, netuid, "owner hotkey")
    for number in range(1, 16):
        life.register(world, netuid, f"neuron {number}")
    life.go_to_epoch(world, netuid, 2)
    replaced = [uid_of(life.register(world, netuid, f"new {n}")) for n in range(15)]
    assert replaced == list(range(1, 16))
    # everybody but the owner is staged now
    assert_nobody_makes_room(world, netuid)
    life.go_to_epoch(world, netuid, 3)
    assert uid_of(life.register(world, netuid, "late")) == 1


def test_register__few_are_mature__an_immune_one_goes(world, full):
    """Bittensor's rule: at most ten outside immunity are protected by being few."""
    world.subnets.set_parameter(full, hyperparameter("immunity_ticks").id, 20, sender=OWNER)
    life.go_to_epoch(world, full, 4)
    for number in range(5):
        life.register(world, full, f"young {number}")  # uids 1 to 5
    life.go_to_epoch(world, full, 5)
    # 10 mature (6 to 15), 5 immune: the earliest immune one makes room
    assert uid_of(life.register(world, full, "new")) == 1


def test_record_scores__of_a_uid_that_changed_hands__stays_with_its_predecessor(world, full):
    """E3: nothing of a predecessor reaches a successor, not even protection from pruning."""
    score(world, full, [7] * 16, 1)
    life.register(world, full, "successor")  # uid 1 at boundary 3
    life.go_to_epoch(world, full, 3)
    score(world, full, [9] * 16, 2)
    scores = [world.neurons.pruning_of(full, uid)[0] for uid in range(16)]
    assert scores == [9, 0] + [9] * 14
    score(world, full, [11] * 16, 3)
    assert [world.neurons.pruning_of(full, uid)[0] for uid in (0, 1)] == [11, 11]


@pytest.mark.soundness
def test_record_scores__seeded__a_successor_inherits():
    bug = ("modules/pruning.vy", "recorded & ~kept | self._scores[life][word] & kept", "recorded")
    harness = seeded("mocks/NeuronsHarness", bug).deploy()
    harness.record(NETUID, [2**256 - 1], bitmap([1]))
    assert harness.score_of(NETUID, 1) != 0
    right = compiled("NeuronsHarness").deploy()
    right.record(NETUID, [2**256 - 1], bitmap([1]))
    assert [right.score_of(NETUID, uid) for uid in (0, 1, 2)] == [65_535, 0, 65_535]


def test_record_scores__too_old_to_know_who_changed__are_dropped(world, full):
    for epoch in range(2, 13):
        life.go_to_epoch(world, full, epoch)
        life.register(world, full, f"new {epoch}")
    score(world, full, [7] * 16, 3)
    assert world.neurons.get_logs() == []
    assert [world.neurons.pruning_of(full, uid)[0] for uid in range(16)] == [0] * 16


def test_record_scores__by_others__reverts(world, full, stranger):
    for caller in (stranger, OWNER, world.address["Timelock"], world.address["Weights"]):
        with boa.reverts("neurons: not settlement"):
            world.neurons.record_scores(full, 1, [0], sender=caller)
