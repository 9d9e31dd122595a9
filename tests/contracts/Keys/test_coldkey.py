# SPDX-License-Identifier: Apache-2.0
"""A coldkey is announced, waits one unbonding period, and takes over everything in one word."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.deployment import RAO, World, role_address, seeded
from tests.contracts.Keys.families import family_world
from tests.contracts.Staking.actions import credit, exit_fully, open_pool, stake

COST = RAO // 10


def announce(world: World, old: str, new: str) -> None:
    world.give(old, COST, spender=world.address["Keys"])
    world.keys.announce_coldkey_swap(new, sender=old)


def swap(world: World, old: str, new: str) -> None:
    """The whole way."""
    announce(world, old, new)
    world.warp(world.preset.unbonding_ticks)
    world.keys.swap_coldkey(old, sender=new)


@pytest.fixture
def fresh() -> str:
    return role_address("new coldkey")


def test_C10_swap_coldkey__stake_unbondings_and_hotkeys_follow__sum_is_unchanged(
    pools: World, hotkey: str, foreign: str, validator: str, fresh: str
) -> None:
    shares = stake(pools, hotkey, validator, 10 * RAO)
    abroad = stake(pools, foreign, validator, 4 * RAO)
    unbonding = pools.staking.unbond(hotkey, shares // 2, sender=validator)
    pools.warp(1)
    snapshot = pools.tick - 1
    before = pools.staking.total_stake_rao(), pools.staking.total_unbonding_rao()
    swap(pools, validator, fresh)
    staking = pools.staking
    assert (staking.total_stake_rao(), staking.total_unbonding_rao()) == before
    assert staking.owner_of(hotkey) == fresh
    assert staking.shares_of(hotkey, fresh) == shares - shares // 2
    assert staking.shares_of(foreign, fresh) == abroad
    assert staking.shares_of(hotkey, validator) == staking.value_of(foreign, validator) == 0
    assert staking.unbonding_of(unbonding).coldkey == fresh
    assert staking.member_stake_at(foreign, fresh, snapshot) == 4 * RAO
    assert staking.member_stake_at(foreign, validator, snapshot) == 0
    staking.remove_stake(unbonding, sender=fresh)
    assert pools.tao.balanceOf(fresh) == 5 * RAO
    staking.set_take(hotkey, 7, sender=fresh)
    assert exit_fully(pools, foreign, fresh) == 4 * RAO


def test_C10_swap_coldkey__old_key__can_do_nothing(
    pools: World, hotkey: str, other_hotkey: str, validator: str, fresh: str, stranger: str
) -> None:
    shares = stake(pools, hotkey, validator, 10 * RAO)
    unbonding = pools.staking.unbond(hotkey, shares // 2, sender=validator)
    swap(pools, validator, fresh)
    pools.give(validator, 10 * RAO, spender=pools.staking.address)
    staking, keys = pools.staking, pools.keys
    assert staking.account_of(validator) == "0x" + "00" * 20
    for reason, call in (
        ("staking: retired coldkey", lambda: staking.add_stake(hotkey, RAO, sender=validator)),
        ("staking: retired coldkey", lambda: staking.unbond(hotkey, 1, sender=validator)),
        (
            "staking: retired coldkey",
            lambda: staking.move_stake(hotkey, other_hotkey, shares, sender=validator),
        ),
        (
            "staking: retired coldkey",
            lambda: staking.transfer_stake(hotkey, stranger, shares, sender=validator),
        ),
        (
            "staking: retired coldkey",  # nobody can give it anything either
            lambda: staking.transfer_stake(hotkey, validator, shares // 2, sender=fresh),
        ),
        ("staking: retired coldkey", lambda: open_pool(pools, role_address("third"), validator)),
        ("keys: retired coldkey", lambda: keys.announce_coldkey_swap(stranger, sender=validator)),
        ("keys: retired coldkey", lambda: keys.cancel_coldkey_swap(sender=validator)),
        ("staking: not the owner", lambda: staking.set_take(hotkey, 0, sender=validator)),
        (
            "staking: not your unbonding",
            lambda: staking.remove_stake(unbonding, sender=validator),
        ),
        (
            "staking: not your unbonding",
            lambda: staking.cancel_unbonding(unbonding, sender=validator),
        ),
        ("keys: not the owner", lambda: keys.set_children(hotkey, 1, [], [], sender=validator)),
    ):
        with boa.reverts(reason):
            call()


def test_swap_coldkey__too_early_cancelled_replaced_or_by_another__reverts(
    pools: World, validator: str, fresh: str, stranger: str
) -> None:
    announce(pools, validator, fresh)
    assert pools.keys.coldkey_swap_of(validator) == (
        fresh,
        pools.tick + pools.preset.unbonding_ticks,
    )
    pools.warp(pools.preset.unbonding_ticks - 1)
    with boa.reverts("keys: notice not over"):
        pools.keys.swap_coldkey(validator, sender=fresh)
    pools.warp(1)
    for caller in (stranger, validator):
        with boa.reverts("keys: not announced"):
            pools.keys.swap_coldkey(validator, sender=caller)
    with boa.env.anchor():
        pools.keys.cancel_coldkey_swap(sender=validator)
        with boa.reverts("keys: not announced"):
            pools.keys.swap_coldkey(validator, sender=fresh)
        with boa.reverts("keys: not announced"):
            pools.keys.cancel_coldkey_swap(sender=validator)
    pools.keys.announce_coldkey_swap(stranger, sender=validator)  # replaces it, for nothing
    with boa.reverts("keys: not announced"):
        pools.keys.swap_coldkey(validator, sender=fresh)
    with boa.reverts("keys: notice not over"):
        pools.keys.swap_coldkey(validator, sender=stranger)


def test_announce_coldkey_swap__costs_a_tenth__recycled(
    pools: World, validator: str, fresh: str
) -> None:
    recycled = pools.emission.recycled_rao()
    with boa.reverts():
        pools.keys.announce_coldkey_swap(fresh, sender=validator)
    announce(pools, validator, fresh)
    assert pools.emission.recycled_rao() - recycled == COST
    assert pools.tao.balanceOf(pools.keys) == pools.tao.balanceOf(validator) == 0
    for new, reason in ((validator, "keys: same coldkey"), ("0x" + "00" * 20, "keys: no coldkey")):
        with boa.reverts(reason):
            pools.keys.announce_coldkey_swap(new, sender=validator)


def test_swap_coldkey__twice__the_first_account_stays(
    pools: World, hotkey: str, validator: str, fresh: str
) -> None:
    stake(pools, hotkey, validator, RAO)
    third = role_address("third coldkey")
    swap(pools, validator, fresh)
    swap(pools, fresh, third)
    assert pools.staking.account_of(third) == validator
    assert pools.staking.owner_of(hotkey) == third
    assert pools.staking.value_of(hotkey, third) == RAO
    assert pools.staking.value_of(hotkey, fresh) == 0
    announce(pools, third, validator)
    pools.warp(pools.preset.unbonding_ticks)
    with boa.reverts("staking: coldkey is taken"):
        pools.keys.swap_coldkey(third, sender=validator)


def test_swap_coldkey__new_one_has_stake_and_hotkeys__nothing_is_lost(
    pools: World, hotkey: str, foreign: str, validator: str, stranger: str
) -> None:
    """`stranger` owns `foreign` and stake in both pools, and takes over `validator`."""
    for key, amount in ((hotkey, 2 * RAO), (foreign, 3 * RAO)):
        stake(pools, key, stranger, amount)
    stake(pools, hotkey, validator, 5 * RAO)
    swap(pools, validator, stranger)
    staking = pools.staking
    assert staking.owner_of(foreign) == staking.owner_of(hotkey) == stranger
    staking.set_take(foreign, 3, sender=stranger)
    assert staking.value_of(hotkey, stranger) == 5 * RAO
    for key in (hotkey, foreign):
        staking.gather_stake(key, sender=stranger)
        with boa.reverts("staking: no shares"):
            staking.gather_stake(key, sender=stranger)
    assert staking.value_of(hotkey, stranger) == 7 * RAO
    assert staking.value_of(foreign, stranger) == 3 * RAO
    credit(pools, foreign, RAO)  # its take goes to the first account of the key: gather again
    staking.gather_stake(foreign, sender=stranger)
    assert (
        exit_fully(pools, foreign, stranger) + exit_fully(pools, hotkey, stranger) >= 11 * RAO - 9
    )


def test_gather_stake__without_a_swap__reverts(pools: World, hotkey: str, validator: str) -> None:
    stake(pools, hotkey, validator, RAO)
    with boa.reverts("share_pool: same member"):
        pools.staking.gather_stake(hotkey, sender=validator)


def test_swaps_in_staking__by_anybody_but_keys__revert(
    pools: World, hotkey: str, validator: str, stranger: str
) -> None:
    loans = pools.staking.loans_of(1, 1)
    for caller in (stranger, validator, pools.address["Neurons"], pools.address["Rewards"]):
        with boa.reverts("staking: not keys"):
            pools.staking.swap_coldkey(validator, stranger, sender=caller)
        with boa.reverts("staking: not keys"):
            pools.staking.swap_hotkey(hotkey, stranger, sender=caller)
        with boa.reverts("staking: not keys"):
            pools.staking.note_loans(1, 1, loans, sender=caller)


BUGS = {
    "the old coldkey stays": (
        "modules/names.vy",
        "    self._accounts[old_coldkey] = RETIRED_ACCOUNT\n",
        "",
    ),
    "no notice": ("Keys.vy", "assert ticks._tick() >= word & (2**40 - 1)", "assert 1 >= 0"),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_C10_seeded_bug__is_found(
    name: str, hotkey: str, other_hotkey: str, validator: str, fresh: str, stranger: str
) -> None:
    file, right, wrong = BUGS[name]
    contract = "Keys" if file == "Keys.vy" else "Staking"
    patched = {contract: seeded(contract, (file, right, wrong))}
    world = family_world(**patched)
    for key in (hotkey, other_hotkey):
        open_pool(world, key, validator)
    with pytest.raises((AssertionError, ValueError)):
        test_swap_coldkey__too_early_cancelled_replaced_or_by_another__reverts(
            world, role_address("another"), fresh, stranger
        )
        test_C10_swap_coldkey__old_key__can_do_nothing(
            world, hotkey, other_hotkey, validator, fresh, stranger
        )
