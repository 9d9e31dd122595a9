# SPDX-License-Identifier: Apache-2.0
"""A worthless miner takes a pruned slot again and again, to live on what its predecessor left.

If rows outlive the uid's owner, the newcomer is paid for the predecessor's work for
`inherited_epochs` epochs; then it registers anew. Under the protocol a row serves one epoch, and
the neurons of an epoch are fixed before it begins, so nothing is left. Twin of row B2.
"""

from __future__ import annotations

import numpy as np

from offchain.lab.attacks.frame import Attack, Axis, Outcome, outcome
from offchain.lab.scenario import Scenario
from offchain.lab.world import Chain, Rows, as_rows, draw, measured, play

OWN = 0.01


def measure(scenario: Scenario) -> Outcome:
    """Pay of the recycled uid less the price of its registrations, in average miners' pay. A
    worthless miner has no honest play: it stays away.
    """
    rules, world, attacker = scenario.rules, scenario.world, scenario.attacker
    draws = draw(world, OWN, OWN)
    ranked = np.sort(draws.utility[:, :, :-1], axis=2)
    left = ranked[:, :, round(attacker.predecessor * (ranked.shape[2] - 1))]

    def rows_of(epoch: int, _chain: Chain) -> Rows:
        scores = measured(draws, world, epoch)
        worth = left[epoch][:, None] if rules.inherited_epochs else 0.0
        error = np.maximum(1.0 + world.noise * draws.noise[epoch][:, :, -1], 0.0)
        scores[:, :, -1] = worth * error
        return as_rows(scores)

    pay = play(rules, draws, rows_of).miners[world.warmup :, :, -1].mean(axis=0)
    average = 0.5 / world.miners
    price_per_epoch = world.burn_epochs * average / max(rules.inherited_epochs, 1)
    return outcome(np.zeros(len(pay)), pay, cost=price_per_epoch, reference=average)


ATTACK = Attack(
    name="recycling",
    question="Take a pruned slot again and again with a worthless miner.",
    defence="A row serves one epoch and the neurons of its own boundary; nothing is inherited.",
    measure=measure,
    x=Axis("inherited_epochs", (0, 1, 2, 4, 8, 14)),
    y=Axis("burn_epochs", (0.1, 0.5, 1.0, 5.0, 20.0)),
    ignores=("stake", "utility"),
    unit="an average miner's pay",
    weak=(("inherited_epochs", 14), ("burn_epochs", 0.5)),
)
