# SPDX-License-Identifier: Apache-2.0
"""Recommendations follow from their own evidence."""

from __future__ import annotations

import pytest

from offchain.lab.errors import InvalidExperiment
from offchain.lab.recommend import NEGLIGIBLE_POINTS, Subnet, recommend, scenario_of, typical_stakes
from offchain.lab.scenario import Scenario

FAST = Scenario().with_knob("draws", 3).with_knob("miners", 32)


def advice(churn: float, **more):
    found = recommend(Subnet(churn, typical_stakes(10), **more), FAST, quiet=True)
    return {a.parameter: a for a in found.advice}


@pytest.fixture(scope="module")
def calm():
    return advice(churn=0.02)


def test_recommend__values__are_candidates_and_follow_the_rules(calm) -> None:
    for item in calm.values():
        assert item.value in [e.candidate for e in item.evidence]
    kappa = calm["kappa_u16"]
    worst = {e.candidate: max(value for _, value in e.measured) for e in kappa.evidence}
    assert worst[kappa.value] <= min(worst.values()) + NEGLIGIBLE_POINTS
    penalty = calm["bonds_penalty_u16"]
    cabal = {e.candidate: dict(e.measured)["cabal"] for e in penalty.evidence}
    assert cabal[penalty.value] <= min(cabal.values()) + NEGLIGIBLE_POINTS


def test_recommend__more_churn__needs_less_secrecy(calm) -> None:
    restless = advice(churn=0.3)
    assert restless["reveal_epochs"].value < calm["reveal_epochs"].value


def test_scenario_of__coalition__is_the_three_largest_capped() -> None:
    scenario, coalition = scenario_of(Subnet(0.1, (1, 2, 3, 4, 0)), FAST)
    assert coalition == 0.49  # 9 of 10
    assert (scenario.world.seats, scenario.world.churn) == (4, 0.1)
    _, coalition = scenario_of(Subnet(0.1, (2,) * 10), FAST)
    assert coalition == pytest.approx(0.3)


def test_scenario_of__too_few_validators__is_refused() -> None:
    with pytest.raises(InvalidExperiment, match="3 validators have stake"):
        scenario_of(Subnet(0.1, (1, 2, 3, 0)), FAST)
