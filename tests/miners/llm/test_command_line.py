# SPDX-License-Identifier: Apache-2.0
"""`evmtensor miner check` and `run` with decoders and with engines elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from miners.llm.folder import folder_hash
from offchain.cli.app import run
from tests.repository.files import ROOT


def test_check__decoder__scores_it_as_a_validator_would(
    decoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--json", "miner", "check", str(decoder), "--rounds", "4"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model_hash"] == "0x" + folder_hash(decoder).hex()
    assert 0.05 < found["score"] < 1.0
    assert found["rounds"] == 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("check DECODER --subnet vision", "Add --subnet text."),
        ("check EMPTY", "python -m miners.llm.train"),
        ("run -n 1", "Name an ONNX file or the folder of a decoder."),
        ("run -n 1 --engine vllm", "is none of auto, onnx, llm, ray, oip, openai"),
        ("run -n 1 --engine-url http://127.0.0.1:1", "Add --engine openai"),
        ("run -n 1 --engine openai", "Add --engine-url"),
        ("run -n 1 --engine oip --engine-url http://127.0.0.1:1 --model x", "--model-hash"),
        ("run DECODER -n 1 --subnet vision", "vision wants tensors"),
        ("run DECODER -n 1 --engine onnx", "Name an ONNX file."),
        ("quantize DECODER -o exact.onnx", "Name an ONNX file."),
        ("check EMPTY/model.onnx --subnet text", "wants a decoder's folder"),
        ("run EMPTY -n 1", "python -m miners.llm.train"),
    ],
)
def test_miner__bad_input__one_sentence_before_any_chain_is_asked(
    decoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, sentence: str
) -> None:
    places = {"DECODER": str(decoder), "EMPTY": str(tmp_path)}
    for name, place in places.items():
        words = words.replace(name, place)
    assert run(["miner", *words.split()]) != 0
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_example__streamed_text__is_proved_and_a_forgery_noticed(decoder: Path) -> None:
    command = [sys.executable, "examples/streamed_text.py", str(decoder), "--tokens", "30"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "length after 30 tokens" in done.stdout
    assert "30 of 30 tokens are the model's own" in done.stdout
    assert "one character changed: 29 of 30" in done.stdout
