# SPDX-License-Identifier: Apache-2.0
"""The timelock: only proposers schedule, nothing runs early or twice, it administers itself."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.deployment import ANYBODY, RAO, World, compiled

NO_PREDECESSOR = b"\0" * 32
SALT = b"\1" * 32


@pytest.fixture
def deployer(money: World) -> str:
    return money.address["deployer"]


@pytest.fixture
def payment(money: World, miner: str) -> tuple:
    """An operation: the treasury pays a miner 3 TAO."""
    money.give(money.timelock.address, 3 * RAO)
    call = money.tao.transfer.prepare_calldata(miner, 3 * RAO)
    return money.tao.address, 0, call, NO_PREDECESSOR, SALT


def schedule(money: World, payment: tuple, caller: str) -> None:
    money.timelock.schedule(*payment, money.preset.timelock_seconds, sender=caller)


def test_execute__after_the_delay__runs_once(
    money: World, deployer: str, miner: str, payment: tuple
) -> None:
    schedule(money, payment, deployer)
    boa.env.timestamp += money.preset.timelock_seconds
    money.timelock.execute(*payment, sender=deployer)
    assert money.tao.balanceOf(miner) == 3 * RAO
    with boa.reverts("timelock_controller: operation is not ready"):
        money.timelock.execute(*payment, sender=deployer)


def test_execute__one_second_early__reverts(money: World, deployer: str, payment: tuple) -> None:
    schedule(money, payment, deployer)
    boa.env.timestamp += money.preset.timelock_seconds - 1
    with boa.reverts("timelock_controller: operation is not ready"):
        money.timelock.execute(*payment, sender=deployer)


def test_execute__unscheduled_or_cancelled__reverts(
    money: World, deployer: str, payment: tuple
) -> None:
    with boa.reverts("timelock_controller: operation is not ready"):
        money.timelock.execute(*payment, sender=deployer)
    schedule(money, payment, deployer)
    money.timelock.cancel(money.timelock.hash_operation(*payment), sender=deployer)
    boa.env.timestamp += money.preset.timelock_seconds
    with boa.reverts("timelock_controller: operation is not ready"):
        money.timelock.execute(*payment, sender=deployer)


def test_schedule__shorter_than_the_minimum__reverts(
    money: World, deployer: str, payment: tuple
) -> None:
    with boa.reverts("timelock_controller: insufficient delay"):
        money.timelock.schedule(*payment, money.preset.timelock_seconds - 1, sender=deployer)


def test_execute__by_anybody__what_was_announced(
    money: World, deployer: str, miner: str, stranger: str, payment: tuple
) -> None:
    schedule(money, payment, deployer)
    boa.env.timestamp += money.preset.timelock_seconds
    money.timelock.execute(*payment, sender=stranger)
    assert money.tao.balanceOf(miner) == 3 * RAO


def test_A2_stranger__neither_schedules_nor_cancels_nor_grants(
    money: World, deployer: str, stranger: str, payment: tuple
) -> None:
    with boa.reverts("access_control: account is missing role"):
        schedule(money, payment, stranger)
    schedule(money, payment, deployer)
    with boa.reverts("access_control: account is missing role"):
        money.timelock.cancel(money.timelock.hash_operation(*payment), sender=stranger)
    for caller in (stranger, deployer, money.address["Governor"]):
        with boa.reverts("access_control: account is missing role"):
            money.timelock.grantRole(money.timelock.PROPOSER_ROLE(), stranger, sender=caller)
        with boa.reverts("timelock: caller is not itself"):
            money.timelock.update_delay(11, sender=caller)


def test_A2_on_a_real_chain__only_the_governor_has_a_role(money: World, deployer: str) -> None:
    governor = money.address["Governor"]
    with boa.env.prank(deployer):
        timelock = compiled("Timelock").deploy(86_400, [governor], [ANYBODY])
    for role in ("DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE"):
        role_id = getattr(timelock, role)()
        assert not timelock.hasRole(role_id, deployer)
        assert timelock.hasRole(role_id, timelock.address) == (role == "DEFAULT_ADMIN_ROLE")
        assert timelock.hasRole(role_id, governor) == (role in ("PROPOSER_ROLE", "CANCELLER_ROLE"))


@pytest.mark.parametrize(("seconds", "reason"), [(4, "too short"), (41, "too long")])
def test_T_J5_delay__outside_its_bounds__reverts(
    money: World, deployer: str, seconds: int, reason: str
) -> None:
    assert tuple(money.timelock.delay_bounds()) == (5, 40)
    with boa.reverts(f"timelock: delay {reason}"):
        money.timelock.update_delay(seconds, sender=money.timelock.address)


@pytest.mark.parametrize("seconds", [5, 40])
def test_T_J5_delay__inside_its_bounds__changes_when_announced(
    money: World, deployer: str, seconds: int
) -> None:
    call = money.timelock.update_delay.prepare_calldata(seconds)
    operation = (money.timelock.address, 0, call, NO_PREDECESSOR, SALT)
    schedule(money, operation, deployer)
    boa.env.timestamp += money.preset.timelock_seconds
    money.timelock.execute(*operation, sender=deployer)
    assert money.timelock.get_minimum_delay() == seconds


def test_roles__change__only_through_the_timelock_itself(
    money: World, deployer: str, stranger: str
) -> None:
    role = money.timelock.PROPOSER_ROLE()
    call = money.timelock.grantRole.prepare_calldata(role, stranger)
    operation = (money.timelock.address, 0, call, NO_PREDECESSOR, SALT)
    schedule(money, operation, deployer)
    boa.env.timestamp += money.preset.timelock_seconds
    money.timelock.execute(*operation, sender=deployer)
    assert money.timelock.hasRole(role, stranger)
