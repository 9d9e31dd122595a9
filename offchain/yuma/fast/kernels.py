# SPDX-License-Identifier: Apache-2.0
"""The compiled loops of the fast epoch: 64-bit integers only, blocks of columns, no Python objects.

Every function is in this one file because numba's disk cache looks at the file of the function
that it compiles, and would miss a change in another one. All values are Q32 in int64 unless a
name ends in `_u16`.

How 33-bit numbers fit 64-bit products: a product of two numbers up to 2**32 is below 2**64 unless
both are exactly 2**32; `_multiply` reads its upper half as unsigned and puts that one case back.
A quotient is taken in doubles, which is off by at most one, and corrected by the sign of the
remainder. Both compile to vector instructions, a 128-bit product would not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
U16s: TypeAlias = NDArray[np.uint16]
U64s: TypeAlias = NDArray[np.uint64]
Bytes: TypeAlias = NDArray[np.uint8]

BLOCK = 128
"""Columns worked on at once: 256 rows of them stay in the second-level cache."""

ONE = 1 << 32
LOW = ONE - 1
HALF = ONE >> 1
E_BITS = 11674931200
EXP_LIMIT = 20 * ONE
EXP_LAST_TERM = 31
PPM = 1_000_000

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _jit(function: _Function) -> _Function:
    """Compile on first use, keep the result on disk, run without the interpreter's lock."""
    return cast(_Function, njit(cache=True, nogil=True, error_model="numpy")(function))


def _inline(function: _Function) -> _Function:
    """The same for a part of another kernel, copied into it."""
    return cast(
        _Function, njit(cache=True, nogil=True, error_model="numpy", inline="always")(function)
    )


@_inline
def _multiply(a: Any, b: Any) -> Any:
    """a * b rounded down, for 0 <= a, b <= ONE."""
    return (((a * b) >> 32) & LOW) | (a & b & ONE)


@_inline
def _divide(a: Any, b: Any, inverse: Any) -> Any:
    """a / b rounded down, for 0 <= a <= b, 0 < b < 2**62 and inverse = 2**32 / b in double."""
    quotient = np.int64(np.float64(a) * inverse)
    rest = (a << 32) - quotient * b
    return quotient + (rest >> 63) - ((b - 1 - rest) >> 63)


@_inline
def _inverse(b: Any) -> Any:
    """2**32 / b in double; 0 for b = 0, so that `_divide(0, 1, 0)` is 0."""
    return np.float64(ONE) / np.float64(b) if b > 0 else 0.0


@_jit
def normalize(values: Ints) -> Ints:
    """Each entry over the sum of all, which is below 2**62; unchanged if that is 0."""
    total = np.int64(0)
    for i in range(values.size):
        total += values[i]
    if total == 0:
        return values.copy()
    return divide_all(values, total)


@_jit
def divide_all(values: Ints, divisor: int | np.int64) -> Ints:
    """Each entry over a divisor that is at least as large as any of them; 0 if it is 0."""
    result = np.zeros(values.size, np.int64)
    inverse = _inverse(divisor)
    if divisor > 0:
        for i in range(values.size):
            result[i] = _divide(values[i], divisor, inverse)
    return result


@_jit
def multiply_all(left: Ints, right: Ints) -> Ints:
    """Entry by entry, rounded down, both in [0, ONE]."""
    result = np.zeros(left.size, np.int64)
    for i in range(left.size):
        result[i] = _multiply(left[i], right[i])
    return result


@_jit
def shares_of_wide(high: U64s, low: U64s) -> Ints:
    """Shares of non-negative 128-bit numbers (high * 2**64 + low) in their sum, which fits too;
    rounded down.

    Long division, one bit at a time, because nothing wider than 64 bits is at hand.
    """
    total_high = np.uint64(0)
    total_low = np.uint64(0)
    for i in range(high.size):
        total_low = total_low + low[i]
        total_high = total_high + high[i] + np.uint64(total_low < low[i])
    result = np.zeros(high.size, np.int64)
    if total_high == 0 and total_low == 0:
        return result
    for i in range(high.size):
        rest_high = high[i]
        rest_low = low[i]
        if rest_high == 0 and rest_low == 0:
            continue
        quotient = np.int64(0)
        for step in range(33):
            if step > 0:
                rest_high = (rest_high << np.uint64(1)) | (rest_low >> np.uint64(63))
                rest_low = rest_low << np.uint64(1)
            quotient <<= 1
            if rest_high > total_high or (rest_high == total_high and rest_low >= total_low):
                rest_high = rest_high - total_high - np.uint64(rest_low < total_low)
                rest_low = rest_low - total_low
                quotient |= 1
        result[i] = quotient
    return result


