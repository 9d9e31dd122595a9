# SPDX-License-Identifier: Apache-2.0
"""Whatever the timelock may call, no balance, stake or claim moves.

Every row of roles.yaml that names the timelock is called by it, in a scene where people hold
tokens, stake, unbonding amounts, unclaimed pay and bonds; all of them are the same before and
after. What the timelock owns itself, the treasury, is its own to spend.
"""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts.deployment import RAO, role_address, seeded
from tests.contracts.role_scenes import CALLS, Disputes, Economy, open_disputes, open_economy
from tests.contracts.Staking.actions import stake
from tests.contracts.test_roles import TABLE

POWERS = [
    (contract, function)
    for contract, rows in TABLE.items()
    for function, allowed in rows.items()
    if allowed != "anyone" and "timelock" in allowed
]
DELEGATOR = role_address("delegator")


def test_powers__are_these_and_no_other() -> None:
    """A new one has to be thought about here, not only added to the table."""
    by_contract: dict[str, set[str]] = {}
    for contract, function in POWERS:
        by_contract.setdefault(contract, set()).add(function.partition("/")[0])
    assert by_contract == {
        "Emission": {"set_escrow"},
        "Subnets": {"set_parameter", "set_schedule"},
        "Settlement": {"set_guardian"},
        "Governor": {
            *("setVotingDelay", "setVotingPeriod", "setProposalThreshold"),
            "updateQuorumNumerator",
        },
        "Timelock": {"grantRole", "revokeRole", "update_delay"},
    }


def lives(scene: Economy) -> None:
    """A delegator with stake, an unbonding amount and a balance."""
    hotkey = scene.roles["validator"]
    shares = stake(scene.world, hotkey, DELEGATOR, 20 * RAO)
    scene.world.staking.unbond(hotkey, shares // 2, sender=DELEGATOR)
    scene.world.give(DELEGATOR, 3 * RAO)


def holdings(scene: Economy | Disputes) -> dict[str, Any]:
    """Everything that belongs to somebody, by whose it is."""
    return _of_economy(scene) if isinstance(scene, Economy) else _of_disputes(scene)


def _of_economy(scene: Economy) -> dict[str, Any]:
    world, people = scene.world, {**scene.roles, "delegator": DELEGATOR}
    staking, rewards, emission = world.staking, world.rewards, world.emission
    hotkeys = [scene.roles["validator"], scene.roles["miner"]]
    held: dict[str, Any] = {"supply": world.tao.totalSupply(), "minted": emission.minted_rao()}
    for name, account in people.items():
        held[f"balance of {name}"] = world.tao.balanceOf(account)
        held[f"withdrawable by {name}"] = world.settlement.withdrawable_rao(account)
        for hotkey in hotkeys:
            held[f"shares of {name} in {hotkey}"] = staking.shares_of(hotkey, account)
            held[f"value of {name} in {hotkey}"] = staking.value_of(hotkey, account)
    for hotkey in hotkeys:
        held[f"stake behind {hotkey}"] = staking.stake_of(hotkey)
        held[f"owner of {hotkey}"] = staking.owner_of(hotkey)
    for number in range(staking.unbonding_count()):
        held[f"unbonding {number}"] = tuple(staking.unbonding_of(number))
    for uid in range(3):
        held[f"claimed by uid {uid}"] = scene.payroll.claimed(uid)
    held["received"] = rewards.received_rao(scene.netuid)
    held["paid"] = rewards.paid_rao(scene.netuid)
    held["root"] = rewards.root_of(scene.netuid, 0)
    return held


def _of_disputes(scene: Disputes) -> dict[str, Any]:
    stage = scene.stage
    held: dict[str, Any] = {"supply": stage.tao.totalSupply()}
    for name, account in scene.roles.items():
        held[f"balance of {name}"] = stage.tao.balanceOf(account)
        held[f"withdrawable by {name}"] = stage.settlement.withdrawable_rao(account)
    return held


@pytest.fixture(scope="module")
def economy() -> Economy:
    scene = open_economy()
    lives(scene)
    return scene


@pytest.fixture(scope="module")
def disputes() -> Disputes:
    return open_disputes()


def moved(scene: Any, contract: str, function: str) -> dict[str, tuple[Any, Any]]:
    """What the timelock's call changed of anybody's; before and after."""
    boa.env.timestamp = scene.timestamp + 1_000
    arguments = CALLS[contract][function](scene)(scene.roles["timelock"])
    before = holdings(scene)
    call = getattr(scene.contract(contract), function.partition("/")[0])
    call(*arguments, sender=scene.roles["timelock"])
    after = holdings(scene)
    return {what: (old, after[what]) for what, old in before.items() if after[what] != old}


@pytest.mark.parametrize(("contract", "function"), POWERS)
def test_power__used_by_the_timelock__moves_nothing_of_anybody(
    economy: Economy, disputes: Disputes, contract: str, function: str
) -> None:
    scene = disputes.fork() if contract == "Settlement" else economy
    assert moved(scene, contract, function) == {}


@pytest.mark.soundness
def test_seeded_bug__a_power_that_mints__is_found() -> None:
    right = "    log IEmission.EscrowSet(escrow=escrow)\n"
    bug = right + "    extcall TAO.mint(escrow, 5)\n"
    source = seeded("Emission", ("Emission.vy", right, bug))
    with boa.env.anchor():
        scene = open_economy(Emission=source)
        assert {"supply", "balance of escrow"} <= set(moved(scene, "Emission", "set_escrow"))


@pytest.mark.soundness
def test_seeded_bug__a_power_that_takes_what_was_allowed__is_found() -> None:
    right = '    assert self.escrow == empty(address), "emission: escrow is set"\n'
    bug = right + "    assert extcall TAO.transferFrom(escrow, self, 1)\n"
    source = seeded("Emission", ("Emission.vy", right, bug))
    with boa.env.anchor():
        scene = open_economy(Emission=source)
        scene.give(scene.roles["escrow"], 1, "Emission")
        assert "balance of escrow" in moved(scene, "Emission", "set_escrow")
