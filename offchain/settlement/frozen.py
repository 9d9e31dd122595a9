# SPDX-License-Identifier: Apache-2.0
"""What a close freezes: header, seats, generations. Twin: contracts/modules/frozen.vy.

The contract stores one hash; the words are in the event `EpochClosed`. Layout: docs/settlement.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from offchain.protocol.domains import keccak
from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.identifiers import RegistrationId, pack_registration_id
from offchain.settlement.words import bitmap, pack_lanes, unpack_lanes, words_hash

HEADER_WORDS = 8
NO_OWNER = 0xFFFF
NO_PARENT = 2**64 - 1
REVEALED, KEEPS_SEAT, LOADS_BONDS = 1, 2, 4
ORDER_SHIFT, ORDER_MASK = 8, 127


@dataclass(frozen=True, slots=True)
class Header:
    """An epoch's numbers. Ticks, rao, u16 and ppm as the names say.

    owner_uid, parent_epoch: None for none. replaced: one flag per uid, of every boundary after the
    parent's up to this epoch's.
    """

    netuid: int
    epoch: int
    incarnation: int
    max_uids: int
    seats: int
    owner_uid: int | None
    kappa_u16: int
    bonds_penalty_u16: int
    bonds_moving_average_ppm: int
    start_tick: int
    tempo: int
    reveal_ticks: int
    window_ticks: int
    parent_epoch: int | None
    rao_emission: int
    owner_rao: int
    proposer_rao: int
    closed_tick: int
    replaced: tuple[bool, ...]

    @property
    def blocks(self) -> int:
        """Blocks of 16 columns."""
        return self.max_uids // 16


@dataclass(frozen=True, slots=True)
class FrozenSeat:
    """One seat of a closed epoch; generation 0: empty.

    active_stake_bits: Q32, zero unless revealed. keeps_seat: held on in the next epoch.
    loads_bonds: held since the parent epoch or longer. reveal_order: 1 + number of rows that were
    revealed before this one, zero unless revealed.
    """

    uid: int
    generation: int
    active_stake_bits: int
    row_sum: int
    is_revealed: bool
    keeps_seat: bool
    loads_bonds: bool
    reveal_order: int


@dataclass(frozen=True, slots=True)
class Frozen:
    """Everything that an epoch's result follows from, besides the rows and the parent's bonds.

    generations: of every uid, max_uids numbers, 0 for an empty uid. folded_rows: stands for all
    rows in the order of their reveals, `offchain.protocol.rows.fold_row`.
    """

    header: Header
    seats: tuple[FrozenSeat, ...]
    generations: tuple[int, ...]
    folded_rows: int

    def registration_id(self, uid: int) -> RegistrationId | None:
        """Who held a uid in this epoch, or None."""
        generation = self.generations[uid]
        return pack_registration_id(self.header.netuid, uid, generation) if generation else None


def pack_header(header: Header) -> tuple[int, ...]:
    """The eight words of a header."""
    owner = NO_OWNER if header.owner_uid is None else header.owner_uid
    parent = NO_PARENT if header.parent_epoch is None else header.parent_epoch
    first = _join(
        (header.netuid, 16),
        (header.epoch, 64),
        (header.incarnation, 64),
        (header.max_uids, 16),
        (header.seats, 16),
        (owner, 16),
        (header.kappa_u16, 16),
        (header.bonds_penalty_u16, 16),
        (header.bonds_moving_average_ppm, 32),
    )
    times = (header.start_tick, header.tempo, header.reveal_ticks, header.window_ticks)
    money = (parent, header.rao_emission, header.owner_rao, header.proposer_rao)
    return (
        first,
        *pack_lanes(times, 64),
        *pack_lanes(money, 64),
        header.closed_tick << 192,
        *bitmap(header.replaced),
    )


def unpack_header(words: Sequence[int]) -> Header:
    """The header behind eight words; raises `InvalidSubmission` for another number of words."""
    if len(words) != HEADER_WORDS:
        raise InvalidSubmission(f"header of {len(words)} words, wanted {HEADER_WORDS}")
    netuid, epoch, incarnation, max_uids, seats, owner, kappa, penalty, average = _split(
        words[0], (16, 64, 64, 16, 16, 16, 16, 16, 32)
    )
    start_tick, tempo, reveal_ticks, window_ticks = unpack_lanes(words[1:2], 64, 4)
    parent, rao_emission, owner_rao, proposer_rao = unpack_lanes(words[2:3], 64, 4)
    return Header(
        netuid=netuid,
        epoch=epoch,
        incarnation=incarnation,
        max_uids=max_uids,
        seats=seats,
        owner_uid=None if owner == NO_OWNER else owner,
        kappa_u16=kappa,
        bonds_penalty_u16=penalty,
        bonds_moving_average_ppm=average,
        start_tick=start_tick,
        tempo=tempo,
        reveal_ticks=reveal_ticks,
        window_ticks=window_ticks,
        parent_epoch=None if parent == NO_PARENT else parent,
        rao_emission=rao_emission,
        owner_rao=owner_rao,
        proposer_rao=proposer_rao,
        closed_tick=words[3] >> 192,
        replaced=tuple(bit == 1 for bit in unpack_lanes(words[4:8], 1, max_uids)),
    )


def pack_seats(seats: Sequence[FrozenSeat], folded_rows: int) -> tuple[int, ...]:
    """A word a seat, then all rows folded."""
    words: list[int] = []
    for seat in seats:
        flags = (
            seat.is_revealed * REVEALED
            + seat.keeps_seat * KEEPS_SEAT
            + seat.loads_bonds * LOADS_BONDS
            + (seat.reveal_order << ORDER_SHIFT)
        )
        who = seat.uid << 48 | seat.generation
        words += pack_lanes((who, seat.active_stake_bits, seat.row_sum, flags), 64)
    return (*words, folded_rows)


def unpack_seats(words: Sequence[int]) -> tuple[FrozenSeat, ...]:
    """The seats behind a word each, without the last word."""
    seats = []
    for word in words[:-1]:
        who, stake, row_sum, flags = unpack_lanes([word], 64, 4)
        seats.append(
            FrozenSeat(
                uid=who >> 48,
                generation=who & (1 << 48) - 1,
                active_stake_bits=stake,
                row_sum=row_sum,
                is_revealed=bool(flags & REVEALED),
                keeps_seat=bool(flags & KEEPS_SEAT),
                loads_bonds=bool(flags & LOADS_BONDS),
                reveal_order=flags >> ORDER_SHIFT & ORDER_MASK,
            )
        )
    return tuple(seats)


def pack_generations(generations: Sequence[int]) -> tuple[int, ...]:
    """Eight u32 to a word."""
    return pack_lanes(generations, 32)


def unpack_frozen(
    header: Sequence[int], seats: Sequence[int], generations: Sequence[int]
) -> Frozen:
    """What `EpochClosed` says, as numbers."""
    unpacked = unpack_header(header)
    if len(seats) != unpacked.seats + 1:
        raise InvalidSubmission(f"{len(seats)} words of {unpacked.seats} seats, wanted one more")
    return Frozen(
        header=unpacked,
        seats=unpack_seats(seats),
        generations=unpack_lanes(generations, 32, unpacked.max_uids),
        folded_rows=seats[-1],
    )


def frozen_hash(header: Sequence[int], seats: Sequence[int], generations: Sequence[int]) -> bytes:
    """What the contract stores of the frozen words, 32 bytes."""
    parts = [words_hash(header), words_hash(seats), words_hash(generations)]
    return keccak(encode(["bytes32", "bytes32", "bytes32"], parts))


def _join(*fields: tuple[int, int]) -> int:
    """One word from (value, bits), the first on top."""
    word = 0
    for value, bits in fields:
        word = word << bits | value
    return word


def _split(word: int, sizes: Sequence[int]) -> list[int]:
    """The fields of a word, the first from the top."""
    fields = []
    for bits in reversed(sizes):
        fields.append(word & (1 << bits) - 1)
        word >>= bits
    return fields[::-1]
