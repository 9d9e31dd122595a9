# SPDX-License-Identifier: Apache-2.0
"""The siege measures what it says, and its verdict can fail."""

import asyncio
from dataclasses import replace

import pytest

from offchain.wire.siege import besiege, kill_and_return, verdicts


@pytest.mark.parametrize("attack", ["handshakes of strangers", "bombs of a permitted hotkey"])
def test_FI_29_FI_24_siege__short__permitted_caller_is_served(attack: str) -> None:
    row = asyncio.run(besiege(attack, 1.0))
    assert row.attempts_per_s > 0
    assert row.answered > 0
    row = replace(row, p99_ms=5.0)  # how fast this machine is today decides nothing here
    assert all(verdicts([row]).values()), row
    for worse in (replace(row, failed=1), replace(row, p99_ms=1e4), replace(row, grew_mib=1e4)):
        assert not all(verdicts([worse]).values())


def test_siege__miner_killed__noticed_and_back() -> None:
    times = asyncio.run(kill_and_return())  # raises if it was not noticed before the deadline
    assert set(times) == {"noticed_s", "answered_s"}
