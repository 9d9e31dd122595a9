# SPDX-License-Identifier: Apache-2.0
"""Parameters for a subnet, each with the measurements that speak for it.

The adversary is the coalition of the three largest stakes. Every candidate is measured with the
other parameters at their defaults; the rule that picks one is a docstring below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

import numpy as np

from offchain.lab.attacks import ATTACKS
from offchain.lab.errors import InvalidExperiment
from offchain.lab.experiment import find
from offchain.lab.progress import track
from offchain.lab.scenario import Scenario
from offchain.lab.world import draw_for, honest, play

COALITION = 3
MOST_COALITION = 0.49
"""Beyond it no parameter helps."""
NEGLIGIBLE_POINTS = 0.5
"""Profits closer than this, in percentage points, count as equal."""
KAPPAS = (
    tuple(round(65535 * part) for part in (0.3, 0.4, 0.45))
    + (32767,)
    + tuple(round(65535 * part) for part in (0.55, 0.6, 0.7))
)
PENALTIES = (0, 16384, 32768, 49151, 65535)
MOVING_AVERAGES = (500_000, 800_000, 900_000, 950_000, 975_000)
REVEALS = (0, 1, 2, 4, 8)
MAX_TEMPO = 3_600


@dataclass(frozen=True, slots=True)
class Subnet:
    """What is known about a subnet."""

    churn: float
    """Part of the uids that change hands per epoch."""
    stakes: tuple[int, ...]
    """Of its validators, rao."""
    noise: float = 0.2


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate and what was measured, in percent."""

    candidate: int
    measured: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommended value and why."""

    parameter: str
    value: int
    because: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Everything that `recommend` says."""

    subnet: Subnet
    coalition_stake: float
    scenario: Scenario
    advice: tuple[Advice, ...]


def recommend(subnet: Subnet, base: Scenario | None = None, quiet: bool = False) -> Recommendation:
    """Measure all candidates. Raises `InvalidExperiment` for fewer than four validators."""
    scenario, coalition = scenario_of(subnet, base or Scenario())
    studies: list[Callable[[Scenario], Advice]] = [_kappa, _penalty, _bond_rate, _reveal]
    advice = tuple(study(scenario) for study in track(studies, "recommend", quiet))
    return Recommendation(subnet, coalition, scenario, advice)


def typical_stakes(validators: int = 16, deviation: float = 0.3, seed: int = 0) -> tuple[int, ...]:
    """Normally distributed stakes of a subnet that nobody has measured yet, rao."""
    drawn = np.random.default_rng(seed).normal(1.0, deviation, validators)
    return tuple(int(stake * 10**12) for stake in np.maximum(drawn, 0.01))


def scenario_of(subnet: Subnet, base: Scenario) -> tuple[Scenario, float]:
    """The scenario that stands for a subnet, and the coalition's share of its stake."""
    stakes = sorted((stake for stake in subnet.stakes if stake > 0), reverse=True)
    if len(stakes) <= COALITION:
        raise InvalidExperiment(
            f"{len(stakes)} validators have stake, wanted more than {COALITION}",
            next_step="Give the stakes of more validators.",
        )
    coalition = min(sum(stakes[:COALITION]) / sum(stakes), MOST_COALITION)
    deviation = min(pstdev(stakes) / fmean(stakes), 2.0)
    knobs = {
        "seats": min(len(stakes), 64),
        "stake_deviation": deviation,
        "churn": subnet.churn,
        "noise": subnet.noise,
        "stake": coalition,
        "utility": min(coalition, 0.3),
    }
    for knob, value in knobs.items():
        base = base.with_knob(knob, value)
    return base, coalition


def _kappa(scenario: Scenario) -> Advice:
    """The kappa whose worse attack, cabal or under-weighting, earns least; among equals the one
    nearest to a half.
    """
    evidence = [
        _measure(scenario, "kappa_u16", kappa, ("cabal", "underweight")) for kappa in KAPPAS
    ]
    least = min(max(value for _, value in e.measured) for e in evidence)
    equal = [
        e for e in evidence if max(value for _, value in e.measured) <= least + NEGLIGIBLE_POINTS
    ]
    best = min(equal, key=lambda e: abs(e.candidate - 32767))
    worst = max(value for _, value in best.measured)
    return Advice(
        "kappa_u16",
        best.candidate,
        f"the better of cabal and under-weighting earns {worst:+.2f} %; no candidate is more than "
        f"{NEGLIGIBLE_POINTS:g} points better",
        tuple(evidence),
    )


