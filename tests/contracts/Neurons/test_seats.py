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
    holders = [(rng.randrange(1_024), rng.randrange(1, 2**24)) for _ in range(4)]
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
        # whoever takes a seat sits in the epoch that runs
        ("(epoch & _EPOCH_MASK) + 1 <<", "(epoch & _EPOCH_MASK) + 2 <<"),
        # a seat that changed hands twice in an epoch remembers the one who never sat
        ("newest >> SINCE_SHIFT != since_epoch", "newest >> SINCE_SHIFT != 2**64"),
        # the one who comes back before leaving starts anew
        (" & HOLDER_MASK == 0:\n", " & HOLDER_MASK == 2**34:\n"),
        ("        taken = older >> _FIRST_OLDER\n", "        pass\n"),
        ("= (older << TENURE_BITS) & _OLDER_MASK\n\n", "= older\n\n"),
        # nobody remembers who sat there before the last one
        ("= older >> TENURE_BITS | newest << _FIRST_OLDER", "= newest << _FIRST_OLDER"),
    ],
)
def test_seat__seeded__contract_and_model_differ(right, wrong):
    harness = seeded("mocks/NeuronsHarness", ("modules/seats.vy", right, wrong)).deploy()
    assert not all(alone(harness, seed) for seed in range(8))


def test_seat__last_epoch_and_largest_generation__fit():
    harness = compiled("NeuronsHarness").deploy()
    harness.take_seat(NETUID, 0, 5, 1, 10)
    harness.take_seat(NETUID, 0, 1_023, 2**24 - 1, 2**30 - 1)
    assert harness.holder_at(NETUID, 0, 2**30 - 1) == (1_023, 2**24 - 1, 2**30 - 1)
    assert harness.holder_at(NETUID, 0, 2**30 - 2) == (5, 1, 10)


@pytest.mark.parametrize("generation, epoch", [(1, 2**30), (2**24, 1)])
def test_seat__beyond_its_fields__reverts(generation, epoch):
    harness = compiled("NeuronsHarness").deploy()
    with boa.reverts("neurons: seat out of range"):
        harness.take_seat(NETUID, 0, 5, generation, epoch)


@pytest.mark.parametrize("past_lives", [1, 255])
def test_seat__of_a_later_life__names_its_epochs_and_generations(past_lives):
    """modules/registration_id.vy: epochs of life i begin at i << 32, generations at i << 24."""
    harness = compiled("NeuronsHarness").deploy()
    life, first, generation = past_lives << 16 | NETUID, past_lives << 32, past_lives << 24
    harness.take_seat_in(life, SEAT, pack_registration_id(NETUID, 9, generation + 7), first + 40)
    harness.take_seat_in(life, SEAT, pack_registration_id(NETUID, 8, generation + 2), first + 50)
    assert harness.holder_at(life, SEAT, first + 49) == (9, generation + 7, first + 40)
    assert harness.holder_at(life, SEAT, first + 50) == (8, generation + 2, first + 50)
    assert harness.holder_at(life, SEAT, first + 39) == (0, 0, 0)
    assert harness.holder_at(NETUID, SEAT, 50) == (0, 0, 0)


def leave_each_other_alone(harness):
    for seat in range(64):
        harness.take_seat(NETUID, seat, 1_023 - seat, 2**24 - 1, 5)
    harness.take_seat(NETUID, 6, 1, 1, 8)
    expected = [(1_023 - seat, 2**24 - 1, 5) for seat in range(64)]
    expected[6] = (1, 1, 8)
    return [harness.holder_at(NETUID, seat, 8) for seat in range(64)] == expected


def test_seats__four_to_a_word__leave_each_other_alone():
    assert leave_each_other_alone(compiled("NeuronsHarness").deploy())


@pytest.mark.soundness
def test_seats__seeded__a_lane_is_its_neighbours():
    bug = ("modules/seats.vy", "seat % SEATS_PER_WORD)", "seat % (SEATS_PER_WORD - 1))")
    assert not leave_each_other_alone(seeded("mocks/NeuronsHarness", bug).deploy())


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
