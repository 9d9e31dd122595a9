# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Openings
@license AGPL-3.0-only
@notice Predicate P1: a block's words follow from the frozen words, the rows and the parent's bonds. The parts that a challenge
        of one block and a proof of many share; the large lists stay with the caller, because passing one on would copy it.
        Layout: docs/settlement.md. Twin: offchain/settlement/challenge.py.
"""

from contracts.interfaces import IYumaKernel
from contracts.modules import constants as c
from contracts.modules import frozen
from contracts.modules import rows
from contracts.modules import trace

# 16 blocks of 64 seats: a whole epoch of 256 uids in one transaction
MAX_OPENED_WORDS: constant(uint256) = 1024
MAX_CHUNKS: constant(uint256) = c.MAX_UIDS // 64
MAX_SIBLINGS: constant(uint256) = c.MAX_SEATS * (MAX_CHUNKS - 1)
# blocks in a full chunk of 64 columns
CHUNK_BLOCKS: constant(uint256) = 4


@internal
@pure
def _inputs(
    header: uint256[frozen.HEADER_WORDS],
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    total_rank: uint256,
) -> IYumaKernel.Block:
    """
    @notice What all blocks of an epoch share.
    @param header The frozen words, as are seats.
    @param total_rank As posted.
    """
    inputs: IYumaKernel.Block = empty(IYumaKernel.Block)
    assert len(seats) != 0 and len(seats) <= c.MAX_SEATS + 1, "openings: no seats"
    inputs.seat_count = len(seats) - 1
    inputs.kappa_u16 = (header[0] >> 48) & frozen.U16
    inputs.bonds_penalty_u16 = (header[0] >> 32) & frozen.U16
    inputs.bonds_moving_average_ppm = header[0] & frozen.U32
    inputs.total_rank = total_rank
    for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
        inputs.seats[i] = seats[i]
    return inputs


@internal
@view
def _is_right(
    kernel: IYumaKernel, inputs: IYumaKernel.Block, posted: uint256[trace.BLOCK_WORDS]
) -> bool:
    """
    @notice Whether the six posted words of a block are what the kernel computes.
    """
    true_words: IYumaKernel.Words = staticcall kernel.recompute(inputs)
    return (
        posted[0] == true_words.ranks[0]
        and posted[1] == true_words.ranks[1]
        and posted[2] == true_words.ranks[2]
        and posted[3] == true_words.ranks[3]
        and posted[trace.BONDS_HASH] == convert(true_words.bonds_hash, uint256)
        and posted[trace.PARTIAL_HASH] == convert(true_words.partial_hash, uint256)
    )


@internal
@pure
def _row_hash(hashes: uint256[MAX_CHUNKS], chunks: uint256) -> bytes32:
    """
    @notice Hash of a row from the hashes of all its chunks.
    """
    return keccak256(slice(abi_encode(hashes), 0, 32 * chunks))


@internal
@pure
def _place(seat: uint256) -> uint256:
    """
    @notice Where the row of a seat that revealed lies among all rows, from 0.
    """
    # SAFETY: whatever was given gives a place below 64; frozen words have 1 to 64 here.
    return unsafe_sub((seat >> frozen.ORDER_SHIFT) & frozen.ORDER_MASK, 1) % c.MAX_SEATS


@internal
@pure
def _check_rows(row_hashes: bytes32[c.MAX_SEATS], count: uint256, folded: uint256):
    """
    @notice The rows, in the order of their reveals, are those that the frozen words stand for.
    """
    given: uint256 = 0
    for i: uint256 in range(count, bound=c.MAX_SEATS):
        given = rows._fold(given, row_hashes[i])
    assert given == folded, "openings: wrong rows"


@internal
@pure
def _check_bonds(bonds: uint256[c.MAX_SEATS], seat_count: uint256, bonds_hash: uint256):
    """
    @notice One word for each seat makes the bonds hash that the parent posted.
    """
    hashed: bytes32 = keccak256(slice(abi_encode(bonds), 0, 32 * seat_count))
    assert convert(hashed, uint256) == bonds_hash, "openings: wrong bonds"


@internal
@pure
def _chunks(max_uids: uint256) -> uint256:
    """
    @notice Chunks of a row.
    """
    return max(max_uids // 64, 1)


@internal
@pure
def _chunk_words(max_uids: uint256) -> uint256:
    """
    @notice Words in a chunk of min(64, max_uids) columns: 1, 2 or 4.
    """
    return min(max_uids // 16, CHUNK_BLOCKS)


@internal
@pure
def _chunks_in(selected: uint256) -> uint256:
    """
    @notice Chunks that hold a selected block.
    """
    count: uint256 = 0
    for k: uint256 in range(MAX_CHUNKS):
        if (selected >> (CHUNK_BLOCKS * k)) & 15 != 0:
            count += 1
    return count
