# SPDX-License-Identifier: Apache-2.0
"""What a watcher does about one subnet: a pure function of its history and the tick.

Striking what is false always comes first; settling what nobody else settles comes last and only if
the watcher was told to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.phases import final_from, void_from
from offchain.settlement.challenge import BlockFault, Fault, find_fault
from offchain.settlement.history import ClosedEpoch, History, State
from offchain.watcher.blocks import can_be_demanded, knows, unknown_blocks

# Ticks that a watcher leaves to those whose work settling is.
PATIENCE_TICKS = 3
ALL_SUMS = 1 << 255


class Verb(Enum):
    """What can be done; the values are the protocol's verbs."""

    CHALLENGE_BLOCK = "challenge_block"
    CHALLENGE_SUM = "challenge_sum"
    DEMAND = "demand"
    ANSWER = "answer"
    EXPIRE = "expire"
    CLOSE = "close"
    PROVE = "prove"
    PROPOSE = "propose"
    FINALIZE = "finalize"
    VOID = "void"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to send. block: of a challenge or a demand. proposal_id: 0 if it concerns none."""

    verb: Verb
    netuid: int
    epoch: int
    proposal_id: int = 0
    block: int = 0

    @property
    def is_urgent(self) -> bool:
        """Worthless when late."""
        return self.verb in _URGENT


_URGENT = frozenset({Verb.CHALLENGE_BLOCK, Verb.CHALLENGE_SUM, Verb.ANSWER})


@dataclass(frozen=True, slots=True)
class Mandate:
    """What the watcher was told to do besides challenging.

    settle: close, propose, finalize and void what nobody else does.
    """

    prove: bool = False
    settle: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a watcher sees beside the history.

    tick: of the newest block. proposed_ticks, proven: of the live proposals, by id; proven has bit
    b for block b and bit 255 for the sums. closable: an epoch that may be closed, and since when.
    account: the watcher's own. locked_rao: bonds that are still there, of the newest closed epochs
    of all lives, by proposal id.
    """

    tick: int
    proposed_ticks: Mapping[int, int] = field(default_factory=dict)
    proven: Mapping[int, int] = field(default_factory=dict)
    closable: tuple[int, int] | None = None
    account: str = ""
    locked_rao: Mapping[int, int] = field(default_factory=dict)


def moves(history: History, outlook: Outlook, mandate: Mandate) -> list[Move]:
    """Everything to do in one subnet, most urgent first.

    Raises `ConsensusMismatch` if the node's events do not add up.
    """
    unresolved = sorted(
        (r for r in history.epochs.values() if r.state is State.CLOSED), key=lambda r: r.epoch
    )
    faults = {r.epoch: fault_of(r, history) for r in unresolved}
    false = [r for r in unresolved if faults[r.epoch] is not None]
    # A false child goes first: once its parent is struck, it would get its bond back.
    found = [_challenge(r, faults[r.epoch]) for r in reversed(false)]
    found += _demands(history, outlook, mandate)
    if mandate.settle:
        found += _close(history, outlook)
    for record in unresolved:
        if false and record.epoch >= false[0].epoch:
            break  # nothing is built on what is about to be struck
        found += _settle(record, history, outlook, mandate)
    return found + _release(history, outlook)


def fault_of(record: ClosedEpoch, history: History) -> Fault | None:
    """What is wrong with the live or final proposal of an epoch; None if it is true, or none.

    Raises `ConsensusMismatch` if the node's events do not add up.
    """
    if record.live is None:
        return None
    header = record.frozen.header
    true = history.result(record.epoch).words
    try:
        return find_fault(true, record.live.trace, header.blocks, header.seats)
    except InvalidSubmission:
        return None  # a trace of another length: the contract has refused it


def _challenge(record: ClosedEpoch, fault: Fault | None) -> Move:
    assert record.live is not None  # a fault is one of a live proposal
    about = (record.netuid, record.epoch, record.live.proposal_id)
    if isinstance(fault, BlockFault):
        return Move(Verb.CHALLENGE_BLOCK, *about, fault.block)
    return Move(Verb.CHALLENGE_SUM, *about)


