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
U128: constant(uint256) = 2**128 - 1


@internal
@view
def _pay(
    rewards: address,
    header: uint256[frozen.HEADER_WORDS],
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    generations: DynArray[uint256, frozen.MAX_GENERATION_WORDS],
    words: DynArray[uint256, trace.MAX_TRACE_WORDS],
    base: DynArray[uint256, MAX_PAIR_WORDS],
    replaced: uint256[4],
) -> IExaminer.Pay:
    """
    @notice Pay of an epoch, the cumulative vector after it, its root, pruning scores: earnings scaled so that the largest is
            65,535 (vectors, legacy.pruning_score_u16). Hashes are left to the caller.
    @dev Loops over at most 512 pairs of uids. Never reverts: lists have the lengths that were pinned when they were hashed.
         One function, and what the uids gain lies where their cumulatives will: a list that is handed on is copied, and the
         copy lifts everything above it; memory costs by its square.
         SAFETY of the splitting: a rank is below 2**64 whatever was posted, a quotient of it below 2**96, the sum of 1,024
         below 2**107; a dividend is at most (2**64 * 2**32) >> 32. Divisors are checked not to be 0.
    @param rewards Contract that pays, part of every leaf.
    @param header The frozen words, as are seats and generations.
    @param words The trace.
    @param base Cumulative vector that this epoch adds to; empty before the first.
    @param replaced Bitmap of the uids whose cumulatives begin anew.
    """
    pay: IExaminer.Pay = empty(IExaminer.Pay)
    max_uids: uint256 = (header[0] >> 96) & frozen.U16
    blocks: uint256 = max_uids // 16
    rao_emission: uint256 = (header[2] >> 128) & frozen.U64
    # whatever was given: a list without words has no seats
    seat_count: uint256 = max(len(seats), 1) - 1
    total_rank: uint256 = words[0]

    # step 7: dividends
    dividends: uint256[c.MAX_SEATS] = empty(uint256[c.MAX_SEATS])
    total_dividends: uint256 = 0
    first: uint256 = 1 + trace.BLOCK_WORDS * blocks
    totals: uint256 = 0  # of four seats, the next one on top
    for i: uint256 in range(seat_count, bound=c.MAX_SEATS):
        if i & 3 == 0:
            totals = words[first + i // 4]
        dividend: uint256 = unsafe_mul(totals >> 192, (seats[i] >> 128) & frozen.U64) >> 32
        totals <<= 64
        dividends[i] = dividend
        total_dividends = unsafe_add(total_dividends, dividend)
    pay.is_paid = total_rank != 0 and total_dividends != 0

    most: uint256 = 0  # what the best uid earns
    if pay.is_paid:
        # SAFETY: the largest of 64 dividends is at least 2**32 // 64, so all_shares is not 0.
        all_shares: uint256 = 0
        for b: uint256 in range(blocks, bound=trace.MAX_BLOCKS):
            at: uint256 = 1 + trace.BLOCK_WORDS * b
            for g: uint256 in range(4):
                ranks: uint256 = words[unsafe_add(at, g)]
                all_shares = unsafe_add(
                    all_shares,
                    unsafe_add(
                        unsafe_add(
                            unsafe_div((ranks >> 192) << 32, total_rank),
                            unsafe_div(((ranks >> 128) & frozen.U64) << 32, total_rank),
                        ),
                        unsafe_add(
                            unsafe_div(((ranks >> 64) & frozen.U64) << 32, total_rank),
                            unsafe_div((ranks & frozen.U64) << 32, total_rank),
                        ),
                    ),
                )
        for i: uint256 in range(seat_count, bound=c.MAX_SEATS):
            dividend: uint256 = unsafe_div(dividends[i] << 32, total_dividends)
            dividends[i] = dividend
            all_shares = unsafe_add(all_shares, dividend)

        # step 11: server and validator emission of every uid, as the engine splits rao_emission
        for b: uint256 in range(blocks, bound=trace.MAX_BLOCKS):
            at: uint256 = 1 + trace.BLOCK_WORDS * b
            # word g, lane l is column 4 * l + g: lane by lane, the four words hold four neighbouring uids
            word_0: uint256 = words[at]
            word_1: uint256 = words[at + 1]
            word_2: uint256 = words[at + 2]
            word_3: uint256 = words[at + 3]
            for _: uint256 in range(4):
                # rounds down three times, as the engine does; what is left stays in the pot
                rao_0: uint256 = unsafe_div((word_0 >> 192) << 32, total_rank)
                rao_1: uint256 = unsafe_div((word_1 >> 192) << 32, total_rank)
                rao_2: uint256 = unsafe_div((word_2 >> 192) << 32, total_rank)
                rao_3: uint256 = unsafe_div((word_3 >> 192) << 32, total_rank)
                rao_0 = unsafe_mul(unsafe_div(rao_0 << 32, all_shares), rao_emission) >> 32
                rao_1 = unsafe_mul(unsafe_div(rao_1 << 32, all_shares), rao_emission) >> 32
                rao_2 = unsafe_mul(unsafe_div(rao_2 << 32, all_shares), rao_emission) >> 32
                rao_3 = unsafe_mul(unsafe_div(rao_3 << 32, all_shares), rao_emission) >> 32
                most = max(most, max(max(rao_0, rao_1), max(rao_2, rao_3)))
                pay.cumulatives.append(rao_0 << 192 | rao_1 << 64)
                pay.cumulatives.append(rao_2 << 192 | rao_3 << 64)
                word_0 <<= 64
                word_1 <<= 64
                word_2 <<= 64
                word_3 <<= 64
        for i: uint256 in range(seat_count, bound=c.MAX_SEATS):
            share: uint256 = unsafe_div(dividends[i] << 32, all_shares)
            uid: uint256 = seats[i] >> 240  # 0 for an empty seat, which has no dividends
            lane: uint256 = (~uid & 1) << 7  # an even uid has the upper half
            pairs: uint256 = unsafe_add(
                pay.cumulatives[uid >> 1], (unsafe_mul(share, rao_emission) >> 32) << lane
            )
            pay.cumulatives[uid >> 1] = pairs
            pair: uint256 = pairs >> lane
            most = max(most, unsafe_add((pair >> 64) & frozen.U64, pair & frozen.U64))

    # step 13: scores, the vector after this epoch, its tree
    owner_uid: uint256 = (header[0] >> 64) & frozen.U16
    first_id: uint256 = (header[0] >> 240) << 64  # registration id of uid 0, less its generation
    prefix: bytes32 = domains._leaf_prefix(rewards, header[0] >> 240)
    paid: uint256 = 0  # four lanes of 64 bits
    scores: uint256 = 0
    nodes: bytes32[frozen.MAX_GENERATION_WORDS] = empty(bytes32[frozen.MAX_GENERATION_WORDS])
    for q: uint256 in range(max_uids // 8, bound=frozen.MAX_GENERATION_WORDS):
        generation_word: uint256 = generations[q]
        renewed: uint256 = replaced[q // 32] >> (248 - 8 * (q % 32))  # of 8 uids, the last one lowest
        quarter: bytes32[4] = empty(bytes32[4])
        for k: uint256 in range(4):
            w: uint256 = unsafe_add(unsafe_mul(q, 4), k)  # SAFETY: below 512, and uids below 1,024
            uid: uint256 = unsafe_mul(w, 2)
            upper_generation: uint256 = generation_word >> 224
            lower_generation: uint256 = (generation_word >> 192) & frozen.U32
            generation_word <<= 64
            gain: uint256 = 0
            if pay.is_paid:
                gain = pay.cumulatives[w]
                # SAFETY: two lanes of rao below 2**56; at most `most`, so both quotients fit u16.
                upper_rao: uint256 = unsafe_add(gain >> 192, (gain >> 128) & frozen.U64)
                lower_rao: uint256 = unsafe_add((gain >> 64) & frozen.U64, gain & frozen.U64)
                scores = (
                    scores << 32
                    | unsafe_div(unsafe_mul(upper_rao, c.U16_MAX), most) << 16
                    | unsafe_div(unsafe_mul(lower_rao, c.U16_MAX), most)
                )
            # nobody earns by incentive on an empty uid, nor on the owner's
            if upper_generation == 0 or uid == owner_uid:
                pay.recycled_rao += gain >> 192
                gain &= max_value(uint256) >> 64
            if lower_generation == 0 or unsafe_add(uid, 1) == owner_uid:
                pay.recycled_rao += (gain >> 64) & frozen.U64
                gain &= ~(frozen.U64 << 64)
            # SAFETY: all pay together is at most rao_emission < 2**56, because all shares sum to at most 2**32.
            paid = unsafe_add(paid, gain)

            if len(base) != 0:
                old: uint256 = base[w]
                if renewed & 255 != 0:
                    if (renewed >> (7 - 2 * k)) & 1 != 0:
                        old &= U128
                    if (renewed >> (6 - 2 * k)) & 1 != 0:
                        old &= ~U128
                # SAFETY: u64 lanes; at 1e9 rao a tick a lane lasts 1.8e10 ticks, 580 years of one-second ticks.
                gain = unsafe_add(gain, old)
            if pay.is_paid:
                pay.cumulatives[w] = gain
            else:
                pay.cumulatives.append(gain)
            # two times domains._leaf and merkle._node: calls would cost 100 gas each
            quarter[k] = keccak256(
                abi_encode(
                    keccak256(
                        keccak256(
                            abi_encode(
                                prefix,
                                first_id | uid << 48 | upper_generation,
                                gain >> 192,
                                (gain >> 128) & frozen.U64,
                            )
                        )
                    ),
                    keccak256(
                        keccak256(
                            abi_encode(
                                prefix,
                                first_id | uid << 48 | 1 << 48 | lower_generation,
                                (gain >> 64) & frozen.U64,
                                gain & frozen.U64,
                            )
                        )
                    ),
                )
            )
        nodes[q] = keccak256(
            abi_encode(
                keccak256(abi_encode(quarter[0], quarter[1])),
                keccak256(abi_encode(quarter[2], quarter[3])),
            )
        )
        if q % 2 == 1:
            pay.scores.append(scores)
            scores = 0

    # SAFETY: lanes below 2**56, see above.
    pay.paid_rao = unsafe_add(
        unsafe_add(paid >> 192, (paid >> 128) & frozen.U64),
        unsafe_add((paid >> 64) & frozen.U64, paid & frozen.U64),
    )
    width: uint256 = max_uids // 8
    for _: uint256 in range(merkle.MAX_DEPTH):
        width //= 2
        for i: uint256 in range(width, bound=frozen.MAX_GENERATION_WORDS):
            nodes[i] = keccak256(
                abi_encode(
                    nodes[unsafe_mul(2, i)],
                    nodes[unsafe_add(unsafe_mul(2, i), 1)],
                )
            )
        if width == 1:
            break
    pay.root = nodes[0]
    return pay