@_jit
def divide_rows(values: Ints, divisors: Ints) -> Ints:
    """Each row (B x K) over its own divisor (B)."""
    result = np.zeros(values.shape, np.int64)
    for b in range(values.shape[0]):
        result[b, :] = divide_all(values[b], divisors[b])
    return result


@_jit
def shares_of_rows(stakes: U64s) -> Ints:
    """Active stake of each row (B x V) of rao: shares of its sum, which is below 2**64,
    normalised once more.
    """
    result = np.zeros(stakes.shape, np.int64)
    nothing = np.zeros(stakes.shape[1], np.uint64)
    for b in range(stakes.shape[0]):
        result[b, :] = normalize(shares_of_wide(nothing, stakes[b]))
    return result


@_jit
def emission(shares: Ints, rao_emission: np.uint64) -> U64s:
    """share * rao_emission rounded down, up to 2**64 - 1."""
    result = np.zeros(shares.size, np.uint64)
    high = rao_emission >> np.uint64(32)
    low = rao_emission & np.uint64(LOW)
    for i in range(shares.size):
        share = np.uint64(shares[i])
        result[i] = share * high + ((share * low) >> np.uint64(32))
    return result


@_jit
def mask_weights(
    rows_u16: U16s,
    row_uids: Ints,
    keeps_own: Ints,
    last_update: U64s,
    commit_block: U64s,
    registered: U64s,
) -> tuple[U16s, Ints]:
    """The rows with the entries zeroed that do not count, and their sums.

    `row_uids` is the uid of each row; `keeps_own` is 1 for the owner's row. An entry counts if
    its row was updated after its column was registered, and committed no earlier (2**64 - 1: no
    commit).
    """
    count, n = rows_u16.shape
    masked = np.zeros((count, n), np.uint16)
    sums = np.zeros(count, np.int64)
    for i in range(count):
        updated = last_update[i]
        committed = commit_block[i]
        total = np.int64(0)
        for j in range(n):
            counts = (updated > registered[j]) & (committed >= registered[j])
            value = rows_u16[i, j] if counts else np.uint16(0)
            masked[i, j] = value
            total += value
        own = row_uids[i]
        if keeps_own[i] == 0 and 0 <= own < n:
            total -= masked[i, own]
            masked[i, own] = 0
        sums[i] = total
    return masked, sums


@_jit
def row_sums(rows_u16: U16s) -> Ints:
    """The sum of each row of weights."""
    count, n = rows_u16.shape
    sums = np.zeros(count, np.int64)
    for i in range(count):
        total = np.int64(0)
        for j in range(n):
            total += rows_u16[i, j]
        sums[i] = total
    return sums


@_jit
def normalized_rows(rows_u16: U16s, sums: Ints) -> Ints:
    """W: each weight over the sum of its row, V x N."""
    count, n = rows_u16.shape
    result = np.zeros((count, n), np.int64)
    for i in range(count):
        if sums[i] > 0:
            inverse = _inverse(sums[i])
            for j in range(n):
                result[i, j] = _divide(np.int64(rows_u16[i, j]), sums[i], inverse)
    return result


@_inline
def _load_block(rows_u16: U16s, sums: Ints, first: int, width: int, weight: Ints) -> None:
    """weight[i, k] = rows_u16[i, first + k] over the sum of row i; the padding up to BLOCK
    columns is 0.
    """
    for i in range(sums.size):
        total = sums[i] if sums[i] > 0 else 1
        inverse = _inverse(total)
        for k in range(width):
            weight[i, k] = _divide(np.int64(rows_u16[i, first + k]), total, inverse)
        for k in range(width, BLOCK):
            weight[i, k] = 0


