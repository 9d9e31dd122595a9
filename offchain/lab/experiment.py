# SPDX-License-Identifier: Apache-2.0
"""Runs an attack of the catalogue: its verdict at one scenario, its region over two knobs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offchain.lab.attacks.frame import Attack, Outcome
from offchain.lab.bounds import BOUNDS_PERCENT
from offchain.lab.files import write_json
from offchain.lab.progress import track
from offchain.lab.scenario import Scenario

SIGNIFICANT = 2.0
"""Standard errors that a profit must be above 0 to be called one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An attack at one scenario, played as well as it can be."""

    name: str
    scenario: Scenario
    chosen: float | None
    """What the attacker chose for the attack's `choice`."""
    outcome: Outcome
    percent: float
    percent_error: float
    pays: bool
    bound_percent: float
    within_bound: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a region."""

    x: float
    y: float
    percent: float
    percent_error: float
    pays: bool


@dataclass(frozen=True, slots=True)
class Region:
    """Where an attack pays, over two knobs; cells row by row (y outer)."""

    x_knob: str
    x_values: tuple[float, ...]
    y_knob: str
    y_values: tuple[float, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """Everything that is written down about a run."""

    finding: Finding
    region: Region
    verdict: tuple[str, ...]


def find(attack: Attack, scenario: Scenario, fixed: Collection[str] = ()) -> Finding:
    """The attack at its best in this scenario; knobs in `fixed` are not the attacker's choice."""
    chosen, outcome = _best(attack, scenario, fixed)
    bound = BOUNDS_PERCENT[attack.name]
    return Finding(
        name=attack.name,
        scenario=scenario,
        chosen=chosen,
        outcome=outcome,
        percent=outcome.percent,
        percent_error=outcome.percent_error,
        pays=_pays(outcome),
        bound_percent=bound,
        within_bound=outcome.percent <= bound,
    )


def explore(
    attack: Attack, scenario: Scenario, fixed: Collection[str] = (), quiet: bool = False
) -> Region:
    """The attack's region around a scenario."""
    points = [(x, y) for y in attack.y.values for x in attack.x.values]
    cells = []
    for x, y in track(points, attack.name, quiet):
        there = scenario.with_knob(attack.y.knob, y).with_knob(attack.x.knob, x)
        _, outcome = _best(attack, there, fixed)
        cells.append(Cell(x, y, outcome.percent, outcome.percent_error, _pays(outcome)))
    return Region(attack.x.knob, attack.x.values, attack.y.knob, attack.y.values, tuple(cells))


def experiment(
    attack: Attack, scenario: Scenario, fixed: Collection[str] = (), quiet: bool = False
) -> Experiment:
    """Finding, region and verdict."""
    finding = find(attack, scenario, fixed)
    region = explore(attack, scenario, fixed, quiet)
    lines = verdict(attack, finding, region)
    lines += [
        f"{knob} does not matter to {attack.name}" for knob in attack.ignores if knob in fixed
    ]
    return Experiment(finding, region, tuple(lines))


def verdict(attack: Attack, finding: Finding, region: Region) -> list[str]:
    """What a person wants to know, one sentence a line."""
    outcome = finding.outcome
    pays = "pays" if finding.pays else "does not pay"
    kept = "within" if finding.within_bound else "BEYOND"
    lines = [
        f"{attack.name}: {attack.question}",
        f"{pays}: {finding.percent:+.2f} % (standard error {finding.percent_error:.2f}) of "
        f"{attack.unit} per epoch, {kept} the published bound of "
        f"{finding.bound_percent:+.1f} %",
        f"honest {100 * outcome.honest:.4f} % of the emission, attack "
        f"{100 * outcome.attack:.4f} %, cost {100 * outcome.cost:.4f} %",
    ]
    if finding.chosen is not None and attack.choice is not None:
        lines.append(f"the attacker's best {attack.choice.knob}: {finding.chosen:g}")
    if outcome.victims_lose:
        lines.append(f"its victims lose {100 * outcome.victims_lose:.4f} % of the emission")
    return [*lines, f"against it: {attack.defence}", *_where(region)]


def write_experiment(folder: Path, result: Experiment, plots: bool = True) -> list[Path]:
    """JSON and pictures named after the attack; returns the paths."""
    name, region = result.finding.name, result.region
    paths = [write_json(folder / f"{name}.json", result)]
    if plots:
        from offchain.lab.attacks import attack_named
        from offchain.lab.plots import region_plot

        values = np.array([cell.percent for cell in region.cells])
        paths += region_plot(
            folder / name,
            f"{name}: where it pays",
            (region.x_knob, region.x_values),
            (region.y_knob, region.y_values),
            values.reshape(len(region.y_values), len(region.x_values)),
            attack_named(name).unit,
        )
    return paths


def _best(
    attack: Attack, scenario: Scenario, fixed: Collection[str]
) -> tuple[float | None, Outcome]:
    """The attacker's best choice, and what it earns."""
    choice = attack.choice
    if choice is None or choice.knob in fixed:
        return None, attack.measure(scenario)
    tried = [
        (value, attack.measure(scenario.with_knob(choice.knob, value))) for value in choice.values
    ]
    return max(tried, key=lambda pair: pair[1].profit)


def _pays(outcome: Outcome) -> bool:
    return outcome.profit > SIGNIFICANT * outcome.error and outcome.profit > 0


def _where(region: Region) -> list[str]:
    """One line per value of y: the values of x where it pays."""
    lines = []
    for y in region.y_values:
        paying = [f"{cell.x:g}" for cell in region.cells if cell.y == y and cell.pays]
        where = ", ".join(paying) if paying else "nowhere"
        lines.append(f"{region.y_knob} {y:g}: pays at {region.x_knob} {where}")
    return lines
