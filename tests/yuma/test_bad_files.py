# SPDX-License-Identifier: Apache-2.0
"""A scenario file that is wrong ends in one sentence with scenario, field and limit, and exit
code 2.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from offchain.yuma.replay import main

Document: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def document(vectors: Path) -> Document:
    """One scenario of two epochs with five uids or more."""
    whole: Document = json.loads(vectors.read_text())
    whole["scenarios"] = [s for s in whole["scenarios"] if s["name"] == "s_mutual_y3"]
    return whole


def given(document: Document) -> Document:
    """The input of the only scenario."""
    scenario: Document = document["scenarios"][0]["input"]
    return scenario


def first(document: Document) -> Document:
    """Its first epoch."""
    epoch: Document = given(document)["epochs"][0]
    return epoch


def _put(
    target: Callable[[Document], Document], key: str, value: object
) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        target(document)[key] = value

    return change


def _drop(target: Callable[[Document], Document], key: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        del target(document)[key]

    return change


def _entry(key: str, index: int, value: object) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        first(document)[key][index] = value

    return change


def _shorter(key: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        first(document)[key].pop()

    return change


CASES: dict[str, tuple[Callable[[Document], None], tuple[str, ...]]] = {
    "short stakes": (_shorter("stakes"), ("stakes", "has 11 entries", "n = 12")),
    "short permits": (_shorter("validator_permits"), ("validator_permits", "11", "n = 12")),
    "short weights": (_shorter("weights"), ("weights", "has 11 entries", "n = 12")),
    "short bonds": (_shorter("bonds"), ("bonds", "has 11 entries", "n = 12")),
    "uid out of range": (
        _entry("weights", 3, [[12, 1]]),
        ("weights[3]", "uid 12", "0 and n - 1 = 11"),
    ),
    "negative uid": (_entry("bonds", 0, [[-1, 1]]), ("bonds[0]", "uid -1", "n - 1 = 11")),
    "uid that is text": (_entry("bonds", 0, [["1", 1]]), ("bonds[0]", "'1'", "n - 1 = 11")),
    "uid twice": (_entry("weights", 1, [[2, 1], [2, 5]]), ("weights[1]", "uid 2 twice", "once")),
    "weight too large": (
        _entry("weights", 2, [[1, 65536]]),
        ("weights[2]", "65536", "0 and 65535"),
    ),
    "negative weight": (_entry("weights", 2, [[1, -1]]), ("weights[2]", "-1", "0 and 65535")),
    "weight that is a float": (_entry("weights", 2, [[1, 0.5]]), ("weights[2]", "0.5", "65535")),
    "weight without uid": (_entry("weights", 2, [[1]]), ("weights[2]", "(1,)", "[uid, u16]")),
    "weight row that is a number": (_entry("weights", 2, 7), ("weights[2]", "7", "list")),
    "negative stake": (_entry("stakes", 4, -1), ("stakes[4]", "got -1", "0 and")),
    "stake above u64": (_entry("stakes", 4, 2**64), ("stakes[4]", "18446744073709551615")),
    "stakes that overflow": (
        _entry("stakes", 4, 2**63),
        ("stakes", "add up to", "9223372036854775807"),
    ),
    "stake that is text": (_entry("stakes", 4, "7"), ("stakes[4]", "'7'", "integer")),
    "stakes that are a number": (_put(first, "stakes", 5), ("stakes", "got 5", "n = 12")),
    "permit that is a number": (
        _entry("validator_permits", 0, 1),
        ("validator_permits[0]", "true and false"),
    ),
    "negative block": (_put(first, "block", -1), ("block", "got -1", "0 and")),
    "no block": (_drop(first, "block"), ("epoch 0", "block", "missing")),
    "no stakes": (_drop(first, "stakes"), ("epoch 0", "stakes", "missing")),
    "unknown epoch field": (_put(first, "stake", [1]), ("epoch 0", "stake", "unknown")),
    "unknown mode": (_put(given, "mode", "yuma4"), ("mode", "unknown", "yuma3")),
    "mode that is text": (_put(given, "yuma3", "yuma4"), ("yuma3", "'yuma4'", "true and false")),
    "mode that is a number": (_put(given, "liquid_alpha", 2), ("liquid_alpha", "true and false")),
    "kappa too large": (_put(given, "kappa", 65536), ("kappa", "65536", "0 and 65535")),
    "penalty negative": (_put(given, "bonds_penalty", -5), ("bonds_penalty", "-5", "65535")),
    "rate above one": (
        _put(given, "bonds_moving_average", 1_000_001),
        ("bonds_moving_average", "1000001", "0 and 1000000"),
    ),
    "steepness too large": (
        _put(given, "alpha_sigmoid_steepness", 32768),
        ("alpha_sigmoid_steepness", "32768", "-32768 and 32767"),
    ),
    "owner out of range": (_put(given, "owner_uid", 12), ("owner_uid", "12", "0 and 11")),
    "no uid": (_put(given, "n", 0), ("n:", "got 0", "1 and")),
    "no n": (_drop(given, "n"), ("n:", "missing")),
    "no epochs": (_put(given, "epochs", []), ("input.epochs", "at least one")),
    "epoch that is a number": (_put(given, "epochs", [1]), ("input.epochs[0]", "object")),
}


@pytest.mark.parametrize("case", CASES)
def test_main__bad_scenario__names_scenario_field_and_limit(
    case: str, document: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, wanted = CASES[case]
    broken = copy.deepcopy(document)
    change(broken)
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(broken))
    code = main([str(file), "--implementation", "specification"])
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    for word in ("s_mutual_y3", *wanted):
        assert word in said.err


def _text(document: Document, change: Callable[[str], str]) -> str:
    return change(json.dumps(document))


WHOLE_FILES: dict[str, tuple[Callable[[str], str], tuple[str, ...]]] = {
    "truncated": (lambda text: text[: len(text) // 2], ("not complete JSON",)),
    "empty": (lambda text: "", ("not complete JSON",)),
    "a list": (lambda text: "[]", ("schema", "epoch-vectors/1")),
    "another schema": (
        lambda text: text.replace("epoch-vectors/1", "epoch-vectors/2"),
        ("schema", "epoch-vectors/2", "epoch-vectors/1"),
    ),
    "a number of 5000 digits": (lambda text: "[" + "9" * 5000 + "]", ("not complete JSON",)),
    "tags that are a number": (
        lambda text: text.replace('"tags": [', '"tags": 5, "more": ['),
        ("s_mutual_y3", "tags", "list"),
    ),
    "no scenario": (lambda text: '{"schema": "epoch-vectors/1", "scenarios": []}', ("scenarios",)),
    "nameless": (
        lambda text: '{"schema": "epoch-vectors/1", "scenarios": [{}]}',
        ("scenario 0", "name"),
    ),
    "no expectation": (lambda text: text.replace('"expected"', '"hoped"'), ("expected",)),
    "unknown output": (
        lambda text: text.replace('"incentive_bits"', '"incentives_bits"'),
        ("s_mutual_y3", "incentives_bits"),
    ),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_main__unusable_file__says_why(
    case: str, document: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, wanted = WHOLE_FILES[case]
    file = tmp_path / "bad.json"
    file.write_text(_text(document, change))
    assert main([str(file), "--implementation", "specification"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for word in wanted:
        assert word in said


def test_main__fewer_expectations_than_epochs__names_both_counts(
    document: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = copy.deepcopy(document)
    broken["scenarios"][0]["expected"]["epochs"].pop()
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(broken))
    assert main([str(file)]) == 2
    assert "has 1 entries, the limit is exactly the 2" in capsys.readouterr().err


def test_main__no_such_file__exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_replay__as_a_command__no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{"schema": "epoch-vectors/1", "scen')
    done = subprocess.run(
        [sys.executable, "-m", "offchain.yuma.replay", str(file)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(str(file))