@_inline
def _consensus_block(weight: Ints, voters: Ints, votes: Ints, kappa: int, consensus: Ints) -> None:
    """The largest value that votes of at least kappa support, for each column, by bisection over
    all 2**33 values.

    Support only changes at values that somebody gave, so the largest value with enough support is
    one of those; it is the vectors' median, with kappa brought into [1, all votes].
    """
    low = np.zeros(BLOCK, np.int64)
    high = np.zeros(BLOCK, np.int64)
    middle = np.zeros(BLOCK, np.int64)
    support = np.zeros(BLOCK, np.int64)
    total = np.int64(0)
    for v in range(voters.size):
        total += votes[v]
    needed = min(max(kappa, 1), total)
    if total == 0:
        consensus[:] = 0
        return
    for v in range(voters.size):
        row = voters[v]
        for k in range(BLOCK):
            high[k] = max(high[k], weight[row, k])
    widest = np.int64(0)
    for k in range(BLOCK):
        high[k] += 1
        widest = max(widest, high[k])
    while widest > 1:
        widest = (widest + 1) >> 1
        for k in range(BLOCK):
            middle[k] = (low[k] + high[k]) >> 1
            support[k] = 0
        for v in range(voters.size):
            row = voters[v]
            vote = votes[v]
            for k in range(BLOCK):
                support[k] += vote if weight[row, k] >= middle[k] else 0
        for k in range(BLOCK):
            enough = support[k] >= needed
            low[k] = middle[k] if enough else low[k]
            high[k] = high[k] if enough else middle[k]
    for k in range(BLOCK):
        consensus[k] = low[k]


@_inline
def _rank_block(weight: Ints, consensus: Ints, stake: Ints, trust: Ints, rank: Ints) -> None:
    """Add the clipped weights to each row's trust, and times its stake to each column's rank."""
    for k in range(BLOCK):
        rank[k] = 0
    for i in range(stake.size):
        share = stake[i]
        kept = np.int64(0)
        for k in range(BLOCK):
            clipped = min(weight[i, k], consensus[k])
            kept += clipped
            rank[k] += _multiply(clipped, share)
        trust[i] += kept


@_inline
def _penalize_block(weight: Ints, consensus: Ints, penalty: int) -> None:
    """Turn weights into weights for bonds: w - ceil(penalty * (w - clipped)), the clipped ones if
    the penalty is ONE.
    """
    if penalty == ONE:
        for i in range(weight.shape[0]):
            for k in range(BLOCK):
                weight[i, k] = min(weight[i, k], consensus[k])
    elif penalty > 0:
        for i in range(weight.shape[0]):
            for k in range(BLOCK):
                excess = max(weight[i, k] - consensus[k], 0)
                weight[i, k] -= ((excess * penalty + LOW) >> 32) & LOW


@_inline
def _from_u16(value: Any) -> Any:
    """(value << 32) // 65535 without a division."""
    return value * 65537 + ((value + 1) >> 16)


@_inline
def _fixed_ema_block(
    weight: Ints, bonds_u16: U16s, kept: Bytes, first: int, width: int, rate: int, ema: Ints
) -> None:
    """ema = rate * weight + (1 - rate) * bond, the halves rounded apart; a bond to a column not
    `kept` is gone.
    """
    for i in range(weight.shape[0]):
        for k in range(width):
            old = _from_u16(np.int64(bonds_u16[i, first + k]) * np.int64(kept[first + k]))
            ema[i, first + k] = _multiply(rate, weight[i, k]) + _multiply(ONE - rate, old)


@_inline
def _classic_ema_block(
    weight: Ints,
    bonds_u16: U16s,
    kept: Bytes,
    first: int,
    width: int,
    rate: int,
    stake: Ints,
    ema: Ints,
    listed: Bytes,
) -> None:
    """Classic bonds of the block: shares of each column before and after; `listed` is 1 where the
    average is above 0.
    """
    count = stake.size
    bought_sum = np.zeros(BLOCK, np.int64)
    old_sum = np.zeros(BLOCK, np.int64)
    ema_sum = np.zeros(BLOCK, np.int64)
    for i in range(count):
        for k in range(width):
            bought_sum[k] += _multiply(weight[i, k], stake[i])
            old_sum[k] += np.int64(bonds_u16[i, first + k]) * np.int64(kept[first + k])
    for k in range(width):
        bought_sum[k] = max(bought_sum[k], 1)
        old_sum[k] = max(old_sum[k], 1)
    bought_inverse = np.float64(ONE) / bought_sum
    old_inverse = np.float64(ONE) / old_sum
    for i in range(count):
        for k in range(width):
            j = first + k
            old = np.int64(bonds_u16[i, j]) * np.int64(kept[j])
            share = _divide(old, old_sum[k], old_inverse[k])
            bought = _multiply(weight[i, k], stake[i])
            new = _divide(bought, bought_sum[k], bought_inverse[k])
            average = _multiply(rate, new) + _multiply(ONE - rate, share)
            ema[i, j] = average
            listed[i, j] = average > 0
            ema_sum[k] += average
    for k in range(width):
        ema_sum[k] = max(ema_sum[k], 1)
    ema_inverse = np.float64(ONE) / ema_sum
    for i in range(count):
        for k in range(width):
            ema[i, first + k] = _divide(ema[i, first + k], ema_sum[k], ema_inverse[k])


