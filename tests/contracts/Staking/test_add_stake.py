# SPDX-License-Identifier: Apache-2.0
"""Opening a pool and staking into it."""

from __future__ import annotations

import boa
import pytest
from hypothesis import settings

from tests.contracts.deployment import MINIMAL, RAO, World, compiled, role_address
from tests.contracts.Staking.actions import last_event, open_pool, stake, unbond_all

VIRTUAL_SHARES = 10**6


def test_open_pool__by_neurons__owner_and_full_take(
    money: World, hotkey: str, validator: str
) -> None:
    open_pool(money, hotkey, validator)
    event = last_event(money, "PoolOpened")
    assert (event.hotkey, event.coldkey) == (hotkey, validator)
    assert money.staking.owner_of(hotkey) == validator
    assert money.staking.take_of(hotkey) == 11_796


def test_open_pool__same_pair_again__changes_nothing(
    pools: World, hotkey: str, validator: str
) -> None:
    pools.staking.set_take(hotkey, 5, sender=validator)
    open_pool(pools, hotkey, validator)
    assert pools.staking.get_logs() == []
    assert pools.staking.take_of(hotkey) == 5


def test_B9_open_pool__hotkey_of_somebody_else__reverts(
    pools: World, hotkey: str, stranger: str
) -> None:
    with boa.reverts("staking: owned by another"):
        open_pool(pools, hotkey, stranger)
    with boa.reverts("staking: not neurons"):
        pools.staking.open_pool(stranger, stranger, sender=stranger)


def test_open_pool__no_coldkey__reverts(money: World, hotkey: str) -> None:
    with boa.reverts("staking: no coldkey"):
        open_pool(money, hotkey, "0x" + "00" * 20)


def test_add_stake__first__a_million_shares_per_rao(
    pools: World, hotkey: str, delegator: str
) -> None:
    shares = stake(pools, hotkey, delegator, 3 * RAO)
    event = last_event(pools, "StakeAdded")
    assert (event.hotkey, event.coldkey, event.amount_rao, event.shares) == (
        *(hotkey, delegator),
        *(3 * RAO, shares),
    )
    assert shares == 3 * RAO * VIRTUAL_SHARES == pools.staking.shares_of(hotkey, delegator)
    assert pools.staking.stake_of(hotkey) == pools.staking.total_stake_rao() == 3 * RAO
    assert pools.staking.value_of(hotkey, delegator) == 3 * RAO
    assert pools.tao.balanceOf(pools.staking) == 3 * RAO
    assert pools.tao.balanceOf(delegator) == 0


def test_add_stake__minimum_and_one_rao_less(pools: World, hotkey: str, delegator: str) -> None:
    least = pools.staking.min_stake_rao()
    with boa.reverts("staking: below minimum"):
        stake(pools, hotkey, delegator, least - 1)
    assert stake(pools, hotkey, delegator, least) > 0


def test_add_stake__hotkey_without_pool__reverts(money: World, stranger: str) -> None:
    with boa.reverts("staking: unknown hotkey"):
        stake(money, stranger, stranger, RAO)


def test_add_stake__without_tokens_or_allowance__reverts(
    pools: World, hotkey: str, stranger: str
) -> None:
    with boa.reverts("erc20: insufficient allowance"):
        pools.staking.add_stake(hotkey, RAO, sender=stranger)
    pools.tao.approve(pools.staking, RAO, sender=stranger)
    with boa.reverts("erc20: transfer amount exceeds balance"):
        pools.staking.add_stake(hotkey, RAO, sender=stranger)
    assert pools.staking.stake_of(hotkey) == 0


def test_C8_tokens_sent_to_the_contract__change_no_price(
    pools: World, hotkey: str, delegator: str, stranger: str
) -> None:
    stake(pools, hotkey, delegator, RAO)
    before = pools.staking.pool_of(hotkey), pools.staking.value_of(hotkey, delegator)
    pools.give(pools.staking.address, 1_000 * RAO)
    assert (pools.staking.pool_of(hotkey), pools.staking.value_of(hotkey, delegator)) == before
    assert stake(pools, hotkey, stranger, RAO) == pools.staking.shares_of(hotkey, delegator)


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
def test_C6_exit__among_many_small_delegations__costs_the_same(
    pools: World, hotkey: str, delegator: str
) -> None:
    """Less than 5 % more in a crowd: 200 of them here, 10,000 in `make fuzz`."""
    crowd = 2 * settings().max_examples
    stake(pools, hotkey, delegator, RAO)
    stake(pools, hotkey, role_address("first"), RAO)

    def gas_of_exit() -> int:
        with boa.env.anchor():
            pools.warp(1)
            unbond_all(pools, hotkey, delegator)
            pools.staking.unbond(
                hotkey,
                pools.staking.shares_of(hotkey, role_address("first")) // 2,
                sender=role_address("first"),
            )
            return pools.staking._computation.get_gas_used()

    alone = gas_of_exit()
    for number in range(crowd):
        stake(pools, hotkey, role_address(f"dust {number}"), pools.staking.min_stake_rao())
    assert abs(gas_of_exit() - alone) <= alone * 5 // 100


@pytest.mark.parametrize(
    ("unbonding", "vesting", "minimum", "reason"),
    [
        (0, 1, 1, "staking: delay out of bounds"),
        (2**32, 1, 1, "staking: delay out of bounds"),
        (1, 0, 1, "staking: vesting out of bounds"),
        (1, 2**24, 1, "staking: vesting out of bounds"),
        (1, 1, 0, "staking: no minimum"),
    ],
)
def test_deploy__nonsense__reverts(unbonding: int, vesting: int, minimum: int, reason: str) -> None:
    neighbours = [role_address(name) for name in ("tao", "neurons", "keys", "rewards")]
    clock = (boa.env.timestamp, MINIMAL.tick_seconds)
    with boa.reverts(reason):
        compiled("Staking").deploy(*neighbours, *clock, unbonding, vesting, minimum)
