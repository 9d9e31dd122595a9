# SPDX-License-Identifier: Apache-2.0
"""The schedule of new tokens in domain words."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Call, Contract, Event


@dataclass(frozen=True, slots=True)
class Drained(Event):
    """Settlement took what a subnet had accrued; `recycled_rao` was above its cap.

    bonus_rao: minted on top, at most half of the fees burned in the subnet.
    """

    netuid: int
    amount_rao: int
    recycled_rao: int
    bonus_rao: int


@dataclass(frozen=True, slots=True)
class SharesSet(Event):
    """The root has spoken; entry i is the share of netuid i + 1."""

    shares: tuple[int, ...]


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

    def shares(self, block: int | str = "latest") -> tuple[int, ...]:
        """Relative shares of the emission; entry i is netuid i + 1's, 0 for a closed one."""
        return tuple(self.read("shares", block=block))

    def has_shares(self) -> bool:
        """Whether the root has spoken; until then all started subnets share equally."""
        return bool(self.read("has_shares"))

    def burned_rao(self) -> int:
        """Consumers' fees that were burned and not recycled."""
        return int(self.read("burned_rao"))

    def bonus_rao(self) -> int:
        """What of them was minted again, for the subnets in which they were burned."""
        return int(self.read("bonus_rao"))

    def is_open(self, netuid: int) -> bool:
        return bool(self.read("is_open", netuid))

    def recycle(self, amount_rao: int) -> Call:
        return self.call("recycle", amount_rao, doing="recycle tokens")
