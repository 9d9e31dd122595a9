# SPDX-License-Identifier: Apache-2.0
"""Rows per second of a model on a GPU: `python -m miners.bench --gpu`.

Plain runs of ONNX Runtime, bound tensors, and bound tensors with recorded kernels, on the same
card and model, in turns. Needs onnxruntime-gpu in the place of onnxruntime. It has not run on a
GPU yet: no session that wrote it had one.
"""

import time
from typing import Any

import numpy as np
import onnxruntime as ort
from rich.console import Console
from rich.table import Table

from miners.engine_bound import BUCKETS, BoundModel
from miners.errors import ModelError
from miners.providers import CUDA, DEVICES, open_session


def rate(run: Any, rows: int, seconds: float) -> float:
    """Rows per second of `run(feed)`."""
    feed = {"images": np.random.default_rng(0).random((rows, 8, 8)).astype(np.float32)}
    for _ in range(3):
        run(feed)
    done, end = 0, time.perf_counter() + seconds
    start = time.perf_counter()
    while time.perf_counter() < end:
        run(feed)
        done += rows
    return done / (time.perf_counter() - start)


def compare(content: bytes, seconds: float, providers: list[str]) -> list[dict[str, Any]]:
    """One entry per batch size: rows per second in each way. ModelError where there is no GPU."""
    plain, provider = open_session(content, providers)
    if provider not in DEVICES:
        raise ModelError(
            f"bench: {provider} is used, no GPU.",
            next_step="Install onnxruntime-gpu and the libraries of CUDA.",
        )
    device = DEVICES[provider]
    recorded_session, _ = open_session(content, providers, capture=True)
    bound = BoundModel(plain, device)
    recorded = BoundModel(recorded_session, device, capture=provider == CUDA)
    recorded.warm_up()
    return [
        {
            "rows": rows,
            "provider": provider,
            "plain": round(rate(lambda feed: plain.run(None, feed), rows, seconds)),
            "bound": round(rate(bound.run, rows, seconds)),
            "recorded": round(rate(recorded.run, rows, seconds)),
        }
        for rows in BUCKETS
    ]


def run(models: dict[str, bytes], seconds: float) -> dict[str, list[dict[str, Any]]]:
    """Print a table per model; returns its rows by name."""
    from miners.providers import choose

    providers, found = choose(ort.get_available_providers()), {}
    for name, content in models.items():
        found[name] = compare(content, seconds, providers)
        table = Table("rows", "plain/s", "bound/s", "recorded/s", title=name)
        for row in found[name]:
            table.add_row(*(f"{row[key]:,}" for key in ("rows", "plain", "bound", "recorded")))
        Console().print(table)
    return found
