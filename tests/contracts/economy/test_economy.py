# SPDX-License-Identifier: Apache-2.0
"""The whole economy driven at random: every public function, several people, time.

A rule of the machine is an action of `Economy` with a seed of its own; hypothesis chooses both and
makes a failing life short. A sample runs in `make test`; `make fuzz` has ten times as many lives,
each ten times as long.
docs/invariants.md says what each invariant means here.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import boa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.contracts.economy.invariants import DEEP, QUICK, check
from tests.contracts.economy.powers import WEIGHTS, Economy, live, open_economy, step

LEAST_SUCCESS = 0.05
"""An action that comes to something less often is spinning in reverts."""
OFTEN = 30
"""Fewer trials say nothing about it."""
BUNDLES = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
DEEP_EVERY = 10
FACTOR = 10 if settings.default.max_examples > 100 else 1
"""`make fuzz` has ten times as many lives, each ten times as long."""


class EconomyMachine(RuleBasedStateMachine):
    """One life; `patched` replaces contracts."""

    patched: ClassVar[dict[str, Any]] = {}

    @initialize(seed=st.integers(0, 2**32), crowd=st.sampled_from((0, 4, 12)))
    def begin(self, seed: int, crowd: int) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.steps = 0
        self.economy: Economy = open_economy(Random(seed), crowd, **self.patched)

    def teardown(self) -> None:
        if not hasattr(self, "economy"):
            return
        try:
            check(self.economy)
        finally:
            self.anchor.__exit__(None, None, None)

    @rule(action=st.sampled_from(BUNDLES), seed=st.integers(0, 2**32))
    def act(self, action: str, seed: int) -> None:
        self.steps += 1
        step(self.economy, action, seed)

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "economy"):
            check(self.economy, deep=self.steps % DEEP_EVERY == 0)


def run(machine: type[EconomyMachine], lives: int, steps: int) -> None:
    profile = settings(
        max_examples=lives,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=profile)


@pytest.mark.fuzz
@pytest.mark.timeout(7_200)
def test_economy__machine_of_hypothesis__keeps_every_invariant() -> None:
    run(EconomyMachine, lives=2 * FACTOR - 1, steps=10 * FACTOR)


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("part", range(FACTOR))
def test_economy__random_lives__keep_every_invariant(part: int) -> None:
    """Drawn by weight, which gets further than hypothesis does; and no action is idle."""
    tried, done = Counter[str](), Counter[str]()
    for seed in (2 * part, 2 * part + 1):
        with boa.env.anchor():
            economy = live(seed, steps=60 * FACTOR, crowd=(0, 12)[seed % 2])
        tried.update(economy.tried)
        done.update(economy.done)
    often = {name: count for name, count in tried.items() if count >= OFTEN}
    idle = {name: (done[name], n) for name, n in often.items() if done[name] < LEAST_SUCCESS * n}
    assert idle == {}


def test_economy__in_order__every_subject_pays() -> None:
    """Three epochs as they should go, every invariant after each; the miners are really paid."""
    chance = Random(1)
    economy = open_economy(chance, crowd=3)
    subnet = economy.subnets[1]
    assert economy.name_escrow(chance)
    for _ in range(3):
        assert economy.pay_fees(chance)
        assert economy.settle(chance, subnet)
        check(economy)
    assert economy.bonus > 0
    assert economy.claim(chance, subnet, many=7)
    assert sum(server + validator for server, validator in economy.claimed.values()) > 0
    check(economy)


def test_invariants__every_name_of_the_page__is_checked_somewhere() -> None:
    here = Path(__file__).parent
    page = (here.parents[2] / "docs" / "invariants.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| (I-\d\d) \|", page, re.MULTILINE))
    waived = set(re.findall(r"^\| (I-\d\d) \|.*\| not here", page, re.MULTILINE))
    sources = "".join(path.read_text(encoding="utf-8") for path in here.glob("*.py"))
    checked = set(re.findall(r'f?"(I-\d\d) ', sources))
    assert named == {f"I-{n:02}" for n in range(1, 37)}
    assert named - waived <= checked, sorted(named - waived - checked)
    assert len(QUICK) + len(DEEP) == len({one.__name__ for one in (*QUICK, *DEEP)})
