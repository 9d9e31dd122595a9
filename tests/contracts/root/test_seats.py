# SPDX-License-Identifier: Apache-2.0
"""Seats of the root: any hotkey with stake, by the comparison of every other seat.

when a hotkey has no stake      - it gets no seat and no number
when it has a seat              - it gets no second one
when its stake is equal         - the later member wins
when stake is moved about       - it never sits twice
"""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts import life
from tests.contracts.deployment import RAO, role_address, seeded
from tests.contracts.root.rooting import ROOT, Root, open_root

MEMBER_UID = 1_023


@pytest.fixture(scope="module")
def opened() -> Root:
    return open_root((300, 200))


@pytest.fixture
def root(opened: Root) -> Root:
    """Two members in seats 0 and 1, and registered hotkeys with 200, 250 and 0 TAO; epoch 1."""
    world = opened.world
    for name, stake in (("equal", 200), ("larger", 250), ("idle", 0)):
        life.register(world, 1, name)
        if stake:
            life.stake(world, name, stake * RAO)
    opened.voting.go(1)
    return opened


def address(name: str) -> str:
    return str(life.key(name).address)


def test_poke_root__gives_a_number_for_ever(root):
    neurons = root.world.neurons
    neurons.poke_root(2, address("larger"), sender=role_address("stranger"))
    (event,) = neurons.get_logs()
    member = neurons.member_of(address("larger"))
    assert member == ROOT << 64 | MEMBER_UID << 48 | 3
    assert (event.netuid, event.seat, event.uid) == (ROOT, 2, MEMBER_UID)
    assert (event.registration_id, event.from_epoch) == (member, 2)
    assert neurons.hotkey_of(member) == address("larger")
    assert tuple(neurons.seat_at(ROOT, 2, 1)) == (0, 0)
    assert tuple(neurons.seat_at(ROOT, 2, 2)) == (member, 2)
    assert tuple(neurons.holder_of(ROOT, 2, 2)) == (member, address("larger"))
    assert life.seats_at(root.world, ROOT, 2)[2] == member << 64 | 2
    assert neurons.uid_of(ROOT, address("larger"), 2) == 2**256 - 1


def test_poke_root__weaker_holder__leaves_and_comes_back_as_the_same_member(root):
    neurons, member = root.world.neurons, root.world.neurons.member_of(address("member 1"))
    neurons.poke_root(1, address("larger"))
    assert neurons.seat_at(ROOT, 1, 2).registration_id == neurons.member_of(address("larger"))
    assert neurons.seat_at(ROOT, 1, 1).registration_id == member
    neurons.poke_root(9, address("member 1"))
    assert neurons.seat_at(ROOT, 9, 2).registration_id == member


def test_poke_root__equal_stake__the_later_member_wins(root):
    root.world.neurons.poke_root(1, address("equal"))
    with boa.reverts("neurons: holder has more stake"):
        root.world.neurons.poke_root(1, address("member 1"))
    with boa.reverts("neurons: holder has more stake"):
        root.world.neurons.poke_root(0, address("larger"))


def test_poke_root__no_stake__neither_seat_nor_number(root):
    for hotkey in (address("idle"), role_address("stranger"), "0x" + "00" * 20):
        with boa.reverts("neurons: no stake"):
            root.world.neurons.poke_root(5, hotkey)
        assert root.world.neurons.member_of(hotkey) == 0


def test_poke_root__stake_that_came_after_the_boundary__does_not_count(root):
    life.stake(root.world, "idle", 1_000 * RAO)
    with boa.reverts("neurons: no stake"):
        root.world.neurons.poke_root(5, address("idle"))
    root.voting.go(2)
    root.world.neurons.poke_root(5, address("idle"))


def test_poke_root__seated_already_or_no_such_seat__reverts(root):
    with boa.reverts("neurons: already seated"):
        root.world.neurons.poke_root(3, address("member 0"))
    with boa.reverts("neurons: no such seat or uid"):
        root.world.neurons.poke_root(64, address("larger"))
    root.world.neurons.poke_root(63, address("larger"))


def test_neurons_words__do_not_work_on_the_root(root):
    with boa.reverts("neurons: no such seat or uid"):
        root.world.neurons.poke(ROOT, 2, MEMBER_UID)
    with boa.reverts("neurons: no such seat or uid"):
        root.world.neurons.poke(ROOT, 2, 0)
    with boa.reverts("neurons: registration closed"):
        life.register(root.world, ROOT, "larger")
    with boa.reverts("neurons: not registered"):
        root.world.neurons.serve_axon(ROOT, 1 << 24, 1, 4, 0, 0, sender=address("member 0"))


def test_commit__only_by_the_hotkey_in_the_seat(root):
    row = root.row({1: 1})
    digest = root.voting.hash_of(0, 1, row)
    with boa.reverts("weights: not your seat"):
        root.world.weights.commit_weights(ROOT, 1, 0, digest, sender=address("member 1"))
    root.world.weights.commit_weights(ROOT, 1, 0, digest, sender=address("member 0"))


def test_reveal__row_of_another_length__reverts(root):
    row = root.row({1: 1})
    root.voting.commit(0, 1, row[:128])
    root.voting.go(2)
    with boa.reverts("weights: wrong row length"):
        root.voting.reveal(0, 1, row[:128])


def test_start__by_anybody__once(root):
    with boa.reverts("subnets: already started"):
        root.world.subnets.start(ROOT, root.world.tick + 5, sender=role_address("owner"))


BUGS = {
    "a member sits twice": (
        "Neurons.vy",
        "assert not seats._is_seated(",
        "assert life == c.ROOT_NETUID or not seats._is_seated(",
    ),
    "numbers are given twice": (
        "modules/root.vy",
        "        self._count = number\n",
        "",
    ),
    "the holder does not defend its seat": (
        "Neurons.vy",
        "    holder_id: uint256 = seats._newest_id(life, seat)\n",
        "    if life == c.ROOT_NETUID:\n        return\n"
        "    holder_id: uint256 = seats._newest_id(life, seat)\n",
    ),
}


def _misbehaves(**patched: Any) -> bool:
    """Whether three members cannot sit, share a number, or take seats that they may not have."""
    try:
        root = open_root(**patched)
    except boa.BoaError:
        return True
    neurons = root.world.neurons
    if len({neurons.member_of(address(f"member {i}")) for i in range(3)}) != 3:
        return True
    life.register(root.world, 1, "late")
    life.stake(root.world, "late", 500 * RAO)
    root.voting.go(1)
    for seat, hotkey in ((5, "member 0"), (0, "late")):
        try:
            neurons.poke_root(seat, address(hotkey))
        except boa.BoaError:
            continue
        return True
    return False


@pytest.mark.slow
@pytest.mark.soundness
@pytest.mark.parametrize("bug", BUGS, ids=list(BUGS))
def test_seeded_bug__seats_misbehave(bug):
    assert _misbehaves(Neurons=seeded("Neurons", BUGS[bug]))


def test_no_bug__seats_behave():
    assert not _misbehaves()
