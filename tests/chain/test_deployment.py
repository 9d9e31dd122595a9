# SPDX-License-Identifier: Apache-2.0
"""Deployment: resumable, recognisable, and without a power in anybody's hand (security A2)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offchain.chain.connection import open_connection
from offchain.chain.contract import Call
from offchain.chain.deployment import (
    ANYBODY,
    ORDER,
    create_address,
    deploy,
    detect_evm,
    fill_blocks,
    snake,
)
from offchain.chain.deployment_file import Deployment, load_deployment
from offchain.chain.errors import (
    DeploymentUnfit,
    NotDeployed,
    PowersHeld,
    TransactionFailed,
    WrongChain,
)
from offchain.chain.network import check_chain, open_network
from offchain.chain.outbox import Entry, Outbox
from offchain.chain.powers import powers_held
from offchain.chain.presets import MAINNET, MINIMAL, PRESETS, preset
from offchain.chain.transactions import Receipt, Sender
from offchain.keys import Signer
from offchain.protocol.errors import ConfigError
from offchain.protocol.hyperparameters import HYPERPARAMETERS
from tests.chain.conftest import PATIENCE, Localnet, give_ether

pytestmark = pytest.mark.chain


def deployer_on(localnet: Localnet, outbox: Path | None = None) -> Sender:
    """A new deployer with gas."""
    signer = Signer.random()
    give_ether(localnet.network.connection, signer.address, 100)
    return Sender(localnet.network.connection, signer, Outbox(outbox), patience=PATIENCE)


def test_create_address__is_the_chains_own(anvil: Localnet) -> None:
    deployment = anvil.network.deployment
    addresses = [c.address for c in deployment.contracts.values()]
    assert len(set(addresses)) == len(ORDER)
    # the transaction before the first contract made the first block
    assert deployment.address("Tao") == create_address(deployment.deployer, 1)


def test_deploy__knows_what_the_chain_runs(anvil: Localnet, ganache: Localnet) -> None:
    assert detect_evm(anvil.network.connection) == "cancun" == anvil.network.deployment.evm_version
    assert detect_evm(ganache.network.connection) == "shanghai"
    assert ganache.network.deployment.evm_version == "shanghai"


def test_deploy__a_second_time__finds_it_and_sends_nothing(anvil: Localnet) -> None:
    sender = anvil.development(0)
    before = anvil.network.connection.nonce(sender.address)
    assert deploy(sender, MINIMAL, anvil.path) == anvil.network.deployment
    assert anvil.network.connection.nonce(sender.address) == before


def test_deploy__interrupted_in_the_middle__goes_on(anvil: Localnet, tmp_path: Path) -> None:
    sender = deployer_on(anvil, tmp_path / "outbox")
    path = tmp_path / "here.json"

    class Killed(Exception):
        pass

    class Dying(Sender):
        def submit(self, call: Any, **words: Any) -> Any:
            if call.doing == "deploy Weights":
                raise Killed
            return super().submit(call, **words)

    dying = Dying(sender.connection, sender.signer, sender.outbox, patience=PATIENCE)
    with pytest.raises(Killed):
        deploy(dying, MINIMAL, path)
    assert not path.exists()
    plan = json.loads(path.with_suffix(".plan.json").read_text())
    deployment = deploy(sender, MINIMAL, path)
    assert deployment.address("Tao") == create_address(sender.address, plan["first_nonce"])
    assert sender.connection.nonce(sender.address) == plan["first_nonce"] + len(ORDER)
    assert not path.with_suffix(".plan.json").exists()


def test_deploy__nonce_went_elsewhere__plans_anew(anvil: Localnet, tmp_path: Path) -> None:
    sender = deployer_on(anvil)
    path = tmp_path / "here.json"
    (path.with_suffix(".plan.json")).write_text(
        json.dumps(
            {
                "chain_id": 31_337,
                "genesis_hash": sender.connection.genesis_hash,
                "deployer": sender.address,
                "first_nonce": 0,
                "first_block": 1,
                "genesis_at": 1,
                "preset": "minimal",
                "evm_version": "cancun",
            }
        )
    )
    sender.send(anvil.network.tao.approve(sender.address, 1))
    assert deploy(sender, MINIMAL, path).address("Tao") == create_address(sender.address, 1)


def test_A2_mainnet_preset__gives_no_key_any_power(anvil: Localnet, tmp_path: Path) -> None:
    sender = deployer_on(anvil)
    deployment = deploy(sender, MAINNET, tmp_path / "here.json")
    assert list(powers_held(sender.connection, deployment)) == []
    network = open_network([anvil.url], tmp_path / "here.json")
    for role in ("DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE"):
        assert not network.timelock.has_role(role, sender.address)  # type: ignore[arg-type]
    assert network.timelock.has_role("DEFAULT_ADMIN_ROLE", network.timelock.address)
    governor = network.governor.address
    for role in ("PROPOSER_ROLE", "CANCELLER_ROLE"):
        assert network.timelock.has_role(role, governor)  # type: ignore[arg-type]
    assert network.timelock.has_role("EXECUTOR_ROLE", ANYBODY)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("proposers", "has PROPOSER_ROLE of Timelock"),
        ("executors", "has EXECUTOR_ROLE of Timelock"),
        ("emission", "Tao.emission is"),
    ],
)
def test_A2_seeded_power__is_found_and_nothing_is_written(
    changed: str, words: str, anvil: Localnet, tmp_path: Path
) -> None:
    sender = deployer_on(anvil)
    value = sender.address if changed == "emission" else [sender.address]
    path = tmp_path / "here.json"
    with pytest.raises(PowersHeld, match=words):
        deploy(sender, MAINNET, path, changed={changed: value})
    assert not path.exists()


def test_A2_deployment_of_localnet__is_not_lawful_under_another_preset(anvil: Localnet) -> None:
    deployment = replace(anvil.network.deployment, preset="mainnet")
    held = list(powers_held(anvil.network.connection, deployment))
    assert len(held) == 2
    assert all(deployment.deployer in power for power in held)


def test_parameters__of_the_table__are_the_contracts(anvil: Localnet) -> None:
    assert {row.id for row in HYPERPARAMETERS} == set(range(1, len(HYPERPARAMETERS) + 1))
    first = anvil.network.deployment.last_block  # other tests register, which burns
    supply = anvil.network.tao.read("totalSupply", block=first)
    assert anvil.network.emission.genesis_rao() == MINIMAL.genesis_rao == supply


def wrong(deployment: Deployment, **changed: Any) -> Deployment:
    return replace(deployment, **changed)


def test_check_chain__wrong_chain_id__is_one_sentence(anvil: Localnet, ganache: Localnet) -> None:
    with pytest.raises(WrongChain, match="is chain 1337, but the deployment is on chain 31337"):
        check_chain(ganache.network.connection, anvil.network.deployment)


def test_FI_18_chain_started_anew__fails_closed(anvil: Localnet) -> None:
    other = wrong(anvil.network.deployment, genesis_hash="0x" + "ab" * 32)
    with pytest.raises(WrongChain, match="another chain with the id 31337"):
        check_chain(anvil.network.connection, other)


def test_check_chain__no_code__is_not_deployed(anvil: Localnet) -> None:
    contracts = dict(anvil.network.deployment.contracts)
    contracts["Tao"] = replace(contracts["Tao"], address="0x" + "12" * 20)
    with pytest.raises(NotDeployed, match="where Tao should be"):
        check_chain(anvil.network.connection, wrong(anvil.network.deployment, contracts=contracts))


def test_check_chain__other_code__is_not_ours(anvil: Localnet) -> None:
    contracts = dict(anvil.network.deployment.contracts)
    contracts["Tao"] = replace(contracts["Tao"], address=contracts["Weights"].address)
    with pytest.raises(NotDeployed, match="is not our Tao"):
        check_chain(anvil.network.connection, wrong(anvil.network.deployment, contracts=contracts))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"contracts": 5}', '{"contracts": {"Tao": {}}}'])
def test_file__damaged__is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "31337.json"
    path.write_text(text)
    with pytest.raises(DeploymentUnfit, match=r"31337\.json"):
        load_deployment(path)


def test_file__of_another_deployment_on_a_real_chain__is_not_overwritten(
    anvil: Localnet, tmp_path: Path
) -> None:
    path = tmp_path / "1.json"
    stored = json.loads(anvil.path.read_text())
    stored["chain_id"] = 1
    path.write_text(json.dumps(stored))
    with pytest.raises(DeploymentUnfit, match="another deployment"):
        deploy(deployer_on(anvil), MINIMAL, path)
    assert json.loads(path.read_text())["chain_id"] == 1


@pytest.mark.parametrize(
    ("gas", "groups"),
    [
        ({}, []),
        ({"A": 9}, [["A"]]),
        ({"A": 4, "B": 6, "C": 1}, [["A", "B"], ["C"]]),
        ({"A": 6, "B": 6, "C": 4, "D": 1}, [["A"], ["B", "C"], ["D"]]),
        ({"A": 11, "B": 1}, [["A"], ["B"]]),  # the chain will say that A cannot be
    ],
)
def test_fill_blocks__of_room_ten__in_order_and_never_over(
    gas: dict[str, int], groups: list[list[str]]
) -> None:
    assert fill_blocks(gas, 10) == groups


def test_deploy__never_leaves_more_waiting_than_a_block_holds(
    anvil: Localnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anvil forgot what it had no room for, and each contract behind it cost six seconds more."""
    waiting, most = dict[int, int](), [0]
    submit, wait = Sender.submit, Sender.wait

    def counted_submit(self: Sender, call: Call, **flags: Any) -> Entry:
        entry = submit(self, call, **flags)
        waiting[entry.nonce] = entry.gas
        most[0] = max(most[0], sum(waiting.values()))
        return entry

    def counted_wait(self: Sender, entry: Entry, **flags: Any) -> Receipt:
        del waiting[entry.nonce]
        return wait(self, entry, **flags)

    monkeypatch.setattr(Sender, "submit", counted_submit)
    monkeypatch.setattr(Sender, "wait", counted_wait)
    deploy(deployer_on(anvil), MINIMAL, tmp_path / "31337.json")
    assert waiting == {}
    assert 20_000_000 < most[0] <= anvil.network.connection.head().gas_limit


def test_deploy__without_gas__sends_nothing(anvil: Localnet, tmp_path: Path) -> None:
    signer = Signer.random()
    sender = Sender(open_connection([anvil.url]), signer, patience=PATIENCE)
    with pytest.raises((ConfigError, TransactionFailed), match="for gas"):
        deploy(sender, MINIMAL, tmp_path / "here.json")
    assert sender.connection.nonce(signer.address) == 0


def test_preset__unknown__names_the_known() -> None:
    with pytest.raises(ConfigError, match="'main'") as caught:
        preset("main")
    assert all(name in caught.value.next_step for name in PRESETS)
    assert (snake("YumaKernel"), snake("Tao")) == ("yuma_kernel", "tao")