@_inline
def _liquid_rate_row(
    weight: Ints,
    bond: Ints,
    consensus: Ints,
    slope: int,
    low: int,
    high: int,
    rate: Ints,
    exponent: Ints,
    term: Ints,
    total: Ints,
) -> None:
    """rate[k] of BLOCK pairs; the last three arrays are scratch. Same series, same roundings as
    the specification's.
    """
    slope_high = abs(slope) >> 32
    slope_low = abs(slope) & LOW
    for k in range(BLOCK):
        gap = weight[k] - consensus[k] if weight[k] >= bond[k] else bond[k] - weight[k]
        gap = min(max(gap, 0), ONE) - HALF
        size = abs(gap)
        # abs(slope * gap); the product is negative if one of the two is, and is rounded down
        product_low = slope_low * size
        size = slope_high * size + (product_low >> 32)
        negative = (gap < 0) != (slope < 0)
        size += 1 if negative and (product_low & LOW) != 0 else 0
        size = min(size, EXP_LIMIT)
        exponent[k] = size
        term[k] = size
        total[k] = ONE + size
        rate[k] = 1 if negative else 0
    for i in range(2, EXP_LAST_TERM + 1):
        inverse = 1.0 / i
        left = np.int64(0)
        for k in range(BLOCK):
            x_high = exponent[k] >> 32
            x_low = exponent[k] & LOW
            t = term[k]
            product = t * x_high + (t >> 32) * x_low + ((((t & LOW) * x_low) >> 32) & LOW)
            # two digits of base 2**32; the half keeps each quotient away from integers
            upper = np.int64((np.float64(product >> 32) + 0.5) * inverse)
            rest = (((product >> 32) - upper * i) << 32) | (product & LOW)
            t = (upper << 32) + np.int64((np.float64(rest) + 0.5) * inverse)
            term[k] = t
            total[k] += t
            left |= t
        if left == 0:
            break
    for k in range(BLOCK):
        power = total[k] if exponent[k] != ONE else E_BITS
        reciprocal = _divide(ONE, power, np.float64(ONE) / np.float64(power))
        power = ONE + (reciprocal if rate[k] == 1 else power)
        sigmoid = _divide(ONE, power, np.float64(ONE) / np.float64(power))
        rate[k] = max(min(low + _multiply(sigmoid, max(high - low, 0)), high), low)


@_inline
def _liquid_ema_block(
    weight: Ints,
    bonds_u16: U16s,
    kept: Bytes,
    listed: Bytes,
    hidden_weight: Bytes,
    hidden_bond: Bytes,
    consensus: Ints,
    first: int,
    width: int,
    slope: int,
    low: int,
    high: int,
    ema: Ints,
) -> None:
    """Bonds with a rate per pair, for the pairs that are listed or have a weight for bonds; the
    others end at 0.

    `listed` marks zeros that are entries nonetheless; `hidden_*` mark entries that the rate must
    take as 0 (rows out of order). Either may be empty for "none".
    """
    seen_weight = np.zeros(BLOCK, np.int64)
    old = np.zeros(BLOCK, np.int64)
    seen_old = np.zeros(BLOCK, np.int64)
    rate = np.zeros(BLOCK, np.int64)
    exponent = np.zeros(BLOCK, np.int64)
    term = np.zeros(BLOCK, np.int64)
    total = np.zeros(BLOCK, np.int64)
    for i in range(weight.shape[0]):
        wanted = np.int64(0)
        for k in range(width):
            old[k] = _from_u16(np.int64(bonds_u16[i, first + k]) * np.int64(kept[first + k]))
            seen_old[k] = old[k]
            seen_weight[k] = weight[i, k]
            wanted |= weight[i, k]
        if listed.size > 0:
            for k in range(width):
                wanted |= listed[i, first + k]
        if hidden_weight.size > 0:
            for k in range(width):
                seen_weight[k] *= 1 - np.int64(hidden_weight[i, first + k])
                seen_old[k] *= 1 - np.int64(hidden_bond[i, first + k])
        if wanted == 0:
            for k in range(width):
                ema[i, first + k] = 0
            continue
        _liquid_rate_row(
            seen_weight, seen_old, consensus, slope, low, high, rate, exponent, term, total
        )
        for k in range(width):
            bond = _multiply(ONE - rate[k], old[k]) + _multiply(rate[k], weight[i, k])
            is_listed = weight[i, k] > 0
            if listed.size > 0:
                is_listed |= listed[i, first + k] != 0
            ema[i, first + k] = min(bond, ONE) if is_listed else 0


