# SPDX-License-Identifier: Apache-2.0
"""What a coldkey says of itself: nobody else says it, and it is kept through a swap."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_abi import encode

from offchain.chain.keys import IDENTITY_BYTES as BOUNDS
from tests.contracts.deployment import World, role_address, seeded
from tests.contracts.Keys.families import family_world
from tests.contracts.Keys.test_coldkey import announce, swap
from tests.contracts.Staking.actions import open_pool

ZERO = "0x" + "00" * 20
NOTHING = ("",) * len(BOUNDS)


def words(**said: str) -> tuple[str, ...]:
    """An identity in the order of the contract."""
    return tuple(said.get(field, "") for field in BOUNDS)


ACME = words(name="Acme", url="https://acme.example", description="we validate")


def said_by(world: World, coldkey: str) -> tuple[str, ...]:
    found = tuple(world.keys.identity_of(coldkey))
    assert world.keys.name_of(coldkey) == found[0]
    return found


@pytest.fixture
def fresh() -> str:
    return role_address("new coldkey")


def test_set_identity__by_the_owner_of_a_hotkey__replaces_all_of_it(
    pools: World, hotkey: str, other_hotkey: str, validator: str
) -> None:
    assert said_by(pools, validator) == NOTHING
    pools.keys.set_identity(hotkey, ACME, sender=validator)
    (event,) = pools.keys.get_logs()
    assert (event.coldkey, tuple(event.identity)) == (validator, ACME)
    assert said_by(pools, validator) == ACME
    pools.keys.set_identity(other_hotkey, words(discord="acme#1"), sender=validator)
    assert said_by(pools, validator) == words(discord="acme#1")


def test_set_identity__empty__is_removed(pools: World, hotkey: str, validator: str) -> None:
    full = tuple("x" * bound for bound in BOUNDS.values())
    pools.keys.set_identity(hotkey, full, sender=validator)
    assert said_by(pools, validator) == full
    pools.keys.set_identity(hotkey, NOTHING, sender=validator)
    assert said_by(pools, validator) == NOTHING
    pools.keys.set_identity(hotkey, words(additional="y"), sender=validator)
    assert said_by(pools, validator) == words(additional="y")


def test_A2_set_identity__by_anybody_else__reverts(
    pools: World, hotkey: str, foreign: str, validator: str, stranger: str
) -> None:
    pools.keys.set_identity(hotkey, ACME, sender=validator)
    for caller in (stranger, hotkey, pools.address["Neurons"]):
        with boa.reverts("keys: not the owner"):
            pools.keys.set_identity(hotkey, words(name="Evil"), sender=caller)
    for none in (stranger, validator, ZERO):
        with boa.reverts("keys: unknown or retired hotkey"):
            pools.keys.set_identity(none, words(name="Evil"), sender=stranger)
    # its own, of the same name
    pools.keys.set_identity(foreign, words(name="Acme"), sender=stranger)
    assert said_by(pools, validator) == ACME
    assert said_by(pools, stranger) == words(name="Acme")


@pytest.mark.parametrize("field", BOUNDS)
def test_B10_set_identity__longer_than_its_bound__reverts(
    pools: World, hotkey: str, validator: str, field: str
) -> None:
    longest = words(**{field: "x" * BOUNDS[field]})
    pools.keys.set_identity(hotkey, longest, sender=validator)
    longer = words(**{field: "x" * (BOUNDS[field] + 1)})
    selector = pools.keys.set_identity.prepare_calldata(hotkey, NOTHING)[:4]
    kinds = ["address", f"({','.join(['string'] * len(BOUNDS))})"]
    for given, is_refused in ((longest, False), (longer, True)):
        data = selector + encode(kinds, [hotkey, given])
        done = boa.env.execute_code(pools.keys.address, sender=validator, data=data)
        assert done.is_error is is_refused
    assert said_by(pools, validator) == longest


def test_C10_swap_coldkey__identity_follows__old_key_says_nothing_any_more(
    pools: World, hotkey: str, validator: str, fresh: str
) -> None:
    pools.keys.set_identity(hotkey, ACME, sender=validator)
    announce(pools, validator, fresh)
    assert said_by(pools, fresh) == NOTHING  # not before the swap is done
    with boa.reverts("keys: not the owner"):
        pools.keys.set_identity(hotkey, words(name="early"), sender=fresh)
    pools.keys.cancel_coldkey_swap(sender=validator)
    swap(pools, validator, fresh)
    assert said_by(pools, fresh) == ACME
    assert said_by(pools, validator) == NOTHING
    with boa.reverts("keys: not the owner"):
        pools.keys.set_identity(hotkey, words(name="Evil"), sender=validator)
    pools.keys.set_identity(hotkey, words(name="Acme II"), sender=fresh)
    assert said_by(pools, fresh) == words(name="Acme II")
    third = role_address("third coldkey")
    swap(pools, fresh, third)
    assert said_by(pools, third) == words(name="Acme II")
    assert said_by(pools, fresh) == said_by(pools, validator) == said_by(pools, ZERO) == NOTHING


def test_swap_coldkey__new_one_has_hotkeys_and_a_name__takes_over_the_old_ones(
    pools: World, hotkey: str, foreign: str, validator: str, stranger: str
) -> None:
    """One coldkey, one identity: that of the account which it speaks for, for all its hotkeys."""
    pools.keys.set_identity(hotkey, ACME, sender=validator)
    pools.keys.set_identity(foreign, words(name="Before"), sender=stranger)
    swap(pools, validator, stranger)
    owners = [pools.staking.owner_of(key) for key in (hotkey, foreign)]
    assert [said_by(pools, owner) for owner in owners] == [ACME, ACME]
    pools.keys.set_identity(foreign, words(name="After"), sender=stranger)
    assert said_by(pools, stranger) == words(name="After")


def test_swap_hotkey__identity_stays__is_set_by_the_new_hotkeys_owner(
    pools: World, hotkey: str, validator: str, stranger: str
) -> None:
    pools.keys.set_identity(hotkey, ACME, sender=validator)
    new = role_address("new hotkey")
    pools.staking.swap_hotkey(hotkey, new, sender=pools.address["Keys"])
    assert said_by(pools, validator) == ACME
    with boa.reverts("keys: unknown or retired hotkey"):
        pools.keys.set_identity(hotkey, words(name="x"), sender=validator)
    with boa.reverts("keys: not the owner"):
        pools.keys.set_identity(new, words(name="x"), sender=stranger)
    pools.keys.set_identity(new, words(name="x"), sender=validator)
    assert said_by(pools, validator) == words(name="x")


def test_set_identity__costs_by_the_word__far_below_a_transaction(
    pools: World, hotkey: str, validator: str
) -> None:
    """A name and a page, then everything at its bound; without the 21,000 and the calldata."""
    gas = []
    for said in (ACME, tuple("x" * bound for bound in BOUNDS.values()), NOTHING):
        with boa.env.anchor():
            pools.keys.set_identity(hotkey, said, sender=validator)
            gas.append(pools.keys._computation.get_gas_used())
    few, full, none = gas
    assert none < few < 200_000 < full < 4_000_000 < 2**24


OWNER = """    self._pool_of_owner(hotkey)

    # INVARIANT: only the coldkey"""
