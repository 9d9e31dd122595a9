# SPDX-License-Identifier: Apache-2.0
"""The random numbers of Bittensor's published study, so that its very network can be drawn again.

Its test draws from Rust's `StdRng` (rand 0.8): ChaCha with 12 rounds, the key filled by a PCG32
from a 64-bit seed; u16 below 65,535 by widening multiplication; normals from two of them by Box
and Muller. Sources: RFC 8439 for the block function, the documentation of the crates rand and
rand_chacha 0.8 / 0.3, and `normal` in subtensor, pallets/subtensor/src/tests/consensus.rs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

_CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
_COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
_DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
_WORDS_PER_BLOCK = 16
_U64 = 2**64 - 1
_U16_RANGE = 65535
_REJECTED = 2**32 - 1
"""Low half of the product that would favour one value; one draw in 2**32 is taken again."""
_EPSILON = 1e-6
"""Keeps the logarithm finite; Bittensor's value."""


def key_from_seed(seed: int) -> list[int]:
    """Eight words of key from a 64-bit seed, as `SeedableRng::seed_from_u64` fills them."""
    state, words = seed, []
    for _ in range(8):
        state = state * 6364136223846793005 + 11634580027462260723 & _U64
        mixed = ((state >> 18 ^ state) >> 27) & 0xFFFFFFFF
        turn = state >> 59
        words.append((mixed >> turn | mixed << (32 - turn)) & 0xFFFFFFFF)
    return words


def chacha_words(key: list[int], count: int, rounds: int = 12) -> Words:
    """The first words of the stream with nonce 0, block counter from 0."""
    blocks = -(-count // _WORDS_PER_BLOCK)
    counter = np.arange(blocks, dtype=np.uint64)
    start = [np.full(blocks, word, np.uint32) for word in (*_CONSTANTS, *key)]
    start += [counter.astype(np.uint32), (counter >> np.uint64(32)).astype(np.uint32)]
    start += [np.zeros(blocks, np.uint32), np.zeros(blocks, np.uint32)]
    state = [word.copy() for word in start]
    for _ in range(rounds // 2):
        for quarter in (*_COLUMNS, *_DIAGONALS):
            _quarter_round(state, *quarter)
    mixed = [word + first for word, first in zip(state, start, strict=True)]
    words: Words = np.stack(mixed, axis=1).ravel()[:count]
    return words


class RustRandom:
    """A stream of `StdRng` with a 64-bit seed."""

    def __init__(self, seed: int, capacity: int) -> None:
        """`capacity`: how many words the stream holds at most."""
        words = chacha_words(key_from_seed(seed), capacity)
        products = words.astype(np.uint64) * np.uint64(_U16_RANGE)
        kept = products[(products & np.uint64(0xFFFFFFFF)) != np.uint64(_REJECTED)]
        self._numbers = (kept >> np.uint64(32)).astype(np.float64)
        self._next = 0

    def normal(self, size: int) -> NDArray[np.float64]:
        """`size` standard normals, each from one number of the first half and one of the second.

        Raises IndexError beyond the capacity.
        """
        numbers = self._numbers[self._next : self._next + 2 * size]
        if len(numbers) < 2 * size:
            raise IndexError(f"wanted {2 * size} numbers, {len(numbers)} are left")
        self._next += 2 * size
        first, second = np.split(numbers / _U16_RANGE + _EPSILON, 2)
        # above 1 by less than epsilon the logarithm is positive: no such root in theirs either
        drawn: NDArray[np.float64] = np.sqrt(np.maximum(-2.0 * np.log(first), 0.0)) * np.cos(
            2.0 * np.pi * second
        )
        return drawn


def _quarter_round(state: list[Words], a: int, b: int, c: int, d: int) -> None:
    for first, second, third, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[first] = state[first] + state[second]
        mixed = state[third] ^ state[first]
        state[third] = mixed << np.uint32(turn) | mixed >> np.uint32(32 - turn)
