# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Burn price
@license AGPL-3.0-only
@notice What a registration costs: half as much after every half-life without a sale, and more
        by a factor after each (mechanics 5.2). Like Bittensor's it is multiplied by the factor
        and rounded down once per tick, which is done when somebody asks; ticks after the first
        EXACT_TICKS are one multiplication by a power. Twin: offchain/protocol/burn_price.py.
@custom:invariant The price lies between the subnet's floor and cap.
"""

from contracts.modules import constants as c

# price of the first registration in a new subnet (Bittensor's DefaultNeuronBurnCost)
INITIAL_BURN_RAO: constant(uint256) = c.RAO_PER_TAO
# Bounds the gas of a registration, at 137 each. With the default numbers it takes 6,340 from the
# cap to the floor.
EXACT_TICKS: constant(uint256) = 8_192
# what most subnets keep: hardly anybody pays for the search
DEFAULT_HALF_LIFE: constant(uint256) = 360
DEFAULT_FACTOR: constant(uint256) = 4_286_705_684

_HALF: constant(uint256) = c.Q32_ONE // 2
_MAX_BITS: constant(uint256) = 64

# price after the latest sale 128 | its tick 128; 0 = nothing sold yet
_sales: HashMap[uint256, uint256]
# Q32 factor of a half-life, once somebody has paid for the search
_factors: HashMap[uint256, uint256]


@deploy
def __init__():
    """
    @notice The default half-life's factor is known.
    """
    self._factors[DEFAULT_HALF_LIFE] = DEFAULT_FACTOR


@internal
def _sell(
    life: uint256,
    sold_rao: uint256,
    tick: uint256,
    increase_ppm: uint256,
    least_rao: uint256,
    most_rao: uint256,
):
    """
    @notice Raise the price after a sale.
    """
    # rounds down, as Bittensor does
    raised_rao: uint256 = sold_rao * increase_ppm // c.PPM
    self._sales[life] = min(max(raised_rao, least_rao), most_rao) << 128 | tick


@internal
def _learn(half_life: uint256):
    """
    @notice Keep the factor of a half-life, so that the search is paid for once.
    """
    self._factors[half_life] = self._factor(half_life)


@internal
@view
def _quote(
    life: uint256,
    tick: uint256,
    created_tick: uint256,
    half_life: uint256,
    least_rao: uint256,
    most_rao: uint256,
) -> uint256:
    """
    @notice Price at a tick, in rao.
    """
    price_rao: uint256 = INITIAL_BURN_RAO
    since_tick: uint256 = created_tick
    sale: uint256 = self._sales[life]
    if sale != 0:
        price_rao = sale >> 128
        since_tick = sale & (2**128 - 1)
    factor: uint256 = self._factor(half_life)
    remaining: uint256 = tick - since_tick
    for _: uint256 in range(EXACT_TICKS):
        if remaining == 0 or price_rao <= least_rao:
            break
        # SAFETY: prices are below 2**64 and factors below 2**32. Rounds down.
        price_rao = unsafe_mul(price_rao, factor) >> 32
        remaining = unsafe_sub(remaining, 1)
    # rounds down
    price_rao = price_rao * self._power(factor, remaining) >> 32
    return min(max(price_rao, least_rao), most_rao)


@internal
@view
def _factor(half_life: uint256) -> uint256:
    """
    @notice Q32 factor of one tick.
    """
    factor: uint256 = self._factors[half_life]
    if factor == 0:
        factor = self._search(half_life)
    return factor


@internal
@pure
def _search(half_life: uint256) -> uint256:
    """
    @notice Largest factor below 1 whose half_life-th power is at most 1/2, by bisection.
    """
    low: uint256 = 0
    high: uint256 = c.Q32_ONE
    for _: uint256 in range(32):
        middle: uint256 = (low + high) // 2
        if self._power(middle, half_life) > _HALF:
            high = middle
        else:
            low = middle
    return low


@internal
@pure
def _power(base: uint256, exponent: uint256) -> uint256:
    """
    @notice base ** exponent in Q32 by squaring; every product rounds down.
    """
    result: uint256 = c.Q32_ONE
    square: uint256 = base
    remaining: uint256 = exponent
    for _: uint256 in range(_MAX_BITS):
        if remaining == 0:
            break
        # SAFETY: both are at most 2**32, so no product passes 2**64.
        if remaining & 1 == 1:
            result = unsafe_mul(result, square) >> 32
        square = unsafe_mul(square, square) >> 32
        remaining >>= 1
    return result
