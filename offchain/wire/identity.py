# SPDX-License-Identifier: Apache-2.0
"""Who speaks: hotkeys, their signatures, and the EIP-712 domain of one deployment.

Signatures are 65 bytes r || s || v with low s and v in (27, 28), as Ethereum tools make them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from coincurve import PrivateKey, PublicKey
from eth_hash.auto import keccak
from eth_utils.address import to_canonical_address, to_checksum_address

from offchain.wire.errors import HandshakeError, WireConfigError

DOMAIN_NAME = "evmtensor"
_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,uint256 chainId,address verifyingContract)")
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_ZERO = bytes(20)


class Hotkey(Protocol):
    """What this package needs of a key: its address, and a signature over 32 bytes."""

    @property
    def address(self) -> str: ...

    def sign_digest(self, digest: bytes) -> bytes: ...


class LocalHotkey:
    """A hotkey held in this process."""

    def __init__(self, private_key: bytes) -> None:
        if len(private_key) != 32:
            raise WireConfigError(f"hotkey: got {len(private_key)} bytes of key, wanted 32")
        self._key = PrivateKey(private_key)
        self.address = _address_of(self._key.public_key)

    @classmethod
    def from_account(cls, account: Any) -> "LocalHotkey":
        """The same key as an eth-account `LocalAccount`."""
        return cls(bytes(account.key))

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r || s || v over a 32 byte digest; libsecp256k1 always returns the low s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((signature[64] + 27,))

    def __repr__(self) -> str:
        return f"LocalHotkey({self.address})"


def recover(digest: bytes, signature: bytes) -> str:
    """The checksummed address that signed `digest`; HandshakeError for anything but one canonical
    signature.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise HandshakeError(f"signature: got {len(signature)} bytes, wanted 65 with v 27 or 28")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise HandshakeError("signature: s is in the upper half, wanted the canonical low s")
    compact = signature[:64] + bytes((signature[64] - 27,))
    try:
        public_key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception for an unrecoverable signature
        raise HandshakeError("signature: no key recovers from it") from error
    return _address_of(public_key)


def address_bytes(address: str) -> bytes:
    """20 bytes of a hexadecimal address; WireConfigError if it is none."""
    try:
        return to_canonical_address(address)
    except (ValueError, TypeError) as error:
        raise WireConfigError(
            f"address: got {address!r}, wanted 20 bytes in hexadecimal"
        ) from error


def address_text(address: bytes) -> str:
    """Checksummed text of 20 bytes."""
    return to_checksum_address(address)


@dataclass(frozen=True)
class Domain:
    """One deployment: everything signed here is worthless in any other.

    `verifying_contract` is the address of this deployment's `Neurons`.
    """

    chain_id: int
    verifying_contract: str

    @cached_property
    def separator(self) -> bytes:
        """EIP-712 domain separator of (name, chainId, verifyingContract)."""
        return keccak(
            _DOMAIN_TYPE
            + keccak(DOMAIN_NAME.encode())
            + word(self.chain_id)
            + word(address_bytes(self.verifying_contract))
        )

    def digest(self, struct_hash: bytes) -> bytes:
        """The 32 bytes that are signed for an EIP-712 struct."""
        return keccak(b"\x19\x01" + self.separator + struct_hash)


def word(value: int | bytes) -> bytes:
    """One ABI word: integers and addresses are right-aligned."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def _address_of(public_key: PublicKey) -> str:
    return to_checksum_address(keccak(public_key.format(compressed=False)[1:])[12:])
