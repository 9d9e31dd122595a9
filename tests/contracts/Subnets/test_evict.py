# SPDX-License-Identifier: Apache-2.0
"""Subnets.create when every number is taken: who goes, what it gets back, what is left of it."""

from __future__ import annotations

from random import Random
from typing import Any

import boa
import pytest

from tests.contracts import life
from tests.contracts.deployment import MINIMAL, World, deploy_world, role_address, seeded
from tests.contracts.Subnets.full import COUNT, full_world

IMMUNE = MINIMAL.subnet_immunity_ticks
CUT, WHOLE = 11_796, 65_535
FIRST = 1 << 32


def create(world: World, owner: str = "newcomer") -> int:
    return life.create(world, owner=owner)


def events(world: World, name: str) -> list[Any]:
    return [e for e in world.subnets.get_logs() if type(e).__name__ == name]


def test_create__129th__evicts_the_oldest_of_equals(full: World) -> None:
    assert full.subnets.weakest() == 1
    assert create(full) == 1
    (gone,) = events(full, "SubnetEvicted")
    assert (gone.netuid, gone.owner, gone.incarnation) == (1, role_address("owner"), 1)
    assert full.subnets.subnet_count() == COUNT
    assert full.subnets.incarnation_of(1) == 2
    assert full.subnets.owner_of(1) == role_address("newcomer")
    # the new one is immune, the next oldest is next
    assert create(full) == 2


def test_create__the_lowest_share_goes_first(full: World) -> None:
    """What was not started has no share; after a root vector its numbers decide (mechanics 4.3)."""
    for netuid in range(1, COUNT + 1):
        if netuid not in (90, 40):
            life.start(full, netuid)
    assert full.subnets.weakest() == 40
    assert create(full) == 40
    shares = [1_000 + netuid for netuid in range(1, COUNT + 1)]
    shares[70] = shares[20] = 7  # netuids 71 and 21
    shares[100] = 8
    life.start(full, 90)
    life.start(full, 40)
    words = [shares[i] << 128 | shares[i + 1] for i in range(0, COUNT, 2)]
    full.emission.set_shares(words, sender=full.address["Settlement"])
    assert [create(full) for _ in range(2)] == [21, 71]
    # 128 is too young: the last but one, which was created long before, has the next lowest share
    assert create(full) == 101


def test_create__all_immune__reverts() -> None:
    world = deploy_world()
    world.warp(1)
    for owner in range(COUNT):
        with boa.env.anchor():
            assert world.subnets.weakest() == life.NO_LIMIT
        life.create(world, owner=f"owner {owner % 2}")
        world.subnets.eval("lock_cost._last_lock_rao = 0")
    with boa.reverts("subnets: all are immune"):
        create(world)
    first = world.subnets.immune_until(1)
    world.warp_to(first - 1)
    with boa.reverts("subnets: all are immune"):
        create(world)
    world.warp_to(first)
    assert create(world) == 1


def test_weakest__random_shares_and_ages__is_bittensors_choice(full: World) -> None:
    """Candidates are those outside immunity; lowest share, then earliest (mechanics 4.3)."""
    for netuid in range(1, COUNT + 1):
        life.start(full, netuid)
    random = Random(5)
    young = {create(full) for _ in range(5)}
    for _ in range(4):
        shares = [random.choice((0, 1, 5, 2**63)) for _ in range(COUNT)]
        words = [shares[i] << 128 | shares[i + 1] for i in range(0, COUNT, 2)]
        full.emission.set_shares(words, sender=full.address["Settlement"])
        old = [n for n in range(1, COUNT + 1) if n not in young]
        ages = {n: full.subnets.registration_terms(n).created_tick for n in old}
        ages = {n: tick for n, tick in ages.items() if tick + IMMUNE <= full.tick}
        expected = min(ages, key=lambda n: (full.emission.share_of(n), ages[n], n))
        assert full.subnets.weakest() == expected


def drained(world: World, netuid: int) -> int:
    """Drain as Settlement does at a close; the total since the start."""
    world.emission.drain(netuid, 10**6, sender=world.address["Settlement"])
    return int(world.emission.drained_rao(netuid))


def test_evict__never_paid__the_whole_lock_goes_back(full: World) -> None:
    lock = full.subnets.lock_rao(1)
    before = full.tao.balanceOf(role_address("owner"))
    create(full)
    (gone,) = events(full, "SubnetEvicted")
    assert (gone.refund_rao, gone.recycled_rao) == (lock, 0)
    assert full.tao.balanceOf(role_address("owner")) - before == lock