STORED = "self._identities[self._account_of_caller()] = identity"
READ = "self._identities[staticcall STAKING.account_of(coldkey)]"
BUGS = {
    "who owns no hotkey": [(OWNER, "    # the coldkey")],
    "who names anybody's hotkey": [(OWNER, OWNER.replace("_of_owner", "_of"))],
    "kept by key, so that a swap leaves it behind": [
        (STORED, "self._identities[msg.sender] = identity"),
        (f"{READ}\n", "self._identities[coldkey]\n"),
        (f"{READ}.name", "self._identities[coldkey].name"),
    ],
    "one for everybody": [(STORED, "self._identities[empty(address)] = identity")],
    "another's name": [(f"{READ}.name", f"{READ}.url")],
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_C10_seeded_bug__is_found(
    name: str, hotkey: str, other_hotkey: str, foreign: str, validator: str, stranger: str
) -> None:
    fresh = role_address("new coldkey")
    source = seeded("Keys", *(("Keys.vy", right, wrong) for right, wrong in BUGS[name]))
    world = family_world(Keys=source)
    for key in (hotkey, other_hotkey):
        open_pool(world, key, validator)
    open_pool(world, foreign, stranger)
    checks: list[tuple[Any, tuple[str, ...]]] = [
        (test_A2_set_identity__by_anybody_else__reverts, (hotkey, foreign, validator, stranger)),
        (
            test_C10_swap_coldkey__identity_follows__old_key_says_nothing_any_more,
            (hotkey, validator, fresh),
        ),
    ]
    with pytest.raises((AssertionError, ValueError)):
        for check, arguments in checks:
            with boa.env.anchor():
                check(world, *arguments)
