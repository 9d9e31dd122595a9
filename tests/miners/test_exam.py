# SPDX-License-Identifier: Apache-2.0
"""The offline score is the validator's score."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from miners.exam import examine
from miners.train import evaluate
from offchain.subnets import vision
from offchain.subnets.base import task_seed

ROOT = Path(__file__).parents[2]
SEED = task_seed(b"epoch", b"s" * 32)


def test_exam__same_tasks__same_score_in_the_models_order(models: Path) -> None:
    scores = {n: examine(models / f"{n}.onnx", vision, 24, SEED) for n in ("cnn", "mlp", "linear")}
    assert scores["cnn"].score > scores["mlp"].score > scores["linear"].score > 0.1
    again = examine(models / "cnn.onnx", vision, 24, SEED)
    assert again.score == scores["cnn"].score
    assert 0 < again.error < 0.05
    assert again.latency_ms < 50


def test_exam__agrees_with_the_trainers_evaluation(models: Path) -> None:
    content = (models / "cnn.onnx").read_bytes()
    offline = examine(models / "cnn.onnx", vision, 8, bytes(32)).score
    assert np.isclose(offline, evaluate(content, rounds=8), atol=1e-6)


@pytest.mark.parametrize("name", ["missing.onnx", "text.onnx"])
def test_exam__bad_file__one_sentence_and_an_exit_code(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    done = subprocess.run(
        [sys.executable, "-m", "miners.exam", str(tmp_path / name)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