CLASSIC, FIXED, LIQUID = 0, 1, 2
"""Kinds of bonds."""


@_jit
def columns_pass(
    rows_u16: U16s,
    sums: Ints,
    bonds_u16: U16s,
    kept: Bytes,
    stake: Ints,
    voters: Ints,
    votes: Ints,
    settings: Ints,
    masks: tuple[Bytes, Bytes, Bytes],
    first_column: int,
    last_column: int,
    consensus: Ints,
    rank: Ints,
    trust: Ints,
    ema: Ints,
    classic_listed: Bytes,
) -> None:
    """Everything that a column needs only itself for, over [first_column, last_column).

    Reads the masked weights, the stored bonds (`kept` is 1 for columns whose bonds survive), the
    active stake, its voters and votes, `settings` = (kind, kappa, penalty, rate, slope, low,
    high) and `masks` = (listed, hidden weight, hidden bond) as `_liquid_ema_block` explains.
    Writes consensus and rank (N), adds to trust (V), writes ema (V x N).
    """
    kind, kappa, penalty, rate = settings[0], settings[1], settings[2], settings[3]
    slope, low, high = settings[4], settings[5], settings[6]
    weight = np.zeros((stake.size, BLOCK), np.int64)
    block_consensus = np.zeros(BLOCK, np.int64)
    block_rank = np.zeros(BLOCK, np.int64)
    for first in range(first_column, last_column, BLOCK):
        width = min(BLOCK, last_column - first)
        _load_block(rows_u16, sums, first, width, weight)
        _consensus_block(weight, voters, votes, kappa, block_consensus)
        _rank_block(weight, block_consensus, stake, trust, block_rank)
        for k in range(width):
            consensus[first + k] = block_consensus[k]
            rank[first + k] = block_rank[k]
        _penalize_block(weight, block_consensus, penalty)
        if kind == FIXED:
            _fixed_ema_block(weight, bonds_u16, kept, first, width, rate, ema)
        elif kind == LIQUID:
            _liquid_ema_block(
                weight,
                bonds_u16,
                kept,
                masks[0],
                masks[1],
                masks[2],
                block_consensus,
                first,
                width,
                slope,
                low,
                high,
                ema,
            )
        else:
            _classic_ema_block(
                weight, bonds_u16, kept, first, width, rate, stake, ema, classic_listed
            )


@_jit
def dividends_pass(
    ema: Ints,
    incentive: Ints,
    kind: int,
    keeps: Bytes,
    first_column: int,
    last_column: int,
    parts: Ints,
    stored_u16: U16s,
) -> None:
    """Add each row's bond shares times incentive to parts (V) and write the stored bonds, over a
    range of columns.

    A row whose `keeps` is 0 stores zeros.
    """
    count = ema.shape[0]
    column = np.zeros(BLOCK, np.int64)
    inverse = np.zeros(BLOCK, np.float64)
    for first in range(first_column, last_column, BLOCK):
        width = min(BLOCK, last_column - first)
        for k in range(width):
            column[k] = 0
        for i in range(count):
            for k in range(width):
                bond = ema[i, first + k]
                column[k] = max(column[k], bond) if kind == CLASSIC else column[k] + bond
        for k in range(width):
            column[k] = max(column[k], 1)
            inverse[k] = np.float64(ONE) / np.float64(column[k])
        for i in range(count):
            part = np.int64(0)
            keep = np.int64(keeps[i])
            for k in range(width):
                bond = ema[i, first + k]
                share = _divide(bond, column[k], inverse[k])
                if kind == CLASSIC:
                    part += _multiply(bond, incentive[first + k])
                    stored_u16[i, first + k] = ((share * 65535) >> 32) * keep
                else:
                    part += _multiply(share, incentive[first + k])
                    stored_u16[i, first + k] = ((bond * 65535) >> 32) * keep
            parts[i] += part


