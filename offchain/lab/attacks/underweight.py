# SPDX-License-Identifier: Apache-2.0
"""A minority gives the best honest miners nothing, so that their pay falls to its own."""

from __future__ import annotations

import numpy as np

from offchain.lab.attacks.frame import Attack, Axis, Outcome, outcome
from offchain.lab.scenario import Scenario
from offchain.lab.world import Chain, Rows, as_rows, draw_for, honest, measured, play


def measure(scenario: Scenario) -> Outcome:
    """Everything the minority earns, against honest play; and what its rivals lose."""
    rules, world, attacker = scenario.rules, scenario.world, scenario.attacker
    draws = draw_for(world, attacker)
    fair = play(rules, draws, honest(draws, world))
    others = draws.own_miners.start
    best = np.argsort(-draws.utility[:, :, :others], axis=2)[:, :, : attacker.rivals]
    rivals = np.zeros(draws.utility.shape, bool)
    np.put_along_axis(rivals, best, True, axis=2)

    def rows_of(epoch: int, _chain: Chain) -> Rows:
        scores = measured(draws, world, epoch)
        own = scores[:, draws.own_seats]
        scores[:, draws.own_seats] = np.where(rivals[epoch][:, None, :], 0.0, own)
        return as_rows(scores)

    hostile = play(rules, draws, rows_of)
    counted = slice(world.warmup, None)
    lost = (fair.miners - hostile.miners)[counted] * rivals[counted]
    return outcome(
        fair.of(draws, world.warmup),
        hostile.of(draws, world.warmup),
        victims_lose=lost.sum(axis=2).mean(axis=0),
    )


ATTACK = Attack(
    name="underweight",
    question="Give the best rivals no weight at all.",
    defence="The median ignores a minority's low weights, and who gives none earns no bonds.",
    measure=measure,
    x=Axis("stake", (0.1, 0.2, 0.3, 0.4, 0.45, 0.49, 0.55)),
    y=Axis("kappa_u16", (26214, 32767, 39321, 45874, 52428)),
    choice=Axis("rivals", (1, 3, 5, 10, 20)),
    weak=(("kappa_u16", 49151),),
)
