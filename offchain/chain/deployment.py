# SPDX-License-Identifier: Apache-2.0
"""Deploys everything, in any number of attempts, and ends by checking that nobody is above the law.

Every address follows from the deployer and its nonce, so each constructor is given the final
addresses of contracts that do not exist yet. The plan is on disk before the first transaction; a
deployment that was interrupted goes on where it stopped. Constructor arguments are found by name:
a contract asks for `tao`, `tick_seconds` or `min_bond_rao` and gets it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import rlp
from eth_abi.abi import encode
from eth_hash.auto import keccak
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_canonical_address, to_checksum_address

from offchain.chain.artifacts import Artifact, load_artifact
from offchain.chain.connection import Connection, ViewCall
from offchain.chain.contract import Call
from offchain.chain.deployment_file import (
    SCHEMA,
    DeployedContract,
    Deployment,
    abi_sha256,
    load_deployment,
    save_deployment,
    write_json,
)
from offchain.chain.errors import (
    DeploymentUnfit,
    NodeRefused,
    NotDeployed,
    Reverted,
    WrongChain,
)
from offchain.chain.network import check_chain
from offchain.chain.outbox import Entry
from offchain.chain.powers import check_powers
from offchain.chain.presets import Preset
from offchain.chain.transactions import TRANSFER_GAS, Sender
from offchain.keys.development import LOCAL_CHAIN_IDS

ORDER = (
    "Tao",
    "Emission",
    "Staking",
    "Subnets",
    "Neurons",
    "Keys",
    "Weights",
    "YumaKernel",
    "Examiner",
    "Settlement",
    "Rewards",
    "Governor",
    "Timelock",
)
# a role of the timelock that is given to the zero address is everybody's
ANYBODY = "0x" + "00" * 20
# PUSH0 three times, MCOPY, then return one word: only a cancun chain can run it
_CANCUN_PROBE = "0x5f5f5f5e60205ff3"
_SHANGHAI_PROBE = "0x60205ff3"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment decided before its first transaction."""

    chain_id: int
    genesis_hash: str
    deployer: str
    first_nonce: int
    first_block: int
    genesis_at: int
    preset: str
    evm_version: str

    def address(self, name: str) -> str:
        return create_address(self.deployer, self.nonce(name))

    def nonce(self, name: str) -> int:
        return self.first_nonce + ORDER.index(name)


def create_address(deployer: str, nonce: int) -> str:
    """Where CREATE puts the contract of this nonce."""
    made = keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:]
    return to_checksum_address(made)


def deploy(
    sender: Sender,
    preset: Preset,
    path: Path,
    *,
    evm: str | None = None,
    progress: Progress = lambda line: None,
    changed: Mapping[str, Any] | None = None,
) -> Deployment:
    """Deploy, or go on deploying, or find that all is there; the deployment in `path`.

    evm: None looks what the chain can run. changed: constructor arguments by name, for tests.
    Raises `DeploymentUnfit`, `PowersHeld`, `InsufficientFunds` and what sending raises.
    """
    connection = sender.connection
    existing = _existing(connection, path)
    if existing is not None:
        progress(f"chain {existing.chain_id} has this deployment already")
        check_powers(connection, existing)
        return existing
    plan = _plan(sender, preset, path, evm)
    artifacts = {name: load_artifact(name, plan.evm_version) for name in ORDER}
    arguments = {**argument_table(plan, preset), **(changed or {})}
    _send_missing(sender, plan, artifacts, arguments, progress)
    deployment = _describe(connection, plan, preset, artifacts)
    progress("checking that no key has any power")
    check_powers(connection, deployment)
    save_deployment(deployment, path)
    _plan_path(path).unlink(missing_ok=True)
    return deployment


def detect_evm(connection: Connection) -> str:
    """The newest of our EVM versions that the chain runs; raises `DeploymentUnfit`."""
    for evm, probe in (("cancun", _CANCUN_PROBE), ("shanghai", _SHANGHAI_PROBE)):
        try:
            connection.view(ViewCall(to=None, data=probe))
        except (Reverted, NodeRefused):
            continue
        return evm
    raise DeploymentUnfit(
        f"chain {connection.chain_id} runs neither cancun nor shanghai code",
        next_step="Use a chain with PUSH0.",
    )


def argument_table(plan: Plan, preset: Preset) -> dict[str, Any]:
    """Every constructor argument by name; a trailing underscore in the ABI does not count."""
    addresses = {snake(name): plan.address(name) for name in ORDER}
    proposers = [addresses["governor"], *([plan.deployer] if preset.has_proposer else [])]
    return {
        **addresses,
        "kernel": addresses["yuma_kernel"],
        "genesis_at": plan.genesis_at,
        "holders": [plan.deployer],
        "amounts_rao": [preset.genesis_rao],
        "proposers": proposers,
        "executors": [ANYBODY],
        **preset.arguments(),
    }


