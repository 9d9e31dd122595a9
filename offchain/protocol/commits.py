# SPDX-License-Identifier: Apache-2.0
"""The hash that a validator commits to. Twin: contracts/modules/domains.vy."""

from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode

from offchain.protocol.domains import COMMIT_DOMAIN, keccak
from offchain.protocol.errors import InvalidSubmission

SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Commitment:
    """Everything that a commit hash binds, beside row and salt."""

    chain_id: int
    weights: str  # address of Weights
    netuid: int
    epoch: int
    registration_id: int


def commit_hash(commitment: Commitment, row_hash: bytes, salt: bytes) -> bytes:
    """What goes on chain, 32 bytes. `row_hash` is that of the row as sent, unmasked.

    Raises `InvalidSubmission` for a salt that is not 32 bytes or is zero.
    """
    if len(salt) != SALT_BYTES or not any(salt):
        raise InvalidSubmission(f"salt of {len(salt)} bytes: want 32 bytes that are not all zero")
    types = ["bytes32", "uint256", "address", "uint256", "uint256", "uint256", "bytes32", "bytes32"]
    values = (
        COMMIT_DOMAIN,
        commitment.chain_id,
        commitment.weights,
        commitment.netuid,
        commitment.epoch,
        commitment.registration_id,
        row_hash,
        salt,
    )
    return keccak(encode(types, values))
