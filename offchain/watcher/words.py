# SPDX-License-Identifier: Apache-2.0
"""Names for the words of a trace, for people who ask which one is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.settlement.trace import (
    BLOCK_COLUMNS,
    BLOCK_WORDS,
    BONDS_HASH,
    PARTIAL_HASH,
    unpack_trace,
)


@dataclass(frozen=True, slots=True)
class WrongWord:
    """One thing that a trace says wrongly; numbers as they are posted (Q32, or a hash)."""

    name: str
    posted: int
    expected: int

    def __str__(self) -> str:
        return f"{self.name} is {self.posted:#x}, wanted {self.expected:#x}"


def wrong_words(posted: Sequence[int], true: Sequence[int], blocks: int) -> list[WrongWord]:
    """Everything in which a posted trace differs from the true one of the same length."""
    seats = 4 * (len(true) - 1 - BLOCK_WORDS * blocks)  # whole words: unused lanes count too
    theirs, ours = (unpack_trace(words, blocks, seats) for words in (posted, true))
    found = [WrongWord("total rank", theirs.total_rank, ours.total_rank)]
    for b, (got, wanted) in enumerate(zip(theirs.blocks, ours.blocks, strict=True)):
        for column, (rank, right) in enumerate(zip(got.ranks, wanted.ranks, strict=True)):
            found.append(WrongWord(f"rank of uid {BLOCK_COLUMNS * b + column}", rank, right))
        found.append(WrongWord(f"bonds hash of block {b}", got.bonds_hash, wanted.bonds_hash))
        found.append(WrongWord(f"partial hash of block {b}", got.partial_hash, wanted.partial_hash))
    totals = zip(theirs.dividend_totals, ours.dividend_totals, strict=True)
    for seat, (total, right) in enumerate(totals):
        found.append(WrongWord(f"dividend total of seat {seat}", total, right))
    return [word for word in found if word.posted != word.expected]


def kind_of_word(index: int, blocks: int) -> str:
    """What a word of a packed trace holds, by its index."""
    if index == 0:
        return "total rank"
    block, within = divmod(index - 1, BLOCK_WORDS)
    if block >= blocks:
        return "dividend totals"
    return {BONDS_HASH: "bonds hash", PARTIAL_HASH: "partial hash"}.get(within, "ranks")
