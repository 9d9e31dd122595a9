# SPDX-License-Identifier: Apache-2.0
"""Worlds for families of hotkeys: pools and subnets, without neurons."""

from __future__ import annotations

from typing import Any

from tests.contracts import life
from tests.contracts.deployment import MINIMAL, World, deploy_world

SUBNETS = 4


def family_world(**patched: Any) -> World:
    """Token, emission, staking, keys and four subnets; a test speaks for Neurons and Rewards."""
    only = ("Tao", "Emission", "Staking", "Subnets", "Keys")
    world = deploy_world(MINIMAL, only=only, **patched)
    for _ in range(SUBNETS):
        life.create(world)
    return world
