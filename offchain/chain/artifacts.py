# SPDX-License-Identifier: Apache-2.0
"""Compiled contracts as package data; made by `offchain.chain.build`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offchain.chain.build import ARTIFACTS, artifact_path
from offchain.protocol.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract. `initcode` runs at deployment, `runtime_code` lacks immutables."""

    name: str
    abi: list[Any]
    initcode: bytes
    runtime_code: bytes
    runtime_size: int

    @property
    def constructor_inputs(self) -> list[dict[str, Any]]:
        for entry in self.abi:
            if entry["type"] == "constructor":
                return list(entry["inputs"])
        return []


def load_artifact(name: str, evm: str, folder: Path = ARTIFACTS) -> Artifact:
    """Raises `ConfigError` when the contract was not compiled for that EVM version."""
    path = artifact_path(name, evm, folder)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise ConfigError(
            f"contract {name} is not compiled for {evm}",
            next_step=f"Run `python -m offchain.chain.build --evm {evm}`.",
        ) from error
    return Artifact(
        name=name,
        abi=stored["abi"],
        initcode=bytes.fromhex(stored["bytecode"][2:]),
        runtime_code=bytes.fromhex(stored["runtime_bytecode"][2:]),
        runtime_size=stored["runtime_size"],
    )
