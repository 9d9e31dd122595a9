# SPDX-License-Identifier: Apache-2.0
"""Roots and claims in domain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.chain.contract import Call, Contract, Event, Query

MAX_CLAIMS = 32  # of one transaction


@dataclass(frozen=True, slots=True)
class RootAdded(Event):
    """A final epoch's cumulative payouts can be claimed."""

    netuid: int
    epoch: int
    root: bytes
    payouts_rao: int


@dataclass(frozen=True, slots=True)
class Claimed(Event):
    """Paid: the server part to the coldkey, the validator part into the hotkey's pool."""

    registration_id: int
    coldkey: str
    server_rao: int
    validator_rao: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One leaf of a root with its proof; amounts are cumulative."""

    epoch: int
    registration_id: int
    server_cumulative_rao: int
    validator_cumulative_rao: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ClaimedSoFar:
    """What a registration id was paid already."""

    server_rao: int
    validator_rao: int


class Rewards(Contract):
    """Received emission, final roots, cumulative payouts, claims."""

    NAME = "Rewards"

    def root_of(self, netuid: int, epoch: int) -> bytes | None:
        """Root of a final epoch, or None."""
        root = bytes(self.read("root_of", netuid, epoch))
        return root if any(root) else None

    def claimed_of(self, registration_id: int) -> ClaimedSoFar:
        return claimed_from(self.read("claimed_of", registration_id))

    def claimed_query(self, registration_id: int) -> Query[int]:
        """Decode with `claimed_from`."""
        return self.query("claimed_of", registration_id)

    def claim(self, netuid: int, claims: Sequence[Claim]) -> Call:
        """Anyone may claim for anyone; at most `MAX_CLAIMS`."""
        packed = [
            (
                claim.epoch,
                claim.registration_id,
                claim.server_cumulative_rao,
                claim.validator_cumulative_rao,
                list(claim.proof),
            )
            for claim in claims
        ]
        return self.call("claim_many", netuid, packed, doing=f"claim in subnet {netuid}")


def claimed_from(word: int) -> ClaimedSoFar:
    """server_rao << 128 | validator_rao."""
    return ClaimedSoFar(word >> 128, word & (1 << 128) - 1)
