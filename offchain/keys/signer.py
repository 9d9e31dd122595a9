# SPDX-License-Identifier: Apache-2.0
"""A key that signs and never shows itself: not in repr, not in logs, not in a pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NoReturn, Self

from coincurve import PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain.keys.errors import KeyDamaged


class Signer:
    """One private key in this process; also a hotkey in the sense of `offchain.wire`."""

    __slots__ = ("_account", "_key", "address", "name")

    def __init__(self, private_key: bytes, name: str = "") -> None:
        """`private_key` is 32 bytes; `name` is what the user calls it. Raises `KeyDamaged`."""
        try:
            if len(private_key) != 32:  # coincurve would pad it
                raise ValueError("length")
            self._key = PrivateKey(private_key)
        except (ValueError, TypeError):
            raise KeyDamaged(
                "the private key is not a number of 32 bytes below the curve's order",
                next_step="Import it again; nothing was stored.",
            ) from None
        self._account: LocalAccount = Account.from_key(private_key)
        self.address: str = self._account.address
        self.name = name

    @classmethod
    def random(cls, name: str = "") -> Self:
        """A new key from the system's randomness."""
        return cls(PrivateKey().secret, name)

    def sign_transaction(self, fields: Mapping[str, Any]) -> bytes:
        """The raw bytes of a transaction, ready for `eth_sendRawTransaction`.

        Signatures are deterministic (RFC 6979): equal fields give equal bytes and an equal hash.
        """
        return bytes(self._account.sign_transaction(dict(fields)).raw_transaction)

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r || s || v, v in (27, 28), low s, over a 32 byte digest."""
        if len(digest) != 32:
            raise KeyDamaged(f"cannot sign a digest of {len(digest)} bytes, wanted 32")
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((signature[64] + 27,))

    def to_keystore(
        self, password: str, kdf: Literal["pbkdf2", "scrypt"], iterations: int | None
    ) -> dict[str, Any]:
        """This key as a keystore of version 3, encrypted with `password`."""
        return dict(Account.encrypt(self._account.key, password, kdf=kdf, iterations=iterations))

    def __repr__(self) -> str:
        return f"Signer({self.name or 'unnamed'}, {self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signer holds a private key and is never pickled")
