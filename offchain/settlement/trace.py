# SPDX-License-Identifier: Apache-2.0
"""What a proposer posts: total rank, six words per block of 16 columns, dividend totals.

Twin: contracts/modules/trace.vy. Layout: docs/settlement.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from offchain.protocol.domains import keccak
from offchain.protocol.errors import InvalidSubmission
from offchain.settlement.words import pack_lanes, unpack_lanes, words_hash

BLOCK_COLUMNS = 16
BLOCK_WORDS = 6
BONDS_HASH = 4
PARTIAL_HASH = 5


@dataclass(frozen=True, slots=True)
class BlockWords:
    """One block's part of a trace: 16 ranks (Q32), and two hashes as integers."""

    ranks: tuple[int, ...]
    bonds_hash: int
    partial_hash: int


@dataclass(frozen=True, slots=True)
class Trace:
    """The result of an epoch as proposed; dividend_totals has one number per seat."""

    total_rank: int
    blocks: tuple[BlockWords, ...]
    dividend_totals: tuple[int, ...]


def pack_columns(values: Sequence[int]) -> tuple[int, ...]:
    """16 columns as four words of u64 lanes: word g, lane l is column 4 * l + g."""
    return tuple(
        word
        for g in range(4)
        for word in pack_lanes([values[4 * lane + g] for lane in range(4)], 64)
    )


def unpack_columns(words: Sequence[int]) -> tuple[int, ...]:
    """The reverse of `pack_columns`."""
    groups = [unpack_lanes([word], 64, 4) for word in words]
    return tuple(groups[column % 4][column // 4] for column in range(BLOCK_COLUMNS))


def bonds_words(rows: Sequence[Sequence[int]], block: int) -> tuple[int, ...]:
    """One block of a bonds matrix (seats x columns, u16): one word per seat, column 0 on top."""
    start = BLOCK_COLUMNS * block
    return tuple(pack_lanes(row[start : start + BLOCK_COLUMNS], 16)[0] for row in rows)


def with_bonds_block(
    rows: Sequence[Sequence[int]], block: int, words: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """A bonds matrix with one block replaced by the words of `bonds_words`."""
    start = BLOCK_COLUMNS * block
    return tuple(
        (*row[:start], *unpack_lanes([word], 16, BLOCK_COLUMNS), *row[start + BLOCK_COLUMNS :])
        for row, word in zip(rows, words, strict=True)
    )


def partial_words(partials: Sequence[int]) -> tuple[int, ...]:
    """A block's partial dividend totals, one per seat, four to a word."""
    return pack_lanes(partials, 64)


def trace_length(blocks: int, seats: int) -> int:
    """Words that a trace has."""
    return 1 + BLOCK_WORDS * blocks + -(-seats // 4)


def pack_trace(trace: Trace) -> tuple[int, ...]:
    """The words of a trace."""
    words = [trace.total_rank]
    for block in trace.blocks:
        words += [*pack_columns(block.ranks), block.bonds_hash, block.partial_hash]
    return (*words, *pack_lanes(trace.dividend_totals, 64))


def unpack_trace(words: Sequence[int], blocks: int, seats: int) -> Trace:
    """The trace behind words; raises `InvalidSubmission` for a wrong length."""
    if len(words) != trace_length(blocks, seats):
        raise InvalidSubmission(
            f"trace of {len(words)} words for {blocks} blocks and {seats} seats, wanted "
            f"{trace_length(blocks, seats)}"
        )
    parts = [words[1 + BLOCK_WORDS * b : 1 + BLOCK_WORDS * (b + 1)] for b in range(blocks)]
    return Trace(
        total_rank=words[0],
        blocks=tuple(
            BlockWords(unpack_columns(p[:4]), p[BONDS_HASH], p[PARTIAL_HASH]) for p in parts
        ),
        dividend_totals=unpack_lanes(words[1 + BLOCK_WORDS * blocks :], 64, seats),
    )


def bonds_hashes(words: Sequence[int], blocks: int) -> tuple[int, ...]:
    """The bonds hash of every block of a packed trace."""
    return tuple(words[1 + BLOCK_WORDS * b + BONDS_HASH] for b in range(blocks))


def trace_hash(words: Sequence[int], blocks: int) -> bytes:
    """What the contract stores of a trace, 32 bytes."""
    parts = [words_hash(bonds_hashes(words, blocks)), words_hash(words)]
    return keccak(encode(["bytes32", "bytes32"], parts))
