# SPDX-License-Identifier: Apache-2.0
"""Which challenge strikes a false proposal, and the arguments of every call that opens words.

Twin of contracts/modules/openings.vy and of the structs Frozen and Opening in ISettlement.vyi.
Every function returns the arguments of the Settlement function of its name, in the order of the
ABI, structs as tuples.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from offchain.protocol.domains import keccak
from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.rows import row_chunks
from offchain.settlement.frozen import Frozen, pack_generations, pack_header, pack_seats
from offchain.settlement.history import ClosedEpoch, History, State
from offchain.settlement.result import EpochResult, Matrix
from offchain.settlement.trace import (
    BLOCK_COLUMNS,
    BLOCK_WORDS,
    bonds_hashes,
    bonds_words,
    pack_columns,
    partial_words,
    unpack_trace,
)
from offchain.settlement.words import words_hash

CHUNK_BLOCKS = 4
"""Blocks in a full chunk of 64 columns."""
ALL_ZEROED = 2**256 - 1
"""`Opening.zeroed` without a parent, or with a void one: all old bonds are zero."""

Words = Sequence[int]


class UnknownBonds(InvalidSubmission):
    """The parent's proposal names bonds that nobody has shown; the way out is `demand`."""


@dataclass(frozen=True, slots=True)
class BlockFault:
    """Words of this block are not what its inputs give: `challenge_block`."""

    block: int


@dataclass(frozen=True, slots=True)
class SumFault:
    """The total rank or the dividend totals are not the sums of the blocks': `challenge_sum`."""


Fault = BlockFault | SumFault


@dataclass(frozen=True, slots=True)
class ParentBonds:
    """The old bonds of an epoch, and the trace that names them.

    bonds: seats x max_uids, u16. trace: packed, of the parent's live or final proposal.
    zeroed: blocks that nobody could open, which count as zero.
    """

    bonds: Matrix
    trace: Words
    zeroed: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Examination:
    """All that disputes over one proposal need.

    posted: its packed trace. result: the true one of the epoch. parent: None without a parent or
    with a void one.
    """

    proposal_id: int
    frozen: Frozen
    rows: dict[int, bytes]
    result: EpochResult
    posted: Words
    parent: ParentBonds | None


def examine(history: History, epoch: int) -> Examination:
    """The live or final proposal of an epoch.

    Raises `InvalidSubmission` if it has none.
    """
    record = history.epochs[epoch]
    if record.live is None:
        raise InvalidSubmission(f"epoch {epoch} of netuid {history.netuid} has no proposal")
    return Examination(
        proposal_id=record.live.proposal_id,
        frozen=record.frozen,
        rows=record.rows,
        result=history.result(epoch),
        posted=record.live.trace,
        parent=_parent_bonds(history, epoch),
    )


def _parent_bonds(history: History, epoch: int) -> ParentBonds | None:
    parent = history.parent_of(epoch)
    if parent is None or parent.state is State.VOID or parent.live is None:
        return None
    return ParentBonds(history.bonds_after(parent.epoch), parent.live.trace, parent.zeroed)


def find_fault(true: Words, posted: Words, blocks: int, seats: int) -> Fault | None:
    """The challenge that strikes `posted`; None if it is the true trace. Both are packed.

    A total rank that is not the sum of the posted ranks comes first: it can be struck from the
    posted words alone, and as long as it is wrong other words may differ without being wrong,
    because a block's words follow from the posted total rank.

    Raises `InvalidSubmission` for a trace of another length; the contract refuses those.
    """
    theirs = unpack_trace(posted, blocks, seats)
    ranks = sum(rank for block in theirs.blocks for rank in block.ranks)
    if ranks != theirs.total_rank:
        return SumFault()
    # Ranks do not depend on the total rank: with a wrong total that their sum confirms, some of
    # them differ, and only those are sure to be wrong.
    compared = BLOCK_WORDS if posted[0] == true[0] else BLOCK_WORDS - 2
    for block in range(blocks):
        first = 1 + BLOCK_WORDS * block
        if tuple(posted[first : first + compared]) != tuple(true[first : first + compared]):
            return BlockFault(block)
    return None if tuple(posted) == tuple(true) else SumFault()


