# SPDX-License-Identifier: Apache-2.0
"""Two open pools: `hotkey` and `other_hotkey`, both owned by `validator`."""

from __future__ import annotations

import pytest

from tests.contracts.deployment import World
from tests.contracts.Staking.actions import open_pool


@pytest.fixture
def pools(money: World, hotkey: str, other_hotkey: str, validator: str) -> World:
    """The world of `money` with both pools open."""
    for key in (hotkey, other_hotkey):
        open_pool(money, key, validator)
    return money
