# SPDX-License-Identifier: Apache-2.0
"""Every knob of an attack, in three hands: the protocol's rules, the world, the attacker.

Defaults of the rules are those that a new subnet starts with. A knob is set by its name alone,
so an attack's region is swept over any two of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from offchain.chain.presets import MAINNET
from offchain.lab.errors import InvalidExperiment
from offchain.protocol.hyperparameters import BY_NAME


@dataclass(frozen=True, slots=True)
class Rules:
    """What the protocol decides (design: the protocol page)."""

    kappa_u16: int = BY_NAME["kappa_u16"].default
    bonds_penalty_u16: int = BY_NAME["bonds_penalty_u16"].default
    bonds_moving_average_ppm: int = BY_NAME["bonds_moving_average_ppm"].default
    tempo_ticks: int = MAINNET.tempo
    unbonding_ticks: int = MAINNET.unbonding_ticks
    reveal_epochs: int = 1
    """Age of the newest rows that anybody can read when committing; 0: weights are open."""
    commits_per_seat: int = 1
    """Rows that a seat may commit to and choose from at its reveal."""
    counted_boundaries: int = 2
    """Stake is the minimum over the last boundary and, with 2, the one before it."""
    inherited_epochs: int = 0
    """For how many epochs a uid's next owner earns by rows for the one before."""


@dataclass(frozen=True, slots=True)
class World:
    """The subnet around the attacker, and how it is sampled."""

    seats: int = 16
    miners: int = 64
    noise: float = 0.2
    """Standard deviation of a validator's measurement, in the measured utility."""
    churn: float = 0.05
    """Part of the uids that a new miner takes over at each boundary."""
    drift: float = 0.05
    """Standard deviation of the logarithm of a miner's utility per epoch."""
    stake_deviation: float = 0.3
    skill_deviation: float = 0.5
    """Standard deviation of the logarithm of miners' utility."""
    burn_epochs: float = 20.0
    """Price of a registration, in epochs of an average miner's pay; with free entry it settles
    where an average newcomer breaks even, at 1 / churn.
    """
    warmup: int = 10
    """Epochs before pay counts, so that bonds have formed."""
    epochs: int = 16
    """Epochs whose pay counts."""
    draws: int = 8
    """Independent worlds; every draw is played honestly and attacked."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Attacker:
    """What the attacker has and does; each attack reads its own."""

    stake: float = 0.3
    """Share of the stake."""
    utility: float = 0.3
    """Share of the true utility that its miners produce."""
    self_weight: float = 1.0
    """Share of its validators' weights that its own miners get."""
    rivals: int = 5
    """The best honest miners that it gives nothing."""
    copies: int = 4
    """Hotkeys with one model behind them."""
    quality: float = 1.0
    """Utility of that model, in average miners' utilities."""
    predecessor: float = 0.0
    """Whose uid a recycled slot was: 0 the worst miner's, 1 the best one's."""
    early_ticks: int = 10
    """How long before a boundary stake arrives."""
    greed: float = 0.0
    """How much more, in honest pay, it must gain in an epoch before it departs from the truth."""
    effort: float = 0.0
    """What validating honestly costs, in honest pay."""


LIMITS: dict[str, tuple[float, float]] = {
    "kappa_u16": (0, 65535),
    "bonds_penalty_u16": (0, 65535),
    "bonds_moving_average_ppm": (1, 999_999),
    "tempo_ticks": (1, 3_600),
    "unbonding_ticks": (0, 10**6),
    "reveal_epochs": (0, 20),
    "commits_per_seat": (1, 64),
    "counted_boundaries": (1, 2),
    "inherited_epochs": (0, 100),
    "seats": (2, 256),
    "miners": (4, 4096),
    "noise": (0, 2),
    "churn": (0, 1),
    "drift": (0, 1),
    "stake_deviation": (0, 2),
    "skill_deviation": (0, 2),
    "burn_epochs": (0, 10**4),
    "warmup": (0, 1000),
    "epochs": (1, 1000),
    "draws": (1, 1000),
    "seed": (0, 2**63),
    "stake": (0.01, 0.99),
    "utility": (0.01, 0.99),
    "self_weight": (0, 1),
    "rivals": (1, 1000),
    "copies": (2, 1000),
    "quality": (0, 100),
    "predecessor": (0, 1),
    "early_ticks": (1, 3_600),
    "greed": (0, 10),
    "effort": (0, 1),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One point in the space of knobs."""

    rules: Rules = field(default_factory=Rules)
    world: World = field(default_factory=World)
    attacker: Attacker = field(default_factory=Attacker)

    def value(self, knob: str) -> float:
        """The knob's value; raises `InvalidExperiment` when there is no such knob."""
        return float(getattr(getattr(self, _hand(knob)), knob))

    def with_knob(self, knob: str, value: float) -> Scenario:
        """A copy with another value. Raises `InvalidExperiment` for an unknown knob, a value out
        of its limits, or a broken number where only whole ones make sense.
        """
        hand = _hand(knob)
        low, high = LIMITS[knob]
        if not low <= value <= high:
            raise InvalidExperiment(
                f"{knob} is {value:g}, wanted {low:g} to {high:g}",
                next_step="Choose a value inside the limits.",
            )
        if _kinds()[knob] == "int" and value != int(value):
            raise InvalidExperiment(
                f"{knob} is {value:g}, wanted a whole number", next_step="Round it."
            )
        exact: Any = int(value) if _kinds()[knob] == "int" else float(value)
        return replace(self, **{hand: replace(getattr(self, hand), **{knob: exact})})


def knobs() -> list[str]:
    """Every name that `with_knob` takes."""
    return list(_kinds())


def _hand(knob: str) -> str:
    for hand, kind in (("rules", Rules), ("world", World), ("attacker", Attacker)):
        if knob in {item.name for item in fields(kind)}:
            return hand
    raise InvalidExperiment(
        f"no knob is named {knob!r}", next_step=f"Choose one of {', '.join(knobs())}."
    )


def _kinds() -> dict[str, str]:
    return {item.name: str(item.type) for kind in (Rules, World, Attacker) for item in fields(kind)}
