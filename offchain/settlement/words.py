# SPDX-License-Identifier: Apache-2.0
"""256-bit words: how lists of small integers are packed, and how words are hashed.

Lanes fill a word from the top, so that the first value has the highest bits; a last word that is
not full ends in zeros.
"""

from collections.abc import Iterable, Sequence

from offchain.protocol.domains import keccak

WORD_BITS = 256


def pack_lanes(values: Sequence[int], bits: int) -> tuple[int, ...]:
    """Values of `bits` bits each, 256 // bits to a word."""
    per_word = WORD_BITS // bits
    words = []
    for start in range(0, len(values), per_word):
        word = 0
        for lane, value in enumerate(values[start : start + per_word]):
            word |= value << (WORD_BITS - bits * (lane + 1))
        words.append(word)
    return tuple(words)


def unpack_lanes(words: Iterable[int], bits: int, count: int) -> tuple[int, ...]:
    """The first `count` values of packed words."""
    per_word, mask = WORD_BITS // bits, (1 << bits) - 1
    shifts = [WORD_BITS - bits * (lane + 1) for lane in range(per_word)]
    values = [word >> shift & mask for word in words for shift in shifts]
    return tuple(values[:count])


def words_bytes(words: Iterable[int]) -> bytes:
    """The bare concatenation of words."""
    return b"".join(word.to_bytes(32, "big") for word in words)


def words_hash(words: Iterable[int]) -> bytes:
    """keccak256 over the bare concatenation of words, 32 bytes."""
    return keccak(words_bytes(words))


def bitmap(flags: Sequence[bool], words: int = 4) -> tuple[int, ...]:
    """Flags of uids as `words` words, uid 0 in the highest bit of the first."""
    return tuple(pack_lanes([int(f) for f in flags], 1)) + (0,) * (words - -(-len(flags) // 256))
