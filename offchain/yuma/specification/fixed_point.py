# SPDX-License-Identifier: Apache-2.0
"""Numbers with 32 fractional bits (Q32), held in plain integers, with the rounding of Bittensor's
I32F32.
"""

from __future__ import annotations

from collections.abc import Sequence

FRACTION_BITS = 32
ONE = 1 << FRACTION_BITS
HALF = ONE // 2
U16_MAX = 65535
PPM = 1_000_000

E_BITS = 11674931200
"""e as the library knows it: cut to 23 fractional bits."""
EXP_LIMIT = 20 * ONE
EXP_LAST_TERM = 31
"""The series has one term per fractional bit but the first."""


def multiply(a: int, b: int) -> int:
    """a * b in Q32, rounded toward minus infinity."""
    return (a * b) >> FRACTION_BITS


def divide(a: int, b: int) -> int:
    """a / b in Q32, truncated toward zero; 0 when b is 0."""
    if b == 0:
        return 0
    quotient = (abs(a) << FRACTION_BITS) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def clamp(value: int, low: int, high: int) -> int:
    """`value` moved into [low, high]; `low` wins if they cross."""
    return max(min(value, high), low)


def normalize(values: Sequence[int]) -> tuple[int, ...]:
    """Each value divided by the sum of all; unchanged if the sum is 0. Rounds down, so the result
    adds up to at most 1.
    """
    total = sum(values)
    if total == 0:
        return tuple(values)
    return tuple(divide(value, total) for value in values)


def from_u16(value: int) -> int:
    """value / 65535 in Q32, rounded down."""
    return (value << FRACTION_BITS) // U16_MAX


def to_u16(bits: int) -> int:
    """The stored form of a number in [0, 1], rounded down: one half becomes 32767."""
    return (bits * U16_MAX) >> FRACTION_BITS


def exp(x: int) -> int:
    """e ** x for Q32 x, as substrate-fixed computes it: a truncated series, its reciprocal for
    negative x.

    x is first clamped to [-20, 20]. Bits of the result are part of consensus, so a better
    exponential would be wrong.
    """
    x = clamp(x, -EXP_LIMIT, EXP_LIMIT)
    magnitude = abs(x)
    if magnitude == 0:
        return ONE
    if magnitude == ONE:
        total = E_BITS
    else:
        total = ONE + magnitude
        term = magnitude
        for i in range(2, EXP_LAST_TERM + 1):
            term = multiply(term, magnitude) // i
            total += term
    return divide(ONE, total) if x < 0 else total
