# SPDX-License-Identifier: Apache-2.0
"""A netuid that changes hands, in a world with few subnets."""

from __future__ import annotations

from offchain.protocol.identifiers import Life, life_of
from tests.contracts import life
from tests.contracts.deployment import World


def replace_subnet(world: World, netuid: int) -> Life:
    """Wait until a subnet can be evicted, and create the one that takes its number.

    The contract believes that no number is free; the other subnets have to be immune.
    """
    taken = world.subnets.subnet_count()
    world.warp_to(max(world.tick, world.subnets.immune_until(netuid)))
    world.subnets.eval("self.subnet_count = 128")
    assert life.create(world, owner="heir") == netuid
    world.subnets.eval(f"self.subnet_count = {taken}")
    return life_of(netuid, world.subnets.incarnation_of(netuid))
