# SPDX-License-Identifier: Apache-2.0
"""Rows of weights: packing, mask, sum, chunked hash, blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.domains import keccak
from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.rows import (
    blank_column,
    block_word,
    pack_row,
    row_chunks,
    row_hash,
    row_sum,
    unpack_row,
)

COLUMNS = (16, 32, 64, 128, 256, 512, 1024)


def weights(columns: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 65_535), min_size=columns, max_size=columns)


any_weights = st.sampled_from(COLUMNS[:4]).flatmap(weights)


def test_pack_row__by_hand__is_big_endian_by_uid() -> None:
    row = pack_row([1, 0x0203, 65_535] + [0] * 13)
    assert row == bytes.fromhex("00010203ffff") + bytes(26)


@given(any_weights)
def test_unpack_row__packed__gives_the_weights_back(row: list[int]) -> None:
    assert unpack_row(pack_row(row)) == row


@pytest.mark.parametrize("columns", [0, 1, 15, 17, 24, 48, 2048])
def test_pack_row__columns_that_no_subnet_has__is_refused(columns: int) -> None:
    with pytest.raises(InvalidSubmission, match=f"{columns} columns"):
        pack_row([0] * columns)


@pytest.mark.parametrize("weight", [-1, 65_536])
def test_pack_row__weight_outside_u16__names_the_uid(weight: int) -> None:
    with pytest.raises(InvalidSubmission, match=f"uid 3: got {weight}"):
        pack_row([0, 0, 0, weight] + [0] * 12)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 30, 34, 4096])
def test_unpack_row__wrong_length__is_refused(size: int) -> None:
    with pytest.raises(InvalidSubmission):
        unpack_row(bytes(size))


@given(any_weights, st.data())
def test_blank_column__any_uid__changes_only_that_weight(
    row: list[int], data: st.DataObject
) -> None:
    uid = data.draw(st.integers(0, len(row) - 1))
    assert unpack_row(blank_column(pack_row(row), uid)) == row[:uid] + [0] + row[uid + 1 :]


@pytest.mark.parametrize("uid", [-1, 16])
def test_blank_column__uid_beyond_the_row__is_refused(uid: int) -> None:
    with pytest.raises(InvalidSubmission, match=f"uid {uid}"):
        blank_column(bytes(32), uid)


@given(any_weights)
def test_row_sum__any_row__is_the_sum(row: list[int]) -> None:
    assert row_sum(pack_row(row)) == sum(row)


@pytest.mark.parametrize(("columns", "chunks"), [(16, 1), (32, 1), (64, 1), (128, 2), (1024, 16)])
def test_row_chunks__every_size__has_at_most_64_columns_each(columns: int, chunks: int) -> None:
    row = pack_row(list(range(1, columns + 1)))
    assert [len(chunk) for chunk in row_chunks(row)] == [2 * min(64, columns)] * chunks
    assert b"".join(row_chunks(row)) == row


def test_row_hash__two_chunks__is_the_hash_over_their_hashes() -> None:
    row = pack_row(list(range(128)))
    assert row_hash(row) == keccak(keccak(row[:128]) + keccak(row[128:]))
    assert row_hash(row[:32]) == keccak(keccak(row[:32]))


def test_block_word__second_block__has_its_first_column_on_top() -> None:
    row = pack_row(list(range(32)))
    assert block_word(row, 1) >> 240 == 16
    assert block_word(row, 1) & 0xFFFF == 31
    with pytest.raises(InvalidSubmission, match="block 2"):
        block_word(row, 2)
