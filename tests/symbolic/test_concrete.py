# SPDX-License-Identifier: Apache-2.0
"""The same checks on random numbers and edges, with the real compiler's code: always run."""

from __future__ import annotations

from functools import cache
from typing import Any

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.deployment import COMPILER
from tests.symbolic.halmos_run import HERE

SOURCES = ("ScheduleChecks", "SettlementChecks", "ShareChecks")
PANIC = bytes.fromhex("4e487b71")
EDGES = [0, 1, 2, 3_600, 2**40 - 1, 2**56 - 1, 2**64 - 1]


@cache
def checks(source: str) -> Any:
    return boa.load(str(HERE / f"{source}.vy"), compiler_args=COMPILER)


def functions() -> list[tuple[str, str, tuple[str, ...]]]:
    found = []
    for source in SOURCES:
        for entry in checks(source).abi:
            if entry["type"] == "function" and entry["name"].startswith(("check_", "fuzz_")):
                kinds = tuple(argument["type"] for argument in entry["inputs"])
                found.append((source, entry["name"], kinds))
    return found


def arguments_of(kinds: tuple[str, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    def one(kind: str) -> st.SearchStrategy[Any]:
        if kind == "bool":
            return st.booleans()
        if kind == "address":
            return st.integers(1, 5).map(lambda n: f"0x{n:040x}")
        if kind == "bytes32":
            return st.binary(min_size=32, max_size=32)
        bits = int(kind.removeprefix("uint"))
        edges = [edge for edge in EDGES if edge < 2**bits]
        most = 2 ** min(bits, 40) - 1
        return st.one_of(st.sampled_from(edges), st.integers(0, 4_000), st.integers(0, most))

    return st.tuples(*(one(kind) for kind in kinds))


def run(source: str, name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether the check came to its end; raises on a Panic, which is a broken property."""
    contract = checks(source)
    with boa.env.anchor():
        data = getattr(contract, name).prepare_calldata(*arguments)
        done = boa.env.execute_code(to_address=contract.address, data=data)
    output = bytes(done.output)
    assert not (done.is_error and output[:4] == PANIC), (name, arguments)
    return not done.is_error


@pytest.mark.parametrize("source, name, kinds", functions(), ids=lambda value: str(value)[:60])
def test_checks__random_and_edge_numbers__hold(source, name, kinds):
    ended = 0

    @settings(max_examples=60, deadline=None)
    @given(arguments_of(kinds))
    def examine(arguments):
        nonlocal ended
        ended += run(source, name, arguments)

    examine()
    assert ended > 0, "every input was refused: nothing was checked"
