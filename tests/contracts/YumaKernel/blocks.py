# SPDX-License-Identifier: Apache-2.0
"""What the kernel is given and what it has to answer, from the engine's epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from offchain.settlement.frozen import KEEPS_SEAT, LOADS_BONDS, REVEALED
from offchain.settlement.trace import bonds_words, pack_columns, partial_words
from offchain.settlement.words import pack_lanes, words_hash
from offchain.yuma.types import SeatEpoch, SeatResult
from tests.contracts.deployment import CONTRACTS

MAX_SEATS = 64
COLUMNS = 16
ONE = 2**32

# ranks, bonds hash, partial hash
Words: TypeAlias = tuple[list[int], bytes, bytes]


class Block(NamedTuple):
    """The struct of IYumaKernel."""

    seat_count: int
    seats: list[int]
    rows: list[int]
    bonds: list[int]
    hints: list[int]
    replaced: int
    kappa_u16: int
    bonds_penalty_u16: int
    bonds_moving_average_ppm: int
    total_rank: int


def filled(words: Iterable[int]) -> list[int]:
    """A list of the length that the ABI wants."""
    known = list(words)
    return known + [0] * (MAX_SEATS - len(known))


def seat_word(share: int, row_sum: int, flags: int = REVEALED | KEEPS_SEAT | LOADS_BONDS) -> int:
    return pack_lanes([1 << 48 | 1, share, row_sum, flags], 64)[0]


def widened(values: Sequence[Any], nothing: Any = 0) -> list[Any]:
    """Columns up to a multiple of 16."""
    return [*values, *[nothing] * (-len(values) % COLUMNS)]


def blocks_of(epoch: SeatEpoch, result: SeatResult) -> list[Block]:
    """The epoch as the kernel gets it, with the consensus as hints."""
    flags = [REVEALED | LOADS_BONDS | KEEPS_SEAT * keeps for keeps in epoch.keeps_seat]
    sums = [sum(row) for row in epoch.rows]
    seats = map(seat_word, epoch.active_stake_bits, sums, flags)
    rows = [widened(row) for row in epoch.rows]
    bonds = [widened(row) for row in epoch.old_bonds]
    consensus = widened(result.consensus_bits)
    replaced = widened(epoch.replaced, False)
    first = Block(
        seat_count=len(epoch.rows),
        seats=filled(seats),
        rows=[],
        bonds=[],
        hints=[],
        replaced=0,
        kappa_u16=epoch.kappa,
        bonds_penalty_u16=epoch.bonds_penalty,
        bonds_moving_average_ppm=epoch.bonds_moving_average,
        total_rank=result.total_rank,
    )
    return [
        first._replace(
            rows=filled(bonds_words(rows, b)),
            bonds=filled(bonds_words(bonds, b)),
            hints=list(pack_columns(consensus[COLUMNS * b : COLUMNS * (b + 1)])),
            replaced=sum(
                flag << (15 - c) for c, flag in enumerate(replaced[COLUMNS * b : COLUMNS * (b + 1)])
            ),
        )
        for b in range(len(consensus) // COLUMNS)
    ]


def words_of(result: SeatResult) -> list[Words]:
    """What the kernel has to answer for each block: ranks, bonds hash, partial hash."""
    ranks = widened(result.rank_bits)
    bonds = [widened(row) for row in result.bonds_u16]
    return [
        (
            list(pack_columns(ranks[COLUMNS * b : COLUMNS * (b + 1)])),
            words_hash(bonds_words(bonds, b)),
            words_hash(partial_words(parts)),
        )
        for b, parts in enumerate(result.dividend_parts)
    ]


def answer(kernel: Any, block: Block) -> Words:
    """The kernel's words in the same shape."""
    words = kernel.recompute(block)
    return list(words.ranks), words.bonds_hash, words.partial_hash


def with_hint(block: Block, column: int, hint: int) -> Block:
    """The block with another hint in one column of it."""
    group, lane = column % 4, column // 4
    shift = 192 - 64 * lane
    hints = list(block.hints)
    hints[group] = hints[group] & ~((2**64 - 1) << shift) | hint << shift
    return block._replace(hints=hints)


def in_group(group: int, right: str, wrong: str) -> tuple[str, str, str]:
    """A bug for `seeded` in one of the four written-out groups of the kernel's pass."""
    text = (CONTRACTS / "YumaKernel.vy").read_text()
    marks = [f"        # columns {g}, {g + 4}, {g + 8}, {g + 12}\n" for g in range(4)]
    marks.append("        # A seat that changes hands")
    part = text[text.index(marks[group]) : text.index(marks[group + 1])]
    assert part.count(right) == 1, f"group {group}: {part.count(right)} times {right!r}, not once"
    return "YumaKernel.vy", part, part.replace(right, wrong)
