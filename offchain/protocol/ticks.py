# SPDX-License-Identifier: Apache-2.0
"""Ticks: what Bittensor calls blocks, counted from timestamps (protocol.md, "Units and time").

Twin of `contracts/modules/clock.vy`. The time of a block is an argument: no clock is read here.
"""

from __future__ import annotations

from dataclasses import dataclass

from offchain.protocol.errors import ConfigError, InvalidSubmission
from offchain.protocol.identifiers import Tick


@dataclass(frozen=True, slots=True)
class TickClock:
    """When tick 0 began (Unix seconds) and how many seconds a tick has."""

    genesis_at: int
    tick_seconds: int

    def __post_init__(self) -> None:
        if self.tick_seconds < 1:
            raise ConfigError(f"tick_seconds is {self.tick_seconds}, wanted at least 1")

    def tick_at(self, timestamp: int) -> Tick:
        """Tick of a block with this timestamp in seconds; rounds down: a tick lasts until the next.

        Raises `InvalidSubmission` for a time before genesis.
        """
        if timestamp < self.genesis_at:
            raise InvalidSubmission(f"timestamp {timestamp} is before genesis at {self.genesis_at}")
        return Tick((timestamp - self.genesis_at) // self.tick_seconds)

    def starts_at(self, tick: int) -> int:
        """First second of a tick, as a Unix time."""
        return self.genesis_at + tick * self.tick_seconds
