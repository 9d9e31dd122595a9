# SPDX-License-Identifier: Apache-2.0
"""The schedule of new tokens in domain words."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Call, Contract, Event


@dataclass(frozen=True, slots=True)
class Drained(Event):
    """Settlement took what a subnet had accrued; `recycled_rao` was above its cap."""

    netuid: int
    amount_rao: int
    recycled_rao: int


@dataclass(frozen=True, slots=True)
class Recycled(Event):
    """Tokens went back into the schedule."""

    sender: str
    amount_rao: int


class Emission(Contract):
    """Halving by issuance, each subnet's accrual, recycling."""

    NAME = "Emission"

    def issuance_rao(self) -> int:
        return int(self.read("issuance_rao"))

    def rate_rao(self) -> int:
        """Rao per tick at the present issuance."""
        return int(self.read("rate_rao"))

    def accrued_rao(self) -> int:
        return int(self.read("accrued_rao"))

    def recycled_rao(self) -> int:
        return int(self.read("recycled_rao"))

    def genesis_rao(self) -> int:
        return int(self.read("genesis_rao"))

    def pending_rao(self, netuid: int, block: int | str = "latest") -> int:
        """What a subnet has accrued since its last close."""
        return int(self.read("pending_rao", netuid, block=block))

    def is_open(self, netuid: int) -> bool:
        return bool(self.read("is_open", netuid))

    def recycle(self, amount_rao: int) -> Call:
        return self.call("recycle", amount_rao, doing="recycle tokens")
