# SPDX-License-Identifier: Apache-2.0
"""Keystores, signers and what keys consent to; the only package that ever holds a private key."""

from offchain.keys.errors import (
    KeyDamaged,
    KeyExists,
    KeyExposed,
    KeyLocked,
    KeyMissing,
    KeysError,
    PasswordWeak,
)
from offchain.keys.signer import Signer
from offchain.keys.store import KeyInfo, KeyStore

__all__ = [
    "KeyDamaged",
    "KeyExists",
    "KeyExposed",
    "KeyInfo",
    "KeyLocked",
    "KeyMissing",
    "KeyStore",
    "KeysError",
    "PasswordWeak",
    "Signer",
]
