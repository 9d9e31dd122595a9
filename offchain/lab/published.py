# SPDX-License-Identifier: Apache-2.0
"""What Bittensor publishes about retention (subtensor, docs/consensus.md, "Consensus guarantees").

Percent of honest utility that lets 60 % of honest stake retain its share, whatever weight the
cabal gives itself; 512 nodes, 64 of them validators, kappa 0.5, one epoch without earlier bonds.
"""

from __future__ import annotations

from dataclasses import dataclass

HONEST_STAKE = 0.6
TOLERANCE_POINTS = 1.0
"""How far a reproduced number may be from the published one, in percentage points."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a retention number depends on."""

    weight_deviation: float
    """Standard deviation of weights, in means of a quadrant's weights."""
    bonds_penalty_u16: int = 65535
    validator_share: float = 0.5
    """Validators' part of the emission (Bittensor's xi)."""


@dataclass(frozen=True, slots=True)
class PublishedNumber:
    """One of the nine; `study` is the series that it is printed in."""

    study: str
    setting: Setting
    percent: int


NUMBERS = (
    PublishedNumber("weight deviation", Setting(0.0), 60),
    PublishedNumber("weight deviation", Setting(0.2), 67),
    PublishedNumber("weight deviation", Setting(0.4), 73),
    PublishedNumber("bonds penalty", Setting(0.4, bonds_penalty_u16=0), 78),
    PublishedNumber("bonds penalty", Setting(0.4, bonds_penalty_u16=32768), 76),
    PublishedNumber("bonds penalty", Setting(0.4), 73),
    PublishedNumber("validator share", Setting(0.4, validator_share=0.0), 82),
    PublishedNumber("validator share", Setting(0.4, validator_share=0.25), 78),
    PublishedNumber("validator share", Setting(0.4), 73),
)
