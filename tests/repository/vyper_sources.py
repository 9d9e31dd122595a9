# SPDX-License-Identifier: Apache-2.0
"""Contracts as the compiler sees them: syntax trees with types, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from vyper.cli.vyper_compile import compile_files
from vyper.compiler.settings import Settings

from tests.repository.files import ROOT

Node = dict[str, Any]


@dataclass(frozen=True)
class Module:
    """One file of ours in the tree of a contract."""

    path: Path  # relative to the root
    tree: Node
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """Line by its number, which counts from 1; empty beyond the ends."""
        lines = self.text.splitlines()
        return lines[number - 1] if 1 <= number <= len(lines) else ""


def deployables(root: Path = ROOT) -> list[Path]:
    return sorted(p for p in (root / "contracts").glob("*.vy") if p.name[0].isupper())


def modules_of(contract: Path, root: Path = ROOT) -> list[Module]:
    """The contract itself, first, and every module of `root` that it imports; no interfaces."""
    return _modules_of(contract.resolve(), root.resolve(), contract.stat().st_mtime_ns)


@cache
def _modules_of(contract: Path, root: Path, _changed: int) -> list[Module]:
    made = compile_files(
        [str(contract)],
        ["annotated_ast_dict"],
        paths=[str(root)],
        settings=Settings(evm_version="cancun"),
    )
    (output,) = made.values()
    tree = output["annotated_ast_dict"]
    found = []
    for module in [tree["ast"], *tree["imports"]]:
        path = Path(module["resolved_path"])
        if module["is_interface"] or not path.is_relative_to(root / "contracts"):
            continue
        found.append(Module(path.relative_to(root), module, path.read_text(encoding="utf-8")))
    return found


def walk(node: Any) -> Iterator[Node]:
    """Every syntax node below and including `node`, types and annotations left out."""
    if isinstance(node, list):
        for child in node:
            yield from walk(child)
    elif isinstance(node, dict):
        if "ast_type" in node:
            yield node
        for key, child in node.items():
            if key not in {"type", "folded_value", "variable_reads", "variable_writes"}:
                yield from walk(child)


def of_type(node: Any, *names: str) -> Iterator[Node]:
    return (n for n in walk(node) if n.get("ast_type") in names)


def called_name(call: Node) -> str:
    """`f` of `f(...)`; dotted for an attribute, empty for anything else."""
    func = call["func"]
    if func["ast_type"] == "Name":
        return str(func["id"])
    if func["ast_type"] == "Attribute" and func["value"]["ast_type"] == "Name":
        return f"{func['value']['id']}.{func['attr']}"
    return ""
