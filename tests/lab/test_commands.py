# SPDX-License-Identifier: Apache-2.0
"""`evmtensor lab ...`, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offchain.cli.app import run

QUICK = ["--set", "draws=2", "--set", "epochs=4", "--set", "miners=16", "--set", "seats=8"]


def test_run__an_attack__prints_a_verdict_and_writes_files(tmp_path, capsys) -> None:
    words = ["lab", "run", "boundary", "--stake", "0.2", "--out", str(tmp_path), *QUICK]
    assert run(words) == 0
    out = capsys.readouterr().out
    assert "does not pay" in out
    assert "published bound of +0.0 %" in out
    assert {path.name for path in tmp_path.iterdir()} == {
        "boundary.json", "boundary.png", "boundary.svg",
    }  # fmt: skip
    written = json.loads((tmp_path / "boundary.json").read_text())
    assert written["finding"]["scenario"]["attacker"]["stake"] == 0.2
    assert written["finding"]["scenario"]["world"]["draws"] == 2


def test_run__json_without_plots__is_one_value(tmp_path, capsys) -> None:
    words = [
        "lab",
        "run",
        "recycling",
        "--stake",
        "0.3",
        "--no-plots",
        "--json",
        "--out",
        str(tmp_path),
        *QUICK,
    ]
    assert run(words) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["finding"]["name"] == "recycling"
    assert value["verdict"][-1] == "stake does not matter to recycling"
    assert [path.name for path in tmp_path.iterdir()] == ["recycling.json"]


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["run", "magic"], "no attack is named 'magic'. Choose one of copier"),
        (["run", "cabal", "--stake", "2"], "stake is 2, wanted 0.01 to 0.99"),
        (["run", "cabal", "--set", "churn"], "--set churn has no number"),
        (["run", "cabal", "--set", "x=1"], "no knob is named 'x'"),
        (["decentralisation"], "wanted one metagraph, got neither or two"),
        (["decentralisation", "--file", "none.json"], "none.json: "),
        (["recommend", "--churn", "3", "--out", "x"], "churn is 3, wanted 0 to 1"),
    ],
)
def test_bad_input__is_one_sentence(words, sentence, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["lab", *words]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert sentence in captured.err
    assert list(tmp_path.iterdir()) == []


def test_decentralisation__of_a_file__is_a_table_and_exact_json(tmp_path, capsys) -> None:
    neurons = [
        {"uid": uid, "coldkey": f"0x{uid}", "stake_rao": stake, "server_rao": 0,
         "validator_rao": 0, "seat": uid}
        for uid, stake in enumerate((60, 30, 10))
    ]  # fmt: skip
    path = Path(tmp_path / "graph.json")
    path.write_text(json.dumps({"neurons": neurons}))
    assert run(["lab", "decentralisation", "--file", str(path)]) == 0
    assert "validators by stake" in capsys.readouterr().out
    assert run(["lab", "decentralisation", "--file", str(path), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["validators_by_stake"]
    assert measured["gini"] == "1/3"
    assert measured["effective_number"] == "50/23"
