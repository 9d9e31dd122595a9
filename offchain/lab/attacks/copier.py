# SPDX-License-Identifier: Apache-2.0
"""The weight copier measures nothing and repeats the newest consensus that it can read.

With commit and reveal the newest readable consensus is `reveal_epochs` old when a row must be
committed; with open weights (0) it is that of the other validators in this very epoch. For uids
that changed hands since, the copier guesses an average miner.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offchain.lab.attacks.frame import Attack, Axis, Floats, Outcome, outcome
from offchain.lab.scenario import Rules, Scenario
from offchain.lab.world import Chain, Draws, Rows, as_rows, batch, draw_for, honest, measured, play
from offchain.yuma import fast


def measure(scenario: Scenario) -> Outcome:
    """Dividends of a copier against those of the same seats measuring honestly; `effort` is what
    it saves.
    """
    rules, world, attacker = scenario.rules, scenario.world, scenario.attacker
    draws = draw_for(world, attacker)
    fair = play(rules, draws, honest(draws, world))

    def rows_of(epoch: int, chain: Chain) -> Rows:
        rows = as_rows(measured(draws, world, epoch))
        copied = _copied(rules, draws, epoch, rows, chain)
        if copied is not None:
            rows[:, draws.own_seats] = as_rows(copied)[:, None, :]
        return rows

    copying = play(rules, draws, rows_of)
    earned = fair.of(draws, world.warmup, miners=False)
    return outcome(
        earned,
        copying.of(draws, world.warmup, miners=False),
        cost=-attacker.effort * earned,
    )


def _copied(rules: Rules, draws: Draws, epoch: int, rows: Rows, chain: Chain) -> Floats | None:
    """The row to repeat (B x N); None while there is nothing to read yet."""
    age = rules.reveal_epochs
    if age > epoch:
        return None
    seen = _others_consensus(rules, draws, epoch, rows) if age == 0 else chain.consensus[-age]
    row = seen.astype(float)
    changed = draws.replaced[epoch - age + 1 : epoch + 1].any(axis=0)
    known = np.where(changed, 0.0, row)
    count = np.maximum((known > 0).sum(axis=1, keepdims=True), 1)
    return np.where(changed, known.sum(axis=1, keepdims=True) / count, row)


def _others_consensus(rules: Rules, draws: Draws, epoch: int, rows: Rows) -> NDArray[np.int64]:
    """Consensus of this epoch's open rows without the copier's own."""
    others = rows.copy()
    others[:, draws.own_seats] = 0
    return fast.run_batch(batch(rules, draws, epoch, others, None, draws.stakes_rao)).consensus


ATTACK = Attack(
    name="copier",
    question="Repeat the newest readable consensus instead of measuring.",
    defence="Rows stay hidden for an epoch; miners change faster than copies can follow.",
    measure=measure,
    x=Axis("reveal_epochs", (0, 1, 2, 4, 8)),
    y=Axis("churn", (0.0, 0.01, 0.05, 0.1, 0.2)),
    settings=(("stake", 0.1),),
    weak=(("reveal_epochs", 0),),
)
