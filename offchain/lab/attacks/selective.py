# SPDX-License-Identifier: Apache-2.0
"""Reveal only what turns out to suit.

The attacker reveals last and has seen all other rows of the epoch. With one commit per seat its
seats may only be silent: without a row they have no say and no dividends. With more commits per
seat it has prepared rows with different parts for its own miners and picks one. It departs from
what it measured when that pays at least `greed` more in this epoch; the less often it does, the
less it spoils its bonds. Twin of row D3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offchain.lab.attacks.cabal import self_weighted
from offchain.lab.attacks.frame import Attack, Axis, Floats, Outcome, outcome
from offchain.lab.scenario import Scenario
from offchain.lab.world import (
    Q32,
    Chain,
    Draws,
    Rows,
    as_rows,
    batch,
    draw_for,
    honest,
    measured,
    play,
)
from offchain.yuma import fast


def measure(scenario: Scenario) -> Outcome:
    """Everything the attacker earns when it chooses, against always revealing what it measured."""
    rules, world, attacker = scenario.rules, scenario.world, scenario.attacker
    draws = draw_for(world, attacker)
    fair = play(rules, draws, honest(draws, world))

    def rows_of(epoch: int, chain: Chain) -> Rows:
        scores = measured(draws, world, epoch)
        options = [as_rows(scores), *_silences(scores, draws)]
        for part in _parts(rules.commits_per_seat, attacker.utility):
            prepared = scores.copy()
            own = prepared[:, draws.own_seats]
            prepared[:, draws.own_seats] = self_weighted(own, draws, part)
            options.append(as_rows(prepared))
        return _best(scenario, draws, epoch, chain, np.stack(options))

    choosing = play(rules, draws, rows_of)
    return outcome(fair.of(draws, world.warmup), choosing.of(draws, world.warmup))


def _parts(commits: int, utility: float) -> Floats:
    """Self-weights of the rows prepared besides the honest one."""
    return np.linspace(utility, 1.0, commits)[1:]


def _silences(scores: Floats, draws: Draws) -> list[Rows]:
    """All rows with one of the attacker's seats silent, and with all of them."""
    rows = as_rows(scores)
    options = []
    for seat in [*range(draws.own_seats.start, draws.own_seats.stop), draws.own_seats]:
        silent = rows.copy()
        silent[:, seat] = 0
        options.append(silent)
    return options


def _best(scenario: Scenario, draws: Draws, epoch: int, chain: Chain, options: Rows) -> Rows:
    """Of O x B x V x N rows the ones that pay the attacker most, world by world; the first option
    is the honest one.
    """
    count, worlds = options.shape[:2]

    def repeated(array: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([array] * count)

    bonds = None if chain.bonds is None else repeated(chain.bonds)
    flat = options.reshape(count * worlds, *options.shape[2:])
    many = replace(
        batch(scenario.rules, draws, epoch, options[0], None, draws.stakes_rao),
        active_stake=fast.active_shares(np.where(flat.any(axis=2), repeated(draws.stakes_rao), 0)),
        weights=flat,
        bonds=bonds,
        replaced=repeated(draws.replaced[epoch]),
    )
    to_miners, to_validators = fast.run_batch(many).shares()
    pay = to_miners[:, draws.own_miners].sum(axis=1) + to_validators[:, draws.own_seats].sum(axis=1)
    pay = (pay / Q32).reshape(count, worlds)
    worth_it = pay.max(axis=0) > (1.0 + scenario.attacker.greed) * pay[0]
    choice = np.where(worth_it, pay.argmax(axis=0), 0)
    chosen: Rows = options[choice, np.arange(worlds)]
    return chosen


ATTACK = Attack(
    name="selective",
    question="See the others' rows first, then reveal only what suits.",
    defence="One commit per seat and epoch; a seat that does not reveal earns nothing.",
    measure=measure,
    x=Axis("stake", (0.1, 0.2, 0.3, 0.4, 0.45, 0.49)),
    y=Axis("commits_per_seat", (1, 2, 4, 10)),
    choice=Axis("greed", (0.0, 0.05, 0.1, 0.2, 0.4)),
    weak=(("commits_per_seat", 10), ("noise", 0.4)),
)
