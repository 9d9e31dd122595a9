# SPDX-License-Identifier: Apache-2.0
"""Imports point down the list of packages, and each library has its place."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.repository.files import ROOT, repository_files

# from the top down; packages of one row do not know each other
LAYERS = [
    {"cli"},
    {"localnet"},
    {"validator", "watcher", "gateway", "explorer"},
    {"lab"},
    {"subnets"},
    {"indexer"},
    {"wire"},
    {"chain"},
    {"keys"},
    {"settlement"},
    {"yuma"},
    {"protocol"},
]
DEPTH = {name: depth for depth, row in enumerate(LAYERS) for name in row}
OF_MINERS = {"wire", "chain", "keys", "protocol", "subnets"}
MAY_IMPORT_MINERS = {"cli", "localnet"}  # and only inside functions
PURE = {"protocol", "yuma", "settlement"}
DOORS = {"replay.py", "bench.py", "gpu.py"}
DOOR_PATHS = {(name,) for name in DOORS}
PURE_LIBRARIES = {"numpy", "numba", "eth_hash", "eth_abi", "eth_utils", "offchain"} | {
    "__future__", "abc", "bisect", "collections", "concurrent", "dataclasses", "decimal", "enum",
    "fractions", "functools", "hashlib", "itertools", "json", "math", "operator", "re", "struct",
    "types", "typing",
}  # fmt: skip
IMPURE_NAMES = {"open", "input", "print", "eval", "exec", "__import__"}
# loaded when used: they are heavy, or only some installations have them
LAZY = {"torch", "sklearn", "ape", "onnxscript", "vyper", "matplotlib", "onnxruntime_genai", "ray"}
# files that are about torch may load it, and only each other may load them
TRAINING = {"models", "train", "export"}
TRAINING_MODULES = tuple(f"miners.{p}{name}" for p in ("", "llm.") for name in sorted(TRAINING))
ONLY_IN = {"web3": "offchain/chain", "ape": "scripts"}


@dataclass(frozen=True)
class Import:
    """`name` is dotted; `at_load`: executed when the file is imported."""

    name: str
    line: int
    at_load: bool

    @property
    def top(self) -> str:
        return self.name.split(".")[0]


def is_door(path: Path) -> bool:
    """A whole file of an agreed name at the top of a pure package, so that no line is exempt."""
    return path.parts[0] == "offchain" and path.parts[1] in PURE and path.parts[2:] in DOOR_PATHS


def imports_of(source: str, path: Path) -> list[Import]:
    """All imports of a file, relative ones resolved; those for type checkers only are left out."""
    return list(_imports(ast.parse(source), path, at_load=True))


def _imports(node: ast.AST, path: Path, at_load: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, at_load) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                package = path.with_suffix("").parts[: -child.level]
                base = ".".join([*package, *([base] if base else [])])
            yield from (
                Import(f"{base}.{alias.name}", child.lineno, at_load) for alias in child.names
            )
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, path, at_load and not inside)


def layer_faults(path: Path, source: str) -> list[str]:
    """What a file imports that it may not."""
    faults = []
    for item in imports_of(source, path):
        reason = _refusal(path, item)
        if reason:
            faults.append(f"{path}:{item.line}: {item.name}: {reason}")
    return faults + _impure_calls(path, source)


def _refusal(path: Path, item: Import) -> str | None:
    package = path.parts[1] if path.parts[0] == "offchain" and len(path.parts) > 2 else ""
    wanted = item.name.split(".")[1] if item.top == "offchain" and "." in item.name else ""
    if item.top in ONLY_IN and not path.as_posix().startswith(ONLY_IN[item.top] + "/"):
        return f"only {ONLY_IN[item.top]} knows {item.top}"
    training = path.parts[0] == "miners" and path.stem in TRAINING
    training |= is_door(path) and item.top == "torch"
    if item.top in LAZY and item.at_load and path.parts[0] != "scripts" and not training:
        return "must be imported where it is used, inside a function"
    if item.name.startswith(TRAINING_MODULES) and item.at_load and not training:
        return "loads torch: import it inside a function"
    if path.parts[0] == "miners":
        return None if not wanted or wanted in OF_MINERS else "not for miners"
    if item.top == "miners":
        allowed = package in MAY_IMPORT_MINERS and not item.at_load
        return None if allowed else "only cli and localnet import miners, inside functions"
    if item.top in {"tests", "tools", "scripts"}:
        return "not for code that is installed"
    if package == "wire" and wanted == "chain":
        return "wire knows no chain"
    if package in DEPTH and wanted in DEPTH and wanted != package:
        return None if DEPTH[package] < DEPTH[wanted] else "imports point down only"
    if package in PURE and not is_door(path) and item.top not in PURE_LIBRARIES:
        return "pure packages touch no chain, clock or file"
    return None


def _impure_calls(path: Path, source: str) -> list[str]:
    if path.parts[:1] != ("offchain",) or path.parts[1] not in PURE or is_door(path):
        return []
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = [(c.lineno, c.func.id) for c in calls if isinstance(c.func, ast.Name)]
    return [f"{path}:{line}: {name}() is impure" for line, name in names if name in IMPURE_NAMES]


def installed_sources() -> list[Path]:
    return [p for p in repository_files(".py") if p.parts[0] in {"offchain", "miners"}]


def test_installed_code__imports_as_drawn():
    faults = [f for p in installed_sources() for f in layer_faults(p, (ROOT / p).read_text())]
    assert faults == []


def test_packages__all_are_in_the_drawing():
    packages = {p.parts[1] for p in installed_sources() if p.parts[0] == "offchain" and p.parts[2:]}
    assert packages <= set(DEPTH)


def test_serving_miner__without_torch_ape_and_compilers__imports():
    """A miner that only serves installs without the extras; here they are hidden."""
    code = (
        "import importlib, pkgutil, sys\n"
        "for name in ('torch', 'ape', 'sklearn', 'onnx', 'onnxscript', 'vyper', 'boa',"
        " 'pytest', 'sqlalchemy', 'snekmate', 'ray',"
        " 'onnxruntime_genai'): sys.modules[name] = None\n"
        "for top in ('miners', 'offchain.wire', 'offchain.chain', 'offchain.keys',"
        " 'offchain.protocol', 'offchain.subnets'):\n"
        "    package = importlib.import_module(top)\n"
        "    for m in pkgutil.walk_packages(package.__path__, top + '.'):\n"
        f"        if not m.name.startswith({TRAINING_MODULES!r}): importlib.import_module(m.name)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("package", sorted(PURE))
def test_pure_package__imported_alone__loads_nothing_impure(package):
    """The same at run time: what the allowed libraries pull in is theirs, ours stays pure."""
    code = (
        f"import importlib, pkgutil, sys, offchain.{package} as p\n"
        "for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.'):\n"
        f"    if m.name.rsplit('.', 1)[1] + '.py' not in {DOORS!r}:\n"
        "        importlib.import_module(m.name)\n"
        "bad = [m for m in ('web3', 'torch', 'ape', 'requests', 'aiohttp') if m in sys.modules]\n"
        "bad += [m for m in sys.modules if m.startswith('offchain.') and m.split('.')[1] in "
        "('chain', 'wire', 'keys', 'validator', 'localnet', 'cli', 'subnets')]\n"
        "print(bad); raise SystemExit(bool(bad))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.soundness
@pytest.mark.parametrize(
    "path, source, fault",
    [
        ("offchain/yuma/x.py", "import time", "no chain, clock or file"),
        ("offchain/yuma/x.py", "def f():\n    from pathlib import Path", "no chain, clock"),
        ("offchain/settlement/x.py", "open('x')", "is impure"),
        ("offchain/yuma/fast/replay.py", "import sys", "no chain, clock"),
        ("offchain/protocol/errors.py", "import torch", "inside a function"),
        ("offchain/protocol/x.py", "from offchain.yuma import y", "point down only"),
        ("offchain/protocol/x.py", "from ..yuma import y", "point down only"),
        ("offchain/chain/x.py", "import offchain.wire.axon", "point down only"),
        ("offchain/validator/x.py", "from offchain.watcher import y", "point down only"),
        ("offchain/wire/x.py", "from offchain.chain import y", "wire knows no chain"),
        ("offchain/validator/x.py", "from web3 import Web3", "only offchain/chain knows web3"),
        ("offchain/cli/x.py", "import ape", "only scripts knows ape"),
        ("offchain/cli/x.py", "import miners.engine", "inside functions"),
        ("offchain/validator/x.py", "def f():\n    import miners", "only cli and localnet"),
        ("offchain/subnets/x.py", "from sklearn import datasets", "inside a function"),
        ("miners/x.py", "import torch", "inside a function"),
        ("miners/x.py", "from miners import train", "loads torch"),
        ("miners/x.py", "from miners.models import y", "loads torch"),
        ("miners/x.py", "from offchain.validator import y", "not for miners"),
        ("offchain/cli/x.py", "from tests.contracts import y", "not for code"),
    ],
)
def test_layer_faults__seeded__is_found(path, source, fault):
    (found,) = layer_faults(Path(path), source)
    assert fault in found


@pytest.mark.parametrize(
    "path, source",
    [
        ("offchain/yuma/replay.py", "import json, sys"),
        ("offchain/cli/x.py", "def f():\n    from miners import engine"),
        ("offchain/chain/x.py", "from web3 import Web3"),
        ("miners/train.py", "import torch\nfrom miners import models"),
        ("offchain/subnets/x.py", "def load():\n    from sklearn import datasets"),
        ("offchain/validator/x.py", "from offchain.chain import y\nimport time"),
        ("offchain/wire/x.py", "if TYPE_CHECKING:\n    from offchain.chain import y"),
        ("scripts/deploy.py", "import ape\nfrom offchain.cli import main"),
    ],
)
def test_layer_faults__as_drawn__none(path, source):
    assert layer_faults(Path(path), source) == []