def challenge_block(examination: Examination, block: int) -> tuple[Any, ...]:
    """`challenge_block`; raises `UnknownBonds` if the old bonds of the block cannot be shown."""
    return (
        examination.proposal_id,
        block,
        _frozen(examination.frozen),
        tuple(examination.posted),
        opening(examination, [block]),
    )


def prove(examination: Examination, blocks: Collection[int]) -> tuple[Any, ...]:
    """`prove` of some blocks; raises `UnknownBonds` as `challenge_block`.

    One call opens at most 1,024 words of rows and of bonds: 16 blocks of 64 seats.
    """
    return (
        examination.proposal_id,
        sum(1 << block for block in set(blocks)),
        _frozen(examination.frozen),
        tuple(examination.posted),
        opening(examination, blocks),
    )


def sums(examination: Examination) -> tuple[int, int, int, Words, Words]:
    """`prove_sum` and `challenge_sum`."""
    header = examination.frozen.header
    parts = examination.result.yuma.dividend_parts
    partials = [word for block in parts for word in partial_words(block)]
    return (
        examination.proposal_id,
        header.blocks,
        header.seats,
        tuple(examination.posted),
        partials,
    )


def answer(closed: ClosedEpoch, bonds: Matrix, block: int) -> tuple[Any, ...]:
    """`answer`: show a block of what the final proposal of an epoch stored.

    Raises `UnknownBonds` if `bonds` are not what it names.
    """
    if closed.live is None:
        raise InvalidSubmission(f"epoch {closed.epoch} of netuid {closed.netuid} has no proposal")
    trace = closed.live.trace
    hashes = bonds_hashes(trace, closed.frozen.header.blocks)
    shown = bonds_words(bonds, block)
    _check_bonds(shown, hashes, block)
    return closed.netuid, closed.epoch, block, shown, hashes, words_hash(trace)


def opening(examination: Examination, blocks: Collection[int]) -> tuple[Any, ...]:
    """The struct Opening for some blocks: rows, siblings, bonds, hints, parent_bonds,
    parent_words_hash, zeroed.
    """
    chosen = sorted(set(blocks))
    rows, siblings = _open_rows(examination, {block // CHUNK_BLOCKS for block in chosen})
    consensus = examination.result.yuma.consensus_bits
    hints = [
        word
        for block in chosen
        for word in pack_columns(consensus[BLOCK_COLUMNS * block : BLOCK_COLUMNS * (block + 1)])
    ]
    parent = examination.parent
    if parent is None:
        return rows, siblings, [], hints, [], bytes(32), ALL_ZEROED
    hashes = bonds_hashes(parent.trace, examination.frozen.header.blocks)
    bonds: list[int] = []
    for block in chosen:
        if block not in parent.zeroed:
            shown = bonds_words(parent.bonds, block)
            _check_bonds(shown, hashes, block)
            bonds += shown
    zeroed = sum(1 << block for block in parent.zeroed)
    return rows, siblings, bonds, hints, hashes, words_hash(parent.trace), zeroed


def _open_rows(examination: Examination, opened: Collection[int]) -> tuple[list[int], list[int]]:
    """Words of the opened chunks and hashes of the others, of every seat that revealed."""
    rows: list[int] = []
    siblings: list[int] = []
    for seat, held in enumerate(examination.frozen.seats):
        if not held.is_revealed:
            continue
        for number, chunk in enumerate(row_chunks(examination.rows[seat])):
            if number in opened:
                rows += [int.from_bytes(chunk[i : i + 32], "big") for i in range(0, len(chunk), 32)]
            else:
                siblings.append(int.from_bytes(keccak(chunk), "big"))
    return rows, siblings


def _check_bonds(shown: Words, hashes: Words, block: int) -> None:
    if int.from_bytes(words_hash(shown), "big") != hashes[block]:
        raise UnknownBonds(
            f"bonds block {block}: nobody has shown what {hashes[block]:064x} is",
            next_step="Send Settlement.demand for it.",
        )


def _frozen(frozen: Frozen) -> tuple[Words, Words, bytes]:
    """The struct Frozen."""
    generations = words_hash(pack_generations(frozen.generations))
    return pack_header(frozen.header), pack_seats(frozen.seats, frozen.folded_rows), generations


def void(closed: ClosedEpoch) -> tuple[int, int, Words, bytes, bytes]:
    """`void`."""
    hashes = words_hash(closed.seats), words_hash(closed.generations)
    return closed.netuid, closed.epoch, closed.header, *hashes
