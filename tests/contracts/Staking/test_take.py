# SPDX-License-Identifier: Apache-2.0
"""The owner's take: within 0 and 18 %, falls at once, rises slowly and with notice."""

from __future__ import annotations

from collections.abc import Sequence

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.deployment import RAO, World, deploy_world, role_address, seeded
from tests.contracts.Staking.actions import (
    credit,
    exit_fully,
    last_event,
    open_pool,
    stake,
    unbond_all,
)

MAX_TAKE = 11_796
MAX_RISE = 3_276


@pytest.fixture
def low(pools: World, hotkey: str, validator: str) -> World:
    """The pools with a take of 10 parts of 65,535."""
    pools.staking.set_take(hotkey, 10, sender=validator)
    return pools


def test_set_take__fall__counts_at_once(pools: World, hotkey: str, validator: str) -> None:
    pools.warp(3)
    pools.staking.set_take(hotkey, 0, sender=validator)
    event = last_event(pools, "TakeSet")
    assert (event.take_u16, event.from_tick) == (0, 3)
    assert pools.staking.take_of(hotkey) == 0


def test_C7_set_take__rise__old_take_until_one_unbonding_period_later(
    low: World, hotkey: str, validator: str, delegator: str
) -> None:
    stake(low, hotkey, delegator, RAO)
    low.staking.set_take(hotkey, 10 + MAX_RISE, sender=validator)
    ripe = low.tick + low.preset.unbonding_ticks
    pool = low.staking.pool_of(hotkey)
    assert (pool.take_u16, pool.next_take_u16, pool.next_take_tick) == (10, 10 + MAX_RISE, ripe)
    low.warp(low.preset.unbonding_ticks - 1)
    assert low.staking.take_of(hotkey) == 10
    credit(low, hotkey, 65_535)
    assert last_event(low, "DividendCredited").take_rao == 10
    low.warp(1)
    assert low.staking.take_of(hotkey) == 10 + MAX_RISE
    pool = low.staking.pool_of(hotkey)
    assert (pool.take_u16, pool.next_take_u16, pool.next_take_tick) == (
        *(10 + MAX_RISE, 10 + MAX_RISE),
        0,
    )
    credit(low, hotkey, 65_535)
    assert last_event(low, "DividendCredited").take_rao == 10 + MAX_RISE


def test_C7_delegator__leaves_before_the_rise_counts(
    low: World, hotkey: str, validator: str, delegator: str
) -> None:
    stake(low, hotkey, delegator, RAO)
    low.staking.set_take(hotkey, MAX_RISE, sender=validator)
    assert exit_fully(low, hotkey, delegator) == RAO


def test_C7_set_take__rises_one_after_the_other__each_waits_and_each_is_capped(
    low: World, hotkey: str, validator: str
) -> None:
    take = 10
    low.staking.set_take(hotkey, take + MAX_RISE, sender=validator)
    # the take in force is what the next rise is measured from, not the one to come
    with boa.reverts("staking: take rises too fast"):
        low.staking.set_take(hotkey, take + MAX_RISE + 1, sender=validator)
    low.warp(low.preset.unbonding_ticks)
    low.staking.set_take(hotkey, take + 2 * MAX_RISE, sender=validator)
    assert low.staking.take_of(hotkey) == take + MAX_RISE


def test_set_take__second_rise__replaces_the_first_and_waits_anew(
    low: World, hotkey: str, validator: str
) -> None:
    low.staking.set_take(hotkey, 1_000, sender=validator)
    low.warp(low.preset.unbonding_ticks - 1)
    low.staking.set_take(hotkey, 1_001, sender=validator)
    low.warp(low.preset.unbonding_ticks - 1)
    assert low.staking.take_of(hotkey) == 10
    low.warp(1)
    assert low.staking.take_of(hotkey) == 1_001


def test_set_take__fall_while_a_rise_waits__cancels_it(
    low: World, hotkey: str, validator: str
) -> None:
    low.staking.set_take(hotkey, 1_000, sender=validator)
    low.staking.set_take(hotkey, 9, sender=validator)
    low.warp(2 * low.preset.unbonding_ticks)
    assert low.staking.take_of(hotkey) == 9


