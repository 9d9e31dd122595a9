# SPDX-License-Identifier: Apache-2.0
"""The table of hyperparameters: identifier, name, default, hard bounds, who may set it.

Twin of `contracts/modules/hyperparameters.vy`, tested equal. Defaults and authorities are those of
mechanics 3.2; hard bounds hold even against a vote. A change takes effect at the boundary after the
next one and a further change waits until two epochs later (protocol.md, "Epochs").
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
    """One row of the table; the unit of its numbers is the last part of the name."""

    id: int
    name: str
    default: int
    least: int
    most: int
    authority: Authority
    has_freeze: bool

    def check(self, value: int) -> None:
        """Raise `ConfigError` when the value is outside the hard bounds."""
        if not self.least <= value <= self.most:
            raise ConfigError(
                f"{self.name} is {value}, wanted {self.least} to {self.most}",
                next_step="Choose a value inside the bounds.",
            )


_MAX_SUPPLY_RAO = 21_000_000 * RAO_PER_TAO

HYPERPARAMETERS: tuple[Hyperparameter, ...] = (
    Hyperparameter(1, "kappa_u16", 32_767, 0, 65_535, Authority.TIMELOCK, False),
    Hyperparameter(2, "bonds_penalty_u16", 65_535, 0, 65_535, Authority.OWNER, True),
    Hyperparameter(3, "bonds_moving_average_ppm", 900_000, 1, 999_999, Authority.OWNER, True),
    Hyperparameter(4, "immunity_ticks", 5_000, 0, 2**31, Authority.OWNER, True),
    # min_burn <= 1 TAO <= max_burn, so that no pair of changes can put the floor above the cap
    Hyperparameter(5, "min_burn_rao", 500_000, 1, RAO_PER_TAO, Authority.OWNER, True),
    Hyperparameter(
        6, "max_burn_rao", 100 * RAO_PER_TAO, RAO_PER_TAO, _MAX_SUPPLY_RAO, Authority.OWNER, True
    ),
    Hyperparameter(7, "burn_half_life_ticks", 360, 1, 36_100, Authority.OWNER, True),
    Hyperparameter(8, "burn_increase_ppm", 1_260_000, 1_000_000, 3_000_000, Authority.OWNER, True),
    Hyperparameter(9, "registration_allowed", 1, 0, 1, Authority.TIMELOCK, False),
    Hyperparameter(10, "serving_rate_limit_ticks", 50, 0, 65_536, Authority.OWNER, True),
    Hyperparameter(11, "min_non_immune_uids", 10, 0, 1_024, Authority.TIMELOCK, False),
    Hyperparameter(12, "owner_cut_enabled", 1, 0, 1, Authority.OWNER, True),
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
