# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Root shares
@license AGPL-3.0-only
@notice From the final trace of an epoch of the root to the subnets' shares of the emission: the
        normalised ranks of its columns. Twin: offchain/settlement/root.py.
@custom:invariant Whatever a trace says, nothing reverts, every share is at most 2**32, and a column
        whose subnet is no more has none.
"""

from contracts.modules import constants as c
from contracts.modules import frozen
from contracts.modules import trace

# u128 lanes, 2 to a word
SHARE_WORDS: constant(uint256) = c.MAX_SUBNETS // 2


@internal
@pure
def _words(
    words: DynArray[uint256, trace.MAX_TRACE_WORDS],
    generations: DynArray[uint256, frozen.MAX_GENERATION_WORDS],
    living: DynArray[uint256, frozen.MAX_GENERATION_WORDS],
) -> DynArray[uint256, SHARE_WORDS]:
    """
    @notice Shares as `Emission.set_shares` takes them; no words at all if no subnet has one, which
            leaves the shares as they are.
    @dev Loops over 128 columns.
    @param words A trace of 8 blocks.
    @param generations The frozen ones: the incarnation that was weighed, u32 lanes.
    @param living Incarnations now, in the same lanes.
    """
    # For a true trace the posted total rank; for any other the shares still stay below 2**32.
    total_rank: uint256 = trace._sum_of_ranks(words, c.MAX_SUBNETS // 16)
    if total_rank == 0:
        return []
    shares: DynArray[uint256, SHARE_WORDS] = []
    some: uint256 = 0
    for pair: uint256 in range(SHARE_WORDS):
        word: uint256 = 0
        for column: uint256 in range(2 * pair, 2 * pair + 2, bound=2):
            offset: uint256 = 224 - 32 * (column % 8)
            generation: uint256 = (generations[column // 8] >> offset) & frozen.U32
            share: uint256 = 0
            if generation != 0 and generation == (living[column // 8] >> offset) & frozen.U32:
                at: uint256 = 1 + trace.BLOCK_WORDS * (column // 16) + column % 4
                rank: uint256 = (words[at] >> (192 - 64 * (column % 16 // 4))) & frozen.U64
                share = (rank << 32) // total_rank  # rounds down: shares are relative
            word = word << 128 | share
        some |= word
        shares.append(word)
    if some == 0:
        return []
    return shares
