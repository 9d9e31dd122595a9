# SPDX-License-Identifier: Apache-2.0
"""Both implementations on Bittensor's own results, and the command that counts the differences.

when the file is right
    it should count every field and find no difference, chained and unchained
when one number of the file is wrong
    it should name scenario, epoch, field and uid, and exit with 1
when an implementation rounds in another way
    it should find differences
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offchain.yuma import specification
from offchain.yuma.replay import implementations, main, replay
from offchain.yuma.scenarios import parse_scenarios
from offchain.yuma.specification import bonds, fixed_point
from offchain.yuma.types import EpochInput, EpochOutput, EpochParameters


@pytest.mark.parametrize("implementation", ("specification", "fast"))
def test_replay__all_vectors__no_difference(vectors: Path, implementation: str) -> None:
    scenarios = parse_scenarios(vectors.read_text())
    found = replay(scenarios, implementations(implementation))
    assert len(scenarios) == 66
    # 113 epochs chained and 61 of several-epoch scenarios again unchained, 32 fields and more each
    assert found.fields > 170 * 32
    assert found.differences == []


def test_replay__liquid_alpha__its_rates_are_compared(vectors: Path) -> None:
    fields = {
        field
        for scenario in parse_scenarios(vectors.read_text())
        for epoch in scenario.expected
        for field in epoch
    }
    assert "liquid_alphas_bits" in fields


def test_main__vectors__prints_the_count_and_exits_0(
    vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    code = main([str(vectors), "--no-liquid-alpha", "--json", str(report)])
    out = capsys.readouterr().out
    written = json.loads(report.read_text())
    assert code == 0
    assert out == f"{written['fields']} fields, 0 differences\n"
    assert written["implementations"] == ["specification", "fast"]
    assert written["fields"] > 8000


def test_main__no_liquid_alpha__leaves_those_scenarios_out(
    vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = []
    for flags in ([], ["--no-liquid-alpha"]):
        assert main([str(vectors), "--implementation", "fast", *flags]) == 0
        counts.append(int(capsys.readouterr().out.split()[0]))
    assert counts[0] > counts[1]


def test_main__one_wrong_number__names_it_and_exits_1(
    vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = json.loads(vectors.read_text())
    scenario = next(s for s in document["scenarios"] if s["name"] == "s_evolve_y3")
    scenario["expected"]["epochs"][2]["dividends_bits"][1] += 1
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(document))
    code = main([str(broken), "--implementation", "fast"])
    out = capsys.readouterr().out.splitlines()
    assert code == 1
    assert out[0].startswith("fast / s_evolve_y3 / epoch 2 / dividends_bits / uid 1: got ")
    assert out[-1].endswith(" fields, 2 differences")  # once chained, once not


def test_main__missing_entry__is_a_difference(
    vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = json.loads(vectors.read_text())
    document["scenarios"] = document["scenarios"][1:2]
    document["scenarios"][0]["expected"]["epochs"][0]["active"].pop()
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(document))
    assert main([str(broken)]) == 1
    assert capsys.readouterr().out.endswith(" fields, 2 differences\n")


@pytest.mark.soundness
def test_replay__product_rounded_up__finds_differences(
    vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rounded_up(a: int, b: int) -> int:
        return -((-a * b) >> fixed_point.FRACTION_BITS)

    monkeypatch.setattr(bonds, "multiply", rounded_up)
    found = replay(parse_scenarios(vectors.read_text()), {"seeded": specification.run_epoch})
    assert {"dividends_bits", "ema_bonds_bits"} <= {d.field for d in found.differences}


@pytest.mark.soundness
def test_replay__bonds_carried_in_full_precision__finds_differences_only_when_chained(
    vectors: Path,
) -> None:
    def forgetful(parameters: EpochParameters, epoch: EpochInput) -> EpochOutput:
        output = specification.run_epoch(parameters, epoch)
        dropped = tuple(tuple((uid, max(b - 1, 0)) for uid, b in row) for row in output.bonds_u16)
        return replace(output, bonds_u16=dropped)

    found = replay(parse_scenarios(vectors.read_text()), {"seeded": forgetful})
    later = [d for d in found.differences if d.epoch > 0 and d.field == "ema_bonds_bits"]
    assert later
    assert all(d.chained for d in later)
