# SPDX-License-Identifier: Apache-2.0
"""Votes that somebody else sends, by EIP-712: for one chain, contract, proposal, voter, once."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_account.messages import encode_typed_data

from tests.contracts import life
from tests.contracts.deployment import RAO, role_address
from tests.contracts.Governor.assembly import (
    AGAINST,
    FAVOUR,
    HOTKEY,
    OTHER_HOTKEY,
    Assembly,
    hotkey_list,
)

VOTER = life.key("voter")
RELAY = role_address("relay")
BALLOT = {
    "proposalId": "uint256",
    "support": "uint8",
    "voter": "address",
    "nonce": "uint256",
}
EXTENDED = BALLOT | {"reason": "string", "params": "bytes"}


@pytest.fixture
def number(assembly: Assembly) -> int:
    """An open proposal; the voter has 9 TAO behind each hotkey."""
    for hotkey in (HOTKEY, OTHER_HOTKEY):
        assembly.stake(hotkey, VOTER.address, 9 * RAO)
    assembly.governor.set_hotkeys([HOTKEY], sender=VOTER.address)
    return assembly.opened()


def sign(assembly: Assembly, message: dict[str, Any], **domain: Any) -> bytes:
    kind = "ExtendedBallot" if "params" in message else "Ballot"
    fields = EXTENDED if kind == "ExtendedBallot" else BALLOT
    own = {
        "name": "evmtensor Governor",
        "version": "1",
        "chainId": boa.env.evm.patch.chain_id,
        "verifyingContract": assembly.governor.address,
    }
    types = {kind: [{"name": name, "type": kind_} for name, kind_ in fields.items()]}
    signable = encode_typed_data(own | domain, types, message)
    return bytes(VOTER.sign_message(signable).signature)


def ballot(number: int, **changed: Any) -> dict[str, Any]:
    message = {"proposalId": number, "support": FAVOUR, "voter": VOTER.address, "nonce": 0}
    return message | changed


def test_vote_by_signature__counts_for_the_signer(assembly: Assembly, number: int) -> None:
    signature = sign(assembly, ballot(number))
    governor = assembly.governor
    weight = governor.castVoteBySig(number, FAVOUR, VOTER.address, signature, sender=RELAY)
    assert weight == 9 * RAO
    assert assembly.tally(number) == (0, 9 * RAO, 0)
    assert governor.hasVoted(number, VOTER.address)
    assert not governor.hasVoted(number, RELAY)
    assert governor.nonces(VOTER.address) == 1


def test_vote_by_signature__with_reason_and_hotkeys(assembly: Assembly, number: int) -> None:
    params = hotkey_list(HOTKEY, OTHER_HOTKEY)
    signature = sign(assembly, ballot(number, reason="because", params=params))
    call = (number, FAVOUR, VOTER.address, "because", params, signature)
    assert assembly.governor.castVoteWithReasonAndParamsBySig(*call, sender=RELAY) == 18 * RAO
    for other in (
        (number, FAVOUR, VOTER.address, "because", b"", signature),
        (number, FAVOUR, VOTER.address, "so", params, signature),
        call,
    ):
        with boa.reverts("governor: not signed"):
            assembly.governor.castVoteWithReasonAndParamsBySig(*other, sender=RELAY)


def test_vote_by_signature__again__reverts(assembly: Assembly, number: int) -> None:
    signature = sign(assembly, ballot(number))
    assembly.governor.castVoteBySig(number, FAVOUR, VOTER.address, signature, sender=RELAY)
    with boa.reverts("governor: not signed"):
        assembly.governor.castVoteBySig(number, FAVOUR, VOTER.address, signature, sender=RELAY)


@pytest.mark.parametrize(
    ("message", "domain"),
    [
        ({"support": AGAINST}, {}),
        ({"proposalId": 7}, {}),
        ({"voter": RELAY}, {}),
        ({"nonce": 1}, {}),
        ({}, {"chainId": 2**31}),
        ({}, {"verifyingContract": RELAY}),
        ({}, {"name": "another"}),
        ({}, {"version": "2"}),
    ],
)
def test_vote_by_signature__for_something_else__reverts(
    assembly: Assembly, number: int, message: dict[str, Any], domain: dict[str, Any]
) -> None:
    signature = sign(assembly, ballot(number, **message), **domain)
    with boa.reverts("governor: not signed"):
        assembly.governor.castVoteBySig(number, FAVOUR, VOTER.address, signature, sender=RELAY)


def compact(signature: bytes) -> bytes:
    """EIP-2098: the parity of v is the highest bit of s."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    return r + (s | (v - 27) << 255).to_bytes(32, "big")


def test_vote_by_signature__compact__counts_once(assembly: Assembly, number: int) -> None:
    signature = sign(assembly, ballot(number))
    call = (number, FAVOUR, VOTER.address)
    assembly.governor.castVoteBySig(*call, compact(signature), sender=RELAY)
    for again in (signature, compact(signature)):
        with boa.reverts("governor: not signed"):
            assembly.governor.castVoteBySig(*call, again, sender=RELAY)


def test_vote_by_signature__nonsense_or_nobody__reverts(assembly: Assembly, number: int) -> None:
    good = sign(assembly, ballot(number))
    other_parity = bytearray(compact(good))
    other_parity[32] ^= 0x80
    for signature in (b"", good[:63], bytes(other_parity), bytes(65), good[:64] + b"\x05"):
        with boa.reverts():
            assembly.governor.castVoteBySig(number, FAVOUR, VOTER.address, signature, sender=RELAY)
    with boa.reverts("governor: no voter"):
        assembly.governor.castVoteBySig(number, FAVOUR, "0x" + "00" * 20, b"", sender=RELAY)
