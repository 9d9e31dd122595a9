# SPDX-License-Identifier: Apache-2.0
"""`deployments/<chain id>.json`: where a deployment is, and how to recognise its chain."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from offchain.chain.errors import DeploymentUnfit, NotDeployed
from offchain.chain.files import write_durably

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class DeployedContract:
    """Address, hash of the code there, and the ABI that it was compiled with."""

    address: str
    code_sha256: str
    abi_sha256: str
    abi: list[Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """All that a client needs to know of one deployment.

    chain_id and genesis_hash name the chain; genesis_at (Unix seconds) and tick_seconds the clock;
    first_block is where event scans begin.
    """

    schema: int
    chain_id: int
    genesis_hash: str
    genesis_at: int
    tick_seconds: int
    preset: str
    evm_version: str
    deployer: str
    first_block: int
    last_block: int
    contracts: dict[str, DeployedContract]

    def address(self, name: str) -> str:
        return self.contract(name).address

    def contract(self, name: str) -> DeployedContract:
        if name not in self.contracts:
            raise DeploymentUnfit(
                f"the deployment of chain {self.chain_id} has no contract {name}",
                next_step="Deploy this version of evmtensor, or use the version it was made with.",
            )
        return self.contracts[name]


def default_path(folder: Path, chain_id: int) -> Path:
    return folder / f"{chain_id}.json"


def find_deployment(chain_id: int, home: Path) -> Path:
    """Where the deployment of this chain is looked for: in ./deployments, then in the home."""
    here = default_path(Path("deployments"), chain_id)
    at_home = default_path(home / "deployments", chain_id)
    return at_home if at_home.exists() and not here.exists() else here


def abi_sha256(abi: list[Any]) -> str:
    return sha256(json.dumps(abi, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def save_deployment(deployment: Deployment, path: Path) -> None:
    """Readers see the old file or the new one, never half of one."""
    write_json(path, asdict(deployment))


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, (json.dumps(value, sort_keys=True, indent=1) + "\n").encode())


def load_deployment(path: Path) -> Deployment:
    """Raises `NotDeployed` or `DeploymentUnfit`."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotDeployed(
            f"there is no deployment file {path}",
            next_step="Run `evmtensor localnet up` or `evmtensor chain deploy`, or name one.",
        ) from None
    except (OSError, ValueError) as error:
        raise DeploymentUnfit(
            f"{path} cannot be read: {error}", next_step="Restore it, or deploy again."
        ) from error
    try:
        contracts = {
            name: DeployedContract(**fields) for name, fields in stored.pop("contracts").items()
        }
        deployment = Deployment(**stored, contracts=contracts)
    except (TypeError, KeyError, AttributeError) as error:
        raise DeploymentUnfit(
            f"{path} is not a deployment file: {error}", next_step="Restore it, or deploy again."
        ) from error
    if deployment.schema != SCHEMA:
        raise DeploymentUnfit(
            f"{path} has schema {deployment.schema}, wanted {SCHEMA}",
            next_step="Use the version of evmtensor that it was made with.",
        )
    return deployment
