# SPDX-License-Identifier: Apache-2.0
"""docs/capacity.md is what the script computes from the measured files, and follows them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from offchain.lab import capacity
from offchain.lab.capacity import CHAINS, FOOTPRINT, GAS, MANY, PAGE, load_of, main, page
from offchain.protocol.errors import ConfigError

GAS_NOW = json.loads(GAS.read_text())
FOOTPRINT_NOW = json.loads(FOOTPRINT.read_text())
MANY_NOW = json.loads(MANY.read_text())


def test_page__is_as_computed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, "run `python -m offchain.lab.capacity` and read the difference"
    assert PAGE.name in capsys.readouterr().out


def test_page__of_another_measurement__differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check can fail: one more gas in a reveal changes the page."""
    changed = tmp_path / "gas.json"
    changed.write_text(json.dumps(GAS_NOW | {"reveal of 256 uids": 225_525}))
    monkeypatch.setattr(capacity, "GAS", changed)
    assert main(["--check"]) == 1
    monkeypatch.setattr(capacity, "GAS", tmp_path / "none.json")
    assert main(["--check"]) == 1
    assert "none.json" in capsys.readouterr().err


def test_load__by_hand() -> None:
    measured = {
        "commit": 10,
        "reveal of 256 uids": 20,
        "close 64 x 256": 1_000,
        "propose 64 x 256": 200,
        "finalize": 30,
        "ten later claims in 1": 50,
        "later claim of a validator into its pool": 7,
    }
    load = load_of(measured)
    assert (load.row, load.settling, load.epoch) == (30, 1_230, 64 * 30 + 1_230)
    assert load.claims_a_day == 192 * 5 + 64 * 7
    # 20 epochs a day at 12 seconds a tick: 86,400 / 4,320
    assert CHAINS[0].epochs_a_day == 20
    assert load.day(CHAINS[0]) == 128 * (20 * 3_150 + 1_408)
    assert CHAINS[2].epochs_a_day == 120


def test_load__operation_that_was_not_measured__is_named() -> None:
    with pytest.raises(ConfigError, match="finalize"):
        load_of({name: 1 for name in GAS_NOW if name != "finalize"})


def test_page__every_number_of_the_run__is_on_it() -> None:
    text = page(GAS_NOW, FOOTPRINT_NOW, MANY_NOW)
    for name in ("transactions", "ticks", "gas", "gas_a_tick"):
        assert f"{MANY_NOW[name]:,}" in text
    assert f"{FOOTPRINT_NOW['slots']['an epoch']:,} storage slots" in text
    assert not re.search(r"\{\w+", text)


def test_page__twice_the_gas__twice_the_share() -> None:
    """Rows that are computed, not copied: the load doubles with what was measured."""
    doubled = {name: 2 * gas for name, gas in GAS_NOW.items()}
    once, twice = (_row(page(gas, FOOTPRINT_NOW), "gas a day") for gas in (GAS_NOW, doubled))
    assert twice[0] == pytest.approx(2 * once[0], rel=0.01)


def _row(text: str, name: str) -> list[float]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [float(cell.split()[0].replace(",", "")) for cell in line.split("|")[2:-1]]
