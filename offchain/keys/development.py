# SPDX-License-Identifier: Apache-2.0
"""The accounts of local chains: everybody knows them, so they sign on throw-away chains only."""

from __future__ import annotations

from functools import cache

from eth_account import Account

from offchain.keys.errors import DevKeyRefused
from offchain.keys.signer import Signer

MNEMONIC = "test test test test test test test test test test test junk"
PREFIX = "dev:"
LOCAL_CHAIN_IDS = frozenset({31_337, 1_337})  # Anvil, Ganache
MAX_INDEX = 999


def is_development(reference: str) -> bool:
    """Whether a key's name means a test account: `dev:0`, `dev:1`, ..."""
    return reference.startswith(PREFIX)


def development_signer(reference: str, chain_id: int) -> Signer:
    """The signer of `dev:<index>`; raises `DevKeyRefused` unless `chain_id` is a local chain's."""
    index = reference.removeprefix(PREFIX)
    if not index.isdecimal() or int(index) > MAX_INDEX:
        raise DevKeyRefused(
            f"{reference!r} is not a test account", next_step="Use dev:0, dev:1, and so on."
        )
    if chain_id not in LOCAL_CHAIN_IDS:
        raise DevKeyRefused(
            f"{reference} is public and chain {chain_id} is not a local chain",
            next_step="Create a key of your own with `evmtensor wallet create NAME`.",
        )
    return Signer(_private_key(int(index)), reference)


@cache
def _private_key(index: int) -> bytes:
    Account.enable_unaudited_hdwallet_features()  # the audited path does not know mnemonics
    return bytes(Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}").key)
