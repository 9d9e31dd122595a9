# SPDX-License-Identifier: Apache-2.0
"""The clock: whole ticks since genesis, the same on every contract that has one (EIP-6372)."""

from __future__ import annotations

import boa
import pytest

from offchain.protocol.ticks import TickClock
from tests.contracts.deployment import FULL, World, compiled, deploy_world, role_address


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