def test_set_take__bounds_and_owner(pools: World, hotkey: str, validator: str, miner: str) -> None:
    pools.staking.set_take(hotkey, MAX_TAKE, sender=validator)
    with boa.reverts("staking: take above 18 %"):
        pools.staking.set_take(hotkey, MAX_TAKE + 1, sender=validator)
    for caller in (miner, hotkey, pools.address["Neurons"], pools.address["deployer"]):
        with boa.reverts("staking: not the owner"):
            pools.staking.set_take(hotkey, 0, sender=caller)


def lead(life: Sequence[tuple[str, int]], **patched: object) -> None:
    """The take, what vests and the number of checkpoints share a word: each moves alone."""
    with boa.env.anchor():
        world = deploy_world(only=("Tao", "Emission", "Staking"), **patched)
        staking, hotkey, owner = world.staking, role_address("key"), role_address("member")
        open_pool(world, hotkey, owner)
        ticks: list[int] = []
        for action, number in life:
            world.warp(number % 3)
            before, take_u16 = staking.pool_of(hotkey), staking.take_of(hotkey)
            if action == "take":
                staking.set_take(hotkey, min(take_u16 + MAX_RISE, number * 170), sender=owner)
                assert staking.pool_of(hotkey)[:3] == before[:3]
                continue
            if action == "credit":
                credit(world, hotkey, 1 + number * RAO)
                change = before.shares
            elif action == "leave" and staking.shares_of(hotkey, owner):
                unbond_all(world, hotkey, owner)
                change = 1
            else:
                stake(world, hotkey, owner, RAO)
                change = 1
            if change and world.tick not in ticks:
                ticks.append(world.tick)
            assert staking.pool_of(hotkey)[3:] == before[3:]
            assert staking.checkpoint_count(hotkey) == len(ticks)


ACTIONS = st.tuples(st.sampled_from(["take", "credit", "stake", "leave"]), st.integers(0, 69))


@settings(max_examples=10, deadline=None)
@given(st.lists(ACTIONS, max_size=20))
def test_take__random_life__only_set_take_moves_it(life: list[tuple[str, int]]) -> None:
    lead(life)


BUGS = {
    "a lower take leaves bits of the old one": (
        "self._vestings[id] & ~NOTE | note",
        "self._vestings[id] | note",
    ),
    "a pool that empties forgets its take": (
        "        vesting &= COUNT_AND_NOTE\n",
        "        vesting &= COUNT_AND_NOTE - NOTE\n",
    ),
    "a pool that empties forgets its past": (
        "        vesting &= COUNT_AND_NOTE\n",
        "        vesting &= NOTE\n",
    ),
    "a dividend forgets the past": (
        "        | vesting & COUNT_AND_NOTE\n",
        "        | vesting & NOTE\n",
    ),
    "a note reaches the count": (
        "COUNT_SHIFT: constant(uint256) = 72",
        "COUNT_SHIFT: constant(uint256) = 8",
    ),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_take__seeded_bug__is_found(name: str) -> None:
    source = seeded("Staking", ("modules/share_pool.vy", *BUGS[name]))
    life = [("stake", 1), ("take", 1), ("credit", 1), ("leave", 1), ("take", 2), ("stake", 1)]
    with pytest.raises((AssertionError, boa.BoaError)):
        lead([*life, *life], Staking=source)
        world = deploy_world(only=("Tao", "Emission", "Staking"), Staking=source)
        hotkey, owner = role_address("key"), role_address("member")
        open_pool(world, hotkey, owner)
        world.warp(3)
        test_set_take__fall__counts_at_once(world, hotkey, owner)


@pytest.mark.soundness
def test_C7_seeded_bug__rise_at_once__is_found(hotkey: str, validator: str, delegator: str) -> None:
    source = seeded(
        "Staking",
        ("modules/takes.vy", "if from_tick > 0 and tick >= from_tick:", "if from_tick > 0:"),
    )
    world = deploy_world(only=("Tao", "Emission", "Staking"), Staking=source)
    open_pool(world, hotkey, validator)
    world.staking.set_take(hotkey, 10, sender=validator)
    with pytest.raises(AssertionError):
        test_C7_set_take__rise__old_take_until_one_unbonding_period_later(
            world, hotkey, validator, delegator
        )
