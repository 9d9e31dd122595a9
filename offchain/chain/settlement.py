# SPDX-License-Identifier: Apache-2.0
"""Close, propose, prove, challenge, finalize and void in domain words.

proposal_id = netuid << 128 | epoch << 64 | attempt; 0 = none. Layout of the frozen words and of
the trace: docs/settlement.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from offchain.chain.contract import Call, Contract, Event, Query
from offchain.settlement.history import ClosedEpoch
from offchain.settlement.history import Proposal as HistoryProposal

NO_PROPOSAL = 0
NOTHING_CARRIED = (0, 0, 0, 0)


class EpochState(IntEnum):
    """Where an epoch stands; the numbers are the contract's."""

    OPEN = 0
    CLOSED = 1
    FINAL = 2
    VOID = 3


@dataclass(frozen=True, slots=True)
class EpochClosed(Event):
    """What the epoch will be computed from."""

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


@dataclass(frozen=True, slots=True)
class ProposalStruck(Event):
    """A false result: half of its bond to the challenger, half recycled."""

    proposal_id: int
    challenger: str
    reward_rao: int
    recycled_rao: int


@dataclass(frozen=True, slots=True)
class ProposalDropped(Event):
    """It built on a proposal that has ended, or its epoch became void; the bond waits."""

    proposal_id: int


@dataclass(frozen=True, slots=True)
class ProposalCancelled(Event):
    """The guardian cancelled an unproven proposal; the bond waits."""

    proposal_id: int


@dataclass(frozen=True, slots=True)
class BlockDemanded(Event):
    """Somebody paid to see a bonds block of the last final epoch."""

    netuid: int
    epoch: int
    column_block: int
    account: str
    deadline_tick: int


@dataclass(frozen=True, slots=True)
class BlockAnswered(Event):
    """A demanded bonds block was shown."""

    netuid: int
    epoch: int
    column_block: int
    bonds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BlockZeroed(Event):
    """Nobody answered a demand: the bonds block counts as zero from now on."""

    netuid: int
    epoch: int
    column_block: int
    reward_rao: int
    recycled_rao: int


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """An epoch as `Settlement` keeps it. `parent` and `child` are epochs, None for none."""

    total_rao: int
    closed_tick: int
    parent: int | None
    child: int | None
    tempo: int
    window_ticks: int
    depth: int
    seats: int
    attempts: int
    strikes: int
    state: EpochState
    is_live: bool
    is_cancelled: bool

    def proposal_id(self, netuid: int, epoch: int) -> int:
        """The latest proposal; 0 when there was none. Live only while `is_live`."""
        return netuid << 128 | epoch << 64 | self.attempts if self.attempts else NO_PROPOSAL


@dataclass(frozen=True, slots=True)
class Proposal:
    """`bond_rao` is what is still locked; `tick` is when it was made."""

    proposer: str
    tick: int
    bond_rao: int


# Verbs whose arguments offchain/settlement/challenge.py makes, each by its function of that name.
Opened = Literal["challenge_block", "challenge_sum", "prove", "prove_sum", "answer", "void"]


