# SPDX-License-Identifier: Apache-2.0
"""Price of a registration: it decays by half-lives and jumps with every sale (mechanics 5.2).

Twin of `contracts/modules/burn_price.vy`. Bittensor multiplies by the factor once per block and
rounds down each time; here n ticks are one multiplication by the n-th power, so that nobody has to
act in between (1e9 rao after one half-life of 360: 499,999,972 instead of 499,999,865).
"""

from __future__ import annotations

from offchain.protocol.identifiers import PPM, RAO_PER_TAO, Rao

Q32_ONE = 1 << 32
_HALF = 1 << 31

# Price of the first registration in a new subnet (Bittensor's DefaultNeuronBurnCost).
INITIAL_BURN_RAO = RAO_PER_TAO


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
    """A price after some ticks without a sale, clamped to [least, most]; rounds down."""
    power = pow_q32(decay_factor_q32(half_life), elapsed_ticks)
    return _clamped(price_rao * power >> 32, least, most)


def raised_rao(price_rao: int, increase_ppm: int, least: int, most: int) -> Rao:
    """A price after a sale at it, clamped to [least, most]; rounds down."""
    return _clamped(price_rao * increase_ppm // PPM, least, most)


def _clamped(price_rao: int, least: int, most: int) -> Rao:
    return Rao(min(max(price_rao, least), most))
