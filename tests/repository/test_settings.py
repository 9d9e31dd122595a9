# SPDX-License-Identifier: Apache-2.0
"""Settings that something else relies on without saying so."""

import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from tests.repository.files import ROOT, repository_files
from tests.repository.test_import_layers import TRAINING, imports_of
from tools.bootstrap import node_tools

# the user's seven packages
DIRECT = {"web3", "eth-ape", "vyper", "torch", "onnxruntime", "eth-account", "pytest"}
NOT_FOR_SERVING = {"torch", "eth-ape", "ape-foundry", "ape-vyper", "vyper", "pytest"}
TOP_LEVEL = (
    "ape-config.yaml", "pyproject.toml", "Makefile", "README.md", "CHANGELOG.md", "LICENSES",
    "requirements.lock", ".ci/run", ".pre-commit-config.yaml",
    "contracts", "scripts", "offchain", "miners", "tests",
)  # fmt: skip
TARGETS = ("demo", "test", "check", "gas", "bench", "fuzz", "soundness", "localnet", "lock")


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirement_lines() -> list[str]:
    project = pyproject()["project"]
    extras = project["optional-dependencies"]
    return project["dependencies"] + [
        line for name, lines in extras.items() if name != "all" for line in lines
    ]


def name_of(requirement: str) -> str:
    return re.split(r"[=<>\[ ]", requirement)[0]


def test_top_level__is_as_drawn():
    assert [name for name in TOP_LEVEL if not (ROOT / name).exists()] == []


def test_pyproject__no_table_for_ape():
    """ape searches the text for it, and then ignores ape-config.yaml completely."""
    assert "[tool." + "ape" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_pyproject__every_requirement_is_pinned_exactly():
    assert [line for line in requirement_lines() if "==" not in line] == []


def test_pyproject__the_seven_packages_are_direct():
    assert {name_of(line) for line in requirement_lines()} >= DIRECT


def test_pyproject__a_serving_miner_needs_no_torch_and_no_ape():
    assert {name_of(line) for line in pyproject()["project"]["dependencies"]} & NOT_FOR_SERVING == (
        set()
    )


@cache
def installed() -> dict[str, set[str]]:
    """Importable module -> names under which PyPI knows it; slow, so asked once."""
    return {
        module: {name.lower().replace("_", "-") for name in names}
        for module, names in packages_distributions().items()
    }


def undeclared(files: list[Path], declared: set[str], at_load: bool) -> list[str]:
    """Imports of packages that the pyproject does not name; what something else brings can go."""
    ours = {"offchain", "miners", "tests", "tools", "scripts"}
    builtin = sys.stdlib_module_names | ours
    return sorted(
        {
            f"{path}: {item.top}"
            for path in files
            for item in imports_of((ROOT / path).read_text(encoding="utf-8"), path)
            if item.top not in builtin
            and (item.at_load or not at_load)
            # an extra that is not installed here goes by the name of its module
            and not installed().get(item.top, {item.top}) & declared
        }
    )


def test_imports__serving_code_loads_only_what_it_declares():
    declared = {name_of(line) for line in pyproject()["project"]["dependencies"]}
    files = [
        p
        for p in repository_files(".py")
        if p.parts[0] in {"offchain", "miners"}
        and not (p.parts[0] == "miners" and p.stem in TRAINING)
        and p.name != "gpu.py"
    ]
    assert undeclared(files, declared, at_load=True) == []


def test_imports__everything_is_declared_somewhere():
    declared = {name_of(line) for line in requirement_lines()}
    assert undeclared(repository_files(".py"), declared, at_load=False) == []


@pytest.mark.soundness
def test_undeclared__seeded__is_found(tmp_path):
    path = tmp_path / "x.py"
    path.write_text("import json\nimport yaml\ndef f():\n    import onnx\n")
    assert undeclared([path], {"numpy"}, at_load=True) == [f"{path}: yaml"]
    assert undeclared([path], {"pyyaml"}, at_load=False) == [f"{path}: onnx"]


def test_pyproject__all_means_all():
    extras = pyproject()["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    named = set(re.search(r"\[(.*)\]", everything)[1].split(","))
    # Ray wants a newer `packaging` than eth-ape allows: `make test-ray` gives it a place of its own
    assert named == set(extras) - {"all", "ray"}


def test_ape_config__modules_are_not_compiled_alone_and_the_evm_is_cancun():
    config = yaml.safe_load((ROOT / "ape-config.yaml").read_text(encoding="utf-8"))
    assert "modules/*" in config["compile"]["exclude"]
    assert config["vyper"]["evm_version"] == "cancun"
    assert config["ethereum"]["local"]["default_provider"] == "foundry"


def test_makefile__has_the_targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [t for t in TARGETS if not re.search(rf"^{t}:", makefile, re.MULTILINE)] == []


def test_ci__runs_the_readme_s_test_command():
    command = "make test"
    assert f"exec {command}\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\s*{command}\b", readme, re.MULTILINE)


def test_repository__holds_no_build_output_and_no_key():
    bad = re.compile(
        r"(^|/)(\.venv|\.build|__pycache__|artifacts|node_modules)/|\.(onnx|pyc|pem|keystore)$"
    )
    assert [str(p) for p in repository_files() if bad.search(p.as_posix())] == []


def test_hints__name_the_versions_that_the_set_up_installs():
    """The message for a missing chain names a version, and so does the set-up: they agree."""
    source = (ROOT / "offchain" / "localnet" / "chain_process.py").read_text(encoding="utf-8")
    assert f"@foundry-rs/anvil@{node_tools.ANVIL_VERSION}" in source
    assert f"ganache@{node_tools.GANACHE_VERSION}" in source
