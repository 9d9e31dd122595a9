# SPDX-License-Identifier: Apache-2.0
"""Close, propose, finalize and void in domain words."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Call, Contract, Event


@dataclass(frozen=True, slots=True)
class EpochClosed(Event):
    """What the epoch will be computed from; layout in docs/settlement.md."""

    netuid: int
    epoch: int
    frozen_hash: bytes
    header: tuple[int, ...]
    seats: tuple[int, ...]
    generations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EpochProposed(Event):
    """Somebody's result, with a bond behind it."""

    netuid: int
    epoch: int
    proposer: str
    proposal_id: int
    parent_id: int
    bond_rao: int
    trace: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EpochFinalized(Event):
    """The result that pays."""

    netuid: int
    epoch: int
    proposal_id: int
    root: bytes
    payouts_rao: int
    owner_rao: int
    proposer_rao: int
    recycled_rao: int
    pot_rao: int
    cumulatives: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EpochVoided(Event):
    """A closed epoch that nobody made final: its emission went back."""

    netuid: int
    epoch: int
    recycled_rao: int


class Settlement(Contract):
    """Filled in with C3's contract."""

    NAME = "Settlement"

    def withdraw(self, account: str) -> Call:
        """Pay out what waits for an account: bonds, owner's cut, proposer's pay."""
        return self.call("withdraw", account, doing="withdraw")
