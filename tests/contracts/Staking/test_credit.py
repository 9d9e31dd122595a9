# SPDX-License-Identifier: Apache-2.0
"""Dividends: stake at once, share price linearly, and nothing for whoever comes just for them."""

from __future__ import annotations

from fractions import Fraction

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


@pytest.fixture
def pool(pools: World, hotkey: str, validator: str, delegator: str) -> World:
    """A pool without take in which a delegator has 10 TAO."""
    pools.staking.set_take(hotkey, 0, sender=validator)
    stake(pools, hotkey, delegator, 10 * RAO)
    return pools


def test_credit__stake_at_once_and_price_linearly(pool: World, hotkey: str, delegator: str) -> None:
    vesting = pool.preset.vesting_ticks
    credit(pool, hotkey, 5 * RAO)
    assert pool.staking.stake_of(hotkey) == 15 * RAO
    for tick in range(vesting + 3):
        vested = 5 * RAO * min(tick, vesting) // vesting
        value = pool.staking.value_of(hotkey, delegator)
        # the virtual shares and the rounding keep at most a few rao
        assert 10 * RAO + vested - 5 <= value <= 10 * RAO + vested
        assert pool.staking.pool_of(hotkey).unvested_rao == -(
            -5 * RAO * max(0, vesting - tick) // vesting
        )
        pool.warp(1)


def test_credit__take__buys_shares_for_the_owner(
    pools: World, hotkey: str, validator: str, delegator: str
) -> None:
    stake(pools, hotkey, delegator, 10 * RAO)
    credit(pools, hotkey, RAO)
    event = last_event(pools, "DividendCredited")
    take = RAO * 11_796 // 65_535
    assert (event.hotkey, event.take_rao, event.pool_rao) == (hotkey, take, RAO - take)
    assert take - 1 <= pools.staking.value_of(hotkey, validator) <= take
    assert 10 * RAO - 1 <= pools.staking.value_of(hotkey, delegator) <= 10 * RAO


def test_credit__pool_without_shares__pays_the_owner(
    pools: World, hotkey: str, validator: str
) -> None:
    credit(pools, hotkey, RAO)
    event = last_event(pools, "DividendCredited")
    assert (event.take_rao, event.pool_rao) == (RAO, 0)
    assert pools.tao.balanceOf(validator) == RAO
    assert pools.staking.stake_of(hotkey) == 0


def test_credit__anybody_else_or_unknown_hotkey__reverts(
    pools: World, hotkey: str, stranger: str, validator: str
) -> None:
    for caller in {stranger, validator, *pools.address.values()} - {pools.address["Rewards"]}:
        with boa.reverts("staking: not rewards"):
            pools.staking.credit(hotkey, 1, 1, sender=caller)
    with boa.reverts("staking: unknown hotkey"):
        pools.staking.credit(stranger, 1, 1, sender=pools.address["Rewards"])


@pytest.mark.parametrize("amount", [0, 1, 2, 5])
def test_credit__a_few_rao__books_balance(
    pools: World, hotkey: str, delegator: str, amount: int
) -> None:
    stake(pools, hotkey, delegator, RAO)
    credit(pools, hotkey, amount)
    credit(pools, hotkey, amount)
    assert pools.staking.stake_of(hotkey) == RAO + 2 * amount
    assert pools.tao.balanceOf(pools.staking) == RAO + 2 * amount


def test_C4_staking_just_before_a_claim_and_leaving_after__earns_nothing(
    pool: World, hotkey: str, delegator: str, sniper: str
) -> None:
    snipe(pool, hotkey, delegator, sniper)


def snipe(world: World, hotkey: str, delegator: str, sniper: str) -> None:
    """100 times the pool, in and out around a claim: the sniper gets out what it brought."""
    stake(world, hotkey, sniper, 1_000 * RAO)
    credit(world, hotkey, 5 * RAO)
    taken = unbond_all(world, hotkey, sniper)
    assert taken <= 1_000 * RAO
    world.warp(world.preset.unbonding_ticks)
    assert world.staking.value_of(hotkey, delegator) >= 15 * RAO - 2


def test_C4_sniper_that_stays_some_ticks__gets_no_more_than_those_ticks(
    pool: World, hotkey: str, sniper: str
) -> None:
    stake(pool, hotkey, sniper, 90 * RAO)
    credit(pool, hotkey, 5 * RAO)
    pool.warp(3)
    gained = exit_fully(pool, hotkey, sniper) - 90 * RAO
    assert gained <= 5 * RAO * 9 // 10 * 3 // pool.preset.vesting_ticks


