# SPDX-License-Identifier: Apache-2.0
"""How much honest utility it takes for honest stake to retain its share against a cabal.

Bittensor's two-team game (subtensor, docs/consensus.md, "Monte Carlo simulations"): a share S_H of
the stake is honest. Honest validators give W_H to honest servers and 1 - W_H to the cabal's, which
is the truth; the cabal gives itself W_C. Stakes are normal (1, 0.3), weights normal (1, deviation),
both cut at 0, then scaled so that teams and quadrants have their sums. One epoch with classic
bonds, none of them earlier. E_H, the honest emission, is `validator_share` x dividends + the rest
x incentive. Needed is the least W_H with E_H >= S_H, at the W_C that is worst for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.lab.errors import InvalidExperiment
from offchain.lab.progress import track
from offchain.lab.published import HONEST_STAKE, Setting
from offchain.lab.rust_random import RustRandom
from offchain.yuma import fast

STAKE_DEVIATION = 0.3
TOTAL_STAKE_RAO = 21 * 10**15
KAPPA_U16 = 32767
UTILITIES = np.linspace(0.5, 1.0, 26)
"""W_H; below one half no majority retains anything."""
SELF_WEIGHTS = np.linspace(0.0, 1.0, 21)
"""W_C"""
STAKES = (0.51, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
"""S_H, one retention line each."""
EPOCHS_PER_CALL = 128
"""Bounds the memory of a call: 128 x 64 x 448 weights of 4 + 2 bytes are 22 MB."""
EQUAL_SHARES = 1e-4
"""E_H that is less than this below S_H counts as retained: u16 weights cannot tell them apart."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Size:
    """Nodes of the network, the first of them validators."""

    nodes: int = 512
    validators: int = 64

    @property
    def servers(self) -> int:
        return self.nodes - self.validators


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One random network; the honest come first among validators and among servers."""

    honest_stake: float
    honest_validators: int
    honest_servers: int
    stakes_rao: NDArray[np.int64]
    """V"""
    weights: NDArray[np.float32]
    """V x S; every row sums to 1 over the honest servers, and again over the cabal's."""


@dataclass(frozen=True, slots=True, eq=False)
class HonestShares:
    """Honest parts of incentive and dividends, (W_H, W_C) each."""

    incentive: Floats
    dividends: Floats

    def emission(self, validator_share: float) -> Floats:
        """E_H, (W_H, W_C)."""
        return validator_share * self.dividends + (1.0 - validator_share) * self.incentive


@dataclass(frozen=True, slots=True)
class Need:
    """Honest utility needed at one setting."""

    setting: Setting
    percent: float
    """On Bittensor's own network."""
    worst_self_weight: float
    """The W_C that asks for it there."""
    other_networks_percent: tuple[float, ...]
    """The same on networks of other seeds."""


def draw_network(
    number: int | Sequence[int], honest_stake: float, weight_deviation: float, size: Size
) -> Draw:
    """One network: number 0 is Bittensor's own, drawn as its test draws it; a list of integers is
    the seed of another one. Raises `InvalidExperiment`.
    """
    if not 0.5 < honest_stake < 1.0 or not weight_deviation >= 0.0:
        raise InvalidExperiment(
            f"honest stake {honest_stake} with weight deviation {weight_deviation}, wanted a "
            "stake above 0.5 and below 1, a deviation of at least 0",
            next_step="Change --stake or --noise.",
        )
    validators = _not_all(honest_stake, size.validators)
    servers = _not_all(honest_stake, size.servers)
    normal = _normals(number, size)
    stakes, first = np.empty(size.validators), 0
    for share, count in ((honest_stake, validators), (1 - honest_stake, size.validators)):
        stakes[first:count] = share * _positive_sample(normal, count - first, STAKE_DEVIATION)
        first = count
    weights = np.empty((size.validators, size.servers), np.float32)
    for row in weights:
        row[:servers] = _positive_sample(normal, servers, weight_deviation)
        row[servers:] = _positive_sample(normal, size.servers - servers, weight_deviation)
    in_rao = (stakes * TOTAL_STAKE_RAO).astype(np.int64)
    return Draw(honest_stake, validators, servers, in_rao, weights)


def honest_shares(
    draw: Draw, bonds_penalty_u16: int, threads: int = 1, yuma3: bool = False
) -> HonestShares:
    """What the honest get for every pair of `UTILITIES` x `SELF_WEIGHTS`, one epoch each."""
    utilities, self_weights = (
        part.ravel() for part in np.meshgrid(UTILITIES, SELF_WEIGHTS, indexing="ij")
    )
    parts = []
    for first in range(0, utilities.size, EPOCHS_PER_CALL):
        some = slice(first, first + EPOCHS_PER_CALL)
        weights = _rows(draw, utilities[some], self_weights[some])
        stakes = np.broadcast_to(draw.stakes_rao, (len(weights), len(draw.stakes_rao)))
        batch = fast.EpochBatch(
            active_stake=fast.active_shares(stakes),
            weights=weights,
            kappa=KAPPA_U16,
            bonds_penalty=bonds_penalty_u16,
            yuma3=yuma3,
        )
        result = fast.run_batch(batch, threads=threads)
        parts.append(
            (
                _part_of(result.incentive, draw.honest_servers),
                _part_of(result.dividends, draw.honest_validators),
            )
        )
    shape = len(UTILITIES), len(SELF_WEIGHTS)
    incentive, dividends = (np.concatenate(p).reshape(shape) for p in zip(*parts, strict=True))
    return HonestShares(incentive, dividends)


