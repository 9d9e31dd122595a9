# SPDX-License-Identifier: Apache-2.0
"""Supply through all 30 halvings on chain: mechanics 1.2's table, and the law under recycling.

given a network that warps from halving to halving
- at the tick of each halving, issuance and rate are the table's
- whatever is drained, recycled or burned for good on the way, every token is accounted for
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from offchain.protocol.halving import HALVINGS, ticks_until
from tests.contracts.deployment import MINIMAL, World, deploy_world, seeded
from tests.contracts.Emission.model import share_words
from tests.protocol.test_halving import TABLE

NETUIDS = (1, 2, 3)
FOREVER = 2**40


def world_from(genesis_rao: int, **patched: Any) -> World:
    preset = replace(MINIMAL, genesis_rao=genesis_rao)
    world = deploy_world(preset, only=("Tao", "Emission"), **patched)
    for netuid in NETUIDS:
        world.emission.open(netuid, sender=world.address["Subnets"])
    return world


def rao_of(words: str) -> int:
    whole, _, fraction = words.partition(".")
    return int(whole) * 10**9 + int(fraction.ljust(9, "0")[:9] or "0")


def test_A1_table_of_mechanics__reproduced_row_by_row_from_nothing() -> None:
    """Every row's rate begins at the first tick whose issuance reaches the row's threshold."""
    world = world_from(0)
    emission = world.emission
    for number, (threshold, rate) in enumerate(TABLE[:-1]):
        assert emission.rate_rao() == rate
        if threshold is not None:
            # thresholds are met to less than one tick's rate before the halving
            assert 0 <= emission.issuance_rao() - rao_of(threshold) < max(2 * rate, 1)
        ahead = ticks_until(emission.issuance_rao(), next_threshold(number))
        assert ahead is not None
        world.warp(ahead - 1)
        assert emission.rate_rao() == rate
        world.warp(1)
    threshold, rate = TABLE[-1]
    assert threshold is not None
    assert emission.rate_rao() == rate == 0
    last = emission.issuance_rao()
    assert last >= rao_of(threshold)
    world.warp(10**6)
    assert emission.issuance_rao() == last < 21_000_000 * 10**9
    for netuid in NETUIDS:
        emission.drain(netuid, FOREVER, sender=world.address["Settlement"])
    check(world, 0, 0)


def next_threshold(number: int) -> int:
    """The table does not print all; the closed form that mechanics states beside it does."""
    return 21 * 10**15 - (21 * 10**15 >> (number + 1))


def check(world: World, genesis_rao: int, burned_rao: int) -> None:
    """The law of supply; `burned_rao` left for good, by holders' own hands."""
    emission, tao = world.emission, world.tao
    issuance, supply = emission.issuance_rao(), tao.totalSupply()
    recycled, withheld = emission.recycled_rao(), emission.withheld_rao()
    assert issuance == genesis_rao + emission.accrued_rao() - recycled
    assert supply == genesis_rao + emission.minted_rao() - (recycled - withheld) - burned_rao
    # what was burned for good stays in issuance: it is never paid again
    pending = sum(emission.pending_q96(netuid) for netuid in NETUIDS) + emission.remainder_q96()
    assert (issuance - supply - burned_rao) << 96 == pending
    assert supply + burned_rao <= issuance < 21_000_000 * 10**9


def live(seed: int, **patched: Any) -> None:
    """From a quarter of the way to the last halving, with random doings between halvings."""
    rng, genesis = Random(seed), 5_000_000 * 10**9
    world = world_from(genesis, **patched)
    emission, tao = world.emission, world.tao
    settlement, faucet = world.address["Settlement"], world.address["faucet"]
    burned = 0
    rates = []
    for number in range(HALVINGS):
        ahead = ticks_until(emission.issuance_rao(), next_threshold(number))
        assert ahead is not None
        stop = rng.randrange(ahead + 1)
        world.warp(stop)
        doing = rng.choice(("drain", "late drain", "recycle", "burn", "shares", "nothing"))
        if doing == "drain":
            emission.drain(rng.choice(NETUIDS), FOREVER, sender=settlement)
        elif doing == "late drain":
            emission.drain(rng.choice(NETUIDS), rng.randrange(1, 10**6), sender=settlement)
        elif doing == "recycle":
            amount = rng.randrange(1, min(tao.balanceOf(faucet), 10**15))
            tao.approve(emission, amount, sender=faucet)
            emission.recycle(amount, sender=faucet)
        elif doing == "burn":
            amount = rng.randrange(1, 10**12)
            tao.burn(amount, sender=faucet)
            burned += amount
        elif doing == "shares":
            words = share_words([rng.randrange(1, 100) for _ in NETUIDS])
            emission.set_shares(words, sender=settlement)
        check(world, genesis, burned)
        left = ticks_until(emission.issuance_rao(), next_threshold(number))
        assert left is not None
        world.warp(left)
        check(world, genesis, burned)
        rates.append(emission.rate_rao())
    assert rates == [rate for _, rate in TABLE[1:]]


@pytest.mark.parametrize("seed", range(6))
def test_A1_random_recycling_through_all_halvings__the_law_holds(seed: int) -> None:
    live(seed)


@pytest.mark.soundness
@pytest.mark.parametrize(
    "bug",
    [
        (
            "    self.recycled_rao += amount_rao\n\n    log IEmission.Recycled",
            "\n    log IEmission.Recycled",
        ),
        ("    self.minted_rao += kept\n", "    self.minted_rao += pending\n"),
    ],
    ids=["recycling is not counted", "what is withheld counts as minted"],
)
def test_A1_seeded_bug__breaks_the_law(bug: tuple[str, str]) -> None:
    source = seeded("Emission", ("Emission.vy", *bug))
    with pytest.raises(AssertionError):
        for seed in range(12):
            live(seed, Emission=source)
