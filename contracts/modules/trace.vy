# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Trace
@license AGPL-3.0-only
@notice What a proposer posts of an epoch, in words: the total rank; six words per block of 16 columns (four of ranks,
        the hash of its new bonds, the hash of its partial dividend totals); the dividend totals, four to a word.
        Layout: docs/settlement.md. Twin: offchain/settlement/trace.py.
"""

from contracts.modules import constants as c
from contracts.modules import frozen

MAX_BLOCKS: constant(uint256) = c.MAX_UIDS // 16
# dividend totals of 64 seats, u64 lanes
MAX_TOTAL_WORDS: constant(uint256) = c.MAX_SEATS // 4
MAX_PARTIAL_WORDS: constant(uint256) = MAX_BLOCKS * MAX_TOTAL_WORDS

BLOCK_WORDS: constant(uint256) = 6
MAX_TRACE_WORDS: constant(uint256) = 1 + BLOCK_WORDS * MAX_BLOCKS + MAX_TOTAL_WORDS
BONDS_HASH: constant(uint256) = 4
PARTIAL_HASH: constant(uint256) = 5


@internal
@pure
def _length(blocks: uint256, seats: uint256) -> uint256:
    """
    @notice Words that a trace has.
    """
    return 1 + BLOCK_WORDS * blocks + (seats + 3) // 4


@internal
@pure
def _hash(words: DynArray[uint256, MAX_TRACE_WORDS], blocks: uint256) -> bytes32:
    """
    @notice What is stored of a trace: over the hash of its bonds hashes and the hash of all words, so that a child
            shows the bonds of its parent without the parent's whole trace.
    """
    bonds_hashes: uint256[MAX_BLOCKS] = empty(uint256[MAX_BLOCKS])
    for b: uint256 in range(blocks, bound=MAX_BLOCKS):
        bonds_hashes[b] = words[1 + BLOCK_WORDS * b + BONDS_HASH]
    bonds_root: bytes32 = keccak256(slice(abi_encode(bonds_hashes), 0, 32 * blocks))
    # as in frozen._words_hash
    encoded: Bytes[64 + 32 * MAX_TRACE_WORDS] = abi_encode(words)
    return self._join(bonds_root, keccak256(slice(encoded, 64, 32 * len(words))))


@internal
@pure
def _join(bonds_root: bytes32, words_hash: bytes32) -> bytes32:
    """
    @notice Hash of a trace from its two parts.
    """
    return keccak256(abi_encode(bonds_root, words_hash))


@internal
@pure
def _are_sums(
    words: DynArray[uint256, MAX_TRACE_WORDS],
    blocks: uint256,
    seats: uint256,
    partials: DynArray[uint256, MAX_PARTIAL_WORDS],
) -> bool:
    """
    @notice Predicate P2: the total rank is the sum of the ranks, the dividend totals are the sums of the blocks'.
    @dev Loops over at most 64 blocks of 16 words. Reverts only when partials do not open what the trace names.
    @param words The trace.
    @param blocks Number of blocks.
    @param seats Number of seats.
    @param partials Partial dividend totals of every block, ceil(seats / 4) words each; not read when the ranks differ.
    """
    if words[0] != self._sum_of_ranks(words, blocks):
        return False

    width: uint256 = (seats + 3) // 4
    assert len(partials) == width * blocks, "trace: wrong partials"
    totals: uint256[MAX_TOTAL_WORDS] = empty(uint256[MAX_TOTAL_WORDS])
    at: uint256 = 0
    for b: uint256 in range(blocks, bound=MAX_BLOCKS):
        vector: uint256[MAX_TOTAL_WORDS] = empty(uint256[MAX_TOTAL_WORDS])
        for i: uint256 in range(width, bound=MAX_TOTAL_WORDS):
            partial: uint256 = partials[at]
            vector[i] = partial
            # SAFETY: `at` stays below the length checked above. With a true total rank a lane sums to at most 2**32 and a
            # false one has been caught above; should lanes run over all the same, they do so alike for everybody.
            totals[i] = unsafe_add(totals[i], partial)
            at = unsafe_add(at, 1)
        opened: bytes32 = keccak256(slice(abi_encode(vector), 0, 32 * width))
        named: uint256 = words[1 + BLOCK_WORDS * b + PARTIAL_HASH]
        assert convert(opened, uint256) == named, "trace: wrong partials"

    for i: uint256 in range(width, bound=MAX_TOTAL_WORDS):
        if totals[i] != words[1 + BLOCK_WORDS * blocks + i]:
            return False
    return True


@internal
@pure
def _sum_of_ranks(words: DynArray[uint256, MAX_TRACE_WORDS], blocks: uint256) -> uint256:
    """
    @notice Sum of all rank lanes.
    """
    total: uint256 = 0
    for b: uint256 in range(blocks, bound=MAX_BLOCKS):
        for g: uint256 in range(4):
            word: uint256 = words[1 + BLOCK_WORDS * b + g]
            # SAFETY: at most 1,024 lanes of 64 bits.
            total = unsafe_add(
                total,
                unsafe_add(
                    unsafe_add(word >> 192, (word >> 128) & frozen.U64),
                    unsafe_add((word >> 64) & frozen.U64, word & frozen.U64),
                ),
            )
    return total
