# SPDX-License-Identifier: Apache-2.0
"""Every (function, role) pair: it succeeds if roles.yaml says so and reverts if not.

The functions come from the contracts' ABIs: a function without a row in roles.yaml, or without a
moment at which it succeeds (role_scenes.py), fails here. All roles make the same call at the same
moment, so that a revert is about the role alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boa
import pytest
import yaml
from vyper.compiler.output import build_abi_output

from tests.contracts.deployment import NAMES, compiled, seeded
from tests.contracts.role_scenes import (
    CALLS,
    PEOPLE,
    Disputes,
    Economy,
    open_disputes,
    open_economy,
)

TABLE: dict[str, dict[str, str | list[str]]] = yaml.safe_load(
    (Path(__file__).parent / "roles.yaml").read_text()
)
ROWS = [(contract, function) for contract, rows in TABLE.items() for function in rows]
RESTRICTED = [(contract, name) for contract, name in ROWS if TABLE[contract][name] != "anyone"]


def changing_functions(contract: str) -> set[str]:
    """Names of the functions of a contract that can change state, from its ABI."""
    return {
        entry["name"]
        for entry in build_abi_output(compiled(contract).compiler_data)
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }


@pytest.fixture(scope="module")
def economy() -> Economy:
    return open_economy()


@pytest.fixture(scope="module")
def disputes() -> Disputes:
    return open_disputes()


@pytest.fixture
def scene(economy: Economy, disputes: Disputes, contract: str) -> Any:
    """The scene in which a contract's functions can succeed, at its own time."""
    chosen = disputes.fork() if contract == "Settlement" else economy
    boa.env.timestamp = chosen.timestamp
    return chosen


def succeeds(scene: Any, contract: str, function: str, arguments: Any, caller: str) -> bool:
    """Whether the call goes through; the chain is as before afterwards."""
    with boa.env.anchor():
        passed = arguments(caller)
        try:
            getattr(scene.contract(contract), function.partition("/")[0])(*passed, sender=caller)
        except boa.BoaError:
            return False
        return True


def wrong_pairs(scene: Any, contract: str, function: str, allowed: str | list[str]) -> list[str]:
    """Roles for which a call goes differently than the table says."""
    arguments = CALLS[contract][function](scene)
    wrong = []
    # a contract has no reason to call what is open to everybody
    for role in PEOPLE if allowed == "anyone" else scene.roles:
        may = allowed == "anyone" or role in allowed or role.lower() in allowed
        if succeeds(scene, contract, function, arguments, scene.roles[role]) != may:
            wrong.append(f"{role} {'cannot' if may else 'can'}")
    return wrong


@pytest.mark.parametrize("contract", NAMES)
def test_A2_table__every_function_of_the_abi_and_no_other(contract: str) -> None:
    listed = {name.partition("/")[0] for name in TABLE.get(contract, {})}
    assert listed == changing_functions(contract)


def test_A2_table__only_known_roles() -> None:
    known = {*PEOPLE, *NAMES}
    for contract, function in ROWS:
        allowed = TABLE[contract][function]
        assert allowed == "anyone" or {*allowed} <= known, f"{contract}.{function}: {allowed}"


@pytest.mark.parametrize(("contract", "function"), ROWS)
def test_A2_pair__as_the_table_says(scene: Any, contract: str, function: str) -> None:
    assert wrong_pairs(scene, contract, function, TABLE[contract][function]) == []


@pytest.mark.parametrize(("contract", "function"), RESTRICTED)
def test_A3_through_a_contract__no_role_is_lent(scene: Any, contract: str, function: str) -> None:
    """tx.origin has the role, msg.sender is a contract that it was lured into calling."""
    trap = compiled("Caller").deploy()
    arguments = CALLS[contract][function](scene)
    target = scene.contract(contract)
    for role in TABLE[contract][function]:
        caller = scene.roles[role]
        with boa.env.anchor():
            method = getattr(target, function.partition("/")[0])
            payload = method.prepare_calldata(*arguments(caller))
            with boa.reverts():
                trap.forward(target, payload, sender=caller)


@pytest.mark.soundness
@pytest.mark.parametrize(
    ("contract", "function", "bug"),
    [
        ("Tao", "mint", ('    assert msg.sender == EMISSION, "tao: not emission"\n', "")),
        ("Staking", "credit", ('    assert msg.sender == REWARDS, "staking: not rewards"\n', "")),
        ("Rewards", "add_root", ('"rewards: not settlement"', '"rewards: no"')),
    ],
)
def test_A2_seeded_bug__missing_check__is_found(
    contract: str, function: str, bug: tuple[str, str]
) -> None:
    """The last one is no bug, so that the other two are not found by accident."""
    source = seeded(contract, (f"{contract}.vy", *bug))
    with boa.env.anchor():
        scene = open_economy(**{contract: source})
        wrong = wrong_pairs(scene, contract, function, TABLE[contract][function])
        assert (wrong != []) == (bug[1] == "")


def test_A2_seeded_bug__function_without_a_row__is_found() -> None:
    listed = {name for name in TABLE["Tao"] if name != "mint"}
    assert listed != changing_functions("Tao")
