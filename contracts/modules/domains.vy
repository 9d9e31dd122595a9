# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Domains
@license AGPL-3.0-only
@notice Hashes of commits and of leaves. Each names its kind, chain, contract and subnet, so that it
        is worth nothing anywhere else. Twin: offchain/protocol/domains.py, commits.py, leaves.py.
"""

COMMIT_DOMAIN: constant(bytes32) = keccak256("evmtensor.commit.v1")
LEAF_DOMAIN: constant(bytes32) = keccak256("evmtensor.leaf.v1")


@internal
@view
def _commit_hash(
    netuid: uint256, epoch: uint256, registration_id: uint256, row_hash: bytes32, salt: bytes32
) -> bytes32:
    """
    @notice Hash that a validator commits to; row_hash is that of the row as sent.
    """
    return keccak256(
        abi_encode(
            COMMIT_DOMAIN, chain.id, self, netuid, epoch, registration_id, row_hash, salt
        )
    )


@internal
@view
def _leaf_prefix(rewards: address, netuid: uint256) -> bytes32:
    """
    @notice What all leaves of a subnet share.
    """
    return keccak256(abi_encode(LEAF_DOMAIN, chain.id, rewards, netuid))


@internal
@pure
def _leaf(
    prefix: bytes32,
    registration_id: uint256,
    server_cumulative_rao: uint256,
    validator_cumulative_rao: uint256,
) -> bytes32:
    """
    @notice Leaf of one uid.
    @dev Hashed twice: its last preimage has 32 bytes, that of an inner node has 64, so neither
         passes for the other.
    """
    return keccak256(
        keccak256(
            abi_encode(
                prefix, registration_id, server_cumulative_rao, validator_cumulative_rao
            )
        )
    )