@_jit
def batch_pass(
    rows_u16: U16s,
    bonds_u16: U16s,
    kept: Bytes,
    keeps: Bytes,
    stake: Ints,
    settings: Ints,
    first_epoch: int,
    last_epoch: int,
    consensus: Ints,
    rank: Ints,
    incentive: Ints,
    trust: Ints,
    dividend_totals: Ints,
    dividends: Ints,
    stored_u16: U16s,
) -> None:
    """Whole epochs [first_epoch, last_epoch) of a batch; arrays as in `batch.EpochBatch`,
    settings one row per epoch.

    `bonds_u16` may have no epoch (nobody has bonds yet), `stored_u16` none (nobody wants them).
    """
    seats, n = rows_u16.shape[1], rows_u16.shape[2]
    ema = np.zeros((seats, n), np.int64)
    no_bonds = np.zeros((seats if bonds_u16.shape[0] == 0 else 0, n), np.uint16)
    unwanted = np.zeros((seats if stored_u16.shape[0] == 0 else 0, n), np.uint16)
    no_mask = np.zeros((0, 0), np.uint8)
    listed = np.zeros((seats, n), np.uint8)
    for e in range(first_epoch, last_epoch):
        sums = row_sums(rows_u16[e])
        voters = np.nonzero(stake[e])[0]
        votes = normalize(stake[e][voters])
        old = bonds_u16[e] if bonds_u16.shape[0] > 0 else no_bonds
        chosen = settings[e].copy()
        for _ in range(2):
            trust[e, :] = 0
            columns_pass(
                rows_u16[e],
                sums,
                old,
                kept[e],
                stake[e],
                voters,
                votes,
                chosen,
                (no_mask, no_mask, no_mask),
                0,
                n,
                consensus[e],
                rank[e],
                trust[e],
                ema,
                listed,
            )
            if chosen[0] != LIQUID or np.any(consensus[e]):
                break
            chosen[0] = FIXED
        incentive[e, :] = normalize(rank[e])
        stored = stored_u16[e] if stored_u16.shape[0] > 0 else unwanted
        dividends_pass(ema, incentive[e], chosen[0], keeps[e], 0, n, dividend_totals[e], stored)
        for i in range(seats):
            part = dividend_totals[e, i]
            dividends[e, i] = part if chosen[0] == CLASSIC else _multiply(part, stake[e, i])
        dividends[e, :] = normalize(dividends[e])


@_jit
def weights_for_bonds(weight: Ints, consensus: Ints, penalty: int) -> Ints:
    """What `columns_pass` makes bonds of, V x n; only for showing it."""
    result = weight.copy()
    block_consensus = np.zeros(BLOCK, np.int64)
    block = np.zeros((weight.shape[0], BLOCK), np.int64)
    for first in range(0, weight.shape[1], BLOCK):
        width = min(BLOCK, weight.shape[1] - first)
        block_consensus[:width] = consensus[first : first + width]
        block[:, :width] = weight[:, first : first + width]
        _penalize_block(block, block_consensus, penalty)
        result[:, first : first + width] = block[:, :width]
    return result


@_jit
def bonds_of_u16(bonds_u16: U16s) -> Ints:
    """Stored bonds as fractions."""
    result: Ints = _from_u16(bonds_u16.astype(np.int64))
    return result


@_jit
def liquid_rates(weight: Ints, bonds: Ints, consensus: Ints, settings: Ints) -> Ints:
    """The rate of every pair, V x n; only for showing them."""
    rates = np.zeros(weight.shape, np.int64)
    row = np.zeros((7, BLOCK), np.int64)
    for i in range(weight.shape[0]):
        for first in range(0, weight.shape[1], BLOCK):
            width = min(BLOCK, weight.shape[1] - first)
            row[:] = 0
            row[0, :width] = weight[i, first : first + width]
            row[1, :width] = bonds[i, first : first + width]
            row[2, :width] = consensus[first : first + width]
            _liquid_rate_row(
                row[0],
                row[1],
                row[2],
                settings[4],
                settings[5],
                settings[6],
                row[3],
                row[4],
                row[5],
                row[6],
            )
            rates[i, first : first + width] = row[3, :width]
    return rates
