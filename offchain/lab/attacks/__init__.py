# SPDX-License-Identifier: Apache-2.0
"""The catalogue: one attack per file, all with `frame.Attack`."""

from __future__ import annotations

from offchain.lab.attacks import (
    boundary,
    cabal,
    clones,
    copier,
    recycling,
    selective,
    underweight,
)
from offchain.lab.attacks.frame import Attack, Axis, Outcome
from offchain.lab.errors import InvalidExperiment

_CATALOGUE: tuple[Attack, ...] = (
    copier.ATTACK,
    cabal.ATTACK,
    underweight.ATTACK,
    clones.ATTACK,
    recycling.ATTACK,
    boundary.ATTACK,
    selective.ATTACK,
)
ATTACKS = {attack.name: attack for attack in _CATALOGUE}

__all__ = ["ATTACKS", "Attack", "Axis", "Outcome", "attack_named"]


def attack_named(name: str) -> Attack:
    """The attack of this name; raises `InvalidExperiment` when there is none."""
    if name not in ATTACKS:
        raise InvalidExperiment(
            f"no attack is named {name!r}", next_step=f"Choose one of {', '.join(ATTACKS)}."
        )
    return ATTACKS[name]
