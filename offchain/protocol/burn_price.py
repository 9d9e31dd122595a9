# SPDX-License-Identifier: Apache-2.0
"""Price of a registration: it decays by half-lives and jumps with every sale (mechanics 5.2).

Twin of `contracts/modules/burn_price.vy`. As in Bittensor the price is multiplied by the factor and
rounded down once per tick, but nobody has to act in between: the multiplications are made when
somebody asks. Ticks after the first EXACT_TICKS are one multiplication by a power, which bounds the
gas of a registration; with the default parameters the price is at its floor long before.
"""

from __future__ import annotations

from offchain.protocol.identifiers import PPM, RAO_PER_TAO, Rao

Q32_ONE = 1 << 32
_HALF = 1 << 31

# Price of the first registration in a new subnet (Bittensor's DefaultNeuronBurnCost).
INITIAL_BURN_RAO = RAO_PER_TAO
# Ticks since the last sale that are computed one by one.
EXACT_TICKS = 8_192


def pow_q32(base: int, exponent: int) -> int:
    """base ** exponent in Q32 by squaring; every product rounds down."""
    result = Q32_ONE
    while exponent > 0:
        if exponent & 1:
            result = result * base >> 32
        exponent >>= 1
        base = base * base >> 32
    return result


def decay_factor_q32(half_life: int) -> int:
    """Largest f below 1 (Q32) with pow_q32(f, half_life) <= 1/2; half_life in ticks, at least 1."""
    low, high = 0, Q32_ONE
    while low + 1 < high:
        middle = (low + high) // 2
        if pow_q32(middle, half_life) > _HALF:
            high = middle
        else:
            low = middle
    return low


def decayed_rao(price_rao: int, elapsed_ticks: int, half_life: int, least: int, most: int) -> Rao:
    """A price after some ticks without a sale, clamped to [least, most]; rounds down every tick,
    and once for all ticks after EXACT_TICKS.
    """
    factor, remaining = decay_factor_q32(half_life), elapsed_ticks
    for _ in range(EXACT_TICKS):
        if remaining == 0 or price_rao <= least:
            break
        price_rao = price_rao * factor >> 32
        remaining -= 1
    return _clamped(price_rao * pow_q32(factor, remaining) >> 32, least, most)


def raised_rao(price_rao: int, increase_ppm: int, least: int, most: int) -> Rao:
    """A price after a sale at it, clamped to [least, most]; rounds down."""
    return _clamped(price_rao * increase_ppm // PPM, least, most)


def _clamped(price_rao: int, least: int, most: int) -> Rao:
    return Rao(min(max(price_rao, least), most))
