# SPDX-License-Identifier: Apache-2.0
"""The table of hyperparameters: identifier, name, default, hard bounds, who may set it, when.

Twin of `contracts/modules/hyperparameters.vy`, tested equal. Defaults and authorities are those of
mechanics 3.2; hard bounds hold even against a vote. A change takes effect at the boundary after the
next one and a further change waits until two epochs later (protocol.md, "Epochs").
`docs/hyperparameters.md` is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from offchain.protocol.errors import ConfigError
from offchain.protocol.identifiers import RAO_PER_TAO


class Authority(Enum):
    """Who may set a parameter; the timelock may also set what the owner may."""

    OWNER = "owner"
    TIMELOCK = "timelock"


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One row of the table; the unit of its numbers is the last part of the name.

    has_freeze: it cannot be set in the last ticks of an epoch (`eras.is_frozen`).
    """

    id: int
    name: str
    default: int
    least: int
    most: int
    authority: Authority
    has_freeze: bool
    meaning: str

    @property
    def owner_most(self) -> int:
        """What the subnet's owner can set at most."""
        return _OWNER_MOST.get(self.id, self.most)

    def check(self, value: int) -> None:
        """Raise `ConfigError` when the value is outside the hard bounds."""
        if not self.least <= value <= self.most:
            raise ConfigError(
                f"{self.name} is {value}, wanted {self.least} to {self.most}",
                next_step="Choose a value inside the bounds.",
            )


_MAX_SUPPLY_RAO = 21_000_000 * RAO_PER_TAO
_OWNER, _TIMELOCK = Authority.OWNER, Authority.TIMELOCK

# Bittensor's owners cannot go further (mechanics 3.2), its root can
_OWNER_MOST = {3: 975_000}

# epochs from the running one to the one from which a change holds, and to the next change
DELAY_EPOCHS = 2
RATE_LIMIT_EPOCHS = 4

HYPERPARAMETERS: tuple[Hyperparameter, ...] = (
    Hyperparameter(
        *(1, "kappa_u16", 32_767, 0, 65_535, _TIMELOCK, False),
        "share of the stake whose agreement a weight needs",
    ),
    Hyperparameter(
        *(2, "bonds_penalty_u16", 65_535, 0, 65_535, _OWNER, True),
        "how much of a weight above consensus is taken from bonds",
    ),
    Hyperparameter(
        *(3, "bonds_moving_average_ppm", 900_000, 1, 999_999, _OWNER, True),
        "how much of a bond stays from epoch to epoch",
    ),
    Hyperparameter(
        *(4, "immunity_ticks", 5_000, 0, 2**31, _OWNER, True),
        "a new neuron makes room for nobody so long",
    ),
    # min_burn <= 1 TAO <= max_burn, so that no pair of changes can put the floor above the cap
    Hyperparameter(
        *(5, "min_burn_rao", 500_000, 1, RAO_PER_TAO, _OWNER, True),
        "floor of the price of a registration",
    ),
    Hyperparameter(
        *(6, "max_burn_rao", 100 * RAO_PER_TAO, RAO_PER_TAO, _MAX_SUPPLY_RAO, _OWNER, True),
        "cap of the price of a registration",
    ),
    Hyperparameter(
        *(7, "burn_half_life_ticks", 360, 1, 36_100, _OWNER, True),
        "the price halves in so many ticks without a sale",
    ),
    Hyperparameter(
        *(8, "burn_increase_ppm", 1_260_000, 1_000_000, 3_000_000, _OWNER, True),
        "factor of the price at a sale",
    ),
    Hyperparameter(
        *(9, "registration_allowed", 1, 0, 1, _TIMELOCK, False),
        "whether neurons can register",
    ),
    Hyperparameter(
        *(10, "serving_rate_limit_ticks", 50, 0, 65_536, _OWNER, True),
        "least ticks between two changes of an endpoint",
    ),
    Hyperparameter(
        *(11, "min_non_immune_uids", 10, 0, 1_024, _TIMELOCK, False),
        "with so few neurons outside immunity an immune one makes room",
    ),
    Hyperparameter(
        *(12, "owner_cut_enabled", 1, 0, 1, _OWNER, True),
        "whether the owner gets its cut; else miners and validators share it",
    ),
)

BY_NAME = {row.name: row for row in HYPERPARAMETERS}
BY_ID = {row.id: row for row in HYPERPARAMETERS}


def hyperparameter(name: str) -> Hyperparameter:
    """The row with this name; raises `ConfigError` when there is none."""
    if name not in BY_NAME:
        raise ConfigError(
            f"no hyperparameter is named {name!r}",
            next_step=f"Choose one of {', '.join(BY_NAME)}.",
        )
    return BY_NAME[name]
