# SPDX-License-Identifier: Apache-2.0
"""What a watcher does about an epoch: a pure function of one subnet's history.

Striking what is false always comes first; settling what nobody else settles comes last and only if
the watcher was told to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.phases import final_from, void_from
from offchain.settlement.challenge import BlockFault, Fault, find_fault
from offchain.settlement.history import ClosedEpoch, History, State

# Ticks that a watcher leaves to those whose work proposing and finalizing is.
PATIENCE_TICKS = 3


class Verb(Enum):
    """What can be done; the values are the protocol's verbs."""

    CHALLENGE_BLOCK = "challenge_block"
    CHALLENGE_SUM = "challenge_sum"
    PROVE = "prove"
    PROPOSE = "propose"
    FINALIZE = "finalize"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to send. block: of a challenge. proposal_id: 0 if it concerns none."""

    verb: Verb
    epoch: int
    proposal_id: int = 0
    block: int = 0


@dataclass(frozen=True, slots=True)
class Mandate:
    """What the watcher was told to do besides challenging."""

    prove: bool = False
    settle: bool = False


def fault_of(record: ClosedEpoch, history: History) -> Fault | None:
    """What is wrong with the live proposal of an epoch; None if it is true or there is none.

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


def moves(
    history: History,
    tick: int,
    proposed_ticks: dict[int, int],
    proven: dict[int, int],
    mandate: Mandate,
) -> list[Move]:
    """Everything to do in one subnet, most urgent first.

    Args:
        tick: of the newest block.
        proposed_ticks: by proposal id, of the live proposals.
        proven: by proposal id, bit b for block b and bit 255 for the sums.
    """
    unresolved = [r for r in history.epochs.values() if r.state is State.CLOSED]
    found: list[Move] = []
    false_from: int | None = None
    for record in sorted(unresolved, key=lambda r: r.epoch):
        fault = fault_of(record, history)
        if fault is not None:
            found.append(_challenge(record, fault))
            false_from = record.epoch
    for record in sorted(unresolved, key=lambda r: r.epoch):
        if false_from is not None and record.epoch >= false_from:
            break  # nothing is built on what is about to be struck
        found += _settle(record, history, tick, proposed_ticks, proven, mandate)
    return found


def _challenge(record: ClosedEpoch, fault: Fault) -> Move:
    assert record.live is not None  # a fault is one of a live proposal
    proposal_id = record.live.proposal_id
    if isinstance(fault, BlockFault):
        return Move(Verb.CHALLENGE_BLOCK, record.epoch, proposal_id, fault.block)
    return Move(Verb.CHALLENGE_SUM, record.epoch, proposal_id)


def _settle(
    record: ClosedEpoch,
    history: History,
    tick: int,
    proposed_ticks: dict[int, int],
    proven: dict[int, int],
    mandate: Mandate,
) -> Sequence[Move]:
    header, live = record.frozen.header, record.live
    if live is None:
        waited = tick >= header.closed_tick + PATIENCE_TICKS
        if mandate.settle and waited and history.may_propose(record.epoch):
            return [Move(Verb.PROPOSE, record.epoch)]
        return _void(record, history, tick, mandate)
    all_proven = (1 << header.blocks) - 1 | 1 << 255
    is_proven = proven.get(live.proposal_id, 0) == all_proven
    if mandate.prove and not is_proven:
        return [Move(Verb.PROVE, record.epoch, live.proposal_id)]
    due = final_from(proposed_ticks[live.proposal_id], header.window_ticks)
    is_due = is_proven or tick >= due + PATIENCE_TICKS
    if mandate.settle and is_due and history.is_parent_resolved(record.epoch):
        return [Move(Verb.FINALIZE, record.epoch, live.proposal_id)]
    return []


def _void(record: ClosedEpoch, history: History, tick: int, mandate: Mandate) -> Sequence[Move]:
    header = record.frozen.header
    is_due = tick >= void_from(header.closed_tick, header.tempo) + PATIENCE_TICKS
    if mandate.settle and is_due and history.is_parent_resolved(record.epoch):
        return [Move(Verb.VOID, record.epoch)]
    return []
