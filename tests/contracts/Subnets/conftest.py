# SPDX-License-Identifier: Apache-2.0
"""The full network is made once for all tests of a file."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.deployment import World
from tests.contracts.Subnets.full import full_world


@pytest.fixture(scope="module")
def full_and_its_time() -> tuple[World, int]:
    """128 subnets, and the time it is there; other worlds of the file stay in theirs."""
    now = boa.env.timestamp
    world = full_world()
    then = boa.env.timestamp
    boa.env.timestamp = now
    return world, then


@pytest.fixture
def full(full_and_its_time: tuple[World, int]) -> World:
    """128 subnets, none started, all but the last one outside immunity."""
    world, boa.env.timestamp = full_and_its_time
    return world
