# SPDX-License-Identifier: Apache-2.0
"""Rust's random numbers: published test vectors of the cipher, then the shape of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.lab.rust_random import RustRandom, chacha_words, key_from_seed

ZERO_KEY = [0] * 8


def keystream(rounds: int, words: int) -> str:
    return chacha_words(ZERO_KEY, words, rounds).astype("<u4").tobytes().hex()


def test_chacha_words__twenty_rounds__are_those_of_rfc_8439() -> None:
    # appendix A.1, test vectors 1 and 2: zero key, blocks 0 and 1
    stream = keystream(20, 32)
    assert stream.startswith("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7")
    assert stream[128:].startswith("9f07e7be5551387a98ba977c732d080d")


def test_chacha_words__twelve_rounds__are_those_of_the_draft_vectors() -> None:
    # draft-strombergson-chacha-test-vectors, TC1, 256-bit key, 12 rounds
    assert keystream(12, 4) == "9bf49a6a0755f953811fce125f2683d5"


def test_chacha_words__fewer_words__are_a_prefix() -> None:
    assert chacha_words(ZERO_KEY, 50)[:17].tolist() == chacha_words(ZERO_KEY, 17).tolist()


def test_key_from_seed__first_step__by_hand() -> None:
    # state 0 becomes the increment; xorshift and rotation of PCG32 on it
    state = 11634580027462260723
    mixed = ((state >> 18 ^ state) >> 27) & 0xFFFFFFFF
    turn = state >> 59
    wanted = (mixed >> turn | mixed << 32 - turn) & 0xFFFFFFFF
    assert key_from_seed(0)[0] == wanted
    assert len(set(key_from_seed(0)) | set(key_from_seed(1))) == 16


def test_normal__many__is_standard_and_goes_on_where_it_stopped() -> None:
    drawn = RustRandom(0, 40_100).normal(20_000)
    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - 1.0) < 0.03
    stream = RustRandom(0, 100)
    first, second = stream.normal(10), stream.normal(10)
    assert not np.array_equal(first, second)
    assert np.array_equal(RustRandom(0, 200).normal(10), first)


def test_normal__beyond_the_capacity__is_refused() -> None:
    with pytest.raises(IndexError, match="wanted 40 numbers, 16 are left"):
        RustRandom(0, 16).normal(20)
