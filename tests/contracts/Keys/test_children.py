# SPDX-License-Identifier: Apache-2.0
"""Lent weight: announced, delayed, checkpointed; equal on both sides to the rao; pay is shared."""

from __future__ import annotations

import random
from contextlib import suppress

import boa
import pytest
from hypothesis import settings

from tests.contracts.deployment import RAO, World, role_address, seeded
from tests.contracts.Keys.families import SUBNETS, family_world
from tests.contracts.Staking.actions import credit, open_pool, stake

NETUID = 3
ALL = 65_535


def lend(world: World, parent: str, owner: str, *children: tuple[str, int]) -> int:
    """Announce a set; the tick from which it counts."""
    keys, shares = [key for key, _ in children], [share for _, share in children]
    world.keys.set_children(parent, NETUID, keys, shares, sender=owner)
    return world.tick + world.preset.unbonding_ticks


def weight(world: World, hotkey: str, tick: int, netuid: int = NETUID) -> int:
    """stake_for, both ways."""
    index = world.staking.checkpoint_index(hotkey, tick)
    hinted = world.staking.stake_for_hint(hotkey, netuid, tick, index)
    assert hinted == world.staking.stake_for(hotkey, netuid, tick)
    return int(hinted)


@pytest.fixture
def staked(pools: World, hotkey: str, other_hotkey: str, foreign: str, validator: str) -> World:
    """10 TAO behind `hotkey`, 6 behind `other_hotkey`, 3 behind `foreign`."""
    for key, amount in ((hotkey, 10), (other_hotkey, 6), (foreign, 3)):
        stake(pools, key, validator, amount * RAO)
    pools.warp(1)
    return pools


