# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Yuma kernel
@license AGPL-3.0-only
@notice Recomputes 16 columns of an epoch, bit for bit as Bittensor's sparse Yuma3 path with a fixed bond rate: weights,
        consensus, clipped ranks, bonds, dividends. Everything about a miner follows from its own column.
@custom:invariant The same block always gives the same words. A hint is accepted if and only if it is the consensus.
    Whatever else the words hold, nothing reverts.
@custom:trust Nobody has any power here; there is no storage.
@custom:kill Nothing can be stopped.
"""

from contracts.interfaces import IYumaKernel
from contracts.modules import constants as c

implements: IYumaKernel

# What pass 1 needs of each seat, and the totals of their votes.
struct Seats:
    count: uint256
    share: uint256[c.MAX_SEATS]  # active stake, Q32; 0 for a share of exactly 1
    vote: uint256[c.MAX_SEATS]  # active stake normalised once more, Q32
    inverse: uint256[c.MAX_SEATS]  # turns a weight into its share of the row
    row: uint256[c.MAX_SEATS]  # 16 u16 weights
    old: uint256[c.MAX_SEATS]  # 16 u16 old bonds
    has_whole: bool  # one seat has all active stake
    votes: uint256
    majority: uint256  # what the votes above consensus stay below, and those from it on reach

# Q32 factors of the bonds.
struct Rates:
    penalty: uint256
    kept: uint256  # of old bonds
    new: uint256  # of the row

# Four columns, j % 4 = group, in lanes of 64 bits: column 4 * lane + group, lane 0 on top.
struct Columns:
    rank: uint256
    bonds: uint256[c.MAX_SEATS]
    bonds_sum: uint256

GROUPS: constant(uint256) = 4  # of 4 columns each

ONE: constant(uint256) = c.Q32_ONE
U32_MAX: constant(uint256) = 2**32 - 1
U63_MAX: constant(uint256) = 2**63 - 1
U64_MAX: constant(uint256) = 2**64 - 1

# SAFETY: all arithmetic below is on four lanes of 64 bits in one word. A lane holds at most 2**32 (33 bits), so a product of
# two, one of them below 2**32, and a sum of 64 fit, and no lane reaches its neighbour; each line says why.
LANES: constant(uint256) = max_value(uint256) // U64_MAX  # 1 in every lane
LOW_16: constant(uint256) = LANES * c.U16_MAX
LOW_32: constant(uint256) = LANES * U32_MAX
LOW_33: constant(uint256) = LANES * (2**33 - 1)
LOW_63: constant(uint256) = LANES * U63_MAX
TOP: constant(uint256) = LANES * 2**63
# the lower lane of each half of the word
EVEN_LANES: constant(uint256) = max_value(uint256) // (2**128 - 1) * U64_MAX

RECIPROCAL_BITS: constant(uint256) = 74

# flags of a frozen seat
IS_REVEALED: constant(uint256) = 1
KEEPS_SEAT: constant(uint256) = 2
LOADS_BONDS: constant(uint256) = 4


@external
@pure
def recompute(inputs: IYumaKernel.Block) -> IYumaKernel.Words:
    """
    @notice Recompute a block of 16 columns.
    @dev Reverts only on a hint that is not the consensus, and on lists of unequal length.
    @param inputs Frozen seats, rows, old bonds, hints, parameters and the posted total rank.
    @return Ranks, hash of the new bonds, hash of the block's part of the dividend totals.
    """
    frozen: DynArray[uint256, c.MAX_SEATS] = inputs.seats
    count: uint256 = len(frozen)
    seats: Seats = self._load_seats(
        frozen, inputs.rows, inputs.bonds, self._kept_columns(inputs.replaced), inputs.kappa_u16
    )
    rates: Rates = self._rates(inputs.bonds_penalty_u16, inputs.bonds_moving_average_ppm)

    ranks: uint256[GROUPS] = empty(uint256[GROUPS])
    stored: uint256[c.MAX_SEATS] = empty(uint256[c.MAX_SEATS])
    dividends: uint256[c.MAX_SEATS] = empty(uint256[c.MAX_SEATS])
    for group: uint256 in range(GROUPS):
        columns: Columns = self._columns(seats, rates, inputs.hints[group], 48 - 16 * group)
        ranks[group] = columns.rank
        stored = self._store(stored, columns.bonds, count, 48 - 16 * group)
        dividends = self._add_dividends(dividends, columns, count, inputs.total_rank)

    for i: uint256 in range(count, bound=c.MAX_SEATS):
        # A seat that changes hands leaves no bonds to its next holder.
        stored[i] *= (frozen[i] & KEEPS_SEAT) // KEEPS_SEAT
    return IYumaKernel.Words(
        ranks=ranks,
        bonds_hash=keccak256(slice(abi_encode(stored), 0, 32 * count)),
        partial_hash=self._partial_hash(dividends, count),
    )


@internal
@pure
def _load_seats(
    frozen: DynArray[uint256, c.MAX_SEATS],
    rows: DynArray[uint256, c.MAX_SEATS],
    bonds: DynArray[uint256, c.MAX_SEATS],
    kept_columns: uint256,
    kappa_u16: uint256,
) -> Seats:
    """
    @notice Unpack the frozen seats: uid 16 | generation 48 | active stake 64 | row sum 64 | flags 64.
    """
    seats: Seats = empty(Seats)
    seats.count = len(frozen)
    assert len(rows) == seats.count and len(bonds) == seats.count, "kernel: lengths differ"
    total_share: uint256 = 0
    for i: uint256 in range(seats.count, bound=c.MAX_SEATS):
        seat: uint256 = frozen[i]
        share: uint256 = (seat >> 128) & U64_MAX
        total_share += share
        seats.has_whole = seats.has_whole or share == ONE
        # SAFETY: share <= 2**32. For 2**32 itself the product in a lane would overflow; `_columns` sets that rank apart.
        seats.share[i] = share & U32_MAX
        seats.vote[i] = share
        # SAFETY: w * inverse >> 42 = (w << 32) // row_sum while w * row_sum < 2**42, and row_sum < 2**26. An empty row
        # (EVM: x / 0 = 0) has inverse 1 and only weights 0.
        seats.inverse[i] = unsafe_div(2**RECIPROCAL_BITS, (seat >> 64) & U64_MAX) + 1
        seats.row[i] = rows[i] * (seat & IS_REVEALED)
        if seat & LOADS_BONDS != 0:
            seats.old[i] = bonds[i] & kept_columns

    for i: uint256 in range(seats.count, bound=c.MAX_SEATS):
        # rounds down
        seats.vote[i] = unsafe_div(seats.vote[i] << 32, total_share)
        seats.votes += seats.vote[i]
    seats.majority = min(max((kappa_u16 << 32) // c.U16_MAX, 1), seats.votes)
    return seats


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
def _rates(bonds_penalty_u16: uint256, bonds_moving_average_ppm: uint256) -> Rates:
    """
    @notice Q32 factors; kept + new = 2**32 and neither is 2**32, as the average lies in 1..999,999 ppm.
    """
    kept: uint256 = (bonds_moving_average_ppm << 32) // c.PPM  # rounds down
    # SAFETY: a penalty of 65,535 is exactly 2**32, one too large for a lane; 2**32 - 1 gives the same bonds: the penalty is
    # rounded up, so it takes all of any excess below 2**32, and of an excess of 2**32 it leaves 1, which `new` < 2**32
    # rounds to 0.
    penalty: uint256 = min((bonds_penalty_u16 << 32) // c.U16_MAX, U32_MAX)
    return Rates(penalty=penalty, kept=kept, new=ONE - kept)


@internal
@pure
def _columns(seats: Seats, rates: Rates, hint: uint256, offset: uint256) -> Columns:
    """
    @notice Ranks and new bonds of four columns; checks their hint in the same pass.
    """
    assert hint & LOW_33 == hint, "kernel: wrong hint"
    columns: Columns = empty(Columns)
    votes_from: uint256 = 0  # at or above the hint
    votes_above: uint256 = 0  # strictly above
    for i: uint256 in range(seats.count, bound=c.MAX_SEATS):
        # score = (weight << 32) // row_sum, two lanes of 128 bits at a time.
        # SAFETY: weight < 2**16 and inverse <= 2**74 + 1 make < 2**91; the score is at most 2**32.
        weight: uint256 = (seats.row[i] >> offset) & LOW_16
        inverse: uint256 = seats.inverse[i]
        score: uint256 = (unsafe_mul(weight & EVEN_LANES, inverse) >> 42) & EVEN_LANES
        weight = (weight >> 64) & EVEN_LANES
        score |= ((unsafe_mul(weight, inverse) >> 42) & EVEN_LANES) << 64

        # SAFETY: score + 2**63 - hint lies in 2**62..2**64, so no lane borrows; its top bit says score >= hint.
        distance: uint256 = unsafe_sub(score | TOP, hint)
        reached: uint256 = (distance & TOP) >> 63
        # SAFETY: 0 or 2**63 - 1 in a lane.
        excess: uint256 = distance & unsafe_mul(reached, U63_MAX)
        # SAFETY: votes add up to at most 2**32. excess + 2**63 - 1 has the top bit set exactly if excess > 0.
        vote: uint256 = seats.vote[i]
        votes_from = unsafe_add(votes_from, unsafe_mul(reached, vote))
        votes_above = unsafe_add(
            votes_above, unsafe_mul((unsafe_add(excess, LOW_63) & TOP) >> 63, vote)
        )

        # rounds down. SAFETY: clipped score <= 2**32, share < 2**32; the shares add up to at most 2**32.
        columns.rank = unsafe_add(
            columns.rank,
            (unsafe_mul(unsafe_sub(score, excess), seats.share[i]) >> 32) & LOW_32,
        )

        # What the penalty takes is rounded up, as Bittensor rounds penalty * (clipped - score) down.
        # SAFETY: excess * penalty + 2**32 - 1 <= 2**64 - 1; it takes at most the excess, which is at most the score.
        taken: uint256 = (unsafe_add(unsafe_mul(excess, rates.penalty), LOW_32) >> 32) & LOW_32
        # (bond << 32) // 65,535 = bond * 65,537, plus 1 for 65,535 itself.
        bond: uint256 = (seats.old[i] >> offset) & LOW_16
        bond = unsafe_add(
            unsafe_mul(bond, 65_537), (unsafe_add(bond, LANES) >> 16) & LANES
        )
        # The two halves are rounded down apart. SAFETY: both factors are below 2**32, the other sides at most 2**32;
        # the sum is at most kept + new = 2**32.
        bond = unsafe_add(
            (unsafe_mul(bond, rates.kept) >> 32) & LOW_32,
            (unsafe_mul(unsafe_sub(score, taken), rates.new) >> 32) & LOW_32,
        )
        columns.bonds[i] = bond
        # SAFETY: 64 bonds of at most 2**32.
        columns.bonds_sum = unsafe_add(columns.bonds_sum, bond)

    self._check_hint(hint, votes_from, votes_above, seats.votes, seats.majority)
    if seats.has_whole:
        # The only voter scores the consensus itself, and 1 * score is the rank.
        columns.rank = hint
    return columns


@internal
@pure
def _store(
    stored: uint256[c.MAX_SEATS],
    bonds: uint256[c.MAX_SEATS],
    count: uint256,
    offset: uint256,
) -> uint256[c.MAX_SEATS]:
    """
    @notice Put four columns' bonds as u16 into the rows.
    """
    rows: uint256[c.MAX_SEATS] = stored
    for i: uint256 in range(count, bound=c.MAX_SEATS):
        # rounds down. SAFETY: 2**32 * 65,535 < 2**48.
        rows[i] |= ((unsafe_mul(bonds[i], c.U16_MAX) >> 32) & LOW_16) << offset
    return rows


@internal
@pure
def _add_dividends(
    dividends: uint256[c.MAX_SEATS], columns: Columns, count: uint256, total_rank: uint256
) -> uint256[c.MAX_SEATS]:
    """
    @notice Add each seat's share of four columns' bonds times those columns' incentive.
    @dev The total rank is the proposer's word: EVM division makes a quotient by 0 a 0, and nothing overflows 256 bits:
         rank <= 2**32, so incentive <= 2**64, and share <= 2**32.
    """
    totals: uint256[c.MAX_SEATS] = dividends
    sum_0: uint256 = columns.bonds_sum >> 192
    sum_1: uint256 = (columns.bonds_sum >> 128) & U64_MAX
    sum_2: uint256 = (columns.bonds_sum >> 64) & U64_MAX
    sum_3: uint256 = columns.bonds_sum & U64_MAX
    incentive_0: uint256 = unsafe_div(columns.rank >> 192 << 32, total_rank)
    incentive_1: uint256 = unsafe_div((columns.rank >> 128 & U64_MAX) << 32, total_rank)
    incentive_2: uint256 = unsafe_div((columns.rank >> 64 & U64_MAX) << 32, total_rank)
    incentive_3: uint256 = unsafe_div((columns.rank & U64_MAX) << 32, total_rank)
    for i: uint256 in range(count, bound=c.MAX_SEATS):
        bonds: uint256 = columns.bonds[i]
        # Shares and products are rounded down, each on its own.
        totals[i] = unsafe_add(
            unsafe_add(
                totals[i],
                unsafe_mul(unsafe_div(bonds >> 192 << 32, sum_0), incentive_0) >> 32,
            ),
            unsafe_add(
                unsafe_mul(unsafe_div((bonds >> 128 & U64_MAX) << 32, sum_1), incentive_1) >> 32,
                unsafe_add(
                    unsafe_mul(unsafe_div((bonds >> 64 & U64_MAX) << 32, sum_2), incentive_2) >> 32,
                    unsafe_mul(unsafe_div((bonds & U64_MAX) << 32, sum_3), incentive_3) >> 32,
                ),
            ),
        )
    return totals


@internal
@pure
def _partial_hash(dividends: uint256[c.MAX_SEATS], count: uint256) -> bytes32:
    """
    @notice Hash of the seats' partial totals, four to a word.
    @dev Modulo 2**64: with the true total rank a part is at most 2**32; with another one the hash only has to be defined.
    """
    words: uint256[16] = empty(uint256[16])
    for i: uint256 in range(count, bound=c.MAX_SEATS):
        words[i // 4] |= (dividends[i] & U64_MAX) << (192 - 64 * (i % 4))
    return keccak256(slice(abi_encode(words), 0, 32 * ((count + 3) // 4)))


@internal
@pure
def _check_hint(
    hint: uint256, votes_from: uint256, votes_above: uint256, votes: uint256, majority: uint256
):
    """
    @notice Consensus is the one score with votes_above < majority <= votes_from; without votes it is 0.
    @dev Votes from a score on only fall as it rises, so at most one score passes; every voter has a vote of at least 1, so
         one does, also at kappa 0 (the top score) and 65,535 (the lowest).
    """
    if votes == 0:
        assert hint == 0, "kernel: wrong hint"
        return
    # SAFETY: all three are at most 2**32 in a lane; the top bit of a | 2**63 - b says a >= b.
    threshold: uint256 = unsafe_mul(majority, LANES)
    assert unsafe_sub(votes_from | TOP, threshold) & TOP == TOP, "kernel: wrong hint"
    assert unsafe_sub(votes_above | TOP, threshold) & TOP == 0, "kernel: wrong hint"
