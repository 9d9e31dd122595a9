# SPDX-License-Identifier: Apache-2.0
"""Scenario files: JSON in the layout of `tests/vectors/README.md`, checked entry by entry.

Whatever is wrong with a file becomes one `InvalidScenario` whose message names the scenario, the
epoch, the field and the limit. Parsing takes text, so this module touches no file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from offchain.yuma.errors import InvalidEpoch, InvalidScenario
from offchain.yuma.types import EpochInput, EpochOutput, EpochParameters
from offchain.yuma.validation import check_input, check_parameters

SCHEMA = "epoch-vectors/1"

_PARAMETER_FIELDS = tuple(field.name for field in fields(EpochParameters))
_REQUIRED_PARAMETERS = tuple(f.name for f in fields(EpochParameters) if f.default is MISSING)
_INPUT_FIELDS = tuple(field.name for field in fields(EpochInput))
_FIRST_EPOCH_FIELDS = tuple(
    name
    for name in _INPUT_FIELDS
    if name not in ("last_step_block", "tao_stakes", "active_commit_blocks")
)
_KEPT_FROM_EPOCH_BEFORE = ("stakes", "tao_stakes", "last_update", "registered_block", "weights")
_LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One subnet over one or more epochs, with what Bittensor's code makes of them."""

    name: str
    tags: tuple[str, ...]
    parameters: EpochParameters
    inputs: tuple[Mapping[str, Any], ...]
    """As written, with gaps that mean "as before"; `complete_input` fills them."""
    expected: tuple[Mapping[str, Any], ...]


def parse_scenarios(text: str) -> list[Scenario]:
    """All scenarios of a file. Raises `InvalidScenario`, also for a valid file without any
    scenario.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise InvalidScenario(
            f"the file is not complete JSON: {problem}", next_step="Write the file again."
        ) from problem
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        got = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise InvalidScenario(f"schema: got {got!r}, the only one known is {SCHEMA!r}")
    entries = document.get("scenarios")
    if not isinstance(entries, list) or not entries:
        raise InvalidScenario("scenarios: wanted a list of at least one scenario")
    return [_parse_scenario(entry, position) for position, entry in enumerate(entries)]


def complete_input(
    scenario: Scenario, index: int, before: EpochInput | None, stored: EpochOutput | None
) -> EpochInput:
    """Epoch `index` with its gaps filled: from the epoch before it and from what that epoch stored.

    Raises `InvalidScenario` if the outcome is outside the limits of `offchain.yuma.validation`.
    """
    where = f"scenario {scenario.name}, epoch {index}"
    written = scenario.inputs[index]
    values: dict[str, Any] = {
        "last_step_block": 0,
        "active_commit_blocks": (None,) * scenario.parameters.n,
    }
    if before is None or stored is None:
        values["tao_stakes"] = (0,) * scenario.parameters.n
    else:
        values |= {name: getattr(before, name) for name in _KEPT_FROM_EPOCH_BEFORE}
        values |= {"bonds": stored.bonds_u16, "validator_permits": stored.new_validator_permits}
    values |= {name: _frozen(value) for name, value in written.items()}
    epoch = EpochInput(**values)
    try:
        check_input(scenario.parameters, epoch)
    except InvalidEpoch as problem:
        raise InvalidScenario(f"{where}: {problem}") from problem
    return epoch


def expected_output(scenario: Scenario, index: int) -> dict[str, Any]:
    """Expected fields of one epoch in the types of `EpochOutput`, `legacy` left out."""
    return {
        name: _frozen(value) for name, value in scenario.expected[index].items() if name != _LEGACY
    }


def _parse_scenario(entry: object, position: int) -> Scenario:
    where = f"scenario {position}"
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise InvalidScenario(f"{where}: name: wanted a text")
    where = f"scenario {entry['name']}"
    given = _mapping(entry, "input", where)
    inputs = tuple(_epochs(given, "input.epochs", where))
    expected = tuple(_epochs(_mapping(entry, "expected", where), "expected.epochs", where))
    if len(expected) != len(inputs):
        raise InvalidScenario(
            f"{where}: expected.epochs: has {len(expected)} entries, the limit is exactly"
            f" the {len(inputs)} of input.epochs"
        )
    for index, epoch in enumerate(inputs):
        _check_names(epoch, _INPUT_FIELDS, f"{where}, epoch {index}")
    for name in _FIRST_EPOCH_FIELDS:
        if name not in inputs[0]:
            raise InvalidScenario(f"{where}, epoch 0: {name}: is missing, the first epoch needs it")
    for index, epoch in enumerate(inputs):
        if "block" not in epoch:
            raise InvalidScenario(
                f"{where}, epoch {index}: block: is missing, every epoch needs it"
            )
    tags = entry.get("tags", [])
    if not isinstance(tags, list):
        raise InvalidScenario(f"{where}: tags: got {tags!r}, wanted a list")
    return Scenario(entry["name"], tuple(tags), _parameters(given, where), inputs, expected)


def _parameters(given: Mapping[str, Any], where: str) -> EpochParameters:
    """The parameters of a scenario; `compact` only says what the output leaves out."""
    written = {k: v for k, v in given.items() if k not in ("epochs", "compact")}
    _check_names(written, _PARAMETER_FIELDS, where)
    for name in _REQUIRED_PARAMETERS:
        if name not in written:
            raise InvalidScenario(f"{where}: {name}: is missing, every scenario needs it")
    parameters = EpochParameters(**written)
    try:
        check_parameters(parameters)
    except InvalidEpoch as problem:
        raise InvalidScenario(f"{where}: {problem}") from problem
    return parameters


def _mapping(entry: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = entry.get(name)
    if not isinstance(value, dict):
        raise InvalidScenario(f"{where}: {name}: got {type(value).__name__}, wanted an object")
    return value


def _epochs(given: Mapping[str, Any], name: str, where: str) -> Iterator[Mapping[str, Any]]:
    epochs = given.get("epochs")
    if not isinstance(epochs, list) or not epochs:
        raise InvalidScenario(f"{where}: {name}: wanted a list of at least one epoch")
    for index, epoch in enumerate(epochs):
        if not isinstance(epoch, dict):
            raise InvalidScenario(f"{where}: {name}[{index}]: wanted an object")
        yield epoch


def _check_names(written: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in written:
        if name not in known:
            raise InvalidScenario(
                f"{where}: {name}: is unknown, the known fields are {', '.join(known)}"
            )


def _frozen(value: object) -> object:
    """Lists as tuples, at every depth; anything else as it is, for the checks to judge."""
    if not isinstance(value, list):
        return value
    return tuple(_frozen(item) for item in value)