def test_set_children__weight_moves_after_one_unbonding_period__only_in_that_subnet(
    staked: World, hotkey: str, other_hotkey: str, validator: str
) -> None:
    begin = lend(staked, hotkey, validator, (other_hotkey, ALL // 5))
    staked.warp_to(begin + 1)
    lent = 10 * RAO * (ALL // 5) // ALL
    for tick, moved in ((begin - 1, 0), (begin, lent)):
        assert weight(staked, hotkey, tick) == 10 * RAO - moved
        assert weight(staked, other_hotkey, tick) == 6 * RAO + moved
        for netuid in (0, NETUID + 1):
            assert weight(staked, hotkey, tick, netuid) == 10 * RAO
            assert weight(staked, other_hotkey, tick, netuid) == 6 * RAO
        # tokens and votes stay
        assert staked.staking.stake_at(hotkey, tick) == 10 * RAO
        assert staked.staking.member_stake_at(hotkey, validator, tick) == 10 * RAO


def test_stake_for_hint__without_loans__costs_what_stake_at_hint_costs(
    staked: World, hotkey: str
) -> None:
    """The word that leads to the pool also says that there are no loans: no read more."""

    def gas(read: str, *place: int) -> int:
        getattr(staked.staking, read)(hotkey, *place, staked.tick - 1, 0)
        return int(staked.staking._computation.get_gas_used())

    gas("stake_at_hint")  # the slots are warm from here on
    assert gas("stake_for_hint", NETUID) - gas("stake_at_hint") < 300


def test_set_children__replaced_while_it_waits__the_first_never_counts(
    staked: World, hotkey: str, other_hotkey: str, validator: str
) -> None:
    begin = lend(staked, hotkey, validator, (other_hotkey, ALL))
    staked.warp(5)
    later = lend(staked, hotkey, validator)
    staked.warp_to(later + 1)
    for tick in (begin - 1, begin, later):
        assert weight(staked, hotkey, tick) == 10 * RAO
        assert weight(staked, other_hotkey, tick) == 6 * RAO


def test_set_children__three_sets_a_notice_apart__the_past_of_a_notice_stays(
    staked: World, hotkey: str, other_hotkey: str, validator: str
) -> None:
    seen: dict[int, tuple[int, int]] = {}
    for share in (ALL // 2, ALL // 3, ALL // 4, 0):
        children = [(other_hotkey, share)] if share else []
        begin = lend(staked, hotkey, validator, *children)
        while staked.tick < begin + 1:
            staked.warp(7)
            now = staked.tick
            for tick in (now - 1, now - 8, now - staked.preset.unbonding_ticks):
                if tick < 1:
                    continue
                found = weight(staked, hotkey, tick), weight(staked, other_hotkey, tick)
                assert seen.setdefault(tick, found) == found
                assert sum(found) == 16 * RAO
    assert len(set(seen.values())) == 4


def test_set_children__stranger_s_hotkey__needs_to_admit_first(
    staked: World, hotkey: str, foreign: str, validator: str, stranger: str
) -> None:
    with boa.reverts("keys: not admitted"):
        lend(staked, hotkey, validator, (foreign, 1))
    staked.keys.admit_parent(foreign, NETUID, hotkey, sender=stranger)
    staked.keys.admit_parent(foreign, NETUID, hotkey, sender=stranger)  # changes nothing
    begin = lend(staked, hotkey, validator, (foreign, ALL))
    staked.warp_to(begin + 1)
    assert weight(staked, foreign, begin) == 13 * RAO
    assert weight(staked, hotkey, begin) == 0
    with boa.reverts("keys: lends still"):
        staked.keys.dismiss_parent(foreign, NETUID, hotkey, sender=stranger)
    end = lend(staked, hotkey, validator)
    staked.warp_to(end + staked.preset.unbonding_ticks - 1)
    with boa.reverts("keys: lends still"):
        staked.keys.dismiss_parent(foreign, NETUID, hotkey, sender=stranger)
    staked.warp(1)
    staked.keys.dismiss_parent(foreign, NETUID, hotkey, sender=stranger)
    with boa.reverts("keys: not a parent"):
        staked.keys.dismiss_parent(foreign, NETUID, hotkey, sender=stranger)


def test_set_children__circles_and_nonsense__revert(
    staked: World, hotkey: str, other_hotkey: str, foreign: str, validator: str, stranger: str
) -> None:
    keys = staked.keys
    third = role_address("third pool")
    open_pool(staked, third, validator)
    lend(staked, hotkey, validator, (other_hotkey, 5))
    cases = [
        ("keys: has parents", other_hotkey, NETUID, [third], [1], validator),
        ("keys: lends itself", third, NETUID, [hotkey], [1], validator),
        ("keys: own child", third, NETUID, [third], [1], validator),
        ("keys: child twice", third, NETUID, [other_hotkey] * 2, [1, 1], validator),
        ("keys: share is zero", third, NETUID, [other_hotkey], [0], validator),
        ("keys: shares above one", third, NETUID, [other_hotkey], [ALL + 1], validator),
        ("keys: a share for each child", third, NETUID, [other_hotkey], [], validator),
        ("keys: not the owner", third, NETUID, [other_hotkey], [1], stranger),
        ("keys: unknown or retired hotkey", stranger, NETUID, [], [], stranger),
        ("keys: unknown or retired hotkey", third, NETUID, [stranger], [1], validator),
        ("keys: not a subnet", third, 0, [other_hotkey], [1], validator),
        ("keys: not a subnet", third, SUBNETS + 1, [other_hotkey], [1], validator),
        ("keys: not a subnet", third, 2**16 + NETUID, [other_hotkey], [1], validator),
    ]
    for reason, key, netuid, children, shares, caller in cases:
        with boa.reverts(reason):
            keys.set_children(key, netuid, children, shares, sender=caller)
    with boa.reverts("keys: lends itself"):
        keys.admit_parent(hotkey, NETUID, foreign, sender=validator)
    with boa.reverts("keys: not the owner"):
        keys.admit_parent(other_hotkey, NETUID, foreign, sender=stranger)


def test_admit_parent__a_sixth__reverts(staked: World, hotkey: str, validator: str) -> None:
    for number in range(6):
        parent = role_address(f"parent {number}")
        open_pool(staked, parent, role_address("other owner"))
        if number == 5:
            with boa.reverts("keys: has five parents"):
                staked.keys.admit_parent(hotkey, NETUID, parent, sender=validator)
        else:
            staked.keys.admit_parent(hotkey, NETUID, parent, sender=validator)


def test_set_child_take__bounds_and_rise__as_for_the_other_take(
    staked: World, hotkey: str, validator: str, stranger: str
) -> None:
    keys, notice = staked.keys, staked.preset.unbonding_ticks
    assert keys.child_take_of(hotkey, NETUID) == 0
    with boa.reverts("staking: take rises too fast"):
        keys.set_child_take(hotkey, NETUID, 3_277, sender=validator)
    with boa.reverts("staking: take above 18 %"):
        keys.set_child_take(hotkey, NETUID, 11_797, sender=validator)
    with boa.reverts("keys: not the owner"):
        keys.set_child_take(hotkey, NETUID, 1, sender=stranger)
    keys.set_child_take(hotkey, NETUID, 3_276, sender=validator)
    staked.warp(notice - 1)
    assert keys.child_take_of(hotkey, NETUID) == 0
    staked.warp(1)
    assert keys.child_take_of(hotkey, NETUID) == 3_276
    assert keys.child_take_of(hotkey, NETUID + 1) == 0


def pools_rao(world: World, *hotkeys: str) -> list[int]:
    return [int(world.staking.stake_of(key)) for key in hotkeys]


def test_credit__child_and_parents__share_by_what_they_bring_and_the_child_takes_from_strangers(
    staked: World, hotkey: str, other_hotkey: str, foreign: str, validator: str, stranger: str
) -> None:
    """`other_hotkey` (6) borrows half of `hotkey` (10, same owner) and all of `foreign` (3)."""
    staked.keys.admit_parent(other_hotkey, NETUID, foreign, sender=validator)
    staked.keys.set_child_take(other_hotkey, NETUID, 3_276, sender=validator)
    lend(staked, hotkey, validator, (other_hotkey, 32_768))
    begin = lend(staked, foreign, stranger, (other_hotkey, ALL))
    staked.warp_to(begin + staked.preset.unbonding_ticks + 1)
    keys = (hotkey, other_hotkey, foreign)
    before, paid = pools_rao(staked, *keys), 7 * RAO + 3
    credit(staked, other_hotkey, paid, NETUID)
    gained = [b - a for a, b in zip(before, pools_rao(staked, *keys), strict=True)]
    lent = 10 * RAO * 32_768 // ALL
    brought = 6 * RAO + lent + 3 * RAO
    to_same_owner = paid * lent // brought
    to_stranger = paid * 3 * RAO // brought
    to_stranger -= to_stranger * 3_276 // ALL
    assert gained == [to_same_owner, paid - to_same_owner - to_stranger, to_stranger]
    # the same dividend from another subnet is the hotkey's alone
    before = pools_rao(staked, *keys)
    credit(staked, other_hotkey, paid, NETUID + 1)
    assert pools_rao(staked, *keys) == [before[0], before[1] + paid, before[2]]


def test_C4_credit__parent_that_grows_just_before_the_claim__gets_no_more(
    staked: World, hotkey: str, other_hotkey: str, validator: str, sniper: str
) -> None:
    begin = lend(staked, hotkey, validator, (other_hotkey, ALL))
    staked.warp_to(begin + staked.preset.unbonding_ticks + 1)
    with boa.env.anchor():
        before = pools_rao(staked, hotkey)
        credit(staked, other_hotkey, 16 * RAO, NETUID)
        honest = pools_rao(staked, hotkey)[0] - before[0]
    assert honest == 10 * RAO
    stake(staked, hotkey, sniper, 1_000 * RAO)
    for wait in (0, 1, staked.preset.unbonding_ticks - 2):
        with boa.env.anchor():
            staked.warp(wait)
            before = pools_rao(staked, hotkey)
            credit(staked, other_hotkey, 16 * RAO, NETUID)
            assert pools_rao(staked, hotkey)[0] - before[0] == honest, wait


def random_life(seed: int, steps: int, **patched: object) -> None:
    """Five pools of two owners lend, revoke, stake; lent equals borrowed, the past never moves,
    and dividends reach pools to the rao.
    """
    chance = random.Random(seed)
    world = family_world(**patched)
    owners = [role_address(f"owner {number}") for number in range(2)]
    keys = [role_address(f"family {number}") for number in range(5)]
    for number, key in enumerate(keys):
        open_pool(world, key, owners[number % 2])
        stake(world, key, owners[number % 2], (1 + number) * RAO + chance.randrange(RAO))
    for child in keys:
        for parent in keys:
            if child != parent and chance.random() < 0.4:
                owner = owners[keys.index(child) % 2]
                world.keys.admit_parent(child, NETUID, parent, sender=owner)
    seen: dict[tuple[str, int], int] = {}
    for _ in range(steps):
        key = chance.choice(keys)
        owner = owners[keys.index(key) % 2]
        if chance.random() < 0.5:
            children = chance.sample([k for k in keys if k != key], chance.randrange(3))
            shares = [chance.randrange(1, ALL // 2) for _ in children]
            # refused where it would make a circle, or was not admitted
            with suppress(boa.BoaError):
                world.keys.set_children(key, NETUID, children, shares, sender=owner)
        elif chance.random() < 0.5:
            stake(world, key, owner, RAO // 100 + chance.randrange(RAO))
        else:
            amount = chance.randrange(1, RAO)
            total = sum(pools_rao(world, *keys))
            credit(world, key, amount, NETUID)
            assert sum(pools_rao(world, *keys)) == total + amount, "dividends are lost"
        world.warp(chance.choice((0, 1, 13, 61)))
        for back in (1, 2, 17, world.preset.unbonding_ticks):
            tick = world.tick - back
            if tick > 0:
                found = {key: weight(world, key, tick) for key in keys}
                own = sum(int(world.staking.stake_at(key, tick)) for key in keys)
                assert sum(found.values()) == own, "lent is not borrowed"
                for key, rao in found.items():
                    assert seen.setdefault((key, tick), rao) == rao, "the past moved"


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(2))
def test_random_families__lent_is_borrowed_and_the_past_stays(seed: int) -> None:
    random_life(seed, steps=settings().max_examples // 5)


BUGS = {
    "parents borrow with a rounding of their own": (
        "Staking.vy",
        "stake_rao += share_pool._assets_at(parent, tick) * share_u16 // c.U16_MAX",
        "stake_rao += 1 + share_pool._assets_at(parent, tick) * share_u16 // c.U16_MAX",
    ),
    "a set counts at once": (
        "modules/loan_words.vy",
        "        if word >> TICK_SHIFT <= tick:\n",
        "        if word != 0:\n",
    ),
    "the fraction of a part is nobody's": (
        "Staking.vy",
        "        paid_rao += part_rao\n",
        "        paid_rao += part_rao + 1\n",
    ),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_families__seeded_bug__is_found(name: str) -> None:
    source = seeded("Staking", BUGS[name])
    with pytest.raises((AssertionError, boa.BoaError)):
        for seed in range(3):
            random_life(seed, steps=40, Staking=source)
