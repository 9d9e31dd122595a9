# SPDX-License-Identifier: Apache-2.0
"""Artefacts are made once per source, and again as soon as anything changes that they depend on."""

import json
import re

import pytest

from offchain.chain import build as builder
from offchain.chain.build import artifact_path, build, contract_sources, imported_files, is_fresh
from offchain.protocol.errors import ConfigError

LIBRARY = "# pragma version 0.4.3\nANSWER: constant(uint256) = 41\n"
INTERFACE = "# pragma version 0.4.3\n@external\n@view\ndef token() -> address: ...\n"
CONTRACT = '''# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Vault
"""
from ethereum.ercs import IERC20
from contracts.interfaces import IVault
from contracts.modules import numbers

implements: IVault
TOKEN: immutable(IERC20)
answer: public(uint256)


@deploy
def __init__(token: IERC20):
    TOKEN = token
    self.answer = numbers.ANSWER


@external
@view
def token() -> address:
    return TOKEN.address
'''


@pytest.fixture
def repository(tmp_path):
    files = {
        "contracts/Vault.vy": CONTRACT,
        "contracts/interfaces/IVault.vyi": INTERFACE,
        "contracts/modules/numbers.vy": LIBRARY,
        "contracts/modules/unused.vy": LIBRARY,
        "contracts/mocks/Token.vy": "# pragma version 0.4.3\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def build_in(repository, evm="cancun", **options):
    (path,) = build(evm, root=repository, out=repository / "out", **options)
    return path


def test_build__deployable__artefact_holds_all_that_services_need(repository):
    artifact = json.loads(build_in(repository).read_text())
    assert {entry.get("name") for entry in artifact["abi"]} >= {"token", "answer"}
    assert re.fullmatch(r"0x[0-9a-f]+", artifact["bytecode"])
    # the one immutable is appended to the code when it is deployed
    assert artifact["runtime_size"] == len(artifact["runtime_bytecode"]) // 2 - 1 + 32
    assert artifact["layout"]["storage_layout"]["answer"]["slot"] == 0
    assert artifact["layout"]["code_layout"]["TOKEN"]["type"] == "IERC20"
    assert artifact["evm_version"] == "cancun"


def test_build__shanghai__the_lock_takes_a_storage_slot(repository):
    artifact = json.loads(build_in(repository, "shanghai").read_text())
    assert artifact["layout"]["storage_layout"]["$.nonreentrant_key"]["slot"] == 0
    assert artifact["layout"]["storage_layout"]["answer"]["slot"] == 1


def test_contract_sources__only_upper_case_files_at_the_top(repository):
    assert [p.name for p in contract_sources(repository)] == ["Vault.vy"]


def test_imported_files__follows_modules_and_interfaces(repository):
    names = {p.name for p in imported_files(repository / "contracts" / "Vault.vy", repository)}
    assert names == {"Vault.vy", "IVault.vyi", "numbers.vy"}


@pytest.mark.parametrize(
    "line", ["from contracts.modules import deep", "import contracts.modules.deep as deep",
             "from . import deep", "from ..modules import deep"]
)  # fmt: skip
def test_imported_files__every_spelling_of_an_import(repository, line):
    (repository / "contracts/modules/deep.vy").write_text(LIBRARY)
    (repository / "contracts/modules/numbers.vy").write_text(line + "\n" + LIBRARY)
    names = {p.name for p in imported_files(repository / "contracts" / "Vault.vy", repository)}
    assert "deep.vy" in names


def test_build__nothing_changed__compiles_nothing(repository, monkeypatch):
    before = build_in(repository).stat().st_mtime_ns
    monkeypatch.setattr(builder, "_compile_into", None)  # a call would fail
    assert build_in(repository).stat().st_mtime_ns == before


@pytest.mark.soundness
@pytest.mark.parametrize("changed", ["modules/numbers.vy", "interfaces/IVault.vyi", "Vault.vy"])
def test_build__source_changed__compiles_again(repository, changed):
    """ape misses edits in modules and interfaces; the builder must not."""
    first = json.loads(build_in(repository).read_text())
    path = repository / "contracts" / changed
    path.write_text(path.read_text().replace("41", "42") + "\n# changed\n")
    assert not is_fresh(
        repository / "contracts" / "Vault.vy", "cancun", repository, repository / "out"
    )
    second = json.loads(build_in(repository).read_text())
    assert second["source_hash"] != first["source_hash"]
    assert (second["bytecode"] != first["bytecode"]) or changed != "modules/numbers.vy"


def test_build__unrelated_module_changed__stays_fresh(repository):
    build_in(repository)
    (repository / "contracts/modules/unused.vy").write_text("# other\n" + LIBRARY)
    assert is_fresh(repository / "contracts/Vault.vy", "cancun", repository, repository / "out")


def test_build__contract_removed__its_artefact_goes(repository):
    path = build_in(repository)
    orphan = path.with_name("Gone.json")
    orphan.write_text("{}")
    build_in(repository)
    assert not orphan.exists()


def test_build__half_written_artefact__made_again(repository):
    path = build_in(repository)
    path.write_text('{"abi": [')
    assert json.loads(build_in(repository).read_text())["name"] == "Vault"


def test_build__source_refused__names_file_and_leaves_the_old_artefact(repository):
    path = build_in(repository)
    old = path.read_text()
    contract = repository / "contracts/Vault.vy"
    contract.write_text(CONTRACT.replace("return TOKEN.address", "return 5"))
    with pytest.raises(ConfigError, match=r"vyper refuses .*Vault\.vy"):
        build_in(repository)
    assert path.read_text() == old


def test_build__no_sources__gives_what_came_with_the_wheel(tmp_path):
    (tmp_path / "out" / "cancun").mkdir(parents=True)
    (tmp_path / "out" / "cancun" / "Tao.json").write_text("{}")
    paths = build("cancun", root=tmp_path, out=tmp_path / "out")
    assert [p.name for p in paths] == ["Tao.json"]


def test_artifact_path__unknown_evm__refused():
    with pytest.raises(ConfigError, match="'prague' is not built"):
        artifact_path("Tao", "prague")


def test_compile__other_vyper__says_which(repository, monkeypatch):
    monkeypatch.setattr(builder, "_installed_version", lambda package: "0.4.2")
    with pytest.raises(ConfigError, match=r"needs vyper 0\.4\.3, found 0\.4\.2"):
        builder.compile_contract(repository / "contracts/Vault.vy", "cancun", repository)
