# SPDX-License-Identifier: Apache-2.0
"""One model behind several hotkeys.

Every copy answers as well as the first and is paid like it; each costs a registration, and another
one whenever newcomers push it out (with the probability `churn` per epoch). Copies that commit the
same model hash score 0 (`offchain.subnets.base.copied_or_missing`); this attacker changes a bit of
each copy's file, so that only the price stands against it. Twin of row B6 of the threat model.
"""

from __future__ import annotations

import numpy as np

from offchain.lab.attacks.frame import Attack, Axis, Floats, Outcome, outcome
from offchain.lab.errors import InvalidExperiment
from offchain.lab.scenario import Scenario
from offchain.lab.world import Chain, Draws, Rows, as_rows, draw, measured, play

OWN = 0.01
"""Share of utility with which the worlds are drawn; the copies' columns are overwritten."""


def measure(scenario: Scenario) -> Outcome:
    """What the miner earns with all its hotkeys, their price off, against one hotkey; in percent
    of what so many hotkeys earn alone. The copies push out average miners, not the worst ones,
    which is the attacker's best case.
    """
    rules, world, attacker = scenario.rules, scenario.world, scenario.attacker
    if attacker.copies >= world.miners:
        raise InvalidExperiment(
            f"copies is {attacker.copies}, wanted less than the {world.miners} miners",
            next_step="Use fewer copies, or more miners.",
        )
    draws = draw(world, OWN, OWN)
    one = play(rules, draws, lambda epoch, _chain: _rows(draws, scenario, epoch, 1))

    def rows_of(epoch: int, _chain: Chain) -> Rows:
        return _rows(draws, scenario, epoch, attacker.copies)

    many = play(rules, draws, rows_of)
    counted = slice(world.warmup, None)
    honest: Floats = one.miners[counted, :, -1].mean(axis=0)
    earned: Floats = many.miners[counted, :, -attacker.copies :].sum(axis=2).mean(axis=0)
    average = 0.5 / world.miners
    price_per_epoch = world.burn_epochs * average * world.churn
    return outcome(
        honest,
        earned,
        cost=(attacker.copies - 1) * price_per_epoch,
        reference=attacker.copies * float(honest.mean()),
    )


def _rows(draws: Draws, scenario: Scenario, epoch: int, copies: int) -> Rows:
    """Rows in which the last columns are copies; the other miners of those uids made room."""
    world = scenario.world
    scores = measured(draws, world, epoch)
    mean = draws.utility[epoch].mean(axis=1)[:, None, None]
    error = np.maximum(1.0 + world.noise * draws.noise[epoch][:, :, -copies:], 0.0)
    scores[:, :, -copies:] = scenario.attacker.quality * mean * error
    return as_rows(scores)


ATTACK = Attack(
    name="clones",
    question="Register one model behind several hotkeys.",
    defence="The price of a registration, which free entry drives to an average miner's pay.",
    measure=measure,
    x=Axis("burn_epochs", (0.0, 5.0, 10.0, 20.0, 40.0, 60.0)),
    y=Axis("quality", (0.5, 1.0, 1.5, 2.0, 3.0)),
    ignores=("stake", "utility"),
    unit="what its hotkeys would earn each alone",
    choice=Axis("copies", (2, 4, 8, 16)),
    weak=(("burn_epochs", 0.0),),
)
