# SPDX-License-Identifier: Apache-2.0
"""What Emission must do, told tick by tick and in exact fractions."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from offchain.settlement.words import pack_lanes

CAP_RAO = 21_000_000 * 10**9


def share_words(shares: list[int]) -> list[int]:
    """Shares as `set_shares` takes them: u128 lanes, netuid 1 on top of the first word."""
    return list(pack_lanes(shares, 128))


def table_rate(issuance_rao: int) -> int:
    """Rao per tick by the plain definition: halve while issuance is at or above the threshold."""
    halvings = 0
    while halvings < 30 and (CAP_RAO - issuance_rao) << (halvings + 1) <= CAP_RAO:
        halvings += 1
    return 10**9 >> halvings


@dataclass
class EmissionModel:
    """Issuance, and what every open netuid has accrued; `walk` takes one tick at a time."""

    issuance: int
    shares: dict[int, int] = field(default_factory=dict)
    owed: dict[int, Fraction] = field(default_factory=dict)
    root_open: bool = False
    root_accrued: int = 0
    accrued: int = 0

    def walk(self, ticks: int) -> None:
        for _ in range(ticks):
            total = sum(self.shares.values())
            if total == 0:
                return
            rate = table_rate(self.issuance)
            if rate == 0:
                return
            root = 0
            if self.root_open:
                before = self.root_accrued // 1_000
                self.root_accrued += rate
                root = self.root_accrued // 1_000 - before
                self.owed[0] += root
            for netuid, share in self.shares.items():
                self.owed[netuid] += Fraction((rate - root) * share, total)
            self.issuance += rate
            self.accrued += rate
