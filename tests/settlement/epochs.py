# SPDX-License-Identifier: Apache-2.0
"""Frozen epochs built by hand, without a chain."""

from random import Random

from offchain.protocol.rows import fold_row, pack_row, row_hash, row_sum
from offchain.settlement.frozen import (
    Frozen,
    FrozenSeat,
    Header,
    frozen_hash,
    pack_generations,
    pack_header,
    pack_seats,
)
from offchain.settlement.history import History, Proposal
from offchain.yuma.specification import seat_shares

NETUID = 3
EMPTY = FrozenSeat(0, 0, 0, 0, False, False, False, 0)


def frozen_epoch(
    random: Random,
    epoch: int = 0,
    *,
    max_uids: int = 32,
    seats: int = 4,
    parent: int | None = None,
    owner_uid: int | None = None,
    replaced: tuple[int, ...] = (),
    generations: tuple[int, ...] | None = None,
    total_rao: int = 10**9,
) -> tuple[Frozen, dict[int, bytes]]:
    """A frozen epoch with its rows; seat i is held by uid i, the last seat is empty."""
    rows = {
        seat: pack_row([0 if uid == seat else random.randrange(65_536) for uid in range(max_uids)])
        for seat in range(seats - 1)
    }
    shares = seat_shares([random.randrange(1, 10**12) for _ in rows])[1]
    held = tuple(
        FrozenSeat(
            uid=seat,
            generation=1,
            active_stake_bits=shares[seat],
            row_sum=row_sum(row),
            is_revealed=True,
            keeps_seat=seat != 1,
            loads_bonds=parent is not None,
            reveal_order=len(rows) - seat,  # the last seat was the first to reveal
        )
        for seat, row in rows.items()
    )
    owner_rao, proposer_rao = total_rao * 11_796 // 65_535, total_rao // 1_000
    header = Header(
        netuid=NETUID,
        epoch=epoch,
        incarnation=1,
        max_uids=max_uids,
        seats=seats,
        owner_uid=owner_uid,
        kappa_u16=32_767,
        bonds_penalty_u16=65_535,
        bonds_moving_average_ppm=900_000,
        start_tick=100 + 12 * epoch,
        tempo=12,
        reveal_ticks=4,
        window_ticks=3,
        parent_epoch=parent,
        rao_emission=total_rao - owner_rao - proposer_rao,
        owner_rao=owner_rao,
        proposer_rao=proposer_rao,
        closed_tick=116 + 12 * epoch,
        replaced=tuple(uid in replaced for uid in range(max_uids)),
    )
    folded = 0
    for seat in sorted(rows, reverse=True):
        folded = fold_row(folded, row_hash(rows[seat]))
    return Frozen(header, (*held, EMPTY), generations or (1,) * max_uids, folded), rows


def feed(history: History, frozen: Frozen, rows: dict[int, bytes]) -> None:
    """Reveal and close."""
    epoch = frozen.header.epoch
    for seat, row in rows.items():
        history.weights_revealed(epoch, seat, row)
    words = (
        pack_header(frozen.header),
        pack_seats(frozen.seats, frozen.folded_rows),
        pack_generations(frozen.generations),
    )
    history.epoch_closed(*words, frozen_hash(*words), 1)


def propose(history: History, epoch: int, attempt: int = 1, trace=None) -> int:
    """A proposal of the truth, or of another trace."""
    proposal_id = NETUID << 128 | epoch << 64 | attempt
    words = history.result(epoch).words if trace is None else tuple(trace)
    parent = history.parent_id(epoch)
    assert parent is not None
    history.epoch_proposed(epoch, Proposal(proposal_id, parent, "0x00", 1, words, 1))
    return proposal_id
