# SPDX-License-Identifier: Apache-2.0
"""Compiled contracts: small enough, documented in their headers, equal to the committed snapshots.

`pytest tests/repository --update` rewrites the snapshots; read the difference before you commit it.
A changed ABI breaks clients, and a storage layout that moved breaks what is already deployed.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from offchain.chain.build import EVM_VERSIONS, artifact_path, build
from tests.repository.vyper_sources import deployables

SIZE_LIMIT = 23_552  # EIP-170's 24,576 bytes less a margin of 1 kB
HEADER_TAGS = ("title", "license", "custom:invariant", "custom:trust", "custom:kill")
SNAPSHOTS = Path(__file__).resolve().parents[1] / "snapshots"

NAMES = [contract.stem for contract in deployables()]
BUILDS = [(name, evm) for name in NAMES for evm in EVM_VERSIONS]


@pytest.fixture(scope="session")
def artifacts() -> dict[tuple[str, str], dict[str, Any]]:
    """Every artefact, fresh, by contract and EVM version."""
    for evm in EVM_VERSIONS:
        build(evm)
    return {
        (name, evm): json.loads(artifact_path(name, evm).read_text(encoding="utf-8"))
        for name, evm in BUILDS
    }


def size_fault(artifact: dict[str, Any]) -> str | None:
    size = artifact["runtime_size"]
    if size < SIZE_LIMIT:
        return None
    return f"{artifact['name']} for {artifact['evm_version']}: {size} bytes, limit {SIZE_LIMIT}"


def header_faults(artifact: dict[str, Any]) -> list[str]:
    devdoc = artifact["devdoc"]
    return [f"{artifact['name']}: no @{tag}" for tag in HEADER_TAGS if not devdoc.get(tag)]


def snapshot_of(artifact: dict[str, Any]) -> dict[str, str]:
    """File name -> content of what is pinned; the ABI is the same for both EVM versions."""
    name, evm = artifact["name"], artifact["evm_version"]
    layout = {k: v for k, v in artifact["layout"].items() if k != "code_layout"}
    files = {f"{evm}/{name}.layout.json": layout}
    if evm == EVM_VERSIONS[0]:
        files[f"{name}.abi.json"] = artifact["abi"]
    return {path: json.dumps(content, indent=1) + "\n" for path, content in files.items()}


@pytest.mark.parametrize("name, evm", BUILDS)
def test_size__below_the_limit(artifacts, name, evm):
    assert size_fault(artifacts[name, evm]) is None


@pytest.mark.parametrize("name", NAMES)
def test_header__says_invariant_trust_and_kill(artifacts, name):
    assert header_faults(artifacts[name, "cancun"]) == []


@pytest.mark.parametrize("name, evm", BUILDS)
def test_snapshot__abi_and_layout__unchanged(artifacts, name, evm, update_snapshots):
    for path, content in snapshot_of(artifacts[name, evm]).items():
        update_snapshots(SNAPSHOTS / path, content)


def test_snapshots__none_of_a_contract_that_is_gone():
    snapshots = {p.name.split(".")[0] for p in SNAPSHOTS.rglob("*.json")}
    assert sorted(snapshots - set(NAMES)) == []


@pytest.mark.parametrize("name", NAMES)
def test_abi__same_for_both_evm_versions(artifacts, name):
    assert artifacts[name, "cancun"]["abi"] == artifacts[name, "shanghai"]["abi"]


@pytest.mark.soundness
@pytest.mark.parametrize("size, is_fault", [(23_551, False), (23_552, True), (24_576, True)])
def test_size_fault__seeded__is_found(size, is_fault):
    artifact = {"name": "A", "evm_version": "cancun", "runtime_size": size}
    assert bool(size_fault(artifact)) is is_fault


@pytest.mark.soundness
@pytest.mark.parametrize("tag", HEADER_TAGS)
def test_header_faults__tag_missing__is_found(tag):
    devdoc = {name: "said" for name in HEADER_TAGS if name != tag}
    assert header_faults({"name": "A", "devdoc": devdoc}) == [f"A: no @{tag}"]


@pytest.mark.soundness
def test_snapshot_of__variables_swapped__differs():
    def layout(first: str, second: str) -> dict[str, Any]:
        slots = {first: {"slot": 0}, second: {"slot": 1}}
        return {"name": "A", "evm_version": "shanghai", "layout": {"storage_layout": slots}}

    assert snapshot_of(layout("a", "b")) != snapshot_of(layout("b", "a"))
