# SPDX-License-Identifier: Apache-2.0
"""rows, merkle and domains of contracts/modules against their Python twins."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.protocol import leaves
from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.domains import keccak
from offchain.protocol.rows import blank_column, pack_row, row_hash, row_sum
from tests.contracts.deployment import compiled, seeded

COLUMNS = (16, 32, 64, 128, 256, 512, 1024)
HARNESS = "mocks/RowsHarness"


@pytest.fixture(scope="module")
def harness() -> Any:
    return compiled("RowsHarness").deploy()


def example_row(columns: int) -> bytes:
    return pack_row([(7 + 40_503 * i) % 65_536 for i in range(columns)])


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("row_of", [example_row, lambda n: bytes(2 * n), lambda n: b"\xff" * 2 * n])
def test_rows__every_size_empty_mixed_and_full__equal_the_twin(
    harness: Any, columns: int, row_of: Any
) -> None:
    row = row_of(columns)
    assert harness.row_hash(row) == row_hash(row)
    assert harness.row_sum(row) == row_sum(row)
    for uid in (0, 1, columns // 2, columns - 1):
        assert harness.blank(row, uid) == blank_column(row, uid)


@settings(deadline=None, max_examples=50)
@given(weights=st.lists(st.integers(0, 65_535), min_size=64, max_size=64), uid=st.integers(0, 63))
def test_rows__any_row__equal_the_twin(harness: Any, weights: list[int], uid: int) -> None:
    row = pack_row(weights)
    assert harness.row_hash(row) == row_hash(row)
    assert harness.row_sum(row) == row_sum(row)
    assert harness.blank(row, uid) == blank_column(row, uid)


@pytest.mark.soundness
@pytest.mark.parametrize(
    "bug",
    [
        ("modules/rows.vy", "+ ((word >> 16) & ODD_COLUMNS)", "+ ((word >> 16) & LANE_SUM)"),
        (
            "modules/rows.vy",
            "slice(row, i * CHUNK_BYTES, CHUNK_BYTES)",
            "slice(row, 0, CHUNK_BYTES)",
        ),
        ("modules/rows.vy", "start: uint256 = 2 * column", "start: uint256 = column"),
    ],
)
def test_rows__seeded_bug__differs_from_the_twin(bug: tuple[str, str, str]) -> None:
    broken = seeded(HARNESS, bug).deploy()
    row = example_row(256)
    same = (
        broken.row_hash(row) == row_hash(row)
        and broken.row_sum(row) == row_sum(row)
        and broken.blank(row, 100) == blank_column(row, 100)
    )
    assert not same


def test_commit_hash__own_address_and_chain__equals_the_twin(harness: Any) -> None:
    chain_id = boa.env.evm.chain.chain_id
    commitment = Commitment(chain_id, str(harness.address), 3, 9, 3 << 64 | 5 << 48 | 2)
    want = commit_hash(commitment, b"\5" * 32, b"\6" * 32)
    got = harness.commit_hash(3, 9, commitment.registration_id, b"\5" * 32, b"\6" * 32)
    assert got == want


def test_leaf__prefix_and_leaf__equal_the_twin(harness: Any) -> None:
    rewards = str(boa.env.generate_address())
    prefix = leaves.leaf_prefix(boa.env.evm.chain.chain_id, rewards, 3)
    assert harness.leaf_prefix(rewards, 3) == prefix
    assert harness.leaf(prefix, 3 << 64 | 1, 7, 8) == leaves.leaf(prefix, 3 << 64 | 1, 7, 8)


@pytest.mark.parametrize("depth", [0, 4, 8, 10])
def test_merkle__every_depth__path_leads_to_the_root(harness: Any, depth: int) -> None:
    tree = leaves.levels([keccak(i.to_bytes(4, "big")) for i in range(2**depth)])
    for position in {0, 2**depth - 1, 2**depth // 3}:
        siblings = leaves.path(tree, position)
        assert harness.root_from(tree[0][position], position, siblings) == tree[-1][0]
        other = position ^ 1
        if depth:
            assert harness.root_from(tree[0][position], other, siblings) != tree[-1][0]
