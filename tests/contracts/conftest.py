# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the contract tests: deployed worlds, actors by role, isolation of every test.

Every file has a chain of its own. What a test sees of the chain, its time and the contracts'
addresses included, is therefore the same alone, in a whole run and on any worker of one.
"""

from __future__ import annotations

import pytest

from tests.contracts.deployment import MINIMAL, World, deploy_world, role_address
from tests.contracts.isolation import chain, isolation

__all__ = ["chain", "isolation"]


@pytest.fixture(scope="module")
def world() -> World:
    """Every contract that exists, with the preset `minimal`."""
    return deploy_world(MINIMAL)


@pytest.fixture(scope="module")
def money() -> World:
    """Token, emission and staking alone; a test speaks for their neighbours."""
    return deploy_world(MINIMAL, only=("Tao", "Emission", "Staking", "Timelock"))


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
