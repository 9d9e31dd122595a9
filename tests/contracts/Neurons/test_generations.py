# SPDX-License-Identifier: Apache-2.0
"""modules/generations.vy against a model that simply remembers every set of every epoch."""

import random

import boa
import pytest

from tests.contracts.deployment import compiled, seeded

NETUID = 3


class Model:
    """Every boundary's set of changed uids, in full."""

    def __init__(self, max_uids):
        self.max_uids = max_uids
        self.count = 0
        self.changed: dict[int, set[int]] = {}
        self.taken = -1

    def replace(self, uid, boundary):
        self.count = max(self.count, uid + 1)
        self.changed.setdefault(boundary, set()).add(uid)

    def at(self, uid, epoch):
        return sum(uid in uids for boundary, uids in self.changed.items() if boundary <= epoch)

    def lanes(self, epoch):
        generations = [self.at(uid, epoch) for uid in range(self.max_uids)]
        words = [generations[i : i + 8] for i in range(0, self.max_uids, 8)]
        return [sum(g << 32 * (7 - i) for i, g in enumerate(word)) for word in words]

    def take(self, epoch):
        uids = self.between(self.taken, epoch)
        self.taken = epoch
        return bitmap(uids)

    def between(self, after, upto):
        return set().union(*(u for b, u in self.changed.items() if after < b <= upto))


