# SPDX-License-Identifier: Apache-2.0
"""What every attack is: a way to play, measured against honest play in the same worlds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.lab.scenario import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario's result; pay and profit per epoch, in shares of the emission for miners and
    validators.
    """

    honest: float
    """What honest play earns the same attacker."""
    attack: float
    """What the attack earns, before `cost`."""
    cost: float
    """What the attack costs more than honest play, negative if it costs less."""
    profit: float
    """attack - cost - honest"""
    error: float
    """Standard error of the profit over the draws."""
    reference: float
    """The pay that percentages are of: the honest one, where there is any."""
    victims_lose: float = 0.0
    """What those lose whom the attack is aimed at."""

    @property
    def percent(self) -> float:
        """Profit in percent of the reference."""
        return 100.0 * self.profit / self.reference

    @property
    def percent_error(self) -> float:
        return 100.0 * self.error / self.reference


@dataclass(frozen=True, slots=True)
class Axis:
    """A knob and the values that a region is swept over."""

    knob: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack of the catalogue."""

    name: str
    question: str
    """What is tried, in one sentence."""
    defence: str
    """What stands against it."""
    measure: Callable[[Scenario], Outcome]
    x: Axis
    y: Axis
    ignores: tuple[str, ...] = ()
    """Knobs of the attacker that somebody might set, but that this attack has no use for."""
    unit: str = "honest pay"
    """What percentages are of."""
    choice: Axis | None = None
    """What the attacker is free to choose; it takes the best."""
    settings: tuple[tuple[str, float], ...] = ()
    """Knobs whose default differs for this attack."""
    weak: tuple[tuple[str, float], ...] = ()
    """Knobs of a badly chosen subnet in which it pays; the gate must trip on them."""

    def scenario(self, base: Scenario | None = None) -> Scenario:
        """The default scenario of this attack."""
        return with_knobs(base or Scenario(), self.settings)


def with_knobs(scenario: Scenario, knobs: Sequence[tuple[str, float]]) -> Scenario:
    """The scenario with several knobs set; raises `InvalidExperiment` for a bad one."""
    for knob, value in knobs:
        scenario = scenario.with_knob(knob, value)
    return scenario


def outcome(
    honest: Floats,
    attack: Floats,
    cost: Floats | float = 0.0,
    victims_lose: Floats | float = 0.0,
    reference: float | None = None,
) -> Outcome:
    """Means over the draws (B each), and the standard error of the paired difference."""
    costs = np.broadcast_to(np.asarray(cost, float), honest.shape)
    profit = attack - costs - honest
    error = float(profit.std(ddof=1) / np.sqrt(len(profit))) if len(profit) > 1 else 0.0
    return Outcome(
        honest=float(honest.mean()),
        attack=float(attack.mean()),
        cost=float(costs.mean()),
        profit=float(profit.mean()),
        error=error,
        reference=float(honest.mean()) if reference is None else reference,
        victims_lose=float(np.mean(victims_lose)),
    )
