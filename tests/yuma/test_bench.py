# SPDX-License-Identifier: Apache-2.0
"""The benchmark writes what it measured; how fast it was is not asserted on a shared machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offchain.yuma import bench


def test_bench__small_sizes__writes_every_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "BATCH_EPOCHS", 2)
    report = tmp_path / "bench.json"
    flags = ["--sizes", "2x8,4x16", "--seconds", "0", "--device", "cpu", "--no-compile-time"]
    assert bench.main([*flags, "--json", str(report)]) == 0
    written = json.loads(report.read_text())
    assert [(r["validators"], r["miners"]) for r in written["epochs"]] == [(2, 8), (4, 16)] * 2
    assert all(row["cpu_ms"] > 0 for row in written["epochs"])
    assert len(written["batches"]) == 6
    assert written["peak_memory_mib"]["mib"] > 10
    assert "times faster" in capsys.readouterr().out


@pytest.mark.parametrize("sizes", ("", "64", "64x", "5x4", "0x4", "1x2x3"))
def test_bench__bad_sizes__are_refused(sizes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        bench.main(["--sizes", sizes])
    assert caught.value.code == 2
    assert "wanted" in capsys.readouterr().err


def test_bench__largest_size__memory_under_400_mib() -> None:
    memory = bench.peak_memory_mib(256, 4096)
    assert memory is not None
    assert memory < 400
