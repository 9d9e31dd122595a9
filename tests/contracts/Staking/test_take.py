# SPDX-License-Identifier: Apache-2.0
"""The owner's take: within 0 and 18 %, falls at once, rises slowly and with notice."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.deployment import RAO, World, deploy_world, seeded
from tests.contracts.Staking.actions import credit, exit_fully, last_event, open_pool, stake

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
