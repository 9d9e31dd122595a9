# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Consent
@license AGPL-3.0-only
@notice Whether a key signed something for this chain and this contract (EIP-712). As snekmate's
        domain separator without what that keeps in immutables, for a contract that has no room.
@custom:invariant A signature is worth nothing on another chain or for another contract: the domain
        is computed at every call.
"""

from snekmate.utils import ecdsa

_DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_VERSION_HASH: constant(bytes32) = keccak256("1")


@internal
@view
def _domain_separator(name_hash: bytes32) -> bytes32:
    """
    @notice Hash of the domain of the contract with this hash of its name, version 1.
    """
    return keccak256(abi_encode(_DOMAIN_TYPE, name_hash, _VERSION_HASH, chain.id, self))


@internal
@view
def _has_signed(
    signer: address, name_hash: bytes32, struct_hash: bytes32, signature: Bytes[65]
) -> bool:
    """
    @notice Whether a key signed a struct in the domain of the contract of this name.
    @dev SAFETY: a signature of odd length recovers to zero, which is nobody's key.
    """
    digest: bytes32 = keccak256(
        concat(x"1901", self._domain_separator(name_hash), struct_hash)
    )
    return signer != empty(address) and ecdsa._recover_sig(digest, signature) == signer
