# SPDX-License-Identifier: Apache-2.0
"""The two sets of durations that a network is started with; see the protocol page, "Epochs"."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.protocol.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Profile:
    """Durations of a network.

    tick_seconds: seconds per tick, fixed at deployment. tempo_ticks (T): ticks per epoch.
    reveal_ticks (R): the reveal window at the start of the next epoch. window_ticks (W): from a
    proposal until it is final. block_seconds: how often a *local* chain mines.
    """

    name: str
    tick_seconds: int
    tempo_ticks: int
    reveal_ticks: int
    window_ticks: int
    block_seconds: int

    @property
    def epoch_seconds(self) -> int:
        return self.tick_seconds * self.tempo_ticks


DEMO = Profile(
    "demo", tick_seconds=1, tempo_ticks=12, reveal_ticks=4, window_ticks=3, block_seconds=1
)
MAINNET = Profile(
    "mainnet",
    tick_seconds=12,
    tempo_ticks=360,
    reveal_ticks=100,
    window_ticks=150,
    block_seconds=12,
)
PROFILES = {profile.name: profile for profile in (DEMO, MAINNET)}


def profile(name: str) -> Profile:
    """The profile of that name; raises `ConfigError` for another."""
    if name not in PROFILES:
        raise ConfigError(
            f"profile {name!r} is unknown", next_step=f"Choose one of {', '.join(PROFILES)}."
        )
    return PROFILES[name]
