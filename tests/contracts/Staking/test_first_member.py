# SPDX-License-Identifier: Apache-2.0
"""The first member of a pool cannot make the second one's shares round to nothing.

The numbers of security.md 2.4 with 1e6 virtual shares: a victim that stakes 1 TAO after an attacker
has staked one rao and put 0.5, 1 or 10 TAO into the pool. Sending tokens has no effect at all, so
the gift goes in as a dividend, which an attacker cannot even do.
"""

from __future__ import annotations

from dataclasses import replace

import boa
import pytest

from tests.contracts.deployment import MINIMAL, RAO, World, deploy_world, seeded
from tests.contracts.Staking.actions import credit, open_pool, stake, unbond_all

CHEAP = replace(MINIMAL, min_stake_rao=1)
TOKENS = ("Tao", "Emission", "Staking")


def attack(world: World, gift_rao: int, hotkey: str, attacker: str, victim: str) -> tuple[int, int]:
    """Attacker's profit and victim's loss in rao."""
    open_pool(world, hotkey, attacker)
    world.staking.set_take(hotkey, 0, sender=attacker)
    stake(world, hotkey, attacker, 1)
    credit(world, hotkey, gift_rao)
    world.warp(world.preset.vesting_ticks)
    stake(world, hotkey, victim, RAO)
    loss = RAO - world.staking.value_of(hotkey, victim)
    profit = unbond_all(world, hotkey, attacker) - gift_rao - 1
    return profit, loss


@pytest.mark.parametrize(
    ("gift_tenths", "loss_limit_rao"), [(0, 0), (5, 100), (10, 250), (100, 4_600)]
)
def test_C1_gift_before_the_victim__costs_the_attacker_and_not_the_victim(
    gift_tenths: int, loss_limit_rao: int, hotkey: str, sniper: str, delegator: str
) -> None:
    gift = gift_tenths * RAO // 10
    profit, loss = attack(deploy_world(CHEAP, only=TOKENS), gift, hotkey, sniper, delegator)
    assert 0 <= loss <= loss_limit_rao
    # half of a gift goes to the virtual shares; the other half is still the attacker's
    assert profit <= -gift * 49 // 100


@pytest.mark.soundness
@pytest.mark.parametrize(
    ("virtual_shares", "losses_ppm"),
    [(1, (100_000, 333_333, 1_000_000)), (1_000, (100, 300, 4_500)), (10**9, (0, 0, 1))],
)
def test_C1_grid__other_numbers_of_virtual_shares__lose_what_the_page_says(
    virtual_shares: int,
    losses_ppm: tuple[int, ...],
    hotkey: str,
    sniper: str,
    delegator: str,
) -> None:
    """security.md 2.4, the rows that were not chosen: gifts of 0.5, 1 and 10 TAO.

    The page's losses are those of its own toy pool, rounded to one or two digits.
    """
    line = "VIRTUAL_SHARES: constant(uint256) = "
    bug = ("modules/share_pool.vy", f"{line}1_000_000", f"{line}{virtual_shares}")
    source = seeded("Staking", bug)
    for gift_tenths, expected in zip((5, 10, 100), losses_ppm, strict=True):
        with boa.env.anchor():
            world = deploy_world(CHEAP, only=TOKENS, Staking=source)
            gift = gift_tenths * RAO // 10
            _, loss = attack(world, gift, hotkey, sniper, delegator)
        assert abs(loss * 10**6 // RAO - expected) <= max(1, expected // 2)


@pytest.mark.soundness
def test_C1_seeded_bug__without_virtual_shares__victim_loses(
    hotkey: str, sniper: str, delegator: str
) -> None:
    source = seeded(
        "Staking",
        (
            "modules/share_pool.vy",
            "VIRTUAL_SHARES: constant(uint256) = 1_000_000",
            "VIRTUAL_SHARES: constant(uint256) = 1",
        ),
    )
    world = deploy_world(CHEAP, only=TOKENS, Staking=source)
    _, loss = attack(world, 10 * RAO, hotkey, sniper, delegator)
    assert loss > RAO // 10


@pytest.mark.soundness
def test_C8_seeded_bug__price_from_the_balance__is_moved_by_a_gift(
    hotkey: str, validator: str, delegator: str
) -> None:
    source = seeded(
        "Staking",
        (
            "Staking.vy",
            "    return share_pool._value(names._id_in(word), shares, ticks._tick())",
            "    return staticcall TAO.balanceOf(self) * shares "
            "// max(share_pool._all_shares(names._id_in(word)), 1)",
        ),
    )
    world = deploy_world(only=TOKENS, Staking=source)
    open_pool(world, hotkey, validator)
    stake(world, hotkey, delegator, RAO)
    before = world.staking.value_of(hotkey, delegator)
    world.give(world.staking.address, RAO)
    assert world.staking.value_of(hotkey, delegator) != before


def test_stake__minimum_into_a_pool_that_has_grown_450_million_times__keeps_its_value(
    hotkey: str, validator: str, delegator: str, stranger: str
) -> None:
    world = deploy_world(only=TOKENS)
    open_pool(world, hotkey, validator)
    world.staking.set_take(hotkey, 0, sender=validator)
    stake(world, hotkey, delegator, world.preset.min_stake_rao)
    credit(world, hotkey, 900_000 * RAO)
    world.warp(world.preset.vesting_ticks)
    least = world.preset.min_stake_rao
    with boa.env.anchor():
        stake(world, hotkey, stranger, least)
        assert world.staking.value_of(hotkey, stranger) >= least * 99 // 100
