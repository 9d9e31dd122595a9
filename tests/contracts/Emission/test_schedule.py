# SPDX-License-Identifier: Apache-2.0
"""Emission follows Bittensor's table through all 30 halvings, whoever calls what how often.

given any issuance and any pattern of calls
- issuance and rate are those of a model that walks tick by tick
- the final total of the schedule is the table's
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.protocol import halving
from tests.contracts.deployment import MINIMAL, World, deploy_world, seeded
from tests.contracts.Emission.model import EmissionModel, share_words

TOKENS = ("Tao", "Emission")
NETUID = 1
ACTIONS = ("accrue", "drain", "recycle", "shares", "nothing")
CALLS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 120)), max_size=12)


def world_at(issuance_rao: int, **patched: Any) -> World:
    """A world whose genesis allocation is that issuance, with one open subnet."""
    world = deploy_world(replace(MINIMAL, genesis_rao=issuance_rao), only=TOKENS, **patched)
    world.emission.open(NETUID, sender=world.address["Subnets"])
    return world


def call(world: World, model: EmissionModel, action: str) -> None:
    """One call, on the contract and in the model."""
    settlement, faucet = world.address["Settlement"], world.address["faucet"]
    if action == "accrue":
        world.emission.accrue()
    elif action == "drain":
        world.emission.drain(NETUID, 2**64, sender=settlement)
    elif action == "shares":
        world.emission.set_shares(share_words([7]), sender=settlement)
    elif action == "recycle":
        amount = min(3 * 10**9, world.tao.balanceOf(faucet))
        world.tao.approve(world.emission, amount, sender=faucet)
        world.emission.recycle(amount, sender=faucet)
        model.issuance -= amount


def follow(issuance_rao: int, calls: list[tuple[str, int]], **patched: Any) -> None:
    """Do the calls, some ticks apart, and compare with the model after each of them."""
    with boa.env.anchor():
        world = world_at(issuance_rao, **patched)
        model = EmissionModel(issuance_rao, shares={NETUID: 1}, owed={NETUID: 0})
        for action, ticks in calls:
            world.warp(ticks)
            model.walk(ticks)
            call(world, model, action)
            assert world.emission.issuance_rao() == model.issuance
            assert world.emission.accrued_rao() == model.accrued


def start_near(threshold: int, before_ticks: int, offset_rao: int) -> int:
    """An issuance some ticks and rao before the k-th halving."""
    rate = 10**9 >> (threshold - 1)
    return max(0, halving.threshold_rao(threshold) - before_ticks * rate - offset_rao % rate)


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
@settings(max_examples=settings().max_examples * 3 // 10, deadline=None)
@given(st.integers(1, 30), st.integers(0, 150), st.integers(0, 10**9), CALLS)
def test_A1_random_calls_around_every_threshold__as_tick_by_tick(
    threshold: int, before_ticks: int, offset_rao: int, calls: list[tuple[str, int]]
) -> None:
    follow(start_near(threshold, before_ticks, offset_rao), calls)


def root_after_single_ticks(ticks: int, **patched: Any) -> int:
    """What the root has accrued in ticks of 3,906,250 rao, each of them booked by itself."""
    with boa.env.anchor():
        world = world_at(start_near(9, 100, 0), **patched)
        world.emission.open(0, sender=world.address["Subnets"])
        for _ in range(ticks):
            world.warp(1)
            world.emission.accrue()
        return int(world.emission.pending_rao(0))


def test_A1_root__rate_that_a_thousand_does_not_divide__is_carried() -> None:
    assert root_after_single_ticks(7) == 7 * 3_906_250 // 1_000


@pytest.mark.soundness
def test_A1_seeded_bug__the_carry_is_cut__the_root_loses() -> None:
    mask = "CARRY_MASK: constant(uint256) = 2**"
    bug = ("Emission.vy", f"{mask}16 - 1", f"{mask}6 - 1")
    assert root_after_single_ticks(7, Emission=seeded("Emission", bug)) < 7 * 3_906_250 // 1_000


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_A1_from_genesis_through_all_halvings__closed_form(jumps: list[int]) -> None:
    with boa.env.anchor():
        world = world_at(0)
        elapsed, last = 0, 0
        for jump in [*jumps, 100_000_000, 100_000_000, 100_000_000, 100_000_000]:
            world.warp(jump)
            elapsed += jump
            world.emission.accrue()
            issuance = world.emission.issuance_rao()
            assert last <= issuance == halving.advance(0, elapsed) < halving.MAX_SUPPLY_RAO
            last = issuance
        assert last >= halving.threshold_rao(30)
        assert world.emission.rate_rao() == 0


@pytest.mark.parametrize("number", range(1, 31))
def test_A1_one_call_over_a_halving__straddles_it_at_the_tick(number: int) -> None:
    start = start_near(number, 2, 1)
    world = world_at(start)
    rates = []
    for _ in range(5):
        before = world.emission.issuance_rao()
        assert world.emission.rate_rao() == halving.rate_rao(before)
        world.warp(1)
        rates.append(world.emission.issuance_rao() - before)
    # 2 ticks and 1 rao are missing; the last rate is 1 rao, which leaves no rao over
    at_old_rate = 3 if number < 30 else 2
    old, new = 10**9 >> (number - 1), 10**9 >> number
    assert rates == [old] * at_old_rate + [new] * (5 - at_old_rate)
    assert world.emission.issuance_rao() == start + sum(rates)


def test_A1_two_patterns_to_the_same_tick__same_total() -> None:
    start = halving.threshold_rao(3) - 1_000 * 250_000_000
    totals = set()
    for pattern in ([5_000], [1] * 50 + [4_950], [999, 1, 1, 3_999], [2_500, 2_500]):
        with boa.env.anchor():
            world = world_at(start)
            for ticks in pattern:
                world.warp(ticks)
                world.emission.accrue()
            totals.add((world.emission.issuance_rao(), world.emission.pending_rao(NETUID)))
    assert len(totals) == 1


def test_A1_all_that_can_be_minted__stays_below_the_cap() -> None:
    world = world_at(10_499_999 * 10**9)
    world.warp(2 * 10**9)
    world.emission.drain(NETUID, 2**64, sender=world.address["Settlement"])
    assert halving.threshold_rao(30) <= world.tao.totalSupply() < halving.MAX_SUPPLY_RAO
    assert world.tao.totalSupply() == world.emission.issuance_rao()
    world.warp(2 * 10**9)
    assert world.emission.pending_rao(NETUID) == 0


def test_recycle__back_over_a_threshold__rate_doubles_again() -> None:
    threshold = halving.threshold_rao(1)
    world = world_at(threshold)
    assert world.emission.rate_rao() == 500_000_000
    faucet = world.address["faucet"]
    world.tao.approve(world.emission, 1, sender=faucet)
    world.emission.recycle(1, sender=faucet)
    assert world.emission.rate_rao() == 1_000_000_000


BUGS = {
    "ticks beyond a threshold paid at the old rate": (
        "modules/halving.vy",
        "min(left_ticks, (threshold - issuance + rate - 1) // rate)",
        "left_ticks",
    ),
    "a tick too few at the old rate": (
        "modules/halving.vy",
        "(threshold - issuance + rate - 1) // rate",
        "(threshold - issuance) // rate",
    ),
    "recycling before accruing": (
        "Emission.vy",
        "    self._accrue()\n\n    self._lower_issuance(amount_rao)",
        "    self._lower_issuance(amount_rao)\n    self._accrue()",
    ),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_A1_seeded_bug_in_the_schedule__is_found(name: str) -> None:
    source = seeded("Emission", BUGS[name])
    calls = [("accrue", 1), ("recycle", 3), ("accrue", 50), ("drain", 100), ("recycle", 1)]
    with pytest.raises(AssertionError):
        for before in (0, 1, 40):
            follow(start_near(4, before, 5), calls, Emission=source)
