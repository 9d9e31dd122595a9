# SPDX-License-Identifier: Apache-2.0
"""How much of the model's speed reaches the callers: `python -m miners.bench --json FILE`.

The models, by how long one row takes alone on an idle EPYC core: two convolutional ones, of 1 ms
and of 0.04 ms, whose rows cost almost the same in a batch; and a dense one of 0.04 ms, whose rows
cost a sixth of that in a batch, so that the request's own cost weighs six times as much.

For each model: raw ONNX Runtime (one thread, the best batch size), then the whole path from a
`Dendrite` in this process through `Axon` and `Engine` in another, with everything on. Both are
measured in turns, so that a busy machine slows both. A request carries `rows` images, as a
validator's question carries 32.

What one caller pays over the raw run is taken in slices, a raw one before and after each of the
path: a virtual machine may be a third slower for a second, which is more than what is measured.
Shown are the median of the slices, which decides about the target, and the quarter that was
disturbed least. The last column is the raw run after pauses as long as the path's: what rest alone
costs the model.

In the table one core serves. Below it stands what all cores do that the miner may use, against as
many threads that run the model raw; those who ask share the cores.

Two shares are shown: of wall-clock throughput, and of CPU time (raw CPU per row over the miner's
CPU per row). On an idle machine the first is what callers see; on a busy one it says more about
the neighbours, and the second is what one core would reach. A target counts as met by either.

The targets are 85 % for the model of 1 ms and 60 % for those of 0.04 ms. Where a row of the dense
one costs 16 us in a batch and a request carries one row, 60 % would leave 11 us for all of the
request; there the target is what remains beside the 30 us that a request may cost the miner anyway.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from miners.chain_port import ChainPort
from miners.engine import cores
from miners.errors import ModelError
from miners.miner import Miner
from miners.providers import open_session
from miners.settings import Settings
from offchain.subnets import vision
from offchain.wire import Dendrite, Domain, Egress, Endpoint, Limits, LocalHotkey, Tensor

DOMAIN = Domain(31_337, "0x" + "11" * 20)
MINER, VALIDATOR = LocalHotkey(b"\1" * 32), LocalHotkey(b"\2" * 32)
LIMITS = Limits(requests_per_s=1e9, burst=10**9, inflight_per_hotkey=4_096)
SHARE_SLOW, SHARE_FAST, ONE_CALLER_MS = 0.85, 0.60, 0.5  # issue 5
REQUEST_US = 30.0  # the miner's half of what issue 5 allows a request that computes nothing
FILE_WIDTH = 120  # columns of a table that goes into a file or a pipe
RAW_BATCHES = (1, 4, 16, 64, 256)
CORES_ROWS = 8  # of a request: those who ask should need little of the cores
SLICES = 10  # of the measurement of one caller


@dataclass(frozen=True, slots=True)
class Row:
    """One model with one number of callers. Rows per second; milliseconds."""

    model: str
    rows: int  # per request
    callers: int
    raw_best_rows_per_s: float
    raw_request_ms: float
    path_rows_per_s: float
    share_of_raw: float
    raw_cpu_us_per_row: float
    server_cpu_us_per_row: float
    share_of_raw_cpu: float
    path_p50_ms: float
    overhead_ms: float | None  # of one caller: p50 of a request over the raw run of the same rows
    quiet_overhead_ms: float | None  # the same at the lower quartile of the slices
    rest_ms: float | None  # of one caller: a raw run after a pause over one in a tight loop
    errors: int


@dataclass(frozen=True, slots=True)
class Cores:
    """The slow model on so many cores, 16 callers who ask for CORES_ROWS rows each."""

    threads: int
    raw_rows_per_s: float
    path_rows_per_s: float
    share_of_raw: float
    errors: int


class _Facts(ChainPort):
    """A chain that says yes."""

    def domain(self) -> Domain:
        return DOMAIN

    def chain_time(self) -> int:
        return int(time.time())

    def has_seat(self, hotkey: str) -> bool:
        return hotkey == VALIDATOR.address

    def stake_of(self, hotkey: str) -> int:
        return 1

    def listeners(self) -> tuple[tuple[str, str, int], ...]:
        return ()

    def refresh(self) -> None:
        return None

    def uid_of(self, hotkey: str) -> int | None:
        return 0

    def register(self, max_burn_rao: int) -> int:
        return 0

    def committed_model(self) -> tuple[bytes, bytes]:
        return bytes(32), bytes(32)

    def commit_model(self, model_hash: bytes, profile_hash: bytes) -> None:
        return None

    def serve_axon(self, host: str, port: int) -> None:
        return None


def convolution(channels: int, layers: int) -> bytes:
    """A convolutional network of vision's shape with random weights, as slow as wanted."""
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    sizes = [1] + [channels] * layers
    tensors = [numpy_helper.from_array(np.array([-1, 1, 8, 8], dtype=np.int64), "square")]
    nodes = [helper.make_node("Reshape", ["images", "square"], ["x0"])]
    for i, (a, b) in enumerate(pairwise(sizes)):
        weights = rng.normal(0, (2 / (9 * a)) ** 0.5, (b, a, 3, 3)).astype(np.float32)
        tensors.append(numpy_helper.from_array(weights, f"w{i}"))
        nodes.append(helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"x{i + 1}"]))
    tensors.append(numpy_helper.from_array(rng.normal(size=(channels, 10)).astype("f4"), "out"))
    nodes += [
        helper.make_node("GlobalAveragePool", [f"x{layers}"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "out"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return _model(nodes, tensors)


def perceptron(hidden: int) -> bytes:
    """Two hidden layers, random weights: a model that is over at once."""
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    sizes = (64, hidden, hidden, 10)
    tensors = [numpy_helper.from_array(np.array([-1, 64], dtype=np.int64), "line")]
    nodes = [helper.make_node("Reshape", ["images", "line"], ["x0"])]
    for i, (a, b) in enumerate(pairwise(sizes)):
        weights = rng.normal(0, (2 / a) ** 0.5, (a, b)).astype(np.float32)
        tensors.append(numpy_helper.from_array(weights, f"w{i}"))
        nodes.append(helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"m{i}"]))
        kind, options = ("Relu", {}) if i < 2 else ("Softmax", {"axis": 1})
        result = f"x{i + 1}" if i < 2 else "probabilities"
        nodes.append(helper.make_node(kind, [f"m{i}"], [result], **options))
    return _model(nodes, tensors)


def _model(nodes: list[Any], tensors: list[Any]) -> bytes:
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "bench",
        [value("images", TensorProto.FLOAT, ["batch", 8, 8])],
        [value("probabilities", TensorProto.FLOAT, ["batch", 10])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def _serve(content: bytes, pipe: Connection, threads: int = 1) -> None:
    async def main() -> None:
        miner = Miner.from_bytes(content, threads=threads)
        settings = Settings(host="127.0.0.1", limits=LIMITS)
        await miner.start(_Facts(), MINER, settings)
        assert miner.axon is not None
        pipe.send(miner.axon.port)
        loop = asyncio.get_running_loop()
        asked: asyncio.Queue[str] = asyncio.Queue()
        loop.add_reader(pipe.fileno(), lambda: asked.put_nowait(pipe.recv()))
        while await asked.get() != "stop":
            pipe.send(time.process_time())
        await miner.close()

    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(main())


def raw_ms(session: Any, rows: int, seconds: float, pause_s: float = 0.0) -> tuple[float, float]:
    """(median milliseconds, mean CPU milliseconds) of one run over `rows` images, in a tight loop
    or after a pause each.
    """
    feed = {"images": np.random.default_rng(0).random((rows, 8, 8)).astype(np.float32)}
    times, end, cpu = [], time.perf_counter() + seconds, time.process_time()
    while time.perf_counter() < end or len(times) < 5:
        if pause_s:
            time.sleep(pause_s)
        start = time.perf_counter()
        session.run(["probabilities"], feed)
        times.append(time.perf_counter() - start)
    cpu = (time.process_time() - cpu) / len(times)
    return float(np.median(times)) * 1e3, cpu * 1e3


async def path(
    dendrite: Dendrite, there: Endpoint, rows: int, callers: int, seconds: float
) -> tuple[float, float, int, int]:
    """(rows per second, p50 milliseconds, errors, rows) of closed-loop callers."""
    images = Tensor.of(np.random.default_rng(0).random((rows, 8, 8)).astype(np.float32))
    question = vision.Vision(images=images)
    times: list[float] = []
    errors = 0
    await dendrite.call(there, question, 30.0)
    begin = time.perf_counter()
    end = begin + seconds

    async def caller() -> None:
        nonlocal errors
        while time.perf_counter() < end:
            start = time.perf_counter()
            (reply,) = await dendrite.query([(there, question)], 30.0)
            errors += not reply.ok
            times.append(time.perf_counter() - start)

    await asyncio.gather(*[caller() for _ in range(callers)])
    wall = time.perf_counter() - begin
    total = len(times) * rows
    return total / wall, float(np.median(times)) * 1e3, errors, total


async def over_raw(
    dendrite: Dendrite, there: Endpoint, session: Any, rows: int, seconds: float
) -> tuple[float, float, float, float]:
    """Milliseconds: (a raw run, what the path adds, the same in the quietest quarter, what a pause
    as long adds to a raw run). A slice of the path is held against the mean of the raw ones before
    and after it.
    """
    raw, over, rest = [], [], []
    for _ in range(SLICES):
        before, _ = raw_ms(session, rows, seconds / 4)
        _, p50, _, _ = await path(dendrite, there, rows, 1, seconds / 4)
        after, _ = raw_ms(session, rows, seconds / 4)
        rested, _ = raw_ms(session, rows, seconds / 4, max(p50 - after, 0.1) / 1e3)
        raw.append((before + after) / 2)
        over.append(p50 - raw[-1])
        rest.append(rested - raw[-1])
    quiet = float(np.percentile(over, 25))
    return float(np.median(raw)), float(np.median(over)), quiet, float(np.median(rest))


def _cpu_s(pipe: Connection) -> float:
    pipe.send("cpu")
    seconds: float = pipe.recv()
    return seconds


@asynccontextmanager
async def _served(
    content: bytes, threads: int = 1
) -> AsyncIterator[tuple[Dendrite, Endpoint, Connection]]:
    """A miner in a process of its own: who asks it, where, and what `_cpu_s` reads."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(content, theirs, threads), daemon=True)
    server.start()
    there = Endpoint(MINER.address, "127.0.0.1", ours.recv())
    egress = Egress(localnet=True)
    chain_time = _Facts().chain_time
    dendrite = Dendrite(VALIDATOR, DOMAIN, chain_time=chain_time, egress=egress, limits=LIMITS)
    try:
        yield dendrite, there, ours
    finally:
        await dendrite.close()
        ours.send("stop")
        server.join(5)
        server.kill()


async def bench_cores(content: bytes, seconds: float) -> list[Cores]:
    """A slow model on one core and on all of them, each beside as many threads that run it raw."""
    session, _ = open_session(content)
    found = []
    for threads in sorted({1, cores()}):
        async with _served(content, threads) as (dendrite, there, _):
            before = _raw_on(session, threads, seconds / 4)
            per_s, _, errors, _ = await path(dendrite, there, CORES_ROWS, 16, seconds)
            raw = (before + _raw_on(session, threads, seconds / 4)) / 2
        found.append(Cores(threads, round(raw, 1), round(per_s, 1), round(per_s / raw, 3), errors))
    return found


def _raw_on(session: Any, threads: int, seconds: float) -> float:
    """Rows per second of so many threads that do nothing but run the model."""
    feed = {"images": np.random.default_rng(0).random((CORES_ROWS, 8, 8)).astype(np.float32)}
    begin = time.perf_counter()

    def work(_number: int) -> int:
        rows = 0
        while time.perf_counter() < begin + seconds:
            session.run(["probabilities"], feed)
            rows += CORES_ROWS
        return rows

    with ThreadPoolExecutor(threads) as pool:
        rows = sum(pool.map(work, range(threads)))
    return rows / (time.perf_counter() - begin)


async def bench_model(name: str, content: bytes, rows: int, seconds: float) -> list[Row]:
    """One model with 1, 16 and 64 callers."""
    async with _served(content) as (dendrite, there, ours):
        return await _bench_callers(name, content, rows, seconds, dendrite, there, ours)


async def _bench_callers(
    name: str, content: bytes, rows: int, seconds: float,
    dendrite: Dendrite, there: Endpoint, ours: Connection,
) -> list[Row]:  # fmt: skip
    session, _ = open_session(content)
    found = []
    alone, over, quiet, rest = await over_raw(dendrite, there, session, rows, seconds / SLICES)
    for callers in (1, 16, 64):
        raw = {batch: raw_ms(session, batch, seconds / 10) for batch in RAW_BATCHES}
        before = _cpu_s(ours)
        per_s, p50, errors, done = await path(dendrite, there, rows, callers, seconds)
        server_us = (_cpu_s(ours) - before) * 1e6 / done
        again = {batch: raw_ms(session, batch, seconds / 10) for batch in RAW_BATCHES}
        # the mean of two moments, as the path's is a mean: the better one would be luck
        best = max(2 * b / (raw[b][0] + again[b][0]) * 1e3 for b in RAW_BATCHES)
        raw_us = min((raw[b][1] + again[b][1]) / 2 / b * 1e3 for b in RAW_BATCHES)
        found.append(
            Row(
                model=name,
                rows=rows,
                callers=callers,
                raw_best_rows_per_s=round(best, 1),
                raw_request_ms=round(alone, 3),
                path_rows_per_s=round(per_s, 1),
                share_of_raw=round(per_s / best, 3),
                raw_cpu_us_per_row=round(raw_us, 2),
                server_cpu_us_per_row=round(server_us, 2),
                share_of_raw_cpu=round(raw_us / server_us, 3),
                path_p50_ms=round(p50, 3),
                overhead_ms=round(over, 3) if callers == 1 else None,
                quiet_overhead_ms=round(quiet, 3) if callers == 1 else None,
                rest_ms=round(rest, 3) if callers == 1 else None,
                errors=errors,
            )
        )
    return found


def target(row: Row) -> float:
    """The share of raw throughput that issue 5 asks for: 85 or 60 %, or what is left of it beside
    the 30 us that the same issue allows the miner's side of a request that computes nothing.
    """
    model_us = row.raw_cpu_us_per_row * row.rows
    asked = SHARE_SLOW if row.model.startswith("1 ms") else SHARE_FAST
    return min(asked, model_us / (model_us + REQUEST_US))


def verdicts(found: list[Row], on_cores: list[Cores]) -> dict[str, bool]:
    """The targets of issue 5, by name."""
    met = {}
    for row in found:
        what = f"{row.model}, {row.rows} rows a request, {row.callers} callers"
        if row.overhead_ms is not None:
            met[f"{what}: <= {ONE_CALLER_MS} ms over raw"] = row.overhead_ms <= ONE_CALLER_MS
        else:
            share = target(row)
            met[f"{what}: >= {share:.0%} of raw"] = (
                max(row.share_of_raw, row.share_of_raw_cpu) >= share
            )
    met["no errors"] = not any(each.errors for each in (*found, *on_cores))
    return met


def _on_gpu(options: argparse.Namespace) -> None:
    from miners.bench_gpu import run

    models = {"convolution(192, 7)": convolution(192, 7), "perceptron(900)": perceptron(900)}
    try:
        found = run(models, options.seconds)
    except ModelError as error:
        raise SystemExit(f"{error} {error.next_step}".strip()) from None
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def _shown(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.2f}"


def main() -> None:
    """Command line; exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description="How much of the model's speed reaches callers")
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--seconds", type=float, default=4.0, help="per measurement")
    parser.add_argument("--gpu", action="store_true", help="plain, bound and recorded on a GPU")
    options = parser.parse_args()
    if options.gpu:
        _on_gpu(options)
        return
    load = os.getloadavg()[0]
    slow, fast, dense = convolution(192, 7), convolution(64, 3), perceptron(900)
    found = []
    for name, content, rows in (
        ("1 ms model", slow, 1),
        ("0.04 ms model", fast, 1),
        ("0.04 ms dense model", dense, 1),
        ("0.04 ms dense model", dense, vision.BATCH),
    ):
        found += asyncio.run(bench_model(name, content, rows, options.seconds))
    on_cores = asyncio.run(bench_cores(slow, options.seconds))
    met = verdicts(found, on_cores)
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    title = f"Raw ONNX Runtime against the whole path (machine load {load:.1f})"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold")
    for heading in (
        "rows",
        "callers",
        "raw rows/s",
        "path rows/s",
        "share",
        "CPU share",
        "over raw ms",
        "quiet ms",
        "rest ms",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for r in found:
        table.add_row(
            r.model, str(r.rows), str(r.callers), f"{r.raw_best_rows_per_s:,.0f}",
            f"{r.path_rows_per_s:,.0f}", f"{r.share_of_raw:.0%}", f"{r.share_of_raw_cpu:.0%}",
            _shown(r.overhead_ms), _shown(r.quiet_overhead_ms), _shown(r.rest_ms),
        )  # fmt: skip
    console.print(table)
    for each in on_cores:
        console.print(
            f"{each.threads} core{'s' if each.threads > 1 else ''}: {each.path_rows_per_s:,.0f} of "
            f"{each.raw_rows_per_s:,.0f} raw rows/s ({each.share_of_raw:.0%}) of the 1 ms model, "
            f"16 callers, {CORES_ROWS} rows each"
        )
    for name, ok in met.items():
        console.print(f"{'met   ' if ok else 'MISSED'}  {name}")
    if options.json:
        content = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at start",
            "rows": [asdict(row) for row in found],
            "cores": [asdict(each) for each in on_cores],
            "targets": met,
        }
        options.json.write_text(json.dumps(content, indent=2) + "\n")
    raise SystemExit(0 if all(met.values()) else 1)


if __name__ == "__main__":
    main()