def _penalty(scenario: Scenario) -> Advice:
    """The lowest penalty at which the cabal earns no more than at the best one: penalties also
    hit validators that merely measure differently.
    """
    evidence = [
        _with_spread(
            _measure(scenario, "bonds_penalty_u16", penalty, ("cabal",)),
            scenario.with_knob("bonds_penalty_u16", penalty),
        )
        for penalty in PENALTIES
    ]
    least = min(e.measured[0][1] for e in evidence)
    best = next(e for e in evidence if e.measured[0][1] <= least + NEGLIGIBLE_POINTS)
    return Advice(
        "bonds_penalty_u16",
        best.candidate,
        f"the cabal earns {best.measured[0][1]:+.2f} %, and honest dividends per stake spread by "
        f"{best.measured[1][1]:.2f} %",
        tuple(evidence),
    )


def _bond_rate(scenario: Scenario) -> Advice:
    """The moving average at which the copier earns least; among equals the one with the steadiest
    honest dividends.
    """
    evidence = [
        _with_spread(
            _measure(scenario, "bonds_moving_average_ppm", ppm, ("copier",)),
            scenario.with_knob("bonds_moving_average_ppm", ppm),
        )
        for ppm in MOVING_AVERAGES
    ]
    least = min(e.measured[0][1] for e in evidence)
    equal = [e for e in evidence if e.measured[0][1] <= least + NEGLIGIBLE_POINTS]
    best = min(equal, key=lambda e: e.measured[1][1])
    return Advice(
        "bonds_moving_average_ppm",
        best.candidate,
        f"the copier earns {best.measured[0][1]:+.2f} %, and honest dividends per stake spread by "
        f"{best.measured[1][1]:.2f} %",
        tuple(evidence),
    )


def _reveal(scenario: Scenario) -> Advice:
    """The shortest secrecy, in epochs of today's length, at which copying does not pay; the one
    at which it pays least if it always does. On chain secrecy is one epoch: more of it is a
    longer tempo.
    """
    evidence = [_measure(scenario, "reveal_epochs", age, ("copier",)) for age in REVEALS]
    unprofitable = [e for e in evidence if e.measured[0][1] <= 0.0]
    best = unprofitable[0] if unprofitable else min(evidence, key=lambda e: e.measured[0][1])
    tempo = min(scenario.rules.tempo_ticks * max(best.candidate, 1), MAX_TEMPO)
    verb = "does not pay" if unprofitable else "pays least"
    return Advice(
        "reveal_epochs",
        best.candidate,
        f"copying {verb} ({best.measured[0][1]:+.2f} %) when rows stay hidden for "
        f"{best.candidate} epochs of {scenario.rules.tempo_ticks} ticks: a tempo of {tempo} ticks",
        tuple(evidence),
    )


def _measure(scenario: Scenario, knob: str, candidate: int, attacks: Sequence[str]) -> Evidence:
    """What the attacks earn with one candidate."""
    there = scenario.with_knob(knob, candidate)
    return Evidence(
        candidate, tuple((name, round(find(ATTACKS[name], there).percent, 3)) for name in attacks)
    )


def _with_spread(evidence: Evidence, scenario: Scenario) -> Evidence:
    """Adds how unequal honest dividends per stake are, over seats and epochs (standard deviation
    in percent of the mean).
    """
    draws = draw_for(scenario.world, scenario.attacker)
    pay = play(scenario.rules, draws, honest(draws, scenario.world))
    counted = pay.validators[scenario.world.warmup :]
    shares = draws.stakes_rao / draws.stakes_rao.sum(axis=1, keepdims=True)
    per_stake = counted / shares
    weights = np.broadcast_to(shares, counted.shape)
    # validators get half of the emission, so half a share per share of the stake is the mean
    spread = float(np.sqrt(np.average((per_stake / 0.5 - 1.0) ** 2, weights=weights)))
    return replace(evidence, measured=(*evidence.measured, ("spread", round(100.0 * spread, 3))))
