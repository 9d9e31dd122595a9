# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Payouts
@license AGPL-3.0-only
@notice From the words of a final trace to pay: payouts per uid, the new cumulative vector, pruning scores, the Merkle root.
        Rounding as in the vectors (steps 7, 11 and 13). Layout: docs/settlement.md. Twin: offchain/settlement/payouts.py.
@custom:invariant paid_rao + recycled_rao <= rao_emission for any trace whatever.
"""

from contracts.interfaces import IExaminer
from contracts.modules import constants as c
from contracts.modules import domains
from contracts.modules import frozen
from contracts.modules import merkle
from contracts.modules import trace

# pairs server_rao 64 | validator_rao 64, two uids to a word, uid 0 on top
MAX_PAIR_WORDS: constant(uint256) = c.MAX_UIDS // 2
MAX_SCORE_WORDS: constant(uint256) = c.MAX_UIDS // 16
U128: constant(uint256) = 2**128 - 1


@internal
@pure
def _settle(
    header: uint256[frozen.HEADER_WORDS],
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    generations: DynArray[uint256, frozen.MAX_GENERATION_WORDS],
    words: DynArray[uint256, trace.MAX_TRACE_WORDS],
    base: DynArray[uint256, MAX_PAIR_WORDS],
    replaced: uint256[4],
) -> IExaminer.Pay:
    """
    @notice Pay of an epoch, the cumulative vector after it, scores; hashes and root are left to the caller.
    @dev Loops over at most 1,024 uids. Never reverts: lists have the lengths that were pinned when they were hashed.
    @param header The frozen words, as are seats and generations.
    @param words The trace.
    @param base Cumulative vector that this epoch adds to; empty before the first.
    @param replaced Bitmap of the uids whose cumulatives begin anew.
    """
    max_uids: uint256 = (header[0] >> 96) & frozen.U16
    owner_uid: uint256 = (header[0] >> 64) & frozen.U16
    gains: DynArray[uint256, MAX_PAIR_WORDS] = self._gains(
        max_uids, (header[2] >> 128) & frozen.U64, seats, words
    )

    pay: IExaminer.Pay = empty(IExaminer.Pay)
    pay.is_paid = len(gains) != 0
    most: uint256 = 0
    pairs: uint256 = 0
    for uid: uint256 in range(max_uids, bound=c.MAX_UIDS):
        lane: uint256 = 128 - 128 * (uid % 2)
        gain: uint256 = 0
        if pay.is_paid:
            gain = (gains[uid // 2] >> lane) & U128
            # SAFETY: two lanes of rao below 2**64.
            most = max(most, unsafe_add(gain >> 64, gain & frozen.U64))
        generation: uint256 = (generations[uid // 8] >> (224 - 32 * (uid % 8))) & frozen.U32
        # SAFETY: all pay together is at most rao_emission < 2**56, because the shares sum to at most 2**32.
        if uid == owner_uid or generation == 0:
            pay.recycled_rao = unsafe_add(pay.recycled_rao, gain >> 64)
            gain = gain & frozen.U64
        pay.paid_rao = unsafe_add(
            pay.paid_rao, unsafe_add(gain >> 64, gain & frozen.U64)
        )
        pair: uint256 = gain
        if len(base) != 0 and (replaced[uid // 256] >> (255 - uid % 256)) & 1 == 0:
            # SAFETY: u64 lanes; at 1e9 rao a tick a lane lasts 1.8e10 ticks, 580 years of one-second ticks.
            pair = unsafe_add(pair, (base[uid // 2] >> lane) & U128)
        pairs = pairs << 128 | pair
        if uid % 2 == 1:
            pay.cumulatives.append(pairs)

    pay.scores = self._scores(max_uids, gains, most)
    return pay


@internal
@pure
def _gains(
    max_uids: uint256,
    rao_emission: uint256,
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    words: DynArray[uint256, trace.MAX_TRACE_WORDS],
) -> DynArray[uint256, MAX_PAIR_WORDS]:
    """
    @notice Server and validator emission of every uid, as the engine splits rao_emission; no words if nobody is paid.
    @dev SAFETY: a rank is below 2**64 whatever was posted, a quotient of it below 2**96, the sum of 1,024 below 2**107; a
         dividend is at most (2**64 * 2**32) >> 32. Divisors are checked not to be 0.
    """
    gains: DynArray[uint256, MAX_PAIR_WORDS] = []
    blocks: uint256 = max_uids // 16
    seat_count: uint256 = len(seats) // 2
    total_rank: uint256 = words[0]

    dividends: uint256[c.MAX_SEATS] = empty(uint256[c.MAX_SEATS])
    total_dividends: uint256 = 0
    first: uint256 = 1 + trace.BLOCK_WORDS * blocks
    for i: uint256 in range(seat_count, bound=c.MAX_SEATS):
        total: uint256 = (words[first + i // 4] >> (192 - 64 * (i % 4))) & frozen.U64
        active_stake: uint256 = (seats[2 * i] >> 128) & frozen.U64
        dividends[i] = unsafe_mul(total, active_stake) >> 32
        total_dividends = unsafe_add(total_dividends, dividends[i])
    if total_rank == 0 or total_dividends == 0:
        return gains

    # SAFETY: the largest of 64 dividends is at least 2**32 // 64, so all_shares is not 0.
    all_shares: uint256 = 0
    for b: uint256 in range(blocks, bound=trace.MAX_BLOCKS):
        for g: uint256 in range(4):
            ranks: uint256 = words[1 + trace.BLOCK_WORDS * b + g]
            for lane: uint256 in range(4):
                rank: uint256 = (ranks >> (192 - 64 * lane)) & frozen.U64
                all_shares = unsafe_add(all_shares, unsafe_div(rank << 32, total_rank))
    for i: uint256 in range(seat_count, bound=c.MAX_SEATS):
        dividends[i] = unsafe_div(dividends[i] << 32, total_dividends)
        all_shares = unsafe_add(all_shares, dividends[i])

    for b: uint256 in range(blocks, bound=trace.MAX_BLOCKS):
        for pair: uint256 in range(8):
            # columns 2 * pair and 2 * pair + 1 of the block: neighbouring groups, the same lane
            at: uint256 = 1 + trace.BLOCK_WORDS * b + 2 * (pair % 2)
            down: uint256 = 192 - 64 * (pair // 2)
            upper: uint256 = (words[at] >> down) & frozen.U64
            lower: uint256 = (words[at + 1] >> down) & frozen.U64
            # rounds down three times, as the engine does; what is left stays in the pot
            upper = unsafe_div(unsafe_div(upper << 32, total_rank) << 32, all_shares)
            lower = unsafe_div(unsafe_div(lower << 32, total_rank) << 32, all_shares)
            upper = unsafe_mul(upper, rao_emission) >> 32
            lower = unsafe_mul(lower, rao_emission) >> 32
            gains.append(upper << 192 | lower << 64)
    for i: uint256 in range(seat_count, bound=c.MAX_SEATS):
        share: uint256 = unsafe_div(dividends[i] << 32, all_shares)
        uid: uint256 = seats[2 * i] >> 240  # 0 for an empty seat, which has no dividends
        validator_rao: uint256 = unsafe_mul(share, rao_emission) >> 32
        gains[uid // 2] = unsafe_add(gains[uid // 2], validator_rao << (128 - 128 * (uid % 2)))
    return gains


@internal
@pure
def _scores(
    max_uids: uint256, gains: DynArray[uint256, MAX_PAIR_WORDS], most: uint256
) -> DynArray[uint256, MAX_SCORE_WORDS]:
    """
    @notice Pruning scores: earnings scaled so that the largest is 65,535 (vectors, legacy.pruning_score_u16).
    """
    scores: DynArray[uint256, MAX_SCORE_WORDS] = []
    for s: uint256 in range(max_uids // 16, bound=MAX_SCORE_WORDS):
        word: uint256 = 0
        if most != 0:
            # SAFETY: earnings are below 2**56 and at most `most`, which is not 0, so every quotient fits u16.
            for pair: uint256 in range(8):
                both: uint256 = gains[8 * s + pair]
                upper: uint256 = unsafe_add(both >> 192, (both >> 128) & frozen.U64)
                lower: uint256 = unsafe_add((both >> 64) & frozen.U64, both & frozen.U64)
                upper = unsafe_div(unsafe_mul(upper, c.U16_MAX), most)
                lower = unsafe_div(unsafe_mul(lower, c.U16_MAX), most)
                word = word << 32 | upper << 16 | lower
        scores.append(word)
    return scores


@internal
@view
def _root(
    rewards: address,
    netuid: uint256,
    max_uids: uint256,
    generations: DynArray[uint256, frozen.MAX_GENERATION_WORDS],
    cumulatives: DynArray[uint256, MAX_PAIR_WORDS],
) -> bytes32:
    """
    @notice Merkle root over one leaf per uid.
    @dev A keccak output, so it is never zero for anything that can be found.
    """
    prefix: bytes32 = domains._leaf_prefix(rewards, netuid)
    nodes: bytes32[c.MAX_UIDS] = empty(bytes32[c.MAX_UIDS])
    for uid: uint256 in range(max_uids, bound=c.MAX_UIDS):
        generation: uint256 = (generations[uid // 8] >> (224 - 32 * (uid % 8))) & frozen.U32
        pair: uint256 = (cumulatives[uid // 2] >> (128 - 128 * (uid % 2))) & U128
        nodes[uid] = domains._leaf(
            prefix, netuid << 64 | uid << 48 | generation, pair >> 64, pair & frozen.U64
        )

    width: uint256 = max_uids
    for _: uint256 in range(merkle.MAX_DEPTH):
        width //= 2
        for i: uint256 in range(width, bound=c.MAX_UIDS):
            nodes[i] = merkle._node(nodes[2 * i], nodes[2 * i + 1])
        if width == 1:
            break
    return nodes[0]
