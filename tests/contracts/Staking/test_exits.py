# SPDX-License-Identifier: Apache-2.0
"""Leaving: unbond, cancel, remove, move. Nobody else can stop it."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.deployment import RAO, World, deploy_world, seeded
from tests.contracts.Staking.actions import (
    credit,
    exit_fully,
    last_event,
    open_pool,
    stake,
    unbond_all,
)


def test_unbond__part__amount_is_fixed_and_leaves_the_stake(
    pools: World, hotkey: str, delegator: str
) -> None:
    shares = stake(pools, hotkey, delegator, 4 * RAO)
    pools.warp(5)
    unbonding_id = pools.staking.unbond(hotkey, shares // 4, sender=delegator)
    event = last_event(pools, "UnbondingStarted")
    ripe_tick = 5 + pools.preset.unbonding_ticks
    assert (event.unbonding_id, event.amount_rao, event.shares, event.ripe_tick) == (
        *(unbonding_id, RAO),
        *(shares // 4, ripe_tick),
    )
    assert pools.staking.stake_of(hotkey) == 3 * RAO
    assert pools.staking.total_unbonding_rao() == RAO
    assert pools.staking.unbonding_of(unbonding_id) == (delegator, hotkey, RAO, ripe_tick)


def test_unbond__dividend_afterwards__none_of_it(pools: World, hotkey: str, delegator: str) -> None:
    shares = stake(pools, hotkey, delegator, 4 * RAO)
    unbonding_id = pools.staking.unbond(hotkey, shares // 2, sender=delegator)
    credit(pools, hotkey, RAO)
    pools.warp(pools.preset.unbonding_ticks)
    pools.staking.remove_stake(unbonding_id, sender=delegator)
    assert pools.tao.balanceOf(delegator) == 2 * RAO


def test_unbond__so_that_too_little_stays__reverts_and_all_works(
    pools: World, hotkey: str, delegator: str
) -> None:
    shares = stake(pools, hotkey, delegator, RAO)
    least_shares = shares * pools.preset.min_stake_rao // RAO
    with boa.reverts("staking: too little would stay"):
        pools.staking.unbond(hotkey, shares - least_shares + 1, sender=delegator)
    pools.staking.unbond(hotkey, shares - least_shares, sender=delegator)
    assert unbond_all(pools, hotkey, delegator) == pools.preset.min_stake_rao


def test_unbond__nothing_or_more_than_owned__reverts(
    pools: World, hotkey: str, delegator: str, stranger: str
) -> None:
    shares = stake(pools, hotkey, delegator, RAO)
    with boa.reverts("staking: no shares"):
        pools.staking.unbond(hotkey, 0, sender=delegator)
    with boa.reverts("share_pool: not enough shares"):
        pools.staking.unbond(hotkey, shares + 1, sender=delegator)
    with boa.reverts("share_pool: not enough shares"):
        pools.staking.unbond(hotkey, 1, sender=stranger)


def test_remove_stake__at_the_ripe_tick_and_one_before(
    pools: World, hotkey: str, delegator: str
) -> None:
    shares = stake(pools, hotkey, delegator, RAO)
    unbonding_id = pools.staking.unbond(hotkey, shares, sender=delegator)
    pools.warp(pools.preset.unbonding_ticks - 1)
    with boa.reverts("staking: still unbonding"):
        pools.staking.remove_stake(unbonding_id, sender=delegator)
    pools.warp(1)
    pools.staking.remove_stake(unbonding_id, sender=delegator)
    assert last_event(pools, "StakeRemoved").amount_rao == RAO
    assert pools.tao.balanceOf(delegator) == RAO
    assert pools.staking.total_unbonding_rao() == 0
    with boa.reverts("staking: not your unbonding"):
        pools.staking.remove_stake(unbonding_id, sender=delegator)


def test_remove_and_cancel__of_somebody_else__revert(
    pools: World, hotkey: str, delegator: str, stranger: str
) -> None:
    shares = stake(pools, hotkey, delegator, RAO)
    unbonding_id = pools.staking.unbond(hotkey, shares, sender=delegator)
    pools.warp(pools.preset.unbonding_ticks)
    for number in (unbonding_id, unbonding_id + 1):
        with boa.reverts("staking: not your unbonding"):
            pools.staking.remove_stake(number, sender=stranger)
        with boa.reverts("staking: not your unbonding"):
            pools.staking.cancel_unbonding(number, sender=stranger)


def test_cancel_unbonding__price_has_risen__buys_at_the_current_price(
    pools: World, hotkey: str, delegator: str, validator: str
) -> None:
    pools.staking.set_take(hotkey, 0, sender=validator)
    stake(pools, hotkey, validator, RAO)
    shares = stake(pools, hotkey, delegator, RAO)
    unbonding_id = pools.staking.unbond(hotkey, shares, sender=delegator)
    credit(pools, hotkey, RAO)
    pools.warp(pools.preset.vesting_ticks)
    bought = pools.staking.cancel_unbonding(unbonding_id, sender=delegator)
    assert last_event(pools, "UnbondingCancelled").shares == bought
    assert abs(bought - shares // 2) <= shares // 10**6
    assert RAO - 2 <= pools.staking.value_of(hotkey, delegator) <= RAO
    assert pools.staking.total_unbonding_rao() == 0
    assert pools.staking.stake_of(hotkey) == 3 * RAO


def test_move_stake__to_another_hotkey__counts_there_at_once(
    pools: World, hotkey: str, other_hotkey: str, delegator: str
) -> None:
    shares = stake(pools, hotkey, delegator, 4 * RAO)
    pools.staking.move_stake(hotkey, other_hotkey, shares // 4, sender=delegator)
    event = last_event(pools, "StakeMoved")
    assert (event.amount_rao, event.from_shares, event.to_shares) == (
        *(RAO, shares // 4),
        pools.staking.shares_of(other_hotkey, delegator),
    )
    assert pools.staking.stake_of(hotkey) == 3 * RAO
    assert pools.staking.stake_of(other_hotkey) == RAO
    assert pools.staking.total_stake_rao() == 4 * RAO


def test_move_stake__what_is_not_possible__reverts(
    pools: World, hotkey: str, other_hotkey: str, delegator: str, stranger: str
) -> None:
    shares = stake(pools, hotkey, delegator, RAO)
    least = shares * pools.preset.min_stake_rao // RAO
    for reason, target, amount in (
        ("staking: same hotkey", hotkey, shares),
        ("staking: unknown hotkey", stranger, shares),
        ("staking: below minimum", other_hotkey, least - 10**6),
        ("staking: too little would stay", other_hotkey, shares - least + 1),
        ("share_pool: not enough shares", other_hotkey, shares + 1),
    ):
        with boa.reverts(reason):
            pools.staking.move_stake(hotkey, target, amount, sender=delegator)


def test_stake_moved_about_in_an_epoch__counts_for_neither_hotkey(
    pools: World, hotkey: str, other_hotkey: str, delegator: str
) -> None:
    """An epoch takes the lower of the stakes at its two ends (protocol.md, "Who counts")."""
    begin, end = 20, 32
    shares = stake(pools, hotkey, delegator, RAO)
    pools.warp_to(begin)
    pools.staking.move_stake(hotkey, other_hotkey, shares, sender=delegator)
    pools.warp_to(end)

    def counted(key: str) -> int:
        return min(pools.staking.stake_at(key, begin - 1), pools.staking.stake_at(key, end - 1))

    assert (counted(hotkey), counted(other_hotkey)) == (0, 0)


def test_C4_stake_that_arrives_at_a_boundary_or_leaves_right_after__counts_nothing(
    pools: World, hotkey: str, delegator: str
) -> None:
    begin, end = 20, 32
    pools.warp_to(begin)
    stake(pools, hotkey, delegator, RAO)
    pools.warp_to(end)
    unbond_all(pools, hotkey, delegator)
    pools.warp_to(end + 12)
    stakes = [pools.staking.stake_at(hotkey, tick) for tick in (begin - 1, end - 1, end + 11)]
    assert stakes == [0, RAO, 0]
    # lower of both ends: neither epoch counts it
    assert min(stakes[:2]) == min(stakes[1:]) == 0


def test_last_member_leaves__unvested_dividends_go_to_the_owner(
    pools: World, hotkey: str, delegator: str, validator: str
) -> None:
    pools.staking.set_take(hotkey, 0, sender=validator)
    stake(pools, hotkey, delegator, RAO)
    credit(pools, hotkey, RAO)
    pools.warp(pools.preset.vesting_ticks // 2)
    left = unbond_all(pools, hotkey, delegator)
    assert left + pools.tao.balanceOf(validator) == 2 * RAO
    assert RAO // 2 <= pools.tao.balanceOf(validator) <= RAO // 2 + 2
    assert pools.staking.pool_of(hotkey)[:3] == (0, 0, 0)


def test_C3_drained_pool__next_member_starts_afresh_and_old_rows_are_worth_nothing(
    pools: World, hotkey: str, delegator: str, stranger: str
) -> None:
    stake(pools, hotkey, delegator, 3 * RAO + 7)
    credit(pools, hotkey, 12_345_678)
    pools.warp(7)
    unbond_all(pools, hotkey, delegator)
    owner = pools.staking.owner_of(hotkey)
    unbond_all(pools, hotkey, owner)  # the take of the dividend
    assert pools.staking.stake_of(hotkey) == pools.staking.total_stake_rao() == 0
    stake(pools, hotkey, stranger, RAO)
    assert pools.staking.value_of(hotkey, stranger) == RAO
    assert pools.staking.value_of(hotkey, delegator) == 0
    assert pools.staking.value_of(hotkey, owner) == 0


@pytest.mark.soundness
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self._total_rao() - amount_rao - rest_rao", "self._total_rao() - amount_rao"),
        ("        pool = 0\n        vesting &= COUNT_AND_NOTE\n", ""),
        ("    if self._shares(pool) == 0:\n", "    if self._shares(pool) == 2**80:\n"),
    ],
)
def test_C3_seeded_bug__rest_of_an_empty_pool_stays__is_found(
    right: str, wrong: str, hotkey: str, delegator: str, stranger: str, validator: str
) -> None:
    source = seeded("Staking", ("modules/share_pool.vy", right, wrong))
    world = deploy_world(only=("Tao", "Emission", "Staking"), Staking=source)
    open_pool(world, hotkey, validator)
    with pytest.raises(AssertionError):
        test_C3_drained_pool__next_member_starts_afresh_and_old_rows_are_worth_nothing(
            world, hotkey, delegator, stranger
        )


def test_C11_exit__whatever_the_owner_and_others_do_before__succeeds(
    pools: World, hotkey: str, other_hotkey: str, delegator: str, validator: str, stranger: str
) -> None:
    stake(pools, hotkey, delegator, RAO)
    stake(pools, hotkey, validator, RAO)

    def nothing() -> None:
        pass

    def owner_leaves() -> None:
        unbond_all(pools, hotkey, validator)

    def take_moves() -> None:
        pools.staking.set_take(hotkey, 0, sender=validator)
        pools.staking.set_take(hotkey, 3_276, sender=validator)

    def crowd_comes() -> None:
        stake(pools, hotkey, stranger, 1_000 * RAO)

    def crowd_moves_in_and_out() -> None:
        shares = stake(pools, other_hotkey, stranger, 1_000 * RAO)
        pools.staking.move_stake(other_hotkey, hotkey, shares, sender=stranger)
        unbond_all(pools, hotkey, stranger)

    def dividend_lands() -> None:
        credit(pools, hotkey, RAO)

    def tokens_are_sent() -> None:
        pools.give(pools.staking.address, RAO)

    for before in (
        *(nothing, owner_leaves, take_moves, crowd_comes),
        *(crowd_moves_in_and_out, dividend_lands, tokens_are_sent),
    ):
        with boa.env.anchor():
            before()
            assert exit_fully(pools, hotkey, delegator) >= RAO - 1, before.__name__
