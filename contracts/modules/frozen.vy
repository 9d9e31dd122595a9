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
KEEPS_SEAT: constant(uint256) = 2
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
    # the encoding begins with an offset and the length
    return keccak256(slice(abi_encode(words), 64, 32 * len(words)))


@internal
@pure
def _short_hash(words: DynArray[uint256, MAX_SHORT_WORDS]) -> bytes32:
    """
    @notice The same for short lists: memory that is not set aside costs nothing.
    """
    return keccak256(slice(abi_encode(words), 64, 32 * len(words)))


@internal
@pure
def _active_stakes(
    rows: DynArray[uint256, MAX_SEAT_WORDS], holders: DynArray[uint256, c.MAX_SEATS]
) -> DynArray[uint256, c.MAX_SEATS]:
    """
    @notice Normalised stake of every seat, Q32: 64 then 32 fractional bits, then among the seats (vectors, steps 2 and 4).
    @dev Loops over at most 64 seats.
    @param rows As from Weights: a word a seat, stake_rao << 40 | row_sum << 8 | order; 0 without a reveal.
    @param holders Registration id << 64 | since_epoch of every seat; an empty seat has no stake.
    """
    total_rao: uint256 = 0
    stakes: DynArray[uint256, c.MAX_SEATS] = []
    for i: uint256 in range(len(holders), bound=c.MAX_SEATS):
        stake_rao: uint256 = 0
        if holders[i] != 0:
            stake_rao = rows[i] >> 40
        stakes.append(stake_rao)
        # SAFETY: 64 stakes below 2**55.
        total_rao = unsafe_add(total_rao, stake_rao)
    if total_rao == 0:
        return stakes

    total: uint256 = 0
    for i: uint256 in range(len(holders), bound=c.MAX_SEATS):
        # rounds down; below 2**-32 it becomes 0
        stakes[i] = ((stakes[i] << 64) // total_rao) >> 32
        total = unsafe_add(total, stakes[i])
    for i: uint256 in range(len(holders), bound=c.MAX_SEATS):
        # SAFETY: the largest of 64 shares is at least 2**32 // 64, so total is not 0.
        stakes[i] = (stakes[i] << 32) // total
    return stakes


@internal
@pure
def _seat(
    holder: uint256, next_holder: uint256, active_stake: uint256, record: uint256, parent: uint256
) -> uint256:
    """
    @notice Word of a seat: uid 16 | generation 48 | active stake Q32 64 | row sum 64 | order and flags 64.
    @param holder Registration id << 64 | since_epoch in this epoch.
    @param next_holder The same in the next epoch.
    @param active_stake Normalised stake.
    @param record stake_rao << 40 | row_sum << 8 | order, as from Weights.
    @param parent Parent epoch + 1, 0 for none.
    """
    if holder == 0:
        return 0
    flags: uint256 = 0
    if record != 0:
        flags = REVEALED | (record & ORDER_MASK) << ORDER_SHIFT
    if next_holder >> 64 == holder >> 64:
        flags |= KEEPS_SEAT
    if holder & U64 < parent:  # it held the seat in the parent epoch
        flags |= LOADS_BONDS
    row_sum: uint256 = (record >> 8) & U32
    return (holder >> 64) << 192 | active_stake << 128 | row_sum << 64 | flags


@internal
@pure
def _replaced_in(column_block: uint256, replaced_word: uint256) -> uint256:
    """
    @notice Which columns of a block of 16 were replaced, column 0 on top.
    @param column_block Number of the block.
    @param replaced_word Header word 4 + column_block // 16.
    """
    return (replaced_word >> (240 - 16 * (column_block % 16))) & U16
