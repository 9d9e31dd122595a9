# SPDX-License-Identifier: Apache-2.0
"""The true result of a closed epoch, from frozen words, rows and the parent's bonds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from offchain.protocol.errors import ConsensusMismatch
from offchain.protocol.rows import fold_row, row_hash, unpack_row
from offchain.settlement.frozen import Frozen
from offchain.settlement.trace import (
    BLOCK_COLUMNS,
    BlockWords,
    Trace,
    bonds_words,
    pack_trace,
    partial_words,
)
from offchain.settlement.words import words_hash
from offchain.yuma.types import SeatEpoch, SeatResult

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What honest proposers post, and what is needed to defend or challenge it.

    words: the packed trace. bonds: seats x max_uids, u16, as stored. yuma: everything else that
    the engine computed, for people (consensus, incentive, dividends ...).
    """

    trace: Trace
    words: tuple[int, ...]
    bonds: Matrix
    yuma: SeatResult


def compute(
    frozen: Frozen,
    rows: Mapping[int, bytes],
    parent_bonds: Matrix | None = None,
    zeroed_blocks: Collection[int] = (),
) -> EpochResult:
    """Run an epoch.

    Args:
        frozen: from `EpochClosed`.
        rows: masked rows by seat, from `WeightsRevealed`.
        parent_bonds: of the parent's result; None without a parent or if it is void.
        zeroed_blocks: blocks of the parent's bonds that nobody could show.

    Raises:
        ConsensusMismatch: a row is missing or is not the one that was frozen.
    """
    epoch = seat_epoch(frozen, rows, parent_bonds, zeroed_blocks)
    yuma = _run(epoch)
    trace = Trace(
        total_rank=yuma.total_rank,
        blocks=tuple(
            BlockWords(
                ranks=yuma.rank_bits[BLOCK_COLUMNS * b : BLOCK_COLUMNS * (b + 1)],
                bonds_hash=_hash(bonds_words(yuma.bonds_u16, b)),
                partial_hash=_hash(partial_words(yuma.dividend_parts[b])),
            )
            for b in range(frozen.header.blocks)
        ),
        dividend_totals=yuma.dividend_totals,
    )
    return EpochResult(trace, pack_trace(trace), yuma.bonds_u16, yuma)


def warm_up() -> None:
    """Load the engine now, which takes a second, rather than with the first result."""
    one_seat_one_miner = SeatEpoch(
        active_stake_bits=(1 << 32,),
        rows=((1,),),
        old_bonds=((0,),),
        replaced=(False,),
        keeps_seat=(True,),
        kappa=0x7FFF,
        bonds_penalty=0,
        bonds_moving_average=900_000,
        rao_emission=1,
    )
    _run(one_seat_one_miner)


def seat_epoch(
    frozen: Frozen,
    rows: Mapping[int, bytes],
    parent_bonds: Matrix | None,
    zeroed_blocks: Collection[int] = (),
) -> SeatEpoch:
    """The engine's input; raises `ConsensusMismatch` as `compute`."""
    header = frozen.header
    _check_rows(frozen, rows)
    return SeatEpoch(
        active_stake_bits=tuple(seat.active_stake_bits for seat in frozen.seats),
        rows=tuple(_row(frozen, rows, seat) for seat in range(len(frozen.seats))),
        old_bonds=_old_bonds(frozen, parent_bonds, zeroed_blocks),
        replaced=header.replaced,
        keeps_seat=tuple(seat.keeps_seat for seat in frozen.seats),
        kappa=header.kappa_u16,
        bonds_penalty=header.bonds_penalty_u16,
        bonds_moving_average=header.bonds_moving_average_ppm,
        rao_emission=header.rao_emission,
    )


def _row(frozen: Frozen, rows: Mapping[int, bytes], seat: int) -> tuple[int, ...]:
    if not frozen.seats[seat].is_revealed:
        return (0,) * frozen.header.max_uids
    return tuple(unpack_row(rows[seat]))


def _check_rows(frozen: Frozen, rows: Mapping[int, bytes]) -> None:
    """All that were revealed are there, and folded in order they are what was frozen."""
    header, folded = frozen.header, 0
    revealed = [(held.reveal_order, s) for s, held in enumerate(frozen.seats) if held.is_revealed]
    for _, seat in sorted(revealed):
        row = rows.get(seat)
        where = f"netuid {header.netuid} epoch {header.epoch} seat {seat}"
        if row is None:
            raise ConsensusMismatch(
                f"{where}: the row was revealed, but its event is missing",
                next_step="Read the logs again from the subnet's start.",
            )
        if len(row) != 2 * header.max_uids:
            raise ConsensusMismatch(
                f"{where}: the event's row has {len(row)} bytes, wanted {2 * header.max_uids}",
                next_step="Ask another node; this one serves logs of another chain.",
            )
        folded = fold_row(folded, row_hash(row))
    if folded != frozen.folded_rows:
        raise ConsensusMismatch(
            f"netuid {header.netuid} epoch {header.epoch}: the events' rows fold to "
            f"{folded:064x}, frozen was {frozen.folded_rows:064x}",
            next_step="Ask another node; this one serves logs of another chain.",
        )


def _old_bonds(
    frozen: Frozen, parent_bonds: Matrix | None, zeroed_blocks: Collection[int]
) -> Matrix:
    columns = frozen.header.max_uids
    empty = (0,) * columns
    if parent_bonds is None:
        return (empty,) * len(frozen.seats)
    return tuple(
        _without(row, zeroed_blocks) if seat.loads_bonds else empty
        for seat, row in zip(frozen.seats, parent_bonds, strict=True)
    )


def _without(row: Sequence[int], zeroed_blocks: Collection[int]) -> tuple[int, ...]:
    return tuple(
        0 if uid // BLOCK_COLUMNS in zeroed_blocks else bond for uid, bond in enumerate(row)
    )


def _run(epoch: SeatEpoch) -> SeatResult:
    """The engine. Imported here: numba takes long to load, and who only reads never computes."""
    from offchain.yuma.fast import run_seat_epoch

    return run_seat_epoch(epoch)


def _hash(words: Sequence[int]) -> int:
    return int.from_bytes(words_hash(words), "big")
