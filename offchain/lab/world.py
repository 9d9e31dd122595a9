# SPDX-License-Identifier: Apache-2.0
"""A subnet that lives for some epochs: miners come, go and drift, validators measure them.

B independent worlds live side by side; an epoch of all of them is one `run_batch`. Bonds go from
epoch to epoch as u16, and nobody keeps a bond to a uid that was replaced, as on chain. Rows are
the masked ones of an epoch; validators have no columns, miners no seats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from offchain.lab.scenario import Attacker, Rules, World
from offchain.yuma import fast

Floats = NDArray[np.float64]
Rows = NDArray[np.uint16]
Q32 = float(1 << 32)
TOTAL_STAKE_RAO = 10**15


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What chance decides; B worlds, E epochs, V seats, N miners. The attacker's seats and miners
    come last.
    """

    stakes_rao: NDArray[np.int64]
    """B x V"""
    utility: Floats
    """E x B x N, sum 1 over the miners."""
    replaced: NDArray[np.bool_]
    """E x B x N: a new miner serves from this epoch on."""
    noise: NDArray[np.float32]
    """E x B x V x N, standard normal."""
    own_seats: slice
    own_miners: slice

    @property
    def epochs(self) -> int:
        return len(self.utility)


@dataclass(frozen=True, slots=True, eq=False)
class Pay:
    """Shares of the subnet's emission for miners and validators (together 1) in each epoch."""

    miners: Floats
    """E x B x N"""
    validators: Floats
    """E x B x V"""
    consensus: NDArray[np.int64]
    """E x B x N, Q32"""

    def of(self, draws: Draws, warmup: int, seats: bool = True, miners: bool = True) -> Floats:
        """What the attacker's seats and miners earn per epoch (B), after the warm-up."""
        total = np.zeros(self.miners.shape[1])
        if seats:
            total += self.validators[warmup:, :, draws.own_seats].sum(axis=2).mean(axis=0)
        if miners:
            total += self.miners[warmup:, :, draws.own_miners].sum(axis=2).mean(axis=0)
        return total


RowsOf = Callable[[int, "Chain"], Rows]
"""Rows of all seats (B x V x N) in an epoch, given what happened before."""


@dataclass(slots=True, eq=False)
class Chain:
    """What a player can look at: the consensus of every epoch so far, and the bonds."""

    consensus: list[NDArray[np.int64]]
    bonds: Rows | None = None


@lru_cache(maxsize=8)
def draw(world: World, stake: float, utility: float) -> Draws:
    """The worlds of a seed; cached, since the points of a region differ mostly in other knobs."""
    rng = np.random.default_rng(world.seed)
    epochs = world.warmup + world.epochs
    seats, miners = own_count(stake, world.seats), own_count(utility, world.miners)
    shape = world.draws, world.miners
    stakes = np.maximum(rng.normal(1.0, world.stake_deviation, (world.draws, world.seats)), 0.01)
    _scale(stakes, slice(0, world.seats - seats), 1.0 - stake)
    _scale(stakes, slice(world.seats - seats, world.seats), stake)
    skill = rng.normal(0.0, world.skill_deviation, shape)
    utilities = np.empty((epochs, *shape))
    replaced = rng.random((epochs, *shape)) < world.churn
    replaced[0] = False
    for epoch in range(epochs):
        skill = skill + rng.normal(0.0, world.drift, shape)
        # drift pulls back, so that skills stay as wide as they began
        skill /= np.sqrt(1.0 + (world.drift / max(world.skill_deviation, 1e-9)) ** 2)
        skill = np.where(replaced[epoch], rng.normal(0.0, world.skill_deviation, shape), skill)
        utilities[epoch] = np.exp(skill)
        _scale(utilities[epoch], slice(0, world.miners - miners), 1.0 - utility)
        _scale(utilities[epoch], slice(world.miners - miners, world.miners), utility)
    noise = rng.standard_normal((epochs, world.draws, world.seats, world.miners), np.float32)
    return Draws(
        stakes_rao=(stakes * TOTAL_STAKE_RAO).astype(np.int64),
        utility=utilities,
        replaced=replaced,
        noise=noise,
        own_seats=slice(world.seats - seats, world.seats),
        own_miners=slice(world.miners - miners, world.miners),
    )


def own_count(share: float, total: int) -> int:
    """How many of all are the attacker's: its share, rounded, never none and never all."""
    return min(max(round(share * total), 1), total - 1)


def measured(draws: Draws, world: World, epoch: int) -> Floats:
    """What every validator measures, B x V x N; never negative."""
    error = np.maximum(1.0 + world.noise * draws.noise[epoch], 0.0)
    scores: Floats = draws.utility[epoch][:, None, :] * error
    return scores


def as_rows(scores: Floats) -> Rows:
    """Scores as u16 weights, every row's largest at 65,535, rounded down; all 0 stays all 0."""
    largest = scores.max(axis=-1, keepdims=True)
    scaled = scores * (65535.0 / np.where(largest > 0, largest, 1.0))
    return np.minimum(scaled, 65535.0).astype(np.uint16)


def honest(draws: Draws, world: World) -> RowsOf:
    """Everybody sends what it measured."""
    return lambda epoch, _chain: as_rows(measured(draws, world, epoch))


def play(
    rules: Rules,
    draws: Draws,
    rows_of: RowsOf,
    stakes_rao: NDArray[np.int64] | None = None,
) -> Pay:
    """Live through all epochs. `stakes_rao`: E x B x V if stake changes, else the draws' own."""
    chain = Chain([])
    miners, validators = [], []
    for epoch in range(draws.epochs):
        stakes = draws.stakes_rao if stakes_rao is None else stakes_rao[epoch]
        rows = rows_of(epoch, chain)
        result = fast.run_batch(
            batch(rules, draws, epoch, rows, chain.bonds, stakes), store_bonds=True
        )
        chain.bonds = result.bonds
        chain.consensus.append(result.consensus)
        to_miners, to_validators = result.shares()
        miners.append(to_miners / Q32)
        validators.append(to_validators / Q32)
    return Pay(np.stack(miners), np.stack(validators), np.stack(chain.consensus))


def batch(
    rules: Rules,
    draws: Draws,
    epoch: int,
    rows: Rows,
    bonds: Rows | None,
    stakes_rao: NDArray[np.int64],
) -> fast.EpochBatch:
    """The epoch of all worlds; a seat whose row is blank as a whole did not reveal and abstains."""
    revealed = rows.any(axis=2)
    return fast.EpochBatch(
        active_stake=fast.active_shares(np.where(revealed, stakes_rao, 0)),
        weights=rows,
        bonds=bonds,
        replaced=draws.replaced[epoch],
        kappa=rules.kappa_u16,
        bonds_penalty=rules.bonds_penalty_u16,
        bonds_moving_average=rules.bonds_moving_average_ppm,
    )


def draw_for(world: World, attacker: Attacker) -> Draws:
    """The worlds in which this attacker plays."""
    return draw(world, attacker.stake, attacker.utility)


def _scale(values: Floats, part: slice, total: float) -> None:
    """Scale a part of the last axis, in place, to a sum."""
    values[..., part] *= total / values[..., part].sum(axis=-1, keepdims=True)
