# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Merkle
@license AGPL-3.0-only
@notice Paths of an exact depth, bound to the position of the leaf: bit i of the position says
        whether the node at level i is the right child. Twin: offchain/protocol/leaves.py.
"""

MAX_DEPTH: constant(uint256) = 10  # 1,024 uids


@internal
@pure
def _root_from(leaf: bytes32, position: uint256, path: DynArray[bytes32, MAX_DEPTH]) -> bytes32:
    """
    @notice Root that a leaf and its path lead to.
    @dev The caller checks that the path has the depth of the tree and that position < 2**depth.
    """
    node: bytes32 = leaf
    bits: uint256 = position
    for sibling: bytes32 in path:
        # as in `_node`, which would cost a quarter more here
        if bits & 1 == 0:
            node = keccak256(abi_encode(node, sibling))
        else:
            node = keccak256(abi_encode(sibling, node))
        bits >>= 1
    return node


@internal
@pure
def _node(left: bytes32, right: bytes32) -> bytes32:
    """
    @notice Inner node over two children.
    """
    return keccak256(abi_encode(left, right))
