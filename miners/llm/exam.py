# SPDX-License-Identifier: Apache-2.0
"""What a validator would find in a decoder, before anything is paid."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from secrets import token_bytes
from statistics import fmean, stdev
from time import perf_counter
from types import ModuleType

import msgspec

from miners.errors import ModelError
from miners.llm.answers import text_handler
from miners.llm.engine import open_decoder
from offchain.subnets.base import score_safely, task_seed
from offchain.subnets.text import Complete


@dataclass(frozen=True, slots=True)
class TextExam:
    """Mean score in [0, 1], its standard error, milliseconds of a question, tokens per second."""

    model_hash: bytes
    provider: str
    rounds: int
    score: float
    error: float
    latency_ms: float
    tokens_per_s: float


def examine_decoder(
    path: Path, subnet: ModuleType, rounds: int = 16, seed: bytes = b"", threads: int = 1
) -> TextExam:
    """Answer `rounds` of the subnet's tasks as the miner would, without the wire. ModelError if the
    folder is no decoder or the subnet wants no text; `seed` as `miners.exam`.
    """
    if not issubclass(subnet.SYNAPSE, Complete):
        raise ModelError(
            f"{path}: subnet {subnet.NAME} wants no text", next_step="Add --subnet text."
        )
    return asyncio.run(_examine(path, subnet, rounds, seed, threads))


async def _examine(
    path: Path, subnet: ModuleType, rounds: int, seed: bytes, threads: int
) -> TextExam:
    engine = open_decoder(path, threads=threads)
    forward = text_handler(engine)
    scores, times, tokens = [], [], 0
    try:
        tasks = subnet.tasks(seed or task_seed(token_bytes(32), token_bytes(32)), range(rounds))
        for task in tasks:
            start, question = perf_counter(), msgspec.structs.replace(task.synapse)
            async with aclosing(forward(question)) as parts:
                answer = [part async for part in parts][-1]
            times.append(perf_counter() - start)
            scores.append(score_safely(subnet, task, answer, times[-1]))
            tokens += answer.tokens or 0
    finally:
        engine.close()
    error = stdev(scores) / sqrt(rounds) if rounds > 1 else 0.0
    return TextExam(
        engine.model_hash, engine.provider, rounds, fmean(scores), error,
        fmean(times) * 1e3, tokens / sum(times),
    )  # fmt: skip
