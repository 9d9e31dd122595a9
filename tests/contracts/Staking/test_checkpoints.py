# SPDX-License-Identifier: Apache-2.0
"""Stake at a tick that is over: what it was after that tick's last transaction, for ever."""

from __future__ import annotations

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.deployment import RAO, World, deploy_world, role_address, seeded
from tests.contracts.Staking.actions import credit, open_pool, stake, unbond_all

NO_INDEX = 2**256 - 1


def test_stake_at__before_in_and_after_changes(pools: World, hotkey: str, delegator: str) -> None:
    pools.warp_to(5)
    stake(pools, hotkey, delegator, RAO)
    stake(pools, hotkey, delegator, RAO)
    pools.warp_to(9)
    credit(pools, hotkey, RAO)
    pools.warp_to(10)
    pools.staking.unbond(hotkey, RAO * 10**6, sender=delegator)
    pools.warp_to(20)
    stakes = {tick: pools.staking.stake_at(hotkey, tick) for tick in range(20)}
    left = 3 * RAO - pools.staking.unbonding_of(0).amount_rao
    assert stakes == {
        t: 0 if t < 5 else 2 * RAO if t < 9 else 3 * RAO if t < 10 else left for t in range(20)
    }
    assert pools.staking.checkpoint_count(hotkey) == 3
    assert [pools.staking.total_stake_at(tick) for tick in stakes] == list(stakes.values())


def test_stake_at__in_and_out_within_a_tick__only_the_end_counts(
    pools: World, hotkey: str, delegator: str
) -> None:
    stake(pools, hotkey, delegator, 1_000 * RAO)
    unbond_all(pools, hotkey, delegator)
    pools.warp(1)
    assert pools.staking.stake_at(hotkey, pools.tick - 1) == 0
    assert pools.staking.checkpoint_count(hotkey) == 1


def test_stake_at__current_or_future_tick__reverts(pools: World, hotkey: str) -> None:
    pools.warp(3)
    for tick in (pools.tick, pools.tick + 1, 2**256 - 1):
        for read in (
            lambda t: pools.staking.stake_at(hotkey, t),
            lambda t: pools.staking.checkpoint_index(hotkey, t),
            lambda t: pools.staking.stake_at_hint(hotkey, t, NO_INDEX),
        ):
            with boa.reverts("staking: tick not over"):
                read(tick)


def test_stake_at_hint__every_hint__exactly_one_is_right(
    pools: World, hotkey: str, delegator: str
) -> None:
    check_hints(pools, hotkey, delegator)


def check_hints(world: World, hotkey: str, delegator: str) -> None:
    """For every tick, the hint that checkpoint_index gives is right and all others revert where
    they are looked at.
    """
    for _ in range(4):
        world.warp(2)
        stake(world, hotkey, delegator, RAO)
    world.warp(2)
    count = world.staking.checkpoint_count(hotkey)
    for tick in range(world.tick):
        right = world.staking.checkpoint_index(hotkey, tick)
        for hint in (*range(count + 2), NO_INDEX):
            if hint == right or right == count - 1:
                # the last checkpoint is found without a hint
                expected = world.staking.stake_at(hotkey, tick)
                assert world.staking.stake_at_hint(hotkey, tick, hint) == expected
            else:
                late = hint != NO_INDEX and (right == NO_INDEX or hint > right)
                reason = "hint too late" if late else "hint too early"
                with boa.reverts(f"checkpoints: {reason}"):
                    world.staking.stake_at_hint(hotkey, tick, hint)


def test_stake_at_hint__hotkey_without_checkpoints__zero_by_the_hint_none(
    pools: World, hotkey: str
) -> None:
    pools.warp(1)
    assert pools.staking.stake_at_hint(hotkey, 0, NO_INDEX) == 0
    stake(pools, hotkey, pools.staking.owner_of(hotkey), RAO)
    pools.warp(1)
    assert pools.staking.stake_at_hint(hotkey, 0, NO_INDEX) == 0
    with boa.reverts("checkpoints: hint too late"):
        pools.staking.stake_at_hint(hotkey, 0, 0)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=20))
def test_stake_at__random_life__as_written_down_and_never_changes(
    life: list[tuple[int, bool]],
) -> None:
    with boa.env.anchor():
        world = deploy_world(only=("Tao", "Emission", "Staking"))
        hotkey, member = role_address("key"), role_address("member")
        open_pool(world, hotkey, member)
        ghost: dict[int, int] = {}
        for ticks, joins in life:
            now = world.tick
            for tick in range(now, now + ticks):
                ghost[tick] = world.staking.stake_of(hotkey)
            world.warp(ticks)
            if joins or not world.staking.shares_of(hotkey, member):
                stake(world, hotkey, member, RAO)
            else:
                unbond_all(world, hotkey, member)
        for tick, expected in ghost.items():
            assert world.staking.stake_at(hotkey, tick) == expected
            index = world.staking.checkpoint_index(hotkey, tick)
            assert world.staking.stake_at_hint(hotkey, tick, index) == expected


def test_stake_at_hint__gas__four_storage_reads(pools: World, hotkey: str, delegator: str) -> None:
    begin = pools.tick  # other tests' worlds may have taken time
    for _ in range(5):
        pools.warp(1)
        stake(pools, hotkey, delegator, RAO)
    pools.warp(1)
    gas = []
    for index, ticks in ((0, 1), (2, 3), (4, 5), (NO_INDEX, 0)):
        pools.staking.stake_at_hint(hotkey, begin + ticks, index)
        gas.append(pools.staking._computation.get_gas_used())
    # four cold reads are 8,400 gas; the rest is dispatch, the clock and comparisons
    assert max(gas) < 8_400 + 1_500, gas
    # the name and the last checkpoint
    assert gas[2] < 4_200 + 1_500, gas


BUGS = {
    "a hint that is too early passes": (
        "    assert following == 0 or self._begins(following) > tick, "
        '"checkpoints: hint too early"\n',
        "",
    ),
    "a hint that is too late passes": (
        "assert word != 0 and self._begins(word) <= tick",
        "assert word != 0",
    ),
    "one tick off": (
        "    return (word >> TICK_SHIFT) - 1",
        "    return word >> TICK_SHIFT",
    ),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_checkpoints__seeded_bug__is_found(name: str, hotkey: str, delegator: str) -> None:
    source = seeded("Staking", ("modules/checkpoints.vy", *BUGS[name]))
    world = deploy_world(only=("Tao", "Emission", "Staking"), Staking=source)
    open_pool(world, hotkey, delegator)
    with pytest.raises((AssertionError, ValueError)):
        check_hints(world, hotkey, delegator)
        world.warp_to(world.tick + 1)
        joined = world.tick
        stake(world, hotkey, delegator, RAO)
        world.warp(1)
        assert world.staking.stake_at(hotkey, joined) == 5 * RAO
