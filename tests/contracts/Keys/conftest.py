# SPDX-License-Identifier: Apache-2.0
"""Pools beside four subnets that nobody registered in: `hotkey` and `other_hotkey` of `validator`,
`foreign` of `stranger`.
"""

from __future__ import annotations

import pytest

from tests.contracts.deployment import World, role_address
from tests.contracts.Keys.families import family_world
from tests.contracts.Staking.actions import open_pool


@pytest.fixture(scope="module")
def moneyed() -> World:
    """Token, emission, staking, subnets and keys; a test speaks for Neurons and Rewards."""
    return family_world()


@pytest.fixture
def pools(moneyed: World, hotkey: str, other_hotkey: str, validator: str, stranger: str) -> World:
    for key in (hotkey, other_hotkey):
        open_pool(moneyed, key, validator)
    open_pool(moneyed, role_address("foreign"), stranger)
    return moneyed


@pytest.fixture
def foreign() -> str:
    return role_address("foreign")
