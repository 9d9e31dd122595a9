# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost or made: the books of Emission balance to 2^-96 rao after every call.

I-02  accrued follows the table; issuance == genesis + accrued - recycled
      accrued == minted + withheld + pending of all netuids + the undivided remainder, exactly
I-03  supply == genesis + minted - burned
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from offchain.protocol import halving
from tests.contracts.deployment import MINIMAL, deploy_world, seeded
from tests.contracts.Emission.model import EmissionModel, share_words

ALL_NETUIDS = (0, 1, 2, 128)
NETUIDS = st.sampled_from(ALL_NETUIDS)

SHARE = st.integers(0, 9) | st.integers(0, 2**64 - 1)


class Books(RuleBasedStateMachine):
    """Random life of the accounts around a halving, with a model that walks tick by tick."""

    source: Any = None

    @initialize(
        number=st.integers(1, 29),
        before=st.integers(0, 60),
        opened=st.sets(NETUIDS, min_size=1),
    )
    def begin(self, number: int, before: int, opened: set[int]) -> None:
        issuance = halving.threshold_rao(number) - before * (10**9 >> (number - 1))
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        patched = {"Emission": self.source} if self.source else {}
        preset = replace(MINIMAL, genesis_rao=issuance)
        self.world = deploy_world(preset, only=("Tao", "Emission"), **patched)
        self.emission, self.tao = self.world.emission, self.world.tao
        self.model = EmissionModel(issuance)
        self.genesis = issuance
        self.has_shares = False
        self.burned = self.recycled = self.minted = self.closes = 0
        for netuid in sorted(opened):
            self.open(netuid)

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    def as_subnets(self, function: str, netuid: int) -> None:
        getattr(self.emission, function)(netuid, sender=self.world.address["Subnets"])

    @rule(ticks=st.integers(0, 60))
    def wait(self, ticks: int) -> None:
        self.world.warp(ticks)
        self.model.walk(ticks)

    @rule()
    def accrue(self) -> None:
        self.emission.accrue()

    @rule(netuid=NETUIDS)
    def open_one(self, netuid: int) -> None:
        if netuid not in self.model.owed:
            self.open(netuid)

    def open(self, netuid: int) -> None:
        self.as_subnets("open", netuid)
        self.model.owed[netuid] = 0
        if netuid == 0:
            self.model.root_open = True
        else:
            self.model.shares[netuid] = 0 if self.has_shares else 1

    @precondition(lambda self: self.model.owed)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        self.close_one(data.draw(st.sampled_from(sorted(self.model.owed))))

    def close_one(self, netuid: int) -> None:
        pending = self.emission.pending_rao(netuid)
        self.as_subnets("close", netuid)
        self.closes += 1
        self.model.issuance -= pending
        self.recycled += pending
        del self.model.owed[netuid]
        self.model.shares.pop(netuid, None)
        if netuid == 0:
            self.model.root_open = False

    @rule(first=SHARE, second=SHARE, last=SHARE, length=st.sampled_from((0, 1, 2, 127, 128)))
    def set_shares(self, first: int, second: int, last: int, length: int) -> None:
        shares = [first, second, *([5] * 125), last][:length]
        self.emission.set_shares(share_words(shares), sender=self.world.address["Settlement"])
        self.has_shares = True
        for netuid in self.model.shares:
            self.model.shares[netuid] = shares[netuid - 1] if netuid <= len(shares) else 0

    @precondition(lambda self: self.model.owed)
    @rule(data=st.data(), cap=st.integers(0, 100))
    def drain(self, data: st.DataObject, cap: int) -> None:
        self.drain_one(data.draw(st.sampled_from(sorted(self.model.owed))), cap)

    def drain_one(self, netuid: int, cap: int) -> None:
        pending = self.emission.pending_rao(netuid)
        kept = self.emission.drain(netuid, cap, sender=self.world.address["Settlement"])
        assert kept <= pending
        self.model.owed[netuid] -= pending
        self.model.issuance -= pending - kept
        self.minted += kept
        self.recycled += pending - kept

    @rule(amount=st.integers(0, 5 * 10**9))
    def recycle(self, amount: int) -> None:
        faucet = self.world.address["faucet"]
        self.tao.approve(self.emission, amount, sender=faucet)
        self.emission.recycle(amount, sender=faucet)
        self.model.issuance -= amount
        self.burned += amount
        self.recycled += amount

    @invariant()
    def books_balance(self) -> None:
        if not hasattr(self, "world"):
            return
        emission = self.emission
        accrued = emission.accrued_rao()
        assert emission.issuance_rao() == self.model.issuance
        assert accrued == self.model.accrued
        assert self.genesis + accrued - self.recycled == self.model.issuance
        assert emission.recycled_rao() == self.recycled
        assert self.tao.totalSupply() == self.genesis + self.minted - self.burned
        withheld = self.recycled - self.burned
        pending = sum(emission.pending_q96(netuid) for netuid in ALL_NETUIDS)
        rest = emission.remainder_q96()
        assert accrued << 96 == (self.minted + withheld << 96) + pending + rest
        # everybody has the exact share, and at most the fractions of those that were closed
        for netuid, exact in self.model.owed.items():
            gap = emission.pending_q96(netuid) - exact * 2**96
            assert -(2**88) < gap < 2**88 + (self.closes << 96)
        assert emission.total_share() == sum(self.model.shares.values())


