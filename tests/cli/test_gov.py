# SPDX-License-Identifier: Apache-2.0
"""Governance by command on a real chain: a vote that passes, one that a delegator turns, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offchain.chain.coldkey import Coldkey
from offchain.chain.supply import past
from offchain.keys import Signer
from offchain.protocol.halving import threshold_rao, ticks_until
from offchain.protocol.identifiers import RAO_PER_TAO
from tests.chain.conftest import Localnet
from tests.cli.conftest import Command

pytestmark = [pytest.mark.chain, pytest.mark.slow]


class Voters:
    """Commands of development accounts on a chain, JSON in and out."""

    def __init__(self, evmtensor: Command, anvil: Localnet) -> None:
        self.evmtensor, self.anvil = evmtensor, anvil
        self.at = ("--url", anvil.url, "--deployment", str(anvil.path))

    def gov(self, *words: object) -> Any:
        outcome = self.evmtensor("gov", *words, *self.at, "--json")
        assert outcome.code == 0, outcome.error
        return json.loads(outcome.out)

    def refused(self, *words: object) -> str:
        return self.evmtensor("gov", *words, *self.at).sentence()

    def wait_until(self, tick: int) -> None:
        self.anvil.jump_to(tick)

    def state(self, place: int) -> str:
        return str(self.gov("show", place)["state"])


@pytest.fixture
def voters(evmtensor: Command, anvil: Localnet) -> Voters:
    return Voters(evmtensor, anvil)


@pytest.fixture
def hotkey(anvil: Localnet) -> str:
    """A hotkey of dev:5 with 900 TAO of its own and 300 of dev:6 behind it, in a new subnet."""
    key = Signer.random()
    for index, tao in ((5, 2_000), (6, 400)):
        faucet = Coldkey(anvil.network, anvil.development(0))
        faucet.transfer(anvil.development(index).address, tao * RAO_PER_TAO)
    owner = Coldkey(anvil.network, anvil.development(5))
    created = owner.create_subnet(key, 16, 4, 2**64)
    owner.register(created.netuid, key, 2**64)
    owner.add_stake(key.address, 900 * RAO_PER_TAO)
    delegator = Coldkey(anvil.network, anvil.development(6))
    delegator.add_stake(key.address, 300 * RAO_PER_TAO)
    return key.address


def test_gov__a_life_of_two_proposals(
    voters: Voters, anvil: Localnet, hotkey: str, tmp_path: Path
) -> None:
    voters.wait_until(anvil.network.clock.tick() + 1)  # the stake of the tick before is asked
    # whoever has not said which hotkeys it votes with is told so
    assert "hotkeys: none" in voters.refused(
        "propose", "-d", "pay", "--transfer", f"{hotkey}:1", "--key", "dev:5"
    )
    for key in ("dev:5", "dev:6"):
        voters.gov("hotkeys", hotkey, "--key", key)
    treasury = anvil.network.timelock.address
    Coldkey(anvil.network, anvil.development(0)).transfer(treasury, 5 * RAO_PER_TAO)
    receiver = Signer.random().address

    paid = voters.gov(
        *("propose", "-d", "pay for audits", "--transfer", f"{receiver}:2.5"),
        *("--set-governance", "quorum_ppm=200000", "--key", "dev:5"),
    )
    turned = voters.gov(
        *("propose", "-d", "less burn", "--set-parameter", "1:min_burn_rao=1", "--key", "dev:5"),
        *("--set-schedule", "0:720,200,300"),
    )
    assert paid["calls"] == [
        "Governor.updateQuorumNumerator(200000)",
        f"Tao.transfer({receiver}, {5 * RAO_PER_TAO // 2})",
    ]
    assert turned["calls"] == [
        "Subnets.set_parameter(1, 5, 1)",
        "Subnets.set_schedule(0, 720, 200, 300)",
    ]
    place, other = paid["place"], turned["place"]
    assert "begins after tick" in voters.refused("vote", place, "for", "--key", "dev:5")

    voters.wait_until(turned["snapshot_tick"] + 1)
    votes = voters.gov("vote", place, "for", "--key", "dev:5")
    assert votes["weight_rao"] == 1_200 * RAO_PER_TAO
    voters.gov("vote", other, "for", "--reason", "cheap", "--key", "dev:5")
    assert "is a hotkey of" in voters.refused(
        "override", other, "against", "--hotkey", hotkey, "--key", "dev:5"
    )
    mine = voters.gov("override", place, "abstain", "--hotkey", hotkey, "--key", "dev:6")
    assert mine["weight_rao"] == 300 * RAO_PER_TAO
    shown = voters.gov("show", place)
    assert (shown["for_rao"], shown["abstain_rao"]) == (*(900 * RAO_PER_TAO, 300 * RAO_PER_TAO),)
    assert [vote["is_pool"] for vote in shown["votes"]] == [True, False]
    assert shown["quorum_rao"] > 0
    assert "it can be queued only while it is succeeded" in voters.refused(
        "queue", place, "--key", "dev:6"
    )

    voters.wait_until(turned["deadline_tick"] + 1)
    assert voters.state(place) == "succeeded"
    voters.gov("queue", place, "--key", "dev:6")
    eta = anvil.network.governor.eta(int(paid["number"], 16))
    voters.wait_until(anvil.network.clock.ticks.tick_at(eta) + 1)
    voters.gov("execute", place, "--key", "dev:6")
    assert voters.state(place) == "executed"
    assert anvil.network.tao.balance_of(receiver) == 5 * RAO_PER_TAO // 2
    status = voters.gov("status")
    assert status["numbers"]["quorum_ppm"] == {"now": 200_000, "least": 10_000, "most": 500_000}
    assert status["treasury_rao"] == 5 * RAO_PER_TAO // 2
    assert status["threshold_rao"] > RAO_PER_TAO

    assert ", not 0x" in voters.refused("cancel", other, "--key", "dev:6")
    voters.gov("cancel", other, "--key", "dev:5")
    listed = {p["place"]: p["state"] for p in voters.gov("list")}
    assert (listed[place], listed[other]) == ("executed", "canceled")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("vote", "99", "for"), "no proposal is named '99'"),
        (("vote", "1", "perhaps"), "'perhaps' is no vote"),
        (("propose", "-d", "x"), "a proposal has 0 calls"),
        (("propose", "-d", "x", "--set-parameter", "1:kappa_u16"), "is not understood"),
        (("propose", "-d", "x", "--set-parameter", "1:kappa=5"), "no hyperparameter is named"),
        (("propose", "-d", "x", "--set-parameter", "1:kappa_u16=70000"), "wanted 0 to 65535"),
        (("propose", "-d", "x", "--set-parameter", "a:kappa_u16=5"), "is not a whole number"),
        (("propose", "-d", "x", "--set-parameter", "77:kappa_u16=5"), "there is no subnet 77"),
        (("propose", "-d", "x", "--set-schedule", "0:360"), "is not understood"),
        (("propose", "-d", "x", "--set-schedule", "0:4000,1,1"), "wanted at most 3600"),
        (("propose", "-d", "x", "--set-schedule", "0:360,181,1"), "wanted 1 to 180"),
        (("propose", "-d", "x", "--set-schedule", "77:360,100,150"), "there is no subnet 77"),
        (("propose", "-d", "x", "--set-governance", "tempo=5"), "is none of"),
        (("propose", "-d", "x", "--set-governance", "quorum_ppm=9999"), "wanted 10000 to 500000"),
        (("propose", "-d", "x", "--set-governance", "delay_seconds=99"), "delay_seconds is 99"),
        (("propose", "-d", "x", "--transfer", "nobody"), "is not understood"),
        (("propose", "-d", "x", "--call", "Subnets:zz"), "is not understood"),
        (("propose", "-d", "x" * 5_000, "--set-governance", "quorum_ppm=50000"), "at most 4096"),
    ],
)
def test_gov__wrong_input__one_sentence(voters: Voters, words: tuple[str, ...], said: str) -> None:
    assert said in voters.refused(*words, "--key", "dev:5")


def test_token__schedule_and_supply(voters: Voters, evmtensor: Command, tmp_path: Path) -> None:
    voters.anvil.mine(3)  # a past, when this test runs alone
    outcome = evmtensor(
        *("token", "schedule", "--plot", str(tmp_path / "schedule"), "--json"), *voters.at
    )
    value = json.loads(outcome.out)
    rows = value["halvings"]
    assert [row["number"] for row in rows] == list(range(31))
    assert rows[0] == {
        "number": 0,
        "issuance_rao": 0,
        "rate_rao": 10**9,
        "is_past": True,
        "tick": 0,
        "timestamp": voters.anvil.network.deployment.genesis_at,
    }
    to_come = [row["tick"] for row in rows if not row["is_past"]]
    assert to_come == sorted(to_come)
    assert len(to_come) == 30
    assert [Path(name).suffix for name in value["files"]] == [".png", ".svg", ".json"]
    assert all(Path(name).stat().st_size > 1_000 for name in value["files"])

    so_far = past(voters.anvil.network, samples=4)
    assert len(so_far) >= 2
    assert [tick for tick, _ in so_far] == sorted(tick for tick, _ in so_far)
    assert so_far[0][1] <= voters.anvil.network.emission.genesis_rao()

    before = json.loads(evmtensor("token", "supply", "--json", *voters.at).out)
    network = voters.anvil.network
    holder = voters.anvil.funded(3)
    holder.send(network.tao.call("burn", 2 * RAO_PER_TAO))
    holder.send(network.tao.approve(network.emission.address, RAO_PER_TAO))
    holder.send(network.emission.recycle(RAO_PER_TAO))
    after = json.loads(evmtensor("token", "supply", "--json", *voters.at).out)

    def grown(name: str) -> int:
        return int(after[name] - before[name])

    assert grown("burned_by_holders_rao") == 2 * RAO_PER_TAO
    assert grown("recycled_rao") - grown("withheld_rao") == RAO_PER_TAO
    assert grown("supply_rao") == grown("minted_rao") - 3 * RAO_PER_TAO
    assert (
        after["issuance_rao"] == after["genesis_rao"] + after["accrued_rao"] - after["recycled_rao"]
    )


def test_token__a_halving_between_two_blocks__is_dated_by_the_schedule(
    voters: Voters, evmtensor: Command
) -> None:
    """Last in this file: the chain is thrown a hundred days ahead."""
    anvil, network = voters.anvil, voters.anvil.network
    owner = Coldkey(network, anvil.funded(10_000))
    netuid = owner.create_subnet(Signer.random(), 16, 4, 2**64).netuid
    anvil.jump_to(network.clock.tick() + 1)
    owner.start_subnet(netuid, network.clock.tick() + 5)
    ahead = ticks_until(network.emission.issuance_rao(), threshold_rao(1))
    assert ahead is not None
    expected = network.clock.tick() + ahead
    anvil.jump_to(expected + 100_000)
    rows = json.loads(evmtensor("token", "schedule", "--json", *voters.at).out)["halvings"]
    assert [row["is_past"] for row in rows[:3]] == [True, True, False]
    assert rows[1]["tick"] == expected
