# SPDX-License-Identifier: Apache-2.0
"""Rows A6, C5, C9, F4 and G6 of the security page, as the protocol settles them.

A6 speaks of an escrow that takes foreign tokens, C9 of slashed stake. Here no contract takes any
token but TAO, and stake is never slashed: what is left of both rows is held below.
"""

from __future__ import annotations

import re
from random import Random

import boa
import pytest

from tests.contracts.deployment import CONTRACTS, role_address
from tests.contracts.economy.invariants import check
from tests.contracts.economy.powers import Economy, open_economy

SOURCES = sorted((*CONTRACTS.glob("*.vy"), *CONTRACTS.glob("modules/*.vy")))
MOVING = re.compile(r"extcall \w+\.(transfer|transferFrom|approve)\(")


def unchecked(text: str) -> list[str]:
    """Calls that move tokens and whose answer nobody looks at."""
    found = []
    for line in text.splitlines():
        is_asserted = "assert extcall" in line or ": bool = extcall" in line
        if MOVING.search(line) and not is_asserted:
            found.append(line.strip())
    return found


def test_A6_every_move_of_tokens__is_asserted_and_checks_for_code() -> None:
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        assert "skip_contract_check" not in text, source.name
        assert unchecked(text) == [], source.name


def test_A6_seeded_bug__an_unchecked_transfer__is_found() -> None:
    right = "    assert extcall TAO.transfer(owner, 1), 'no'\n"
    assert unchecked(right) == []
    assert unchecked(right.replace("assert ", "")) != []


def test_A6_the_token__cannot_be_replaced() -> None:
    """Its address is an immutable of every contract that moves it."""
    for source in CONTRACTS.glob("*.vy"):
        text = source.read_text(encoding="utf-8")
        if "TAO." in text:
            assert re.search(r"^TAO: immutable\(", text, re.MULTILINE), source.name


@pytest.fixture
def economy() -> Economy:
    return open_economy(Random(11), crowd=2)


def lie(economy: Economy) -> tuple[int, int]:
    """A false proposal of the first closable epoch; its epoch and its bond."""
    chance, subnet = Random(2), economy.subnets[1]
    assert economy.settle(chance, subnet)
    assert economy.vote(chance)
    economy.warp_to(economy._next_close(subnet))
    assert economy.close(chance, subnet)
    assert economy.propose(chance, subnet, lie=True)
    epoch = max(subnet.history.epochs)
    live = subnet.history.epochs[epoch].live
    assert live is not None
    return epoch, live.bond_rao


def test_C5_a_liar_unbonds_at_once__its_whole_bond_is_taken(economy: Economy) -> None:
    liar, hotkey = role_address("liar"), economy.hotkey("n0")
    economy.join(Random(1), hotkey, liar, 10**12)
    _, bond = lie(economy)
    shares = economy.world.staking.shares_of(hotkey, liar)
    economy.unbond(hotkey, liar, int(shares))
    before = economy.withdrawable[role_address("watcher")]
    assert economy.dispute(Random(1), economy.subnets[1])
    settlement = economy.world.settlement
    assert settlement.withdrawable_rao(liar) == 0
    assert economy.withdrawable[role_address("watcher")] == before + bond // 2
    check(economy)


def test_C9_a_struck_bond__touches_no_stake_of_anybody(economy: Economy) -> None:
    """Nothing is ever slashed in Staking: not the liar's stake, not what it unbonds."""
    liar, hotkey = role_address("liar"), economy.hotkey("n0")
    economy.join(Random(1), hotkey, liar, 10**12)
    economy.unbond(hotkey, liar, int(economy.world.staking.shares_of(hotkey, liar)) // 2)
    lie(economy)
    staking = economy.world.staking
    before = (staking.value_of(hotkey, liar), staking.total_unbonding_rao())
    assert economy.dispute(Random(1), economy.subnets[1])
    assert (staking.value_of(hotkey, liar), staking.total_unbonding_rao()) == before
    check(economy)


def test_C9_no_contract_can_take_stake() -> None:
    """Assets leave a pool in `_sell` alone, which the exits of its members call."""
    text = (CONTRACTS / "Staking.vy").read_text(encoding="utf-8")
    assert "slash" not in re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
    callers = {
        name
        for name, body in re.findall(r"^def (\w+)\((.*?)(?=^@|\Z)", text, re.MULTILINE | re.DOTALL)
        if "self._sell(" in body
    }
    assert callers == {"unbond", "move_stake"}


def test_C9_a_pool_that_was_emptied__begins_anew(economy: Economy) -> None:
    name = "n3"
    hotkey, owner = economy.hotkey(name), economy.owner_of_name[name]
    economy.join(Random(1), hotkey, owner, 10**10)
    economy.unbond(hotkey, owner, int(economy.world.staking.shares_of(hotkey, owner)))
    assert economy.world.staking.pool_of(hotkey).assets_rao == 0
    other = economy.coldkeys[4]
    economy.join(Random(1), hotkey, other, 7 * 10**9 + 1)
    assert economy.world.staking.value_of(hotkey, other) == 7 * 10**9 + 1
    check(economy)


def test_F4_challenge_in_the_last_tick__nobody_needs_time_to_answer(economy: Economy) -> None:
    """A dispute is one transaction: at the last tick of the window a lie is struck as before, and
    the truth withstands without anybody doing anything."""
    epoch, _ = lie(economy)
    subnet = economy.subnets[1]
    record = subnet.history.epochs[epoch]
    assert record.live is not None
    economy.warp_to(record.live.block_number + record.frozen.header.window_ticks - 1)
    assert economy.dispute(Random(1), subnet)
    assert economy.propose(Random(1), subnet, lie=False)
    proposal = record.live
    assert proposal is not None
    economy.warp_to(proposal.block_number + record.frozen.header.window_ticks - 1)
    assert not economy.dispute(Random(1), subnet)
    assert economy.finalize(Random(1), subnet, wait=True)
    check(economy)


def test_G6_no_multiproof__is_anywhere() -> None:
    for source in SOURCES:
        assert "multi_proof" not in source.read_text(encoding="utf-8"), source.name


@pytest.fixture(autouse=True)
def alone() -> object:
    with boa.env.anchor():
        yield
