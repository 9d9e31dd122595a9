# SPDX-License-Identifier: Apache-2.0
"""A cabal of validators gives its own miners more than they are worth (retention, live).

Its row is what it measured, with its own miners' part raised to `self_weight`.
"""

from __future__ import annotations

from offchain.lab.attacks.frame import Attack, Axis, Floats, Outcome, outcome
from offchain.lab.scenario import Scenario
from offchain.lab.world import Chain, Draws, Rows, as_rows, draw_for, honest, measured, play


def measure(scenario: Scenario) -> Outcome:
    """Everything the cabal's validators and miners earn, against what they earn honestly."""
    rules, world, attacker = scenario.rules, scenario.world, scenario.attacker
    draws = draw_for(world, attacker)
    fair = play(rules, draws, honest(draws, world))

    def rows_of(epoch: int, _chain: Chain) -> Rows:
        scores = measured(draws, world, epoch)
        scores[:, draws.own_seats] = self_weighted(
            scores[:, draws.own_seats], draws, attacker.self_weight
        )
        return as_rows(scores)

    greedy = play(rules, draws, rows_of)
    return outcome(fair.of(draws, world.warmup), greedy.of(draws, world.warmup))


def self_weighted(scores: Floats, draws: Draws, self_weight: float) -> Floats:
    """Scores (... x N) whose own miners' part of the row is `self_weight`."""
    row = scores.copy()
    own = row[..., draws.own_miners]
    first = draws.own_miners.start
    others = row[..., :first]
    own *= self_weight / own.sum(axis=-1, keepdims=True)
    others *= (1.0 - self_weight) / others.sum(axis=-1, keepdims=True)
    return row


ATTACK = Attack(
    name="cabal",
    question="Give one's own miners more weight than they earn.",
    defence="Weight above the stake-weighted median is clipped, and earns no bonds.",
    measure=measure,
    x=Axis("stake", (0.1, 0.2, 0.3, 0.4, 0.45, 0.49, 0.55)),
    y=Axis("noise", (0.0, 0.1, 0.2, 0.3, 0.4)),
    choice=Axis("self_weight", (0.35, 0.4, 0.5, 0.6, 0.8, 1.0)),
    weak=(("kappa_u16", 13107),),
)
