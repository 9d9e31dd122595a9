# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the contract tests: deployed worlds, actors by role, isolation of every test."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts.deployment import MINIMAL, World, deploy_world, role_address


@pytest.fixture(scope="session")
def world() -> World:
    """Every contract that exists, with the preset `minimal`."""
    return deploy_world(MINIMAL)


@pytest.fixture(scope="session")
def money() -> World:
    """Token, emission and staking alone; a test speaks for their neighbours."""
    return deploy_world(MINIMAL, only=("Tao", "Emission", "Staking", "Timelock"))


@pytest.fixture(autouse=True)
def isolation() -> Iterator[None]:
    """What a test does to the chain, its clock included, is gone after it."""
    with boa.env.anchor():
        yield


def _role(name: str) -> pytest.fixture:
    @pytest.fixture(scope="session", name=name)
    def address() -> str:
        return role_address(name)

    return address


stranger = _role("stranger")
miner = _role("miner")
validator = _role("validator")
hotkey = _role("hotkey")
other_hotkey = _role("other_hotkey")
delegator = _role("delegator")
sniper = _role("sniper")
