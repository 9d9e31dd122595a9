# SPDX-License-Identifier: Apache-2.0
"""Small closed epochs without a chain: two seats, sixteen uids."""

from offchain.protocol.identifiers import first_epoch, incarnation_of_epoch
from offchain.protocol.rows import fold_row, pack_row, row_hash, row_sum
from offchain.settlement.frozen import (
    FrozenSeat,
    Header,
    frozen_hash,
    pack_generations,
    pack_header,
    pack_seats,
)
from offchain.settlement.history import History, Proposal

NETUID, T, R, W, N = 1, 12, 4, 3, 16
ROWS = {0: pack_row([0, 0, 9, 6, 3] + [0] * 11), 1: pack_row([0, 0, 8, 7, 2] + [0] * 11)}
SHARES = {0: 3 << 30, 1: 1 << 30}  # three quarters and one quarter, Q32


def close(history: History, epoch: int, *, closed_tick: int = 100) -> None:
    """Feed a closed epoch whose parent is the last closed one of its life."""
    life = incarnation_of_epoch(epoch)
    last = history.last_closed
    is_first = last is None or incarnation_of_epoch(last) != life
    seats = tuple(
        FrozenSeat(seat, 1, SHARES[seat], row_sum(row), True, True, True, 1 + seat)
        for seat, row in ROWS.items()
    )
    folded = fold_row(fold_row(0, row_hash(ROWS[0])), row_hash(ROWS[1]))
    header = Header(
        netuid=NETUID,
        epoch=epoch,
        incarnation=life,
        max_uids=N,
        seats=2,
        owner_uid=None,
        kappa_u16=32_767,
        bonds_penalty_u16=65_535,
        bonds_moving_average_ppm=900_000,
        start_tick=T * (epoch - first_epoch(life)),
        tempo=T,
        reveal_ticks=R,
        window_ticks=W,
        parent_epoch=None if is_first else last,
        rao_emission=10**9,
        owner_rao=1,
        proposer_rao=1,
        closed_tick=closed_tick,
        replaced=(False,) * N,
    )
    for seat, row in ROWS.items():
        history.weights_revealed(epoch, seat, row)
    words = pack_header(header), pack_seats(seats, folded), pack_generations([1] * 5 + [0] * 11)
    history.epoch_closed(*words, frozen_hash(*words), block_number=epoch)


def propose(history: History, epoch: int, *, change: int | None = None, attempt: int = 1) -> int:
    """Feed a proposal: the truth, or with one word changed by one; its id."""
    words = list(history.result(epoch).words)
    if change is not None:
        words[change] += 1
    proposal_id = NETUID << 128 | epoch << 64 | attempt
    parent_id = history.parent_id(epoch)
    assert parent_id is not None
    proposal = Proposal(proposal_id, parent_id, "0xproposer", 10**9, tuple(words), epoch)
    history.epoch_proposed(epoch, proposal)
    return proposal_id
