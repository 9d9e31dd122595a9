# SPDX-License-Identifier: Apache-2.0
"""Stake changes hands without leaving its hotkey: nothing is bought, sold, or gained on the way."""

from __future__ import annotations

import boa

from tests.contracts.deployment import RAO, World
from tests.contracts.Staking.actions import credit, last_event, stake


def test_transfer_stake__shares_change_hands__price_and_sums_stay(
    pools: World, hotkey: str, delegator: str, stranger: str
) -> None:
    shares = stake(pools, hotkey, delegator, 4 * RAO)
    pools.warp(1)
    pool = pools.staking.pool_of(hotkey)
    pools.staking.transfer_stake(hotkey, stranger, shares // 4, sender=delegator)
    event = last_event(pools, "StakeTransferred")
    assert (event.from_coldkey, event.to_coldkey, event.amount_rao, event.shares) == (
        *(delegator, stranger),
        *(RAO, shares // 4),
    )
    assert pools.staking.pool_of(hotkey) == pool
    assert pools.staking.shares_of(hotkey, stranger) == shares // 4
    assert pools.staking.value_of(hotkey, stranger) == RAO
    pools.warp(1)
    for member, before, after in ((delegator, 4, 3), (stranger, 0, 1)):
        ticks = (pools.tick - 2, pools.tick - 1)
        parts = [pools.staking.member_stake_at(hotkey, member, tick) for tick in ticks]
        assert parts == [before * RAO, after * RAO]


def test_transfer_stake__to_and_from_the_owner__one_book(
    pools: World, hotkey: str, delegator: str, validator: str
) -> None:
    """The owner's shares lie in the pool's own word."""
    stake(pools, hotkey, delegator, 4 * RAO)
    credit(pools, hotkey, RAO)
    pools.warp(pools.preset.vesting_ticks)
    held = [pools.staking.shares_of(hotkey, member) for member in (delegator, validator)]
    assert min(held) > 0
    pools.staking.transfer_stake(hotkey, validator, held[0], sender=delegator)
    assert pools.staking.shares_of(hotkey, validator) == sum(held)
    pools.staking.transfer_stake(hotkey, delegator, sum(held), sender=validator)
    assert pools.staking.shares_of(hotkey, delegator) == sum(held)
    assert pools.staking.shares_of(hotkey, validator) == 0
    assert pools.staking.pool_of(hotkey).shares == sum(held)


def test_C2_move_and_transfer__in_a_circle__gains_nothing(
    pools: World, hotkey: str, other_hotkey: str, delegator: str, stranger: str
) -> None:
    for key, amount in ((hotkey, 7 * RAO + 3), (other_hotkey, 11 * RAO + 5)):
        stake(pools, key, stranger, amount)
        credit(pools, key, 12_345_677)
    pools.warp(5)
    stake(pools, hotkey, delegator, 3 * RAO)
    staking = pools.staking
    for _ in range(20):
        shares = staking.shares_of(hotkey, delegator)
        staking.move_stake(hotkey, other_hotkey, shares, sender=delegator)
        back = staking.shares_of(other_hotkey, delegator)
        staking.move_stake(other_hotkey, hotkey, back, sender=delegator)
    assert 3 * RAO - 80 <= staking.value_of(hotkey, delegator) <= 3 * RAO


def test_transfer_stake__what_is_not_possible__reverts(
    pools: World, hotkey: str, delegator: str, stranger: str
) -> None:
    shares = stake(pools, hotkey, delegator, RAO)
    least = shares * pools.preset.min_stake_rao // RAO
    for reason, key, target, amount in (
        ("share_pool: same member", hotkey, delegator, shares),
        ("staking: unknown hotkey", stranger, stranger, shares),
        ("staking: below minimum", hotkey, stranger, least - 10**6),
        ("staking: too little would stay", hotkey, stranger, shares - least + 1),
        ("share_pool: not enough shares", hotkey, stranger, shares + 1),
        ("staking: no coldkey", hotkey, "0x" + "00" * 20, shares),
    ):
        with boa.reverts(reason):
            pools.staking.transfer_stake(key, target, amount, sender=delegator)


def test_J4_past_votes__in_and_out_within_a_tick__no_vote(
    pools: World, hotkey: str, other_hotkey: str, delegator: str, stranger: str
) -> None:
    """What is borrowed for one transaction, moved or given on has no second vote in the past."""
    stake(pools, hotkey, stranger, 5 * RAO)
    pools.warp(1)
    shares = stake(pools, hotkey, delegator, 100 * RAO)
    pools.staking.unbond(hotkey, shares, sender=delegator)
    pools.warp(1)
    assert pools.staking.member_stake_at(hotkey, delegator, pools.tick - 1) == 0
    assert pools.staking.total_stake_at(pools.tick - 1) == 5 * RAO
    shares = stake(pools, hotkey, delegator, 100 * RAO)
    pools.warp(1)
    snapshot = pools.tick - 1
    pools.staking.transfer_stake(hotkey, stranger, shares // 2, sender=delegator)
    pools.staking.move_stake(hotkey, other_hotkey, shares - shares // 2, sender=delegator)
    pools.warp(1)
    parts = [
        pools.staking.member_stake_at(key, member, snapshot)
        for key in (hotkey, other_hotkey)
        for member in (delegator, stranger)
    ]
    assert parts == [100 * RAO, 5 * RAO, 0, 0]
    assert pools.staking.total_stake_at(snapshot) == 105 * RAO
