# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
"""
@title Rows harness
@license AGPL-3.0-only
@notice Only for tests: the internals of rows, merkle and domains.
"""

from contracts.modules import domains
from contracts.modules import merkle
from contracts.modules import rows


@external
@view
def row_hash(row: Bytes[2048]) -> bytes32:
    return rows._hash(row)


@external
@view
def blank(row: Bytes[2048], column: uint256) -> Bytes[2048]:
    return rows._blank(row, column)


@external
@view
def row_sum(row: Bytes[2048]) -> uint256:
    return rows._sum(row)


@external
@view
def root_from(leaf: bytes32, position: uint256, path: DynArray[bytes32, 10]) -> bytes32:
    return merkle._root_from(leaf, position, path)


@external
@view
def commit_hash(
    netuid: uint256, epoch: uint256, registration_id: uint256, row_hash: bytes32, salt: bytes32
) -> bytes32:
    return domains._commit_hash(netuid, epoch, registration_id, row_hash, salt)


@external
@view
def leaf_prefix(rewards: address, netuid: uint256) -> bytes32:
    return domains._leaf_prefix(rewards, netuid)


@external
@view
def leaf(prefix: bytes32, registration_id: uint256, server: uint256, validator: uint256) -> bytes32:
    return domains._leaf(prefix, registration_id, server, validator)
