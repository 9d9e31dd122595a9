# SPDX-License-Identifier: Apache-2.0
"""What people do with Staking, in one call each."""

from __future__ import annotations

from tests.contracts.deployment import World


def open_pool(world: World, hotkey: str, coldkey: str) -> None:
    world.staking.open_pool(hotkey, coldkey, sender=world.address["Neurons"])


def stake(world: World, hotkey: str, coldkey: str, amount_rao: int) -> int:
    """Give a coldkey tokens and stake them; its new shares."""
    world.give(coldkey, amount_rao, spender=world.staking.address)
    return world.staking.add_stake(hotkey, amount_rao, sender=coldkey)


def credit(world: World, hotkey: str, amount_rao: int, netuid: int = 1) -> None:
    """A dividend as Rewards brings it: the tokens first, then the word."""
    world.give(world.staking.address, amount_rao)
    world.staking.credit(hotkey, netuid, amount_rao, sender=world.address["Rewards"])


def unbond_all(world: World, hotkey: str, coldkey: str) -> int:
    """Start to take everything out; the rao that will come."""
    shares = world.staking.shares_of(hotkey, coldkey)
    unbonding_id = world.staking.unbond(hotkey, shares, sender=coldkey)
    return world.staking.unbonding_of(unbonding_id).amount_rao


def exit_fully(world: World, hotkey: str, coldkey: str) -> int:
    """Unbond, wait, remove; the rao that came."""
    before = world.tao.balanceOf(coldkey)
    shares = world.staking.shares_of(hotkey, coldkey)
    unbonding_id = world.staking.unbond(hotkey, shares, sender=coldkey)
    world.warp(world.preset.unbonding_ticks)
    world.staking.remove_stake(unbonding_id, sender=coldkey)
    return world.tao.balanceOf(coldkey) - before


def last_event(world: World, name: str) -> object:
    """The last event of that name that the last call to Staking logged."""
    return [e for e in world.staking.get_logs() if type(e).__name__ == name][-1]
