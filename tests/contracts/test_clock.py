# SPDX-License-Identifier: Apache-2.0
"""The clock: whole ticks since genesis, the same on every contract that has one (EIP-6372)."""

from __future__ import annotations

from dataclasses import replace

import boa
import pytest

from offchain.protocol.ticks import TickClock
from tests.contracts import life
from tests.contracts.deployment import (
    FULL,
    MINIMAL,
    RAO,
    World,
    compiled,
    deploy_world,
    role_address,
)


@pytest.mark.parametrize("seconds", [0, 1, 11, 12, 13, 3_599, 86_400 * 365 * 40])
def test_tick__seconds_after_genesis__as_the_python_twin(seconds: int) -> None:
    world = deploy_world(FULL, only=("Emission",))
    boa.env.timestamp += seconds
    twin = TickClock(world.genesis_at, world.preset.tick_seconds)
    assert world.emission.clock() == twin.tick_at(boa.env.timestamp) == seconds // 12
    assert world.emission.genesis_at() == world.genesis_at
    assert world.emission.tick_seconds() == 12


def test_clock__every_contract_with_time__the_same(money: World) -> None:
    money.warp(17)
    assert money.emission.clock() == money.staking.clock() == 17
    assert money.emission.CLOCK_MODE() == money.staking.CLOCK_MODE() == "mode=tick"


@pytest.mark.parametrize(
    ("genesis_in", "tick_seconds", "reason"),
    [(1, 12, "clock: genesis in the future"), (0, 0, "clock: no length")],
)
def test_deploy__nonsense__reverts(genesis_in: int, tick_seconds: int, reason: str) -> None:
    neighbours = [role_address(name) for name in ("tao", "subnets", "settlement", "timelock")]
    genesis_at = boa.env.timestamp + genesis_in
    with boa.reverts(reason):
        compiled("Emission").deploy(*neighbours, genesis_at, tick_seconds, 0)


@pytest.mark.parametrize("blocks_in_12_seconds", [48, 6, 1])
def test_J7_blocks_of_any_length__epochs_phases_and_exits_at_the_same_second(
    blocks_in_12_seconds: int,
) -> None:
    """Ticks of 12 seconds, blocks of 0.25, 2 and 12: a block's number decides nothing."""
    world = deploy_world(replace(MINIMAL, profile=replace(MINIMAL.profile, tick_seconds=12)))
    world.warp(1)
    netuid = life.create(world)
    life.register(world, netuid, "somebody")
    life.stake(world, "somebody", RAO)
    hotkey = life.key("somebody").address
    owner = world.staking.owner_of(hotkey)
    start_tick = life.start(world, netuid, in_ticks=2)
    exit_id = world.staking.unbond(hotkey, world.staking.shares_of(hotkey, owner), sender=owner)
    ripe_tick = world.tick + world.preset.unbonding_ticks

    epochs: list[tuple[int, int]] = []
    removed_at = 0
    genesis, block = world.genesis_at, 0
    begun_at = boa.env.timestamp
    while not removed_at:
        block += 1
        boa.env.timestamp = begun_at + 12 * block // blocks_in_12_seconds
        boa.env.evm.patch.block_number += 1
        epoch = int(world.subnets.running_epoch(netuid))
        if not epochs or epochs[-1][0] != epoch:
            epochs.append((epoch, boa.env.timestamp))
        if boa.env.timestamp >= genesis + ripe_tick * 12:
            world.staking.remove_stake(exit_id, sender=owner)
            removed_at = boa.env.timestamp
        elif block % 60 == 0:
            with boa.reverts("staking: still unbonding"):
                world.staking.remove_stake(exit_id, sender=owner)
    tempo = int(world.subnets.window_of(netuid, 0).tempo)
    begun = {epoch: at for epoch, at in epochs if epoch > 0}
    assert list(begun) == list(range(1, 1 + len(begun)))
    assert len(begun) >= 3
    assert begun == {e: genesis + (start_tick + e * tempo) * 12 for e in begun}
    assert removed_at == genesis + ripe_tick * 12
