# SPDX-License-Identifier: Apache-2.0
"""The vectors through the deployed kernel and the arithmetic of finalize: every bit is equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boa
import pytest
from click.testing import CliRunner

from offchain.chain.vector_check import Block, Report, Words, check
from offchain.yuma.scenarios import Scenario, parse_scenarios
from scripts.verify_vectors import cli
from tests.contracts.deployment import compiled, role_address

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "epoch_vectors.json"


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return parse_scenarios(VECTORS.read_text(encoding="utf-8"))


def examined(scenarios: Sequence[Scenario], kernel: Any, examiner: Any) -> Report:
    def recompute(block: Block) -> Words | None:
        try:
            words = kernel.recompute(block)
        except boa.BoaError as error:
            if "kernel: wrong hint" not in str(error):
                raise
            return None
        return list(words.ranks), words.bonds_hash, words.partial_hash

    def finalize(*frozen_and_trace: Sequence[int]) -> Sequence[int]:
        lists = [list(words) for words in frozen_and_trace]
        return list(examiner.finalize(0, *lists, [], [0] * 4).cumulatives)

    return check(scenarios, recompute, finalize)


def an_examiner(kernel: Any) -> Any:
    neighbours = [role_address(name) for name in ("Subnets", "Neurons", "Weights")]
    return compiled("Examiner").deploy(*neighbours, kernel.address, role_address("Rewards"))


def test_vectors__every_scenario_that_a_subnet_can_have__0_differences(
    kernel: Any, scenarios: list[Scenario]
) -> None:
    report = examined(scenarios, kernel, an_examiner(kernel))
    assert report.differences == []
    assert report.fields > 2_400
    print(report, *report.deviations, sep="\n")


def test_vectors__classic_without_pay__is_no_deviation_but_yuma3_is(
    kernel: Any, scenarios: list[Scenario]
) -> None:
    """Named deviations: nobody is paid at zero rank. They are listed, not counted."""
    silent = next(s for s in scenarios if s.name == "s_no_weights")
    report = examined([silent], kernel, an_examiner(kernel))
    assert (report.differences, report.deviations) == ([], [])
    as_yuma3 = replace(silent, parameters=replace(silent.parameters, yuma3=True))
    report = examined([as_yuma3], kernel, an_examiner(kernel))
    assert report.differences == []
    assert report.deviations == [
        "s_no_weights, epoch 0: nobody is paid without ranks or dividends; Bittensor pays by stake"
    ]


def test_vectors__what_no_subnet_can_have__is_listed(
    kernel: Any, scenarios: list[Scenario]
) -> None:
    one = next(s for s in scenarios if s.name == "s_rand_y3_n4")
    extreme = replace(one, parameters=replace(one.parameters, bonds_moving_average=1_000_000))
    report = examined([extreme], kernel, an_examiner(kernel))
    assert (report.fields, report.differences) == (0, [])
    assert report.deviations == [
        "s_rand_y3_n4: bonds_moving_average 1000000, bounds are 1 to 999,999"
    ]


@pytest.mark.parametrize(
    ("name", "count"),
    [("consensus_bits", 4), ("incentive_bits", 1), ("dividends_bits", 1), ("server_emission", 1)],
)
def test_vectors__one_expected_number_changed__is_reported(
    kernel: Any, scenarios: list[Scenario], name: str, count: int
) -> None:
    """The check can fail: a wrong number in the file is one, a wrong consensus a block of them."""
    one = next(s for s in scenarios if s.name == "s_rand_y3_n4")
    (expected,) = one.expected
    numbers = list(expected[name])
    at = max(range(len(numbers)), key=numbers.__getitem__)
    numbers[at] += 1
    changed = replace(one, expected=({**expected, name: numbers},))
    report = examined([changed], kernel, an_examiner(kernel))
    assert len(report.differences) == count
    assert all(name.removesuffix("_bits").replace("_", " ") in d for d in report.differences)


def test_vectors__one_expected_bond_changed__is_reported(
    kernel: Any, scenarios: list[Scenario]
) -> None:
    one = next(s for s in scenarios if s.name == "s_rand_y3_n4")
    (expected,) = one.expected
    rows = [[list(cell) for cell in row] for row in expected["bonds_u16"]]
    next(row for row in rows if row)[0][1] ^= 1
    changed = replace(one, expected=({**expected, "bonds_u16": rows},))
    report = examined([changed], kernel, an_examiner(kernel))
    assert [d.split(": got")[0] for d in report.differences] == [
        "s_rand_y3_n4, epoch 0, bonds, block 0"
    ]


@pytest.mark.soundness
def test_vectors__finalize_pays_a_rao_too_much__is_reported(
    kernel: Any, scenarios: list[Scenario]
) -> None:
    one = next(s for s in scenarios if s.name == "s_rand_y3_n8")

    class Generous:
        def finalize(self, *arguments: Any) -> Any:
            pay = an_examiner(kernel).finalize(*arguments)
            return SimpleNamespace(cumulatives=[pay.cumulatives[0] + 1, *pay.cumulatives[1:]])

    report = examined([one], kernel, Generous())
    (difference,) = report.differences
    assert difference.startswith("s_rand_y3_n8, epoch 0, validator emission, uid 1: got ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("{}", "schema: got None"),
        ('{"schema": "epoch-vectors/1"', "not complete JSON"),
        ('{"schema": "epoch-vectors/1", "scenarios": []}', "at least one scenario"),
    ],
)
def test_script__file_that_cannot_be_used__one_line_and_code_2(
    tmp_path: Path, text: str | None, says: str
) -> None:
    file = tmp_path / "vectors.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(cli, [str(file)])
    assert result.exit_code == 2
    assert says in result.output
    assert result.output.count("\n") == 1