def run(examples: int, steps: int) -> None:
    profile = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    run_state_machine_as_test(Books, settings=profile)


def walk_through(source: Any = None) -> None:
    """One fixed life that uses every rule, with the books checked after each step."""
    books = Books()
    books.source = source
    try:
        books.begin(number=2, before=20, opened={0, 1, 2, 128})
        for step in (
            lambda: books.wait(7),
            lambda: books.accrue(),
            lambda: books.drain_one(1, cap=4),
            lambda: books.set_shares(2**64 - 1, 3, 8, length=128),
            lambda: books.wait(11),
            lambda: books.recycle(4 * 10**9),
            lambda: books.close_one(2),
            lambda: books.wait(30),
            lambda: books.set_shares(4, 5, 7, length=128),
            lambda: books.open(2),
            lambda: books.drain_one(0, cap=100),
            lambda: books.wait(9),
            lambda: books.drain_one(128, cap=100),
            lambda: books.close_one(0),
            lambda: books.wait(3),
        ):
            step()
            books.books_balance()
    finally:
        books.teardown()


def test_law__a_fixed_life__balances_to_the_last_unit() -> None:
    walk_through()


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
def test_law__random_life__balances_to_the_last_unit() -> None:
    run(examples=settings().max_examples // 16, steps=20)


BUGS = {
    "the fraction of a closed netuid is forgotten": (
        "    self._schedule += account.owed_q96 & FRACTION_MASK\n",
        "",
    ),
    "shares change before the old ones are settled": (
        "        self._settle(netuid)\n        self._accounts[netuid].share = share",
        "        self._accounts[netuid].share = share\n        self._settle(netuid)",
    ),
    "the undivided remainder is dropped": (
        "books.remainder_q96 = divided_q96 % total_share",
        "books.remainder_q96 = 0",
    ),
    "withheld emission stays in issuance": (
        "    self._lower_issuance(amount_rao)\n    self.recycled_rao += amount_rao\n"
        "    self.withheld_rao",
        "    self.recycled_rao += amount_rao\n    self.withheld_rao",
    ),
    "the root is paid on top": (
        "((accrued - books.root_rao) << FRACTION_BITS)",
        "(accrued << FRACTION_BITS)",
    ),
    "the remainder is cut to its fraction": (
        "REMAINDER_MASK: constant(uint256) = 2**144 - 1",
        "REMAINDER_MASK: constant(uint256) = 2**64 - 1",
    ),
    "a drain leaves the account as it was": (
        "    self._accounts[netuid].owed_q96 = account.owed_q96 & FRACTION_MASK\n",
        "",
    ),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_law__seeded_bug__is_found(name: str) -> None:
    source = seeded("Emission", ("Emission.vy", *BUGS[name]))
    with pytest.raises(AssertionError):
        walk_through(source)
