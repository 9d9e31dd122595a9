# SPDX-License-Identifier: Apache-2.0
"""Domain strings of commits and leaves, and the one hash. Twin: contracts/modules/domains.vy."""

from typing import Final

from eth_hash.auto import keccak

COMMIT_DOMAIN: Final = keccak(b"evmtensor.commit.v1")
LEAF_DOMAIN: Final = keccak(b"evmtensor.leaf.v1")

__all__ = ["COMMIT_DOMAIN", "LEAF_DOMAIN", "keccak"]