def snake(name: str) -> str:
    """`YumaKernel` as `yuma_kernel`."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def constructor_data(artifact: Artifact, table: Mapping[str, Any]) -> str:
    """Initcode with its arguments, hexadecimal; `DeploymentUnfit` for an unknown name."""
    inputs = artifact.constructor_inputs
    values = []
    for entry in inputs:
        name = entry["name"].rstrip("_")
        if name not in table:
            raise DeploymentUnfit(
                f"{artifact.name}'s constructor wants {name!r}, which no preset has",
                next_step="Add it to offchain/chain/presets.py.",
            )
        values.append(table[name])
    return "0x" + (artifact.initcode + encode([collapse_if_tuple(e) for e in inputs], values)).hex()


def _existing(connection: Connection, path: Path) -> Deployment | None:
    """The deployment in `path` if it is alive; a local chain that started anew does not count."""
    if not path.exists():
        return None
    deployment = load_deployment(path)
    try:
        check_chain(connection, deployment)
    except (WrongChain, NotDeployed) as error:
        if deployment.chain_id in LOCAL_CHAIN_IDS and connection.chain_id == deployment.chain_id:
            return None
        raise DeploymentUnfit(
            f"{path} describes another deployment: {error}",
            next_step=f"Move {path} away to deploy anew.",
        ) from error
    return deployment


def _plan_path(path: Path) -> Path:
    return path.with_suffix(".plan.json")


def _plan(sender: Sender, preset: Preset, path: Path, evm: str | None) -> Plan:
    connection = sender.connection
    stored = _stored_plan(sender, preset, path)
    if stored is not None:
        return stored
    if connection.head().number == 0:
        # Anvil runs view calls on its genesis block at time 1, before any genesis of ours
        sender.send(Call(sender.address, "0x", "make the first block", gas=TRANSFER_GAS))
    head = connection.head()
    plan = Plan(
        chain_id=connection.chain_id,
        genesis_hash=connection.genesis_hash,
        deployer=sender.address,
        first_nonce=connection.nonce(sender.address, "pending"),
        first_block=head.number,
        genesis_at=head.timestamp,
        preset=preset.name,
        evm_version=evm or detect_evm(connection),
    )
    write_json(_plan_path(path), asdict(plan))
    return plan


def _stored_plan(sender: Sender, preset: Preset, path: Path) -> Plan | None:
    """The plan of an interrupted deployment, if it is this one and can still be carried out."""
    try:
        plan = Plan(**json.loads(_plan_path(path).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    connection = sender.connection
    wanted = (connection.genesis_hash, sender.address, preset.name)
    if (plan.genesis_hash, plan.deployer, plan.preset) != wanted:
        return None
    mined = connection.nonce(sender.address, "latest")
    for name in ORDER:
        if plan.nonce(name) < mined and not connection.code(plan.address(name)):
            return None  # the nonce went to something else: its address can never be had
    return plan


def _send_missing(
    sender: Sender,
    plan: Plan,
    artifacts: Mapping[str, Artifact],
    arguments: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Creations on successive nonces, a block's worth at a time; what exists is passed over."""
    connection = sender.connection
    with sender.outbox.lock():
        calls = {
            name: sender.rehearsed(
                Call(None, constructor_data(artifacts[name], arguments), f"deploy {name}")
            )
            for name in ORDER
            if not connection.code(plan.address(name))
        }
        done = 0
        for names in fill_blocks(
            {name: call.gas or 0 for name, call in calls.items()}, connection.head().gas_limit
        ):
            entries = [(name, _create(sender, plan, name, calls[name])) for name in names]
            for name, entry in entries:
                receipt = sender.wait(entry)
                done += 1
                progress(f"[{done}/{len(calls)}] {name} at {receipt.contract_address}")


def fill_blocks(gas: Mapping[str, int], room: int) -> list[list[str]]:
    """The names in their order, in groups that one block has room for.

    Of transactions that a block cannot hold, Anvil forgets those behind the first that is left
    over, until they are sent again.
    """
    groups, used = list[list[str]](), room
    for name, wanted in gas.items():
        if used + wanted > room:
            groups.append([])
            used = 0
        groups[-1].append(name)
        used += wanted
    return groups


def _create(sender: Sender, plan: Plan, name: str, call: Call) -> Entry:
    """Send a creation, which has to get the nonce that its address was computed from."""
    entry = sender.submit(call, purpose=f"{call.doing} {plan.address(name)}", rehearse=False)
    if entry.nonce != plan.nonce(name):
        raise DeploymentUnfit(
            f"{name} would get nonce {entry.nonce} of {plan.deployer}, planned "
            f"{plan.nonce(name)}: something else sends with this key",
            next_step="Stop it, and run the command again.",
        )
    return entry


def _describe(
    connection: Connection, plan: Plan, preset: Preset, artifacts: Mapping[str, Artifact]
) -> Deployment:
    contracts = {}
    for name in ORDER:
        code = connection.code(plan.address(name))
        _check_runtime(artifacts[name], code, plan.address(name))
        abi = artifacts[name].abi
        contracts[name] = DeployedContract(
            address=plan.address(name),
            code_sha256=sha256(code).hexdigest(),
            abi_sha256=abi_sha256(abi),
            abi=abi,
        )
    return Deployment(
        schema=SCHEMA,
        chain_id=plan.chain_id,
        genesis_hash=plan.genesis_hash,
        genesis_at=plan.genesis_at,
        tick_seconds=preset.tick_seconds,
        preset=preset.name,
        evm_version=plan.evm_version,
        deployer=plan.deployer,
        first_block=plan.first_block,
        last_block=connection.head().number,
        contracts=contracts,
    )


def _check_runtime(artifact: Artifact, code: bytes, address: str) -> None:
    """The code is what was compiled, followed by the immutables."""
    right_length = len(code) == artifact.runtime_size
    if not right_length or not code.startswith(artifact.runtime_code):
        raise DeploymentUnfit(
            f"the code at {address} is not {artifact.name} as compiled here ({len(code)} bytes, "
            f"wanted {artifact.runtime_size})",
            next_step="Build the contracts again and deploy anew.",
        )
