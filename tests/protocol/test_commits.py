# SPDX-License-Identifier: Apache-2.0
"""The hash that a validator commits to binds everything that it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.domains import keccak
from offchain.protocol.errors import InvalidSubmission

WEIGHTS = "0x" + "11" * 20
COMMITMENT = Commitment(31337, WEIGHTS, netuid=1, epoch=7, registration_id=1 << 64 | 1)
ROW_HASH = b"\x22" * 32
SALT = b"\x33" * 32


def test_commit_hash__known_values__is_this_one() -> None:
    """Pinned: a changed encoding would make every open commit unrevealable."""
    want = "e30dc2a0dc1236ea3a99dea646f6548c88852ce39f008aef994e764005534e4f"
    assert commit_hash(COMMITMENT, ROW_HASH, SALT).hex() == want


@pytest.mark.parametrize(
    "changed",
    [
        replace(COMMITMENT, chain_id=1),
        replace(COMMITMENT, weights="0x" + "12" * 20),
        replace(COMMITMENT, netuid=2),
        replace(COMMITMENT, epoch=8),
        replace(COMMITMENT, registration_id=1 << 64 | 2),
    ],
)
def test_commit_hash__any_part_changed__differs(changed: Commitment) -> None:
    assert commit_hash(changed, ROW_HASH, SALT) != commit_hash(COMMITMENT, ROW_HASH, SALT)


def test_commit_hash__other_row_or_salt__differs() -> None:
    hashes = {
        commit_hash(COMMITMENT, row, salt)
        for row in (ROW_HASH, b"\x23" * 32)
        for salt in (SALT, b"\x34" * 32)
    }
    assert len(hashes) == 4


@pytest.mark.parametrize("salt", [bytes(32), b"", b"\1" * 31, b"\1" * 33])
def test_D2_commit_hash__salt_zero_or_short__is_refused(salt: bytes) -> None:
    with pytest.raises(InvalidSubmission, match="salt"):
        commit_hash(COMMITMENT, ROW_HASH, salt)


def test_D2_commit_hash__ten_thousand_rows_without_the_salt__none_hits() -> None:
    """Who can guess the row still lacks the salt."""
    rows = [keccak(i.to_bytes(4, "big")) for i in range(10_000)]
    target = commit_hash(COMMITMENT, rows[77], SALT)
    assert target not in {commit_hash(COMMITMENT, row, b"\1" * 32) for row in rows}
