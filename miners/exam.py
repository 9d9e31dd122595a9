# SPDX-License-Identifier: Apache-2.0
"""Score a model as a validator would, before paying for a place: `python -m miners.exam FILE`.

The tasks are made with a fresh secret, as a validator makes them; the model runs here, so latency
is that of computing alone. Scores on a network are lower where the deadline is missed.
"""

import argparse
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from secrets import token_bytes
from statistics import fmean, stdev
from time import perf_counter
from types import ModuleType
from typing import Any

import msgspec

from miners.checks import ModelReport, read_model, self_test
from miners.errors import ModelError
from miners.providers import open_session
from offchain.subnets.base import load, score_safely, task_seed
from offchain.wire import Tensor


@dataclass(frozen=True, slots=True)
class Exam:
    """What a validator would find: mean score in [0, 1], its standard error, milliseconds."""

    report: ModelReport
    rounds: int
    score: float
    error: float
    latency_ms: float


def examine(path: Path, subnet: ModuleType, rounds: int = 64, seed: bytes = b"") -> Exam:
    """Check the file, then score it over `rounds` tasks. ModelError as `checks`.

    `seed` fixes the tasks; without one they are new each time, and cannot be trained on.
    """
    content = read_model(path, subnet.MODEL)
    report = self_test(content, subnet.MODEL)
    session, _ = open_session(content)
    names = list(subnet.MODEL.outputs)
    scores, times = [], []
    for task in subnet.tasks(seed or task_seed(token_bytes(32), token_bytes(32)), range(rounds)):
        feed = {name: getattr(task.synapse, name).numpy() for name in subnet.MODEL.inputs}
        start = perf_counter()
        outputs = session.run(names, feed)
        seconds = perf_counter() - start
        filled: dict[str, Any] = {
            name: Tensor.of(array) for name, array in zip(names, outputs, strict=True)
        }
        answer = msgspec.structs.replace(task.synapse, **filled)
        scores.append(score_safely(subnet, task, answer, seconds))
        times.append(seconds)
    error = stdev(scores) / sqrt(rounds) if rounds > 1 else 0.0
    return Exam(report, rounds, fmean(scores), error, fmean(times) * 1e3)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Score a model as a validator would")
    parser.add_argument("model", type=Path)
    parser.add_argument("--subnet", default="vision")
    parser.add_argument("--rounds", type=int, default=64)
    options = parser.parse_args()
    try:
        exam = examine(options.model, load(options.subnet), options.rounds)
    except ModelError as error:
        raise SystemExit(f"{error} {error.next_step}".strip()) from None
    report = exam.report
    print(f"model      {report.model_hash.hex()}, {report.size_bytes} bytes")
    print(f"score      {exam.score:.3f} +- {exam.error:.3f} over {exam.rounds} tasks")
    print(f"latency    {exam.latency_ms:.2f} ms per task on {report.provider}")
    exactness = "to the bit" if report.is_batch_invariant else f"{report.max_difference:.1e}"
    print(f"batching   a row's answer is the same alone and in a batch: {exactness}")


if __name__ == "__main__":
    main()