class Settlement(Contract):
    """From revealed rows to final results."""

    NAME = "Settlement"

    def epoch_of(self, netuid: int, epoch: int) -> EpochRecord:
        return record_from(self.read("epoch_of", netuid, epoch))

    def epoch_query(self, netuid: int, epoch: int) -> Query[tuple[int, ...]]:
        """Decode with `record_from`."""
        return self.query("epoch_of", netuid, epoch)

    def proposal_of(self, proposal_id: int) -> Proposal:
        return Proposal(*self.read("proposal_of", proposal_id))

    def proven_of(self, proposal_id: int) -> int:
        """Bit b for block b, bit 255 for the sums."""
        return int(self.read("proven_of", proposal_id))

    def bond_rao(self, netuid: int, epoch: int) -> int:
        """Smallest bond of the next proposal of a closed epoch."""
        return int(self.read("bond_rao", netuid, epoch))

    def min_bond_rao(self) -> int:
        """Smallest bond of any proposal."""
        return int(self.read("min_bond_rao"))

    def deposit_rao(self) -> int:
        """What a demand costs, and pays to whoever answers."""
        return int(self.read("deposit_rao"))

    def pot_rao(self, netuid: int) -> int:
        return int(self.read("pot_rao", netuid))

    def withdrawable_rao(self, account: str) -> int:
        return int(self.read("withdrawable_rao", account))

    def close(self, netuid: int, epoch: int) -> Call:
        return self.call("close", netuid, epoch, doing=f"close epoch {epoch} of subnet {netuid}")

    def propose(
        self, netuid: int, epoch: int, parent_id: int, bond_rao: int, trace: Sequence[int]
    ) -> Call:
        """The allowance of the bond must be there."""
        return self.call(
            "propose",
            netuid,
            epoch,
            parent_id,
            bond_rao,
            list(trace),
            doing=f"propose epoch {epoch} of subnet {netuid}",
        )

    def open(self, verb: Opened, arguments: Sequence[Any]) -> Call:
        """A call that opens words; `arguments` come from `offchain.settlement.challenge`."""
        return self.call(verb, *arguments, doing=verb.replace("_", " "))

    def demand(self, netuid: int, epoch: int, column_block: int) -> Call:
        """Ask to see a bonds block; the deposit must be approved."""
        return self.call(
            "demand", netuid, epoch, column_block, doing=f"demand bonds block {column_block}"
        )

    def expire(self, netuid: int, epoch: int, column_block: int) -> Call:
        """End a demand that nobody answered."""
        return self.call(
            "expire", netuid, epoch, column_block, doing=f"expire bonds block {column_block}"
        )

    def finalize(
        self,
        closed: EpochClosed | ClosedEpoch,
        proposed: EpochProposed | HistoryProposal,
        cumulatives: Sequence[int],
        carried: Sequence[int] = NOTHING_CARRIED,
    ) -> Call:
        """Make a proposal final.

        cumulatives: of the last final epoch, empty before the first. carried: bitmap of the uids
        that void epochs since then replaced.
        """
        return self.call(
            "finalize",
            proposed.proposal_id,
            list(closed.header),
            list(closed.seats),
            list(closed.generations),
            list(proposed.trace),
            list(cumulatives),
            list(carried),
            doing=f"finalize epoch {closed.epoch} of subnet {closed.netuid}",
        )

    def release(self, netuid: int, epoch: int) -> Call:
        """Give the bond of the last final proposal back when no epoch follows."""
        return self.call("release", netuid, epoch, doing=f"release the bond of epoch {epoch}")

    def guardian(self) -> str:
        """Who may cancel an unproven proposal; the zero address before a vote names it."""
        return str(self.read("guardian"))

    def cancel(self, proposal_id: int) -> Call:
        """For the guardian."""
        return self.call("cancel", proposal_id, doing="cancel a proposal")

    def set_guardian(self, account: str) -> Call:
        """For the timelock: who may cancel an unproven proposal."""
        return self.call("set_guardian", account, doing="set the guardian")

    def withdraw(self, account: str) -> Call:
        """Pay out what waits for an account: bonds, owner's cut, proposer's pay."""
        return self.call("withdraw", account, doing="withdraw")


def record_from(values: tuple[int, ...]) -> EpochRecord:
    """The contract's `Epoch` struct, whose parent and child are one more than the epoch."""
    total, closed, parent, child, tempo, window, depth, seats, attempts, strikes, state = values[
        :11
    ]
    return EpochRecord(
        total_rao=total,
        closed_tick=closed,
        parent=parent - 1 if parent else None,
        child=child - 1 if child else None,
        tempo=tempo,
        window_ticks=window,
        depth=depth,
        seats=seats,
        attempts=attempts,
        strikes=strikes,
        state=EpochState(state),
        is_live=bool(values[11]),
        is_cancelled=bool(values[12]),
    )
