# SPDX-License-Identifier: Apache-2.0
"""Packing: by hand, and back."""

import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from offchain.settlement.words import bitmap, pack_lanes, unpack_lanes, words_hash


def test_pack_lanes__first_value_on_top():
    assert pack_lanes([1, 2], 64) == (1 << 192 | 2 << 128,)
    assert pack_lanes([1] * 5, 64) == (sum(1 << 64 * lane for lane in range(4)), 1 << 192)
    assert pack_lanes([], 16) == ()


@given(st.sampled_from([1, 16, 32, 64, 128]), st.data())
def test_pack_lanes__unpacks_to_the_same(bits, data):
    values = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=40))
    assert unpack_lanes(pack_lanes(values, bits), bits, len(values)) == tuple(values)


def test_words_hash__bare_concatenation():
    assert words_hash([1, 2**256 - 1]) == keccak((1).to_bytes(32, "big") + b"\xff" * 32)
    assert words_hash([]) == keccak(b"")


@pytest.mark.parametrize("uid", [0, 1, 255, 256, 1_023])
def test_bitmap__uid_is_bit_255_less_uid_of_its_word(uid):
    words = bitmap([u == uid for u in range(1_024)])
    assert words[uid // 256] == 1 << 255 - uid % 256
    assert sum(map(bool, words)) == 1