def _demands(history: History, outlook: Outlook, mandate: Mandate) -> list[Move]:
    """Show what others ask for, ask for what nobody has shown, and end what nobody showed.

    What was asked in a subnet that was evicted since is still answered: it holds somebody's bond.
    """
    found = []
    for last in history.newest_of_lives(State.FINAL):
        found += _demands_of(last, history, outlook, mandate)
    return found


def _demands_of(last: int, history: History, outlook: Outlook, mandate: Mandate) -> list[Move]:
    record = history.epochs[last]
    found = []
    for block, demand in sorted(record.demands.items()):
        move = Move(Verb.ANSWER, history.netuid, last, block=block)
        if outlook.tick < demand.deadline_tick:
            if knows(record, history, block):
                found.append(move)
        elif demand.account == outlook.account or mandate.settle:
            found.append(Move(Verb.EXPIRE, history.netuid, last, block=block))
    if last == history.last_final and can_be_demanded(record, history):
        found += [
            Move(Verb.DEMAND, history.netuid, last, block=block)
            for block in unknown_blocks(record, history)
        ]
    return found


def _close(history: History, outlook: Outlook) -> list[Move]:
    if outlook.closable is None:
        return []
    epoch, since_tick = outlook.closable
    is_due = outlook.tick >= since_tick + PATIENCE_TICKS
    if is_due and epoch not in history.epochs and history.revealed(epoch):
        return [Move(Verb.CLOSE, history.netuid, epoch)]
    return []


def _settle(
    record: ClosedEpoch, history: History, outlook: Outlook, mandate: Mandate
) -> list[Move]:
    header, live = record.frozen.header, record.live
    parent = history.parent_of(record.epoch)
    if parent is not None and parent.demands:
        return []  # the contract waits for the answer
    if live is None:
        return _reopen(record, history, outlook) if mandate.settle else []
    all_proven = (1 << header.blocks) - 1 | ALL_SUMS
    is_proven = outlook.proven.get(live.proposal_id, 0) == all_proven
    about = (record.netuid, record.epoch, live.proposal_id)
    if mandate.prove and not is_proven:
        return [Move(Verb.PROVE, *about)]
    due = final_from(outlook.proposed_ticks[live.proposal_id], header.window_ticks)
    is_due = is_proven or outlook.tick >= due + PATIENCE_TICKS
    if mandate.settle and is_due and history.is_parent_resolved(record.epoch):
        return [Move(Verb.FINALIZE, *about)]
    return []


def _reopen(record: ClosedEpoch, history: History, outlook: Outlook) -> list[Move]:
    """Propose; and void, for a watcher that cannot pay the bond once the epoch is old enough."""
    header = record.frozen.header
    found = []
    waited = outlook.tick >= header.closed_tick + PATIENCE_TICKS
    if waited and history.may_propose(record.epoch):
        found.append(Move(Verb.PROPOSE, record.netuid, record.epoch))
    is_old = outlook.tick >= void_from(header.closed_tick, header.tempo) + PATIENCE_TICKS
    if is_old and history.is_parent_resolved(record.epoch):
        found.append(Move(Verb.VOID, record.netuid, record.epoch))
    return found


def _release(history: History, outlook: Outlook) -> list[Move]:
    """The watcher's own bonds, where no epoch follows the one that it made final."""
    found = []
    for last in history.newest_of_lives():
        record = history.epochs[last]
        if record.state is not State.FINAL or record.live is None or record.demands:
            continue
        header, number = record.frozen.header, record.live.proposal_id
        is_old = outlook.tick >= void_from(header.closed_tick, header.tempo)
        is_mine = outlook.locked_rao.get(number, 0) and record.live.proposer == outlook.account
        if is_old and is_mine:
            found.append(Move(Verb.RELEASE, record.netuid, last, number))
    return found