def needed_utility(emission: Floats, honest_stake: float) -> Floats:
    """Least W_H with E_H >= S_H, per W_C; between grid points by straight lines, 1 where even
    perfect utility does not do.
    """
    needed = np.empty(emission.shape[1])
    for column, line in enumerate(emission.T):
        short = np.flatnonzero(line < honest_stake - EQUAL_SHARES)
        last = short[-1] if short.size else -1
        if last == -1 or last == len(UTILITIES) - 1:
            needed[column] = UTILITIES[0] if last == -1 else 1.0
            continue
        step = (honest_stake - line[last]) / (line[last + 1] - line[last])
        needed[column] = UTILITIES[last] + step * (UTILITIES[last + 1] - UTILITIES[last])
    return needed


def retention_needs(
    settings: Sequence[Setting],
    draws: int = 2,
    seed: int = 0,
    threads: int = 1,
    size: Size | None = None,
    honest_stake: float = HONEST_STAKE,
    yuma3: bool = False,
    quiet: bool = False,
) -> list[Need]:
    """The honest utility that each setting needs, on Bittensor's own network and on `draws`
    others. Settings that differ only in the validators' share use the same epochs.
    """
    if draws < 0:
        raise InvalidExperiment(f"draws is {draws}, wanted at least 0", next_step="Change --draws.")
    runs = list(dict.fromkeys((s.weight_deviation, s.bonds_penalty_u16) for s in settings))
    worst: dict[Setting, list[tuple[float, float]]] = {s: [] for s in settings}
    numbers: list[int | tuple[int, int]] = [0, *((seed, number) for number in range(draws))]
    work = [(run, number) for run in runs for number in numbers]
    for (deviation, penalty), number in track(work, "retention", quiet):
        draw = draw_network(number, honest_stake, deviation, size or Size())
        shares = honest_shares(draw, penalty, threads, yuma3)
        for setting in worst:
            if (setting.weight_deviation, setting.bonds_penalty_u16) == (deviation, penalty):
                needed = needed_utility(shares.emission(setting.validator_share), honest_stake)
                where = int(needed.argmax())
                worst[setting].append((float(needed[where]), float(SELF_WEIGHTS[where])))
    return [_need(setting, found) for setting, found in worst.items()]


def retention_maps(
    settings: Sequence[Setting],
    threads: int = 1,
    size: Size | None = None,
    stakes: Sequence[float] = STAKES,
    quiet: bool = False,
) -> dict[Setting, dict[float, Floats]]:
    """E_H over (W_H, W_C) for every setting and honest stake, for the contour plots; Bittensor's
    own networks.
    """
    runs = list(dict.fromkeys((s.weight_deviation, s.bonds_penalty_u16) for s in settings))
    maps: dict[Setting, dict[float, Floats]] = {s: {} for s in settings}
    work = [(run, stake) for run in runs for stake in stakes]
    for (deviation, penalty), stake in track(work, "contours", quiet):
        draw = draw_network(0, stake, deviation, size or Size())
        shares = honest_shares(draw, penalty, threads)
        for setting, lines in maps.items():
            if (setting.weight_deviation, setting.bonds_penalty_u16) == (deviation, penalty):
                lines[stake] = shares.emission(setting.validator_share)
    return maps


def _need(setting: Setting, found: Sequence[tuple[float, float]]) -> Need:
    percents = [100.0 * utility for utility, _ in found]
    return Need(setting, percents[0], found[0][1], tuple(percents[1:]))


def _normals(number: int | Sequence[int], size: Size) -> Callable[[int], Floats]:
    """A source of standard normals."""
    if isinstance(number, int):
        capacity = 2 * size.validators * (size.servers + 1) + 64
        return RustRandom(number, capacity).normal
    return np.random.default_rng(list(number)).standard_normal


def _positive_sample(normal: Callable[[int], Floats], count: int, deviation: float) -> Floats:
    """`count` numbers around 1, cut at 0, scaled to sum 1."""
    sample = np.maximum(1.0 + deviation * normal(count), 0.0)
    scaled: Floats = sample / sample.sum()
    return scaled


def _rows(draw: Draw, utilities: Floats, self_weights: Floats) -> NDArray[np.uint16]:
    """Weights of B epochs (B x V x S) with the quadrants' sums, as Bittensor stores them: parts of
    65,535, rounded down, then every row's largest raised to 65,535, rounded to the nearest.
    """
    honest, servers = draw.honest_validators, draw.honest_servers
    to_honest = np.empty((len(utilities), len(draw.weights), 1), np.float32)
    to_honest[:, :honest, 0] = utilities[:, None]
    to_honest[:, honest:, 0] = 1.0 - self_weights[:, None]
    full = np.float32(65535.0)
    parts = np.empty((len(utilities), *draw.weights.shape), np.float32)
    np.multiply(draw.weights[:, :servers], to_honest * full, out=parts[:, :, :servers])
    np.multiply(draw.weights[:, servers:], full - to_honest * full, out=parts[:, :, servers:])
    np.floor(parts, out=parts)
    parts *= full / parts.max(axis=2, keepdims=True)
    parts += np.float32(0.5)
    return parts.astype(np.uint16)


def _part_of(shares: NDArray[np.int64], first: int) -> Floats:
    """The part (B) of the first entries in B x n shares."""
    totals = shares.sum(axis=1)
    part: Floats = shares[:, :first].sum(axis=1) / np.maximum(totals, 1)
    return part


def _not_all(share: float, total: int) -> int:
    """A share of a number, rounded down, but never none and never all of it."""
    return min(max(int(share * total + 1e-9), 1), total - 1)