@pytest.mark.parametrize("ticks", [30, 400, 5_000])
def test_evict__paid__the_owners_cut_is_kept_back_and_recycled(full: World, ticks: int) -> None:
    """max(0, lock - owner's cut of all emission), rao-exact (mechanics 4.4)."""
    life.start(full, 1)
    for netuid in range(2, COUNT + 1):
        life.start(full, netuid)
    full.warp(ticks * 10)
    paid = drained(full, 1)
    full.warp(7)
    pending = full.emission.pending_rao(1)
    assert pending > 0
    lock, owner = full.subnets.lock_rao(1), full.subnets.owner_of(1)
    expected = max(0, lock - paid * CUT // WHOLE)
    balance, recycled = full.tao.balanceOf(owner), full.emission.recycled_rao()
    issuance = full.emission.issuance_rao()
    assert create(full) == 1
    logs = {type(e).__name__: e for e in full.subnets.get_logs()}
    gone = logs["SubnetEvicted"]
    assert (gone.refund_rao, gone.recycled_rao) == (expected, lock - expected)
    assert full.tao.balanceOf(owner) - balance == expected
    # what it had not drained goes back to the schedule with it, and nothing else
    assert full.emission.recycled_rao() - recycled == pending + lock - expected
    assert full.emission.issuance_rao() == issuance - pending - (lock - expected)
    assert not full.emission.is_open(1)
    assert full.emission.drained_rao(1) == 0
    locks = sum(full.subnets.lock_rao(n) for n in range(1, COUNT + 1))
    assert full.tao.balanceOf(full.subnets.address) == locks


def test_evict__nothing_is_inherited(full: World) -> None:
    owner, timelock = role_address("owner"), full.address["Timelock"]
    full.subnets.set_identity(1, "old", "https://old", sender=owner)
    full.subnets.offer_owner(1, role_address("sniper"), sender=owner)
    full.subnets.set_schedule(1, 24, 8, 6, sender=owner)
    life.start(full, 1, in_ticks=3)
    for parameter in (1, 4, 9, 12):
        full.subnets.set_parameter(1, parameter, 0, sender=timelock)
    full.subnets.set_schedule(1, 30, 8, 6, sender=owner)
    full.warp(200)
    assert full.subnets.parameter_at(1, 4, full.subnets.running_epoch(1)) == 0
    for netuid in range(2, COUNT + 1):
        life.start(full, netuid)

    assert create(full) == 1

    assert full.subnets.identity_of(1) == ("", "")
    assert full.subnets.offered_to(1) == "0x" + "00" * 20
    assert full.subnets.start_ticks(1) == (life.NO_LIMIT, life.NO_LIMIT)
    assert [full.subnets.parameter_at(1, n, FIRST) for n in (1, 4, 9, 12)] == [32_767, 5_000, 1, 1]
    assert (full.subnets.next_epoch(1), full.subnets.running_epoch(1)) == (FIRST, FIRST)
    with boa.reverts("subnets: not started"):
        full.subnets.window_of(1, 3)
    with boa.reverts("subnets: not offered to you"):
        full.subnets.accept_owner(1, sender=role_address("sniper"))
    for call in (full.subnets.set_identity, full.subnets.offer_owner):
        with boa.reverts("subnets: not the owner"):
            call(1, *(("a", "b") if call is full.subnets.set_identity else (owner,)), sender=owner)
    t0 = life.start(full, 1)
    window = full.subnets.window_of(1, FIRST)
    assert (window.epoch, window.start_tick, window.tempo) == (FIRST, t0, 12)
    with boa.reverts("subnets: era too old"):
        full.subnets.window_of(1, 3)
    full.warp_to(t0 + 12 * 5)
    assert full.subnets.running_epoch(1) == FIRST + 5
    assert full.subnets.poke_terms(1).stake_tick == t0 + 12 * 5 - 1


def test_evict__its_old_owner_buys_it_back__a_new_life(full: World) -> None:
    assert life.create(full, owner="owner") == 1
    assert full.subnets.incarnation_of(1) == 2


def test_create__a_number_worn_out__is_passed_over(full: World) -> None:
    head = full.subnets.eval("self._heads[1]")
    full.subnets.eval(f"self._heads[1] = {head % 2**96 + (255 << 96)}")
    assert full.subnets.weakest() == 1
    full.subnets.eval(f"self._heads[1] = {head % 2**96 + (256 << 96)}")
    assert full.subnets.weakest() == 2


@pytest.mark.soundness
@pytest.mark.parametrize(
    "test, bug",
    [
        (
            "inherited",
            ("Subnets.vy", "        self._evict(netuid)\n    else", "        pass\n    else"),
        ),
        ("inherited", ("Subnets.vy", "    h._reset(netuid)\n", "")),
        ("inherited", ("Subnets.vy", "    self._drafts[netuid] = 0\n", "")),
        (
            "inherited",
            (
                "Subnets.vy",
                "    self._offers[netuid] = empty(address)\n    self._hot",
                "    self._hot",
            ),
        ),
        ("equals", ("Subnets.vy", "<< 80 | created_tick << 16 | netuid", "<< 80 | netuid ^ 255")),
        ("lowest", ("Subnets.vy", "shares[netuid - 1] << 80 | ", "")),
    ],
)
def test_evict__seeded__trips(test: str, bug: tuple[str, str, str]) -> None:
    world = full_world(Subnets=seeded("Subnets", bug))
    check = {
        "inherited": test_evict__nothing_is_inherited,
        "equals": test_create__129th__evicts_the_oldest_of_equals,
        "lowest": test_create__the_lowest_share_goes_first,
    }[test]
    with pytest.raises((AssertionError, boa.BoaError)):
        check(world)
