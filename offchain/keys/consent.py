# SPDX-License-Identifier: Apache-2.0
"""What a hotkey signs so that a coldkey may register it (security B9), name it a subnet owner's, or
put it in a lost one's place.

`Register(uint256 netuid,address hotkey,address coldkey,uint256 nonce)` in the EIP-712 domain that
the `Neurons` contract states of itself, and `OwnSubnet(address hotkey,address owner,uint256 nonce)`
in that of `Subnets`, `TakePlace(address old_hotkey,address new_hotkey,address coldkey)` in that of
`Keys`, so that a consent is worth nothing on another chain, for another contract,
coldkey or subnet, or a second time.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_abi.abi import encode
from eth_hash.auto import keccak

from offchain.keys.signer import Signer

REGISTER_TYPE = "Register(uint256 netuid,address hotkey,address coldkey,uint256 nonce)"
_REGISTER_TYPE_HASH = keccak(REGISTER_TYPE.encode())
OWN_TYPE = "OwnSubnet(address hotkey,address owner,uint256 nonce)"
_OWN_TYPE_HASH = keccak(OWN_TYPE.encode())
PLACE_TYPE = "TakePlace(address old_hotkey,address new_hotkey,address coldkey)"
_PLACE_TYPE_HASH = keccak(PLACE_TYPE.encode())


@dataclass(frozen=True, slots=True)
class Registration:
    """What the hotkey agrees to. `nonce` is the hotkey's next one in `Neurons`."""

    netuid: int
    hotkey: str
    coldkey: str
    nonce: int


def registration_digest(domain_separator: bytes, registration: Registration) -> bytes:
    """The 32 bytes that the hotkey signs; `domain_separator` is what the contract says."""
    struct_hash = keccak(
        _REGISTER_TYPE_HASH
        + encode(
            ["uint256", "address", "address", "uint256"],
            [
                registration.netuid,
                registration.hotkey,
                registration.coldkey,
                registration.nonce,
            ],
        )
    )
    return keccak(b"\x19\x01" + domain_separator + struct_hash)


def sign_registration(
    hotkey: Signer, domain_separator: bytes, netuid: int, coldkey: str, nonce: int
) -> bytes:
    """The hotkey's consent, 65 bytes."""
    registration = Registration(netuid, hotkey.address, coldkey, nonce)
    return hotkey.sign_digest(registration_digest(domain_separator, registration))


def sign_owning(hotkey: Signer, domain_separator: bytes, owner: str, nonce: int) -> bytes:
    """The hotkey's consent to be the hotkey of `owner`'s subnet, 65 bytes."""
    types = ["address", "address", "uint256"]
    struct_hash = keccak(_OWN_TYPE_HASH + encode(types, [hotkey.address, owner, nonce]))
    return hotkey.sign_digest(keccak(b"\x19\x01" + domain_separator + struct_hash))


def sign_place(hotkey: Signer, domain_separator: bytes, old_hotkey: str, coldkey: str) -> bytes:
    """The new hotkey's consent to take an old one's place for this coldkey, 65 bytes."""
    fields = [old_hotkey, hotkey.address, coldkey]
    struct_hash = keccak(_PLACE_TYPE_HASH + encode(["address"] * 3, fields))
    return hotkey.sign_digest(keccak(b"\x19\x01" + domain_separator + struct_hash))
