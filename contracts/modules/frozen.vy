# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Frozen
@license AGPL-3.0-only
@notice What a close freezes of an epoch, in words: header, seats, generations. Only one hash of it is stored, the words
        themselves are in the event. Layout: docs/settlement.md. Twin: offchain/settlement/frozen.py.
"""

from contracts.modules import constants as c

HEADER_WORDS: constant(uint256) = 8
# one word a seat, then all rows folded
MAX_SEAT_WORDS: constant(uint256) = c.MAX_SEATS + 1
MAX_GENERATION_WORDS: constant(uint256) = c.MAX_UIDS // 8
# the longest list of words that is ever hashed, and the longest short one
MAX_WORDS: constant(uint256) = 512
MAX_SHORT_WORDS: constant(uint256) = 128

U16: constant(uint256) = 2**16 - 1
U32: constant(uint256) = 2**32 - 1
U64: constant(uint256) = 2**64 - 1

# flags of a seat
REVEALED: constant(uint256) = 1
KEEPS_SHIFT: constant(uint256) = 1  # bit 1: keeps the seat
LOADS_BONDS: constant(uint256) = 4
# and where its row lies among those that were revealed: 1 + number of rows before it, 0 without one
ORDER_SHIFT: constant(uint256) = 8
ORDER_MASK: constant(uint256) = 127


struct Header:
    netuid: uint256
    epoch: uint256
    incarnation: uint256
    max_uids: uint256
    seats: uint256
    owner_uid: uint256  # 0xffff: the owner's hotkey is no neuron
    kappa_u16: uint256
    bonds_penalty_u16: uint256
    bonds_moving_average_ppm: uint256
    start_tick: uint256
    tempo: uint256
    reveal_ticks: uint256
    window_ticks: uint256
    parent: uint256  # epoch + 1, 0: none
    rao_emission: uint256
    owner_rao: uint256
    proposer_rao: uint256
    closed_tick: uint256
    replaced: uint256[4]


@internal
@pure
def _pack(header: Header) -> uint256[HEADER_WORDS]:
    """
    @notice The header as words.
    @dev SAFETY: Subnets bounds every parameter; ticks, epochs and incarnations stay below 2**64, rao below 2**55.
    """
    parent_epoch: uint256 = U64
    if header.parent != 0:
        parent_epoch = header.parent - 1
    return [
        header.netuid << 240
        | header.epoch << 176
        | header.incarnation << 112
        | header.max_uids << 96
        | header.seats << 80
        | header.owner_uid << 64
        | header.kappa_u16 << 48
        | header.bonds_penalty_u16 << 32
        | header.bonds_moving_average_ppm,
        header.start_tick << 192
        | header.tempo << 128
        | header.reveal_ticks << 64
        | header.window_ticks,
        parent_epoch << 192
        | header.rao_emission << 128
        | header.owner_rao << 64
        | header.proposer_rao,
        header.closed_tick << 192,
        header.replaced[0],
        header.replaced[1],
        header.replaced[2],
        header.replaced[3],
    ]


@internal
@pure
def _hash(header_hash: bytes32, seats_hash: bytes32, generations_hash: bytes32) -> bytes32:
    """
    @notice What is stored of the frozen words.
    """
    return keccak256(abi_encode(header_hash, seats_hash, generations_hash))


@internal
@pure
def _header_hash(header: uint256[HEADER_WORDS]) -> bytes32:
    """
    @notice keccak over the header's words.
    """
    return keccak256(abi_encode(header))


@internal
@pure
def _words_hash(words: DynArray[uint256, MAX_WORDS]) -> bytes32:
    """
    @notice keccak over the bare concatenation of words.
    """
    # A name of its own saves a copy in memory. The encoding begins with an offset and the length.
    encoded: Bytes[64 + 32 * MAX_WORDS] = abi_encode(words)
    return keccak256(slice(encoded, 64, 32 * len(words)))


@internal
@pure
def _short_hash(words: DynArray[uint256, MAX_SHORT_WORDS]) -> bytes32:
    """
    @notice The same for short lists: memory that is not set aside costs nothing.
    """
    encoded: Bytes[64 + 32 * MAX_SHORT_WORDS] = abi_encode(words)
    return keccak256(slice(encoded, 64, 32 * len(words)))


@internal
@pure
def _seats(
    holders: DynArray[uint256, c.MAX_SEATS], rows: DynArray[uint256, MAX_SEAT_WORDS], parent: uint256
) -> (DynArray[uint256, MAX_SEAT_WORDS], uint256, uint256):
    """
    @notice A word for every seat: uid 16 | generation 48 | active stake Q32 64 | row sum 64 | order and flags 64. The
            active stake is normalised: 64 then 32 fractional bits, then among the seats (vectors, steps 2 and 4).
    @dev Loops over at most 64 seats.
    @param holders As Neurons.standing_at gives them: whether it keeps the seat 1 | registration id | since_epoch 64.
    @param rows As from Weights: a word a seat, stake_rao << 40 | row_sum << 8 | order; 0 without a reveal.
    @param parent Parent epoch + 1, 0 for none.
    @return The words, how many seats are occupied, and how many of those revealed.
    """
    seats: uint256 = len(holders)
    stakes: uint256[c.MAX_SEATS] = empty(uint256[c.MAX_SEATS])
    total_rao: uint256 = 0
    for i: uint256 in range(seats, bound=c.MAX_SEATS):
        if holders[i] != 0:
            stakes[i] = rows[i] >> 40
            # SAFETY: 64 stakes below 2**55.
            total_rao = unsafe_add(total_rao, stakes[i])
    total: uint256 = 0
    if total_rao != 0:
        for i: uint256 in range(seats, bound=c.MAX_SEATS):
            # rounds down; below 2**-32 it becomes 0
            share: uint256 = unsafe_div(stakes[i] << 64, total_rao) >> 32
            stakes[i] = share
            total = unsafe_add(total, share)

    words: DynArray[uint256, MAX_SEAT_WORDS] = []
    occupied: uint256 = 0
    revealed: uint256 = 0
    for i: uint256 in range(seats, bound=c.MAX_SEATS):
        holder: uint256 = holders[i]
        if holder == 0:
            words.append(0)
            continue
        occupied = unsafe_add(occupied, 1)
        flags: uint256 = holder >> 255 << KEEPS_SHIFT
        if holder & U64 < parent:  # it held the seat in the parent epoch
            flags |= LOADS_BONDS
        # what names the holder in its subnet: the netuid above it falls out
        word: uint256 = holder >> 64 << 192
        row: uint256 = rows[i]
        if row != 0:
            revealed = unsafe_add(revealed, 1)
            flags |= REVEALED | (row & ORDER_MASK) << ORDER_SHIFT
            # SAFETY: the largest of 64 shares is at least 2**32 // 64, so total is 0 only if nobody has stake.
            word |= unsafe_div(stakes[i] << 32, total) << 128 | ((row >> 8) & U32) << 64
        words.append(word | flags)
    return words, occupied, revealed


@internal
@pure
def _replaced_in(column_block: uint256, replaced_word: uint256) -> uint256:
    """
    @notice Which columns of a block of 16 were replaced, column 0 on top.
    @param column_block Number of the block.
    @param replaced_word Header word 4 + column_block // 16.
    """
    return (replaced_word >> (240 - 16 * (column_block % 16))) & U16
