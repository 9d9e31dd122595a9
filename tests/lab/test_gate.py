# SPDX-License-Identifier: Apache-2.0
"""The gate of issue 3: no attack beyond its published bound, and weak parameters trip it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from offchain.lab.attacks import ATTACKS
from offchain.lab.attacks.frame import with_knobs
from offchain.lab.bounds import BOUNDS_PERCENT
from offchain.lab.experiment import find
from offchain.lab.gate import beyond_bound, check_all
from offchain.lab.scenario import Scenario
from offchain.protocol.hyperparameters import BY_NAME

PAGE = Path(__file__).parents[2] / "docs" / "lab.md"


def test_defaults__no_attack_is_beyond_its_bound() -> None:
    assert beyond_bound(check_all(quiet=True)) == []


def test_defaults__are_the_protocols() -> None:
    """The gate guards what a new subnet gets, not what the laboratory likes."""
    rules = Scenario().rules
    for name in ("kappa_u16", "bonds_penalty_u16", "bonds_moving_average_ppm"):
        assert getattr(rules, name) == BY_NAME[name].default
    changed = {knob for attack in ATTACKS.values() for knob, _ in attack.settings}
    assert changed == {"stake"}


@pytest.mark.soundness
@pytest.mark.parametrize("name", ATTACKS)
def test_weak_parameters__trip_the_gate(name) -> None:
    attack = ATTACKS[name]
    found = find(attack, with_knobs(attack.scenario(), attack.weak))
    assert found.pays
    assert not found.within_bound
    (sentence,) = beyond_bound([found])
    assert name in sentence


@pytest.mark.soundness
def test_default_kappa__lowered_for_everybody__trips_the_gate() -> None:
    weak = Scenario().with_knob("kappa_u16", 13107)
    assert any(line.startswith("cabal") for line in beyond_bound(check_all(weak, quiet=True)))


def test_page__quotes_every_bound() -> None:
    quoted = dict(re.findall(r"^\| `(\w+)` \|.*\| \+?([\d.]+) % \|$", PAGE.read_text(), re.M))
    assert {name: float(bound) for name, bound in quoted.items()} == BOUNDS_PERCENT
