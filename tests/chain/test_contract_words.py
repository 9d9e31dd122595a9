# SPDX-License-Identifier: Apache-2.0
"""Domain words against the compiled contracts: every function and event that we name exists."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import fields
from types import ModuleType
from typing import Any

import pytest

from offchain.chain import (
    emission,
    governor,
    keys,
    neurons,
    rewards,
    settlement,
    staking,
    subnets,
    tao,
    timelock,
    weights,
)
from offchain.chain.artifacts import load_artifact
from offchain.chain.build import build
from offchain.chain.contract import Contract, Event

MODULES = [
    emission,
    governor,
    keys,
    neurons,
    rewards,
    settlement,
    staking,
    subnets,
    tao,
    timelock,
    weights,
]


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    build("cancun")


def contract_of(module: ModuleType) -> type[Contract]:
    (found,) = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if issubclass(c, Contract) and c.__module__ == module.__name__
    ]
    return found


def abi_of(module: ModuleType, kind: str) -> dict[str, Any]:
    abi = load_artifact(contract_of(module).NAME, "cancun").abi
    return {entry["name"]: entry for entry in abi if entry["type"] == kind}


def words(module: ModuleType) -> Iterator[tuple[str, int]]:
    """Names and numbers of arguments in `self.read(...)`, `self.query(...)`, `self.call(...)`."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_call and node.func.attr in ("read", "query", "call"):  # type: ignore[attr-defined]
            first = node.args[0]  # type: ignore[attr-defined]
            if isinstance(first, ast.Constant):
                yield first.value, len(node.args) - 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.split(".")[-1])
def test_words__of_a_contract__are_its_functions(module: ModuleType) -> None:
    functions = abi_of(module, "function")
    found = list(words(module))
    assert found
    for name, arguments in found:
        assert name in functions, f"{module.__name__} names {name}"
        wanted = len(functions[name]["inputs"])
        assert arguments == wanted, f"{name} takes {wanted}, {module.__name__} gives {arguments}"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.split(".")[-1])
def test_events__of_a_contract__have_its_fields(module: ModuleType) -> None:
    events = abi_of(module, "event")
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if not issubclass(kind, Event) or kind.__module__ != module.__name__:
            continue
        assert kind.__name__ in events, f"{module.__name__} has no event {kind.__name__}"
        inputs = [entry["name"] for entry in events[kind.__name__]["inputs"]]
        assert [f.name for f in fields(kind) if f.name != "at"] == inputs
