# SPDX-License-Identifier: Apache-2.0
"""Leaves and paths: positions, depths, domains."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.domains import keccak
from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.leaves import leaf, leaf_prefix, levels, path, root, root_from

REWARDS = "0x" + "44" * 20
PREFIX = leaf_prefix(31337, REWARDS, 1)


def tree_of(count: int) -> list[list[bytes]]:
    return levels([keccak(i.to_bytes(4, "big")) for i in range(count)])


def test_leaf__known_values__is_this_one() -> None:
    """Pinned: a changed encoding would make every old root unclaimable."""
    assert (
        leaf(PREFIX, 1 << 64 | 3 << 48 | 1, 10**9, 5).hex()
        == "272d22ec4d3b1bcddc185c952d116636e73fcd75c1847f99eb993555b6ac4e9c"
    )


@pytest.mark.parametrize(
    "other",
    [
        leaf_prefix(1, REWARDS, 1),
        leaf_prefix(31337, "0x" + "45" * 20, 1),
        leaf_prefix(31337, REWARDS, 2),
    ],
)
def test_G4_leaf__other_chain_contract_or_subnet__differs(other: bytes) -> None:
    assert leaf(other, 1, 2, 3) != leaf(PREFIX, 1, 2, 3)


@given(st.sampled_from([1, 2, 16, 64]), st.data())
def test_path__every_position__leads_to_the_root(count: int, data: st.DataObject) -> None:
    tree = tree_of(count)
    position = data.draw(st.integers(0, count - 1))
    assert root_from(tree[0][position], position, path(tree, position)) == tree[-1][0]


def test_path__other_position__leads_elsewhere() -> None:
    tree = tree_of(16)
    for position in range(16):
        siblings = path(tree, position)
        reached = {
            root_from(tree[0][position], other, siblings)
            for other in range(16)
            if other != position
        }
        assert tree[-1][0] not in reached


def test_G1_leaf__as_preimage_of_an_inner_node__never_meets_one() -> None:
    """A leaf is the hash of 32 bytes, an inner node that of 64: no tuple encodes to two nodes."""
    rng = random.Random(1)
    leaves = [leaf(PREFIX, rng.getrandbits(80), rng.getrandbits(60), 0) for _ in range(1024)]
    inner = {node for level in levels(leaves)[1:] for node in level}
    assert not inner & set(leaves)
    left, right = leaves[:2]
    assert keccak(left + right) in inner
    assert leaf(left, int.from_bytes(right, "big"), 0, 0) not in inner


@pytest.mark.parametrize("count", [0, 3, 15, 2048])
def test_levels__not_a_power_of_two__is_refused(count: int) -> None:
    with pytest.raises(InvalidSubmission, match=f"{count} leaves"):
        levels([bytes(32)] * count)


@pytest.mark.parametrize("position", [-1, 16])
def test_path__position_beyond_the_tree__is_refused(position: int) -> None:
    with pytest.raises(InvalidSubmission, match=f"position {position}"):
        path(tree_of(16), position)


def test_root__single_leaf__is_the_leaf() -> None:
    assert root([PREFIX]) == PREFIX
