# SPDX-License-Identifier: Apache-2.0
"""The consent that a hotkey signs, against eth-account's own reading of EIP-712."""

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from offchain.keys import Signer
from offchain.keys.consent import Registration, registration_digest, sign_registration

NEURONS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
COLDKEY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
HOTKEY = Signer(b"\x07" * 32)
DOMAIN = {"name": "Neurons", "version": "1", "chainId": 31337, "verifyingContract": NEURONS}


def typed(netuid: int, nonce: int) -> object:
    return encode_typed_data(
        domain_data=DOMAIN,
        message_types={
            "Register": [
                {"name": "netuid", "type": "uint256"},
                {"name": "hotkey", "type": "address"},
                {"name": "coldkey", "type": "address"},
                {"name": "nonce", "type": "uint256"},
            ]
        },
        message_data={
            "netuid": netuid,
            "hotkey": HOTKEY.address,
            "coldkey": COLDKEY,
            "nonce": nonce,
        },
    )


def test_digest__equals_what_eth_account_signs() -> None:
    message = typed(3, 9)
    digest = registration_digest(message.header, Registration(3, HOTKEY.address, COLDKEY, 9))
    assert digest == keccak(b"\x19\x01" + message.header + message.body)


def test_sign__recovers_to_the_hotkey_for_these_values_only() -> None:
    message = typed(3, 9)
    signature = sign_registration(HOTKEY, message.header, 3, COLDKEY, 9)
    assert Account.recover_message(message, signature=signature) == HOTKEY.address
    assert Account.recover_message(typed(3, 10), signature=signature) != HOTKEY.address
    assert Account.recover_message(typed(4, 9), signature=signature) != HOTKEY.address
