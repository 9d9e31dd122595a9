# SPDX-License-Identifier: Apache-2.0
"""A network in which every netuid is taken."""

from __future__ import annotations

from typing import Any

from tests.contracts import life
from tests.contracts.deployment import World, deploy_world

COUNT = 128


def full_world(**patched: Any) -> World:
    """128 subnets of one owner, none of them started; only the last ones are immune."""
    world = deploy_world(**patched)
    world.warp(1)
    for _ in range(COUNT):
        life.create(world, owner="owner")
        # the cost falls to its floor, so that the faucet can pay for 128
        world.warp(2 * world.preset.lock_reduction_ticks)
    return world
