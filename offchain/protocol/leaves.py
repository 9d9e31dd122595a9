# SPDX-License-Identifier: Apache-2.0
"""Leaves of cumulative payouts and paths to a root. Twin: contracts/modules/domains.vy, merkle.vy.

One leaf per uid, at position uid; the tree is full, its depth log2(max_uids). A leaf is hashed
twice, so its last preimage has 32 bytes and that of an inner node 64: neither passes for the other.
"""

from collections.abc import Sequence

from eth_abi.abi import encode

from offchain.protocol.domains import LEAF_DOMAIN, keccak
from offchain.protocol.errors import InvalidSubmission

MAX_DEPTH = 10


def leaf_prefix(chain_id: int, rewards: str, netuid: int) -> bytes:
    """What all leaves of a subnet share, 32 bytes; `rewards` is the address of Rewards."""
    types = ["bytes32", "uint256", "address", "uint256"]
    return keccak(encode(types, (LEAF_DOMAIN, chain_id, rewards, netuid)))


def leaf(prefix: bytes, registration_id: int, server_rao: int, validator_rao: int) -> bytes:
    """Leaf of one uid: its registration id and its two cumulative payouts in rao."""
    types = ["bytes32", "uint256", "uint256", "uint256"]
    return keccak(keccak(encode(types, (prefix, registration_id, server_rao, validator_rao))))


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The whole tree: leaves first, then each level above, the root alone in the last.

    Raises `InvalidSubmission` unless the number of leaves is a power of two, at most 2**10.
    """
    count = len(leaves)
    if count == 0 or count & (count - 1) or count > 2**MAX_DEPTH:
        raise InvalidSubmission(f"tree of {count} leaves: want a power of two, at most 2**10")
    tree = [list(leaves)]
    while len(tree[-1]) > 1:
        below = tree[-1]
        tree.append([keccak(below[i] + below[i + 1]) for i in range(0, len(below), 2)])
    return tree


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over one leaf per uid, 32 bytes."""
    return levels(leaves)[-1][0]


def path(tree: Sequence[Sequence[bytes]], position: int) -> list[bytes]:
    """Siblings from the leaf at `position` up; `tree` comes from `levels`.

    Raises `InvalidSubmission` for a position that the tree does not have.
    """
    if not 0 <= position < len(tree[0]):
        raise InvalidSubmission(f"position {position} in a tree of {len(tree[0])} leaves")
    return [level[(position >> height) ^ 1] for height, level in enumerate(tree[:-1])]


def root_from(leaf_hash: bytes, position: int, siblings: Sequence[bytes]) -> bytes:
    """Root that a leaf and its path lead to; the caller checks the length of the path."""
    node = leaf_hash
    for height, sibling in enumerate(siblings):
        node = keccak(sibling + node) if position >> height & 1 else keccak(node + sibling)
    return node