def test_C4_waiting_outside_with_a_cancelled_unbonding__earns_nothing(
    pool: World, hotkey: str, sniper: str
) -> None:
    """Who unbonds before and cancels after a dividend pays the price that it has made."""
    shares = stake(pool, hotkey, sniper, 90 * RAO)
    unbonding_id = pool.staking.unbond(hotkey, shares, sender=sniper)
    credit(pool, hotkey, 5 * RAO)
    pool.warp(pool.preset.vesting_ticks)
    pool.staking.cancel_unbonding(unbonding_id, sender=sniper)
    assert pool.staking.value_of(hotkey, sniper) <= 90 * RAO


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(1, RAO), st.integers(0, 30)), min_size=1, max_size=12))
def test_credit__a_stream_of_dividends__rao_times_ticks_to_go_is_kept(
    dividends: list[tuple[int, int]],
) -> None:
    with boa.env.anchor():
        world, hotkey, delegator = streaming_world()
        vesting = world.preset.vesting_ticks
        unvested, left = Fraction(0), Fraction(0)
        for amount, ticks in dividends:
            credit(world, hotkey, amount)
            left = (unvested * left + amount * vesting) / (unvested + amount)
            unvested += amount
            assert left <= vesting
            got = world.staking.pool_of(hotkey).unvested_rao
            # early or late by less than a rao for each dividend that was joined
            assert unvested - len(dividends) < got <= unvested + len(dividends)
            world.warp(ticks)
            gone = min(Fraction(ticks), left)
            unvested, left = unvested * (left - gone) / left, left - gone
        world.warp(vesting)
        assert world.staking.pool_of(hotkey).unvested_rao == 0
        total = 10 * RAO + sum(amount for amount, _ in dividends)
        assert total - 3 - len(dividends) <= world.staking.value_of(hotkey, delegator) <= total


def streaming_world() -> tuple[World, str, str]:
    """A pool of its own in which one delegator has 10 TAO and the owner takes nothing."""
    world = deploy_world(only=("Tao", "Emission", "Staking"))
    hotkey, owner, delegator = (role_address(name) for name in ("key", "owner", "member"))
    open_pool(world, hotkey, owner)
    world.staking.set_take(hotkey, 0, sender=owner)
    stake(world, hotkey, delegator, 10 * RAO)
    return world, hotkey, delegator


def test_credit__many_small_ones__cannot_hold_a_large_one_back(
    pool: World, hotkey: str, delegator: str
) -> None:
    credit(pool, hotkey, 5 * RAO)
    for _ in range(pool.preset.vesting_ticks):
        pool.warp(1)
        credit(pool, hotkey, 1)
    # a rao that has all ticks to go delays a rao by all ticks, and no more
    assert pool.staking.pool_of(hotkey).unvested_rao <= pool.preset.vesting_ticks**2
    assert pool.staking.value_of(hotkey, delegator) >= 15 * RAO - pool.preset.vesting_ticks**2


BUGS = {
    "dividends enter the price at once": (
        "modules/share_pool.vy",
        "    if left_q32 == 0:\n        return 0\n",
        "    if left_q32 >= 0:\n        return 0\n",
    ),
    "dividends have vested before their tick": (
        "modules/share_pool.vy",
        "self._vest(vesting, rest_rao, tick, over_ticks)",
        "self._vest(vesting, rest_rao, tick - 1, 1)",
    ),
}


@pytest.mark.soundness
def test_C7_seeded_bug__take_is_bought_at_the_price_after_the_dividend__is_found(
    hotkey: str, validator: str, delegator: str
) -> None:
    bug = (
        "modules/share_pool.vy",
        "self._shares_for(id, pool, take_rao, tick)",
        "self._shares_for(id, pool + (rest_rao << ASSETS_SHIFT), take_rao, tick)",
    )
    world = deploy_world(only=("Tao", "Emission", "Staking"), Staking=seeded("Staking", bug))
    open_pool(world, hotkey, validator)
    with pytest.raises(AssertionError):
        test_credit__take__buys_shares_for_the_owner(world, hotkey, validator, delegator)


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_C4_seeded_bug__sniping_pays__is_found(
    name: str, hotkey: str, validator: str, delegator: str, sniper: str
) -> None:
    world = deploy_world(only=("Tao", "Emission", "Staking"), Staking=seeded("Staking", BUGS[name]))
    world.warp(1)
    open_pool(world, hotkey, validator)
    world.staking.set_take(hotkey, 0, sender=validator)
    stake(world, hotkey, delegator, 10 * RAO)
    with pytest.raises(AssertionError):
        snipe(world, hotkey, delegator, sniper)
