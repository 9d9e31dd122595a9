# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Yuma kernel
@license AGPL-3.0-only
@notice Recomputes 16 columns of an epoch, bit for bit as Bittensor's sparse Yuma3 path with a fixed
        bond rate: weights, consensus, clipped ranks, bonds, dividends. Everything about a miner
        follows from its own column.
@custom:invariant The same block always gives the same words; a hint is accepted if and only if it
    is the consensus; whatever else the block holds, nothing reverts.
@custom:trust Nobody has any power here; there is no storage.
@custom:kill Nothing can be stopped.
"""

from contracts.interfaces import IYumaKernel
from contracts.modules import constants as c

implements: IYumaKernel

# What a column's words follow from beside its own cells; Q32.
struct Factors:
    total_share: uint256  # of active stake
    has_whole: bool  # one seat has all of it, a share of exactly 2**32
    penalty: uint256
    kept: uint256  # of old bonds
    new: uint256  # of the row

# What follows for the columns, by group: four lanes of 64 bits, lane 0 on top, column
# 4 * lane + group in a lane.
struct Columns:
    ranks: uint256[GROUPS]
    bonds_sums: uint256[GROUPS]
    bonds: uint256[c.MAX_SEATS][GROUPS]
    stored: uint256[c.MAX_SEATS]  # bonds as u16, 16 columns to a word
    votes: uint256  # of all seats
    votes_from: uint256[GROUPS]  # of those that score the hint or more
    votes_above: uint256[GROUPS]  # of those that score more than the hint

GROUPS: constant(uint256) = 4  # of 4 columns each

ONE: constant(uint256) = c.Q32_ONE
U32_MAX: constant(uint256) = 2**32 - 1
U63_MAX: constant(uint256) = 2**63 - 1
U64_MAX: constant(uint256) = 2**64 - 1

# SAFETY: arithmetic is on four lanes of 64 bits in one word. A lane holds at most 2**32 (33 bits);
# products with a factor below 2**32 and sums of 64 such numbers fit, so no lane reaches another.
LANES: constant(uint256) = max_value(uint256) // U64_MAX  # 1 in every lane
LOW_16: constant(uint256) = LANES * c.U16_MAX
LOW_32: constant(uint256) = LANES * U32_MAX
LOW_33: constant(uint256) = LANES * (2**33 - 1)
LOW_63: constant(uint256) = LANES * U63_MAX
TOP: constant(uint256) = LANES * 2**63
# the lower and the upper lane of each half of the word
LOWER_LANES: constant(uint256) = (2**128 + 1) * U64_MAX
UPPER_LANES: constant(uint256) = max_value(uint256) - LOWER_LANES
LOWER_16: constant(uint256) = (2**128 + 1) * c.U16_MAX
# a lane, moved up by 32 bits
RAISED: constant(uint256) = U64_MAX << 32

# a frozen seat: uid 16 | generation 48 | active stake 64 | row sum 64 | flags 64
IS_REVEALED: constant(uint256) = 1
KEEPS_SEAT: constant(uint256) = 2
LOADS_BONDS: constant(uint256) = 4
ACTIVE_STAKE_BIT: constant(uint256) = 128
ROW_SUM_BIT: constant(uint256) = 64


@external
@pure
def recompute(inputs: IYumaKernel.Block) -> IYumaKernel.Words:
    """
    @notice Recompute a block of 16 columns.
    @dev Reverts only on a hint that is not the consensus.
    @param inputs Frozen seats, rows, old bonds, hints, parameters and the posted total rank.
    @return Ranks, hash of the new bonds, hash of the block's part of the dividend totals.
    """
    factors: Factors = self._factors(inputs)
    columns: Columns = self._columns(inputs, factors)
    majority: uint256 = self._majority(inputs.kappa_u16, columns.votes)
    for group: uint256 in range(GROUPS):
        self._check_hint(inputs.hints[group], columns, group, majority)
        if factors.has_whole:
            # The only voter scores the consensus itself, and 1 * score is the rank.
            columns.ranks[group] = inputs.hints[group]
    return IYumaKernel.Words(
        ranks=columns.ranks,
        bonds_hash=keccak256(slice(abi_encode(columns.stored), 0, 32 * inputs.seat_count)),
        partial_hash=self._partial_hash(inputs, columns),
    )


@internal
@pure
def _factors(inputs: IYumaKernel.Block) -> Factors:
    """
    @notice Stake and rates; kept + new = 2**32 and neither is 2**32, as the average lies in
            1..999,999 ppm.
    """
    factors: Factors = empty(Factors)
    shares: uint256 = 0
    for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
        share: uint256 = (inputs.seats[i] >> ACTIVE_STAKE_BIT) & U64_MAX
        # SAFETY: active stakes are shares of one sum, so they add up to at most 2**32.
        factors.total_share = unsafe_add(factors.total_share, share)
        shares |= share
    # Bit 32 of all shares together is set exactly if one of them is 2**32.
    factors.has_whole = shares & ONE != 0

    factors.kept = (inputs.bonds_moving_average_ppm << 32) // c.PPM  # rounds down
    factors.new = ONE - factors.kept
    # SAFETY: a penalty of 65,535 is exactly 2**32, one too large for a lane; 2**32 - 1 gives the
    # same bonds: the penalty is rounded up, so it takes all of any excess below 2**32, and of an
    # excess of 2**32 it leaves 1, which `new` < 2**32 rounds to 0.
    factors.penalty = min((inputs.bonds_penalty_u16 << 32) // c.U16_MAX, U32_MAX)
    return factors


@internal
@pure
def _columns(inputs: IYumaKernel.Block, factors: Factors) -> Columns:
    """
    @notice Ranks, new bonds, and the votes that check the hints, in one pass over the seats.
    @dev The four groups are written out, line by line the same: a loop over them costs a tenth more
         gas. SAFETY, a line at a time, in every lane:
         score     (weight << 32) // row_sum, at most 2**32. Two lanes of 128 bits: weight < 2**16
                   and inverse <= 2**74 + 1 make < 2**91. Exact for row sums < 2**26: the inverse
                   is too large by at most 1, the product by less than 2**16 <= 2**42 // row_sum.
                   An empty row has the inverse 1 (EVM: x / 0 = 0) and only weights 0.
         distance  score + 2**63 - hint, in 2**62..2**64: the hint is below 2**33, or `_check_hint`
                   refuses it whatever came of it here.
         reached   its top bit: score >= hint.
         excess    max(score - hint, 0); the mask is 0 or 2**63 - 1.
         votes     add up to at most 2**32; excess + 2**63 - 1 has the top bit set if excess > 0.
         rank      clipped score * share, rounded down; share < 2**32, all shares at most 2**32.
         score     less penalty * excess, rounded up as Bittensor rounds its negative down:
                   excess * penalty + 2**32 - 1 < 2**64, and it takes at most the excess.
         old       (b << 32) // 65,535 = b * 65,537, plus 1 for 65,535 itself.
         bond      both halves rounded down apart; both rates are below 2**32, what they multiply is
                   at most 2**32, the sum at most kept + new = 2**32; 64 of them fit a lane.
         stored    bond * 65,535 >> 32, rounded down; 2**32 * 65,535 < 2**48.
    """
    columns: Columns = empty(Columns)
    kept_columns: uint256 = self._kept_columns(inputs.replaced)
    for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
        seat: uint256 = inputs.seats[i]
        share: uint256 = (seat >> ACTIVE_STAKE_BIT) & U64_MAX
        # Bittensor normalises once more before it votes; rounds down.
        vote: uint256 = unsafe_div(share << 32, factors.total_share)
        columns.votes = unsafe_add(columns.votes, vote)
        # SAFETY: a share of 2**32 does not fit a lane's product; `recompute` sets that rank apart.
        share &= U32_MAX
        inverse: uint256 = unsafe_add(unsafe_div(2**74, (seat >> ROW_SUM_BIT) & U64_MAX), 1)
        # SAFETY: the other factor is 0 or 1.
        row: uint256 = unsafe_mul(inputs.rows[i], seat & IS_REVEALED)
        parent: uint256 = unsafe_mul(
            inputs.bonds[i] & kept_columns, (seat & LOADS_BONDS) // LOADS_BONDS
        )
        stored: uint256 = 0

        # columns 0, 4, 8, 12
        score: uint256 = (
            (unsafe_mul((row >> 48) & LOWER_16, inverse) >> 42) & LOWER_LANES
            | (unsafe_mul((row >> 112) & LOWER_16, inverse) << 22) & UPPER_LANES
        )
        distance: uint256 = unsafe_sub(score | TOP, inputs.hints[0])
        reached: uint256 = (distance & TOP) >> 63
        excess: uint256 = distance & unsafe_mul(reached, U63_MAX)
        columns.votes_from[0] = unsafe_add(columns.votes_from[0], unsafe_mul(reached, vote))
        columns.votes_above[0] = unsafe_add(
            columns.votes_above[0], unsafe_mul((unsafe_add(excess, LOW_63) & TOP) >> 63, vote)
        )
        columns.ranks[0] = unsafe_add(
            columns.ranks[0], (unsafe_mul(unsafe_sub(score, excess), share) >> 32) & LOW_32
        )
        score = unsafe_sub(
            score, (unsafe_add(unsafe_mul(excess, factors.penalty), LOW_32) >> 32) & LOW_32
        )
        old: uint256 = (parent >> 48) & LOW_16
        old = unsafe_add(unsafe_mul(old, 65_537), (unsafe_add(old, LANES) >> 16) & LANES)
        bond: uint256 = unsafe_add(
            (unsafe_mul(old, factors.kept) >> 32) & LOW_32,
            (unsafe_mul(score, factors.new) >> 32) & LOW_32,
        )
        columns.bonds[0][i] = bond
        columns.bonds_sums[0] = unsafe_add(columns.bonds_sums[0], bond)
        stored |= ((unsafe_mul(bond, c.U16_MAX) >> 32) & LOW_16) << 48

        # columns 1, 5, 9, 13
        score = (
            (unsafe_mul((row >> 32) & LOWER_16, inverse) >> 42) & LOWER_LANES
            | (unsafe_mul((row >> 96) & LOWER_16, inverse) << 22) & UPPER_LANES
        )
        distance = unsafe_sub(score | TOP, inputs.hints[1])
        reached = (distance & TOP) >> 63
        excess = distance & unsafe_mul(reached, U63_MAX)
        columns.votes_from[1] = unsafe_add(columns.votes_from[1], unsafe_mul(reached, vote))
        columns.votes_above[1] = unsafe_add(
            columns.votes_above[1], unsafe_mul((unsafe_add(excess, LOW_63) & TOP) >> 63, vote)
        )
        columns.ranks[1] = unsafe_add(
            columns.ranks[1], (unsafe_mul(unsafe_sub(score, excess), share) >> 32) & LOW_32
        )
        score = unsafe_sub(
            score, (unsafe_add(unsafe_mul(excess, factors.penalty), LOW_32) >> 32) & LOW_32
        )
        old = (parent >> 32) & LOW_16
        old = unsafe_add(unsafe_mul(old, 65_537), (unsafe_add(old, LANES) >> 16) & LANES)
        bond = unsafe_add(
            (unsafe_mul(old, factors.kept) >> 32) & LOW_32,
            (unsafe_mul(score, factors.new) >> 32) & LOW_32,
        )
        columns.bonds[1][i] = bond
        columns.bonds_sums[1] = unsafe_add(columns.bonds_sums[1], bond)
        stored |= ((unsafe_mul(bond, c.U16_MAX) >> 32) & LOW_16) << 32

        # columns 2, 6, 10, 14
        score = (
            (unsafe_mul((row >> 16) & LOWER_16, inverse) >> 42) & LOWER_LANES
            | (unsafe_mul((row >> 80) & LOWER_16, inverse) << 22) & UPPER_LANES
        )
        distance = unsafe_sub(score | TOP, inputs.hints[2])
        reached = (distance & TOP) >> 63
        excess = distance & unsafe_mul(reached, U63_MAX)
        columns.votes_from[2] = unsafe_add(columns.votes_from[2], unsafe_mul(reached, vote))
        columns.votes_above[2] = unsafe_add(
            columns.votes_above[2], unsafe_mul((unsafe_add(excess, LOW_63) & TOP) >> 63, vote)
        )
        columns.ranks[2] = unsafe_add(
            columns.ranks[2], (unsafe_mul(unsafe_sub(score, excess), share) >> 32) & LOW_32
        )
        score = unsafe_sub(
            score, (unsafe_add(unsafe_mul(excess, factors.penalty), LOW_32) >> 32) & LOW_32
        )
        old = (parent >> 16) & LOW_16
        old = unsafe_add(unsafe_mul(old, 65_537), (unsafe_add(old, LANES) >> 16) & LANES)
        bond = unsafe_add(
            (unsafe_mul(old, factors.kept) >> 32) & LOW_32,
            (unsafe_mul(score, factors.new) >> 32) & LOW_32,
        )
        columns.bonds[2][i] = bond
        columns.bonds_sums[2] = unsafe_add(columns.bonds_sums[2], bond)
        stored |= ((unsafe_mul(bond, c.U16_MAX) >> 32) & LOW_16) << 16

        # columns 3, 7, 11, 15
        score = (
            (unsafe_mul((row >> 0) & LOWER_16, inverse) >> 42) & LOWER_LANES
            | (unsafe_mul((row >> 64) & LOWER_16, inverse) << 22) & UPPER_LANES
        )
        distance = unsafe_sub(score | TOP, inputs.hints[3])
        reached = (distance & TOP) >> 63
        excess = distance & unsafe_mul(reached, U63_MAX)
        columns.votes_from[3] = unsafe_add(columns.votes_from[3], unsafe_mul(reached, vote))
        columns.votes_above[3] = unsafe_add(
            columns.votes_above[3], unsafe_mul((unsafe_add(excess, LOW_63) & TOP) >> 63, vote)
        )
        columns.ranks[3] = unsafe_add(
            columns.ranks[3], (unsafe_mul(unsafe_sub(score, excess), share) >> 32) & LOW_32
        )
        score = unsafe_sub(
            score, (unsafe_add(unsafe_mul(excess, factors.penalty), LOW_32) >> 32) & LOW_32
        )
        old = (parent >> 0) & LOW_16
        old = unsafe_add(unsafe_mul(old, 65_537), (unsafe_add(old, LANES) >> 16) & LANES)
        bond = unsafe_add(
            (unsafe_mul(old, factors.kept) >> 32) & LOW_32,
            (unsafe_mul(score, factors.new) >> 32) & LOW_32,
        )
        columns.bonds[3][i] = bond
        columns.bonds_sums[3] = unsafe_add(columns.bonds_sums[3], bond)
        stored |= ((unsafe_mul(bond, c.U16_MAX) >> 32) & LOW_16) << 0

        # A seat that changes hands leaves no bonds to its next holder.
        # SAFETY: the other factor is 0 or 1.
        columns.stored[i] = unsafe_mul(stored, (seat & KEEPS_SEAT) // KEEPS_SEAT)
    return columns


@internal
@pure
def _kept_columns(replaced: uint256) -> uint256:
    """
    @notice Mask of the columns whose miner is still the one of the parent epoch.
    """
    kept: uint256 = max_value(uint256)
    if replaced != 0:
        for column: uint256 in range(16):
            if (replaced >> (15 - column)) & 1 == 1:
                kept ^= c.U16_MAX << (240 - 16 * column)
    return kept


@internal
@pure
def _majority(kappa_u16: uint256, votes: uint256) -> uint256:
    """
    @notice What the votes above consensus stay below and those from it on reach: kappa, at least 1
            and at most all votes.
    """
    return min(max((kappa_u16 << 32) // c.U16_MAX, 1), votes)


@internal
@pure
def _partial_hash(inputs: IYumaKernel.Block, columns: Columns) -> bytes32:
    """
    @notice Hash of each seat's part of the dividend totals, four u64 to a word.
    @dev A part adds up share of the column's bonds * incentive of the column, both rounded down.
         Modulo 2**64: with the true total rank a part is at most 2**32; with any other the hash
         only has to be defined.
    """
    sums: uint256[16] = empty(uint256[16])
    incentive: uint256[16] = empty(uint256[16])
    for group: uint256 in range(GROUPS):
        for lane: uint256 in range(4):
            down: uint256 = 192 - 64 * lane
            sums[4 * group + lane] = (columns.bonds_sums[group] >> down) & U64_MAX
            # rounds down. SAFETY: the total rank is the proposer's word; EVM: x / 0 = 0.
            incentive[4 * group + lane] = unsafe_div(
                ((columns.ranks[group] >> down) & U64_MAX) << 32, inputs.total_rank
            )

    words: uint256[c.MAX_SEATS // 4] = empty(uint256[c.MAX_SEATS // 4])
    count: uint256 = (inputs.seat_count + 3) // 4
    i: uint256 = 0
    for w: uint256 in range(count, bound=c.MAX_SEATS // 4):
        word: uint256 = 0
        for _: uint256 in range(4):
            # SAFETY: bonds beyond the last seat are 0. A share is at most 2**32 and an incentive
            # 2**64, so a part stays below 2**101.
            b0: uint256 = columns.bonds[0][i]
            part: uint256 = unsafe_add(
                unsafe_add(
                    unsafe_mul(unsafe_div((b0 >> 160) & RAISED, sums[0]), incentive[0]) >> 32,
                    unsafe_mul(unsafe_div((b0 >> 96) & RAISED, sums[1]), incentive[1]) >> 32,
                ),
                unsafe_add(
                    unsafe_mul(unsafe_div((b0 >> 32) & RAISED, sums[2]), incentive[2]) >> 32,
                    unsafe_mul(unsafe_div((b0 << 32) & RAISED, sums[3]), incentive[3]) >> 32,
                ),
            )
            b1: uint256 = columns.bonds[1][i]
            part = unsafe_add(
                part,
                unsafe_add(
                    unsafe_add(
                        unsafe_mul(unsafe_div((b1 >> 160) & RAISED, sums[4]), incentive[4]) >> 32,
                        unsafe_mul(unsafe_div((b1 >> 96) & RAISED, sums[5]), incentive[5]) >> 32,
                    ),
                    unsafe_add(
                        unsafe_mul(unsafe_div((b1 >> 32) & RAISED, sums[6]), incentive[6]) >> 32,
                        unsafe_mul(unsafe_div((b1 << 32) & RAISED, sums[7]), incentive[7]) >> 32,
                    ),
                ),
            )
            b2: uint256 = columns.bonds[2][i]
            part = unsafe_add(
                part,
                unsafe_add(
                    unsafe_add(
                        unsafe_mul(unsafe_div((b2 >> 160) & RAISED, sums[8]), incentive[8]) >> 32,
                        unsafe_mul(unsafe_div((b2 >> 96) & RAISED, sums[9]), incentive[9]) >> 32,
                    ),
                    unsafe_add(
                        unsafe_mul(unsafe_div((b2 >> 32) & RAISED, sums[10]), incentive[10]) >> 32,
                        unsafe_mul(unsafe_div((b2 << 32) & RAISED, sums[11]), incentive[11]) >> 32,
                    ),
                ),
            )
            b3: uint256 = columns.bonds[3][i]
            part = unsafe_add(
                part,
                unsafe_add(
                    unsafe_add(
                        unsafe_mul(unsafe_div((b3 >> 160) & RAISED, sums[12]), incentive[12]) >> 32,
                        unsafe_mul(unsafe_div((b3 >> 96) & RAISED, sums[13]), incentive[13]) >> 32,
                    ),
                    unsafe_add(
                        unsafe_mul(unsafe_div((b3 >> 32) & RAISED, sums[14]), incentive[14]) >> 32,
                        unsafe_mul(unsafe_div((b3 << 32) & RAISED, sums[15]), incentive[15]) >> 32,
                    ),
                ),
            )
            word = word << 64 | part & U64_MAX
            i = unsafe_add(i, 1)
        words[w] = word
    return keccak256(slice(abi_encode(words), 0, 32 * count))


@internal
@pure
def _check_hint(hint: uint256, columns: Columns, group: uint256, majority: uint256):
    """
    @notice Consensus is the one score with votes_above < majority <= votes_from; without votes 0.
    @dev Votes from a number on only fall as it rises, and between two scores of voters the two
         counts are equal, so at most one number passes and it is a score; every voter has a vote of
         at least 1, so one does pass, also at kappa 0 (the top score) and 65,535 (the lowest).
    """
    assert hint & LOW_33 == hint, "kernel: wrong hint"
    if columns.votes == 0:
        assert hint == 0, "kernel: wrong hint"
        return
    # SAFETY: all three are at most 2**32 in a lane; the top bit of a | 2**63 - b says a >= b.
    threshold: uint256 = unsafe_mul(majority, LANES)
    is_reached: bool = unsafe_sub(columns.votes_from[group] | TOP, threshold) & TOP == TOP
    is_exceeded: bool = unsafe_sub(columns.votes_above[group] | TOP, threshold) & TOP != 0
    assert is_reached and not is_exceeded, "kernel: wrong hint"