def bitmap(uids):
    words = [0] * 4
    for uid in uids:
        words[uid // 256] |= 1 << (255 - uid % 256)
    return words


def agree(harness, seed, epochs=40):
    """Registrations, closes and gaps at random; False once contract and model differ."""
    rng = random.Random(seed)
    max_uids = [16, 64, 512, 16, 32, 1_024, 16, 256][seed % 8]
    model = Model(max_uids)
    running = -1  # before t0, registrations are for epoch 0
    while running < epochs:
        for _ in range(rng.choice([0, 0, 1, 3, 12])):
            uid = rng.randrange(model.count) if model.count and rng.random() < 0.6 else model.count
            uid = min(uid, max_uids - 1)
            if uid in model.changed.get(running + 1, ()):
                with boa.reverts("neurons: uid already staged"):
                    harness.replace(NETUID, uid, running + 1)
                continue
            model.replace(uid, running + 1)
            if harness.replace(NETUID, uid, running + 1) != model.at(uid, running + 1):
                return False
        if harness.staged(NETUID, running + 1) != bitmap(model.changed.get(running + 1, ())):
            return False
        near = range(max(running - 2, 0), running + 2)
        for epoch in near:
            uid = rng.randrange(max_uids)
            if harness.at(NETUID, uid, epoch) != model.at(uid, epoch):
                return False
        epoch = rng.choice(near)
        if harness.lanes_at(NETUID, epoch, max_uids) != model.lanes(epoch):
            return False
        if harness.changed_after(NETUID, epoch) != bitmap(model.between(epoch, running + 1)):
            return False
        # a close names epoch c - 1 or c - 2, or never happens for a long time
        if running >= 2 and rng.random() < 0.5:
            closed = running - rng.choice([1, 2])
            if closed > model.taken and harness.take(NETUID, closed) != model.take(closed):
                return False
        running += rng.choice([1, 1, 1, 2, 9])
    return True


def carries(harness):
    """Uids that changed hands in null epochs long ago are named by the next close, once."""
    harness.replace(NETUID, 0, 1)
    first = harness.take(NETUID, 1) == bitmap([0])
    for boundary, uid in ((2, 1), (4, 2), (9, 3), (10, 4), (12, 0)):
        harness.replace(NETUID, uid, boundary)  # 9, 10, 12 push 1, 2, 4 out of the ring
    second = harness.take(NETUID, 11) == bitmap([1, 2, 3, 4])
    third = harness.take(NETUID, 12) == bitmap([0])
    return first and second and third


def test_take__after_more_null_epochs_than_the_ring_has__names_each_uid_once():
    assert carries(compiled("NeuronsHarness").deploy())


@pytest.mark.parametrize("seed", range(8))
def test_generations__random_life__contract_equals_model(seed):
    assert agree(compiled("NeuronsHarness").deploy(), seed)


@pytest.mark.soundness
@pytest.mark.parametrize(
    "right, wrong",
    [
        # what falls out of the ring is forgotten
        ("                self._carry[life][word] |= bitmap\n", "                pass\n"),
        # what was taken is taken again from the carry
        ("            if tag > taken:\n", "            if tag > 0:\n"),
        # an entry keeps the bits of the boundary before it
        ("            self._bitmaps[life][BITMAP_WORDS * entry + word] = 0\n", ""),
        # a boundary of its own is counted as later
        ("        if tag > boundary + 1:\n", "        if tag >= boundary + 1:\n"),
        # a take reaches beyond its epoch
        ("tag > taken and tag <= boundary + 1", "tag > taken and tag <= boundary + 2"),
        # a take misses its own boundary
        ("tag > taken and tag <= boundary + 1", "tag > taken and tag < boundary + 1"),
        # the carry is given out for ever
        ("            self._carry[life][word] = 0\n", "            pass\n"),
        # copies of the byte meet
        ("1 | 1 << 31 | 1 << 62", "1 | 1 << 32 | 1 << 62"),
    ],
)
def test_generations__seeded__contract_and_model_differ(right, wrong):
    harness = seeded("mocks/NeuronsHarness", ("modules/generations.vy", right, wrong)).deploy()
    assert not all(agrees_alone(harness, seed) for seed in range(8))


def agrees_alone(harness, seed):
    """One life on a chain of its own; the first seed also lives through the long gap."""
    try:
        with boa.env.anchor():
            if seed == 0 and not carries(harness):
                return False
        with boa.env.anchor():
            return agree(harness, seed)
    except boa.BoaError:
        return False  # the model has an answer where the contract reverts


@pytest.mark.soundness
def test_generations__seeded_twice_in_one_boundary__is_refused_by_the_guard():
    """Without the guard one bit stands for two generations, and the past changes."""
    guard = '    assert not self._is_in(life, entry, uid), "neurons: uid already staged"\n'
    harness = seeded("mocks/NeuronsHarness", ("modules/generations.vy", guard, "")).deploy()
    harness.replace(NETUID, 0, 4)
    assert harness.at(NETUID, 0, 3) == 0
    harness.replace(NETUID, 0, 4)
    assert harness.at(NETUID, 0, 3) != 0


def test_at__older_than_the_ring__reverts_instead_of_guessing():
    harness = compiled("NeuronsHarness").deploy()
    for boundary in range(3, 13):
        harness.replace(NETUID, 0, boundary)
    assert harness.at(NETUID, 0, 4) == 2
    with boa.reverts("neurons: epoch too old"):
        harness.at(NETUID, 0, 3)
    with boa.reverts("neurons: epoch too old"):
        harness.lanes_at(NETUID, 3, 16)


def test_subnets__do_not_touch_each_other():
    harness = compiled("NeuronsHarness").deploy()
    harness.replace(1, 0, 5)
    harness.replace(2, 0, 6)
    assert [harness.at(netuid, 0, 5) for netuid in (1, 2)] == [1, 0]
    assert harness.take(1, 5) == bitmap([0])
    assert harness.take(2, 6) == bitmap([0])


SECOND_LIFE = 1 << 16 | NETUID
SECOND_EPOCH = 1 << 32
SECOND_GENERATION = 1 << 24


def test_second_life__nothing_of_the_first_is_there_and_no_generation_comes_again():
    harness = compiled("NeuronsHarness").deploy()
    for epoch in range(4):
        for uid in range(3):
            harness.replace(NETUID, uid, epoch)
    first = SECOND_EPOCH
    assert [harness.at(SECOND_LIFE, uid, first) for uid in range(4)] == [0] * 4
    assert harness.lanes_at(SECOND_LIFE, first, 16) == [0, 0]
    assert harness.replace(SECOND_LIFE, 0, first) == SECOND_GENERATION + 1
    assert harness.replace(SECOND_LIFE, 1, first + 2) == SECOND_GENERATION + 1
    assert harness.replace(SECOND_LIFE, 0, first + 2) == SECOND_GENERATION + 2
    lanes = [harness.lanes_at(SECOND_LIFE, first + e, 16)[0] for e in range(3)]
    one = SECOND_GENERATION + 1
    assert lanes == [one << 224, one << 224, one + 1 << 224 | one << 192]
    assert [harness.at(SECOND_LIFE, 1, first + e) for e in range(3)] == [0, 0, one]
    assert harness.staged(SECOND_LIFE, first + 2) == [3 << 254, 0, 0, 0]
    # a take goes by the epochs of its own life
    assert harness.take(SECOND_LIFE, first + 1) == [1 << 255, 0, 0, 0]
    assert harness.take(SECOND_LIFE, first + 2) == [3 << 254, 0, 0, 0]
    assert harness.at(NETUID, 0, 3) == 4


def test_life__last_generation_of_a_life__is_never_one_of_the_next():
    """With 3 bits a life has 7 generations a uid; the next would be life 1's empty one."""
    right = "LIFE_GENERATION_BITS: constant(uint256) = 24"
    narrow = ("modules/registration_id.vy", right, right.replace("24", "3"))
    harness = seeded("mocks/NeuronsHarness", narrow).deploy()
    assert [harness.replace(NETUID, 0, epoch) for epoch in range(7)] == list(range(1, 8))
    with boa.reverts("neurons: uid is worn out"):
        harness.replace(NETUID, 0, 7)
    assert harness.replace(SECOND_LIFE, 0, SECOND_EPOCH) == 9
