# SPDX-License-Identifier: Apache-2.0
"""A claim cannot be sniped: who stakes just before it and leaves just after gains nothing."""

from __future__ import annotations

import boa
import pytest

from tests.contracts import life
from tests.contracts.deployment import RAO, World, deploy_world, role_address, seeded
from tests.contracts.Rewards.payroll import Pay, open_payroll
from tests.contracts.Staking.actions import stake, unbond_all

DIVIDEND = 50 * RAO


def snipe(world: World, sniper: str) -> tuple[int, int]:
    """What a sniper gains, and what the validator's coldkey has for its stake and dividend."""
    payroll = open_payroll(world, ["validator"])
    hotkey, coldkey = payroll.hotkey(0), payroll.coldkey(0)
    life.stake(world, "validator", 100 * RAO)
    payroll.add_root(0, {0: Pay(0, DIVIDEND)})
    stake(world, hotkey, sniper, 10_000 * RAO)
    # anybody may claim for anybody, so the sniper chooses the moment
    world.rewards.claim(payroll.netuid, payroll.claim(0, 0), sender=sniper)
    gain = unbond_all(world, hotkey, sniper) - 10_000 * RAO
    world.warp(world.preset.vesting_ticks)
    return gain, world.staking.value_of(hotkey, coldkey)


def test_C4_staking_just_before_a_claim_and_leaving_after__earns_nothing(
    world: World, sniper: str
) -> None:
    gain, honest = snipe(world, sniper)
    assert gain <= 0
    assert honest >= 100 * RAO + DIVIDEND - 2


@pytest.mark.soundness
def test_C4_seeded_bug__without_vesting__the_sniper_takes_most_of_it() -> None:
    source = seeded(
        "Staking",
        (
            "modules/share_pool.vy",
            "    if left_q32 == 0:\n        return 0\n",
            "    if left_q32 >= 0:\n        return 0\n",
        ),
    )
    with boa.env.anchor():
        gain, _ = snipe(deploy_world(Staking=source), role_address("sniper"))
    assert gain > DIVIDEND // 2
