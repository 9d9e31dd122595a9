# SPDX-License-Identifier: Apache-2.0
"""Stake that is only there when it is counted, and busy elsewhere in between.

Stake arrives `early_ticks` before a boundary, stays for one to three of them and leaves; while it
unbonds it earns nothing and is bound. It serves an epoch if it was there at the boundary before
the one before (a seat is taken then), and counts at the epoch's last boundary and, with two
`counted_boundaries`, at its first. The attacker picks the best number of boundaries. Profit is what
a stake that is always bound somewhere like this earns more than one that stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.lab.attacks.frame import Attack, Axis, Floats, Outcome, outcome
from offchain.lab.scenario import Rules, Scenario
from offchain.lab.world import Draws, Pay, draw_for, honest, play

HELD_BOUNDARIES = (1, 2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """One way to come and go, over E epochs."""

    counted: NDArray[np.bool_]
    """E: the stake counts in the epoch."""
    counted_share: float
    """Part of all epochs in which it counts, over whole cycles."""
    bound_epochs: float
    """How long the stake was bound, unbonding included, per epoch of the subnet; at most 1."""


def measure(scenario: Scenario) -> Outcome:
    """Dividends per epoch in which the stake is bound, against stake that stays."""
    rules, world, attacker = scenario.rules, scenario.world, scenario.attacker
    draws = draw_for(world, attacker)
    fair = play(rules, draws, honest(draws, world)).of(draws, world.warmup, miners=False)
    best: Floats | None = None
    for held in HELD_BOUNDARIES:
        schedule = come_and_go(rules, draws.epochs, held, attacker.early_ticks)
        stakes = np.broadcast_to(draws.stakes_rao, (draws.epochs, *draws.stakes_rao.shape)).copy()
        stakes[~schedule.counted, :, draws.own_seats] = 0
        pay = play(rules, draws, honest(draws, world), stakes)
        earned = _per_counted_epoch(pay, draws, schedule)
        earned *= schedule.counted_share / schedule.bound_epochs
        if best is None or earned.mean() > best.mean():
            best = earned
    assert best is not None  # HELD_BOUNDARIES is not empty
    return outcome(fair, best)


def come_and_go(rules: Rules, epochs: int, held: int, early_ticks: int) -> Schedule:
    """The schedule that repeats as soon as the stake is free again. Boundary k is where epoch k
    begins; the stake is there from `early_ticks` before the first of `held` boundaries to the last
    of them.
    """
    tempo = rules.tempo_ticks
    bound = early_ticks + (held - 1) * tempo + rules.unbonding_ticks
    # the last boundary of one stay and the first of the next cannot be the same
    cycle = max(-(-bound // tempo), held)
    counted = _counts(np.arange(epochs), cycle, held, rules.counted_boundaries)
    over_a_cycle = _counts(np.arange(cycle), cycle, held, rules.counted_boundaries)
    return Schedule(counted, float(over_a_cycle.mean()), min(bound / (cycle * tempo), 1.0))


def _counts(
    epochs: NDArray[np.int64], cycle: int, held: int, counted_boundaries: int
) -> NDArray[np.bool_]:
    """In which epochs the stake counts: seated by the boundary before, there at the end."""
    counts = ((epochs - 1) % cycle < held) & ((epochs + 1) % cycle < held)
    return counts & (epochs % cycle < held) if counted_boundaries == 2 else counts


def _per_counted_epoch(pay: Pay, draws: Draws, schedule: Schedule) -> Floats:
    """Mean dividends (B) in an epoch that counts, 0 if there is none."""
    total = pay.of(draws, 0, miners=False) * len(schedule.counted)
    mean: Floats = total / max(int(schedule.counted.sum()), 1)
    return mean


ATTACK = Attack(
    name="boundary",
    question="Stake just before a boundary, leave after it.",
    defence="Stake is the minimum of two boundaries, a seat is won one earlier, unbonding binds.",
    measure=measure,
    x=Axis("unbonding_ticks", (0, 180, 360, 720, 1440, 3600, 7200)),
    y=Axis("counted_boundaries", (1, 2)),
    choice=Axis("early_ticks", (1, 10)),
    weak=(("unbonding_ticks", 0),),
)
