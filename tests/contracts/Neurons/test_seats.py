# SPDX-License-Identifier: Apache-2.0
"""modules/seats.vy against a model that remembers who sat where in every epoch."""

import random

import boa
import pytest

from offchain.protocol.identifiers import pack_registration_id, unpack_registration_id
from tests.contracts.deployment import compiled, seeded

NETUID, SEAT = 3, 63


class Model:
    """Holder of one seat in every epoch: the takes by boundary, the last one of a boundary wins."""

    def __init__(self):
        self.takes: dict[int, tuple[int, int]] = {}

    def holder_at(self, epoch):
        boundaries = [boundary for boundary in self.takes if boundary <= epoch]
        if not boundaries:
            return (0, 0, 0)
        since = max(boundaries)
        holder = self.takes[since]
        # unbroken: the one who was about to leave came back in the same epoch
        while True:
            earlier = [boundary for boundary in self.takes if boundary < since]
            if not earlier or self.takes[max(earlier)] != holder:
                return (*holder, since)
            since = max(earlier)


def agree(harness, seed, epochs=60):
    """Takes at random, several per boundary, with gaps; False once contract and model differ."""
    rng = random.Random(seed)
    model = Model()
    boundary = rng.choice([0, 1, 7])
    holders = [(rng.randrange(1_024), rng.randrange(1, 2**32)) for _ in range(4)]
    end = boundary + epochs
    while boundary < end:
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            holder = rng.choice(holders)
            if model.holder_at(boundary)[:2] == holder:
                continue  # Neurons refuses it: already seated
            model.takes[boundary] = holder
            harness.take_seat(NETUID, SEAT, *holder, boundary)
            if not harness.is_seated(NETUID, *holder):
                return False
        for epoch in range(max(boundary - 3, 0), boundary + 1):
            if harness.holder_at(NETUID, SEAT, epoch) != model.holder_at(epoch):
                return False
        boundary += rng.choice([1, 1, 1, 2, 5])
    return True


@pytest.mark.parametrize("seed", range(8))
def test_seat__random_life__contract_equals_model(seed):
    assert agree(compiled("NeuronsHarness").deploy(), seed)


def alone(harness, seed):
    try:
        with boa.env.anchor():
            return agree(harness, seed)
    except boa.BoaError:
        return False  # the model has an answer where the contract reverts


@pytest.mark.soundness
@pytest.mark.parametrize(
    "right, wrong",
    [
        ("        if epoch >= since_epoch:\n", "        if epoch > since_epoch:\n"),
        # a seat that changed hands twice in an epoch remembers the one who never sat
        ("newest == 0 or since_epoch != from_epoch", "newest == 0 or since_epoch != 2**64"),
        # the one who comes back before leaving starts anew
        (" & _HOLDER_MASK == holder:\n", " & _HOLDER_MASK == 0:\n"),
        ("        since_epoch -= steps >> 32\n", "        pass\n"),
        ("        steps = (steps << 16) & (2**48 - 1)\n", "        pass\n"),
        ("        steps = step << 32 | steps >> 16\n", "        steps = step << 32\n"),
    ],
)
def test_seat__seeded__contract_and_model_differ(right, wrong):
    harness = seeded("mocks/NeuronsHarness", ("modules/seats.vy", right, wrong)).deploy()
    assert not all(alone(harness, seed) for seed in range(8))


def test_seat__held_longer_than_a_step_can_say__still_counts_as_old():
    harness = compiled("NeuronsHarness").deploy()
    harness.take_seat(NETUID, 0, 5, 1, 10)
    harness.take_seat(NETUID, 0, 6, 1, 100_000)
    assert harness.holder_at(NETUID, 0, 100_000) == (6, 1, 100_000)
    # 65,535 epochs before it left: before any parent that a close can name
    assert harness.holder_at(NETUID, 0, 99_999) == (5, 1, 100_000 - 65_535)


def test_seat__older_than_four_holders__reverts_instead_of_guessing():
    harness = compiled("NeuronsHarness").deploy()
    for epoch in range(5):
        harness.take_seat(NETUID, 0, epoch, 1, 10 + epoch)
    assert harness.holder_at(NETUID, 0, 11) == (1, 1, 11)
    with boa.reverts("neurons: epoch too old"):
        harness.holder_at(NETUID, 0, 10)


def test_registration_id__contract_equals_python():
    harness = compiled("NeuronsHarness").deploy()
    for parts in [(0, 0, 1), (1, 0, 1), (128, 1_023, 2**32 - 1), (65_535, 65_535, 2**48 - 1)]:
        packed = harness.pack(*parts)
        assert packed == pack_registration_id(*parts)
        unpacked = unpack_registration_id(packed)
        assert (unpacked.netuid, unpacked.uid, unpacked.generation) == parts
        assert harness.unpack(packed) == parts
