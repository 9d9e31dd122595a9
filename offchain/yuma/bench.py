# SPDX-License-Identifier: Apache-2.0
"""`python -m offchain.yuma.bench`: CPU time per epoch of the fast engine, beside Bittensor's
native Rust.

Times are CPU time of the process (median over warm runs) for one thread, and wall time where
threads or batches are compared. Epochs are dense: every validator lists every miner and has a
bond to it, the hardest case. Compiling is timed apart, in a process with an empty cache of its
own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from offchain.yuma import fast
from offchain.yuma.errors import InvalidEpoch
from offchain.yuma.fast.arrays import NO_COMMIT, NO_MASK
from offchain.yuma.types import EpochParameters

SIZES = ((64, 256), (64, 1024), (256, 4096))
"""(validators, miners)"""
REFERENCE_MS = {
    (False, 64, 256): 2.2,
    (False, 64, 1024): 9.0,
    (False, 256, 4096): 165.0,
    (True, 64, 256): 33.0,
    (True, 64, 1024): 360.0,
    (True, 256, 4096): 6060.0,
}
"""Native Rust of Bittensor's chain, one core."""
TARGET_MS = {
    (False, 64, 256): 0.8,
    (False, 64, 1024): 3.5,
    (False, 256, 4096): 55.0,
    (True, 64, 256): 1.6,
    (True, 64, 1024): 8.0,
    (True, 256, 4096): 130.0,
}
SECONDS_PER_ROW = 1.0
"""How long each measurement is repeated."""
BATCH_EPOCHS = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One measured size."""

    validators: int
    miners: int
    liquid_alpha: bool
    cpu_ms: float
    """Median CPU time of one epoch on one thread."""
    wall_ms: float
    two_threads_wall_ms: float
    runs: int
    reference_ms: float | None
    target_ms: float | None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Many epochs through one call."""

    where: str
    """`cpu x THREADS`, or the device's name."""
    epochs: int
    validators: int
    miners: int
    liquid_alpha: bool
    wall_ms_per_epoch: float


def dense_epoch(
    validators: int, miners: int, liquid_alpha: bool
) -> tuple[EpochParameters, fast.EpochArrays]:
    """A seeded epoch without a zero in it."""
    rng = np.random.default_rng(validators * miners)
    stakes = np.zeros(miners, np.uint64)
    stakes[:validators] = rng.integers(10**9, 10**13, validators)
    permits = np.arange(miners) < validators
    parameters = EpochParameters(
        n=miners,
        rao_emission=10**9,
        liquid_alpha=liquid_alpha,
        bonds_penalty=32768,
        max_allowed_validators=validators,
    )
    shape = (validators, miners)
    return parameters, fast.EpochArrays(
        block=10_000,
        last_step_block=9_640,
        stakes=stakes,
        tao_stakes=np.zeros(miners, np.uint64),
        last_update=np.full(miners, 9_990, np.uint64),
        registered_block=np.full(miners, 100, np.uint64),
        validator_permits=permits,
        commit_block=np.full(miners, NO_COMMIT, np.uint64),
        row_uids=np.arange(validators, dtype=np.int64),
        weights=rng.integers(1, 65536, shape).astype(np.uint16),
        bonds=rng.integers(1, 65536, shape).astype(np.uint16),
        listed_zeros=NO_MASK,
        disordered=None,
    )


def dense_batch(epochs: int, validators: int, miners: int, liquid_alpha: bool) -> fast.EpochBatch:
    """Seeded independent epochs without a zero in them."""
    rng = np.random.default_rng(epochs)
    shape = (epochs, validators, miners)
    return fast.EpochBatch(
        active_stake=fast.active_shares(rng.integers(10**9, 10**13, (epochs, validators))),
        weights=rng.integers(1, 65536, shape).astype(np.uint16),
        bonds=rng.integers(1, 65536, shape).astype(np.uint16),
        bonds_penalty=32768,
        liquid_alpha=liquid_alpha,
    )


def measure(validators: int, miners: int, liquid_alpha: bool, seconds: float) -> Row:
    """Time one size, warm."""
    parameters, epoch = dense_epoch(validators, miners, liquid_alpha)
    cpu = _times(lambda: fast.run_arrays(parameters, epoch), time.process_time, seconds)
    wall = _times(lambda: fast.run_arrays(parameters, epoch), time.perf_counter, seconds)
    pair = _times(lambda: fast.run_arrays(parameters, epoch, 2), time.perf_counter, seconds)
    key = (liquid_alpha, validators, miners)
    return Row(
        validators,
        miners,
        liquid_alpha,
        cpu_ms=round(1e3 * median(cpu), 4),
        wall_ms=round(1e3 * median(wall), 4),
        two_threads_wall_ms=round(1e3 * median(pair), 4),
        runs=len(cpu),
        reference_ms=REFERENCE_MS.get(key),
        target_ms=TARGET_MS.get(key),
    )


def measure_batch(
    batch: fast.EpochBatch, where: str, run: Callable[[], object], seconds: float
) -> BatchRow:
    """Time a batch, warm."""
    epochs, validators, miners = batch.weights.shape
    per_epoch = median(_times(run, time.perf_counter, seconds)) / epochs
    return BatchRow(
        where, epochs, validators, miners, batch.liquid_alpha, round(1e3 * per_epoch, 5)
    )


def batch_rows(device: str | None, threads: Sequence[int], seconds: float) -> list[BatchRow]:
    """Batches on the processor with each number of threads and, if asked for, on a device that
    torch sees.
    """
    rows = []
    for liquid_alpha in (False, True):
        batch = dense_batch(BATCH_EPOCHS, 64, 256, liquid_alpha)
        for count in threads:

            def on_processor(batch: fast.EpochBatch = batch, count: int = count) -> object:
                return fast.run_batch(batch, threads=count)

            rows.append(measure_batch(batch, f"cpu x {count}", on_processor, seconds))
        if device is not None:
            rows.append(_device_row(batch, device, seconds))
    return rows


def _device_row(batch: fast.EpochBatch, device: str, seconds: float) -> BatchRow:
    """The batch on the device, after its results were found equal to the processor's."""
    from offchain.yuma import gpu

    here, there = fast.run_batch(batch, store_bonds=True), gpu.run_batch(batch, device, True)
    for name in fast.BatchResult.__slots__:
        if not np.array_equal(getattr(here, name), getattr(there, name)):
            raise InvalidEpoch(name, f"differs between the processor and {device}")
    name = f"torch {device}, transfers included"
    return measure_batch(batch, name, lambda: gpu.run_batch(batch, device), seconds)


def compile_seconds() -> float:
    """Wall time of the first epochs (with and without liquid alpha) in a fresh process with an
    empty cache.
    """
    code = (
        "import time; t = time.perf_counter()\n"
        "from offchain.yuma import bench, fast\n"
        "for liquid in (False, True): fast.run_arrays(*bench.dense_epoch(4, 8, liquid))\n"
        "print(time.perf_counter() - t)"
    )
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ, NUMBA_CACHE_DIR=cache)
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    return round(float(done.stdout), 2)


def peak_memory_mib(validators: int, miners: int) -> float | None:
    """Largest resident memory of a fresh process that runs one epoch of this size, interpreter
    and inputs included; None where the system does not tell.
    """
    # VmHWM, because ru_maxrss would begin with what this process holds
    code = (
        "from pathlib import Path\n"
        "from offchain.yuma import bench, fast\n"
        f"fast.run_arrays(*bench.dense_epoch({validators}, {miners}, True))\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    if not Path("/proc/self/status").exists():
        return None
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return round(int(done.stdout) / 1024, 1)


def _times(run: Callable[[], object], clock: Callable[[], float], seconds: float) -> list[float]:
    """Times of repeated runs, at least three, after one that does not count."""
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = clock()
        run()
        times.append(clock() - start)
    return times


def _tables(rows: Sequence[Row], batches: Sequence[BatchRow]) -> list[Table]:
    one = Table("size", "liquid", "CPU ms", "target", "Rust", "times faster", "2 threads, wall ms")
    for row in rows:
        faster = "" if row.reference_ms is None else f"{row.reference_ms / row.cpu_ms:.0f}"
        one.add_row(
            f"{row.validators} x {row.miners}",
            "yes" if row.liquid_alpha else "no",
            f"{row.cpu_ms:.3f}",
            str(row.target_ms or ""),
            str(row.reference_ms or ""),
            faster,
            f"{row.two_threads_wall_ms:.3f} (1: {row.wall_ms:.3f})",
        )
    many = Table("batch", "liquid", "where", "wall ms per epoch")
    for batch in batches:
        many.add_row(
            f"{batch.epochs} x {batch.validators} x {batch.miners}",
            "yes" if batch.liquid_alpha else "no",
            batch.where,
            f"{batch.wall_ms_per_epoch:.4f}",
        )
    return [one, many]


def _sizes(text: str) -> tuple[tuple[int, int], ...]:
    """`64x256,256x4096` as pairs."""
    try:
        pairs = tuple(tuple(map(int, size.split("x"))) for size in text.split(","))
    except ValueError as problem:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, wanted sizes like 64x256,64x1024"
        ) from problem
    if any(len(pair) != 2 or not 0 < pair[0] <= pair[1] for pair in pairs):
        raise argparse.ArgumentTypeError(
            f"got {text!r}, wanted validators x miners, 0 < validators <= miners"
        )
    return tuple((pair[0], pair[1]) for pair in pairs)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m offchain.yuma.bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    parser.add_argument(
        "--sizes", type=_sizes, default=SIZES, help="validators x miners, with commas"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS_PER_ROW, help="per measurement")
    parser.add_argument("--device", help="also run batches there, checked bit for bit: cuda, cpu")
    parser.add_argument("--no-compile-time", action="store_true", help="skip the empty-cache run")
    options = parser.parse_args(arguments)
    console = Console()
    load = os.getloadavg()[0]
    compiling = None if options.no_compile_time else compile_seconds()
    rows = [
        measure(validators, miners, liquid_alpha, options.seconds)
        for liquid_alpha in (False, True)
        for validators, miners in options.sizes
    ]
    try:
        batches = batch_rows(options.device, (1, 2), options.seconds)
    except InvalidEpoch as problem:
        print(problem, file=sys.stderr)
        return 2
    largest = max(options.sizes, key=lambda size: size[0] * size[1])
    memory = peak_memory_mib(*largest)
    for table in _tables(rows, batches):
        console.print(table)
    compiled = "" if compiling is None else f"compiling from an empty cache {compiling} s, "
    console.print(
        f"{compiled}peak memory at {largest[0]} x {largest[1]}: {memory} MiB, load {load}"
    )
    if options.json is not None:
        report = {
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
            },
            "load_average_before": load,
            "compile_seconds": compiling,
            "peak_memory_mib": {"size": list(largest), "mib": memory},
            "epochs": [asdict(row) for row in rows],
            "batches": [asdict(row) for row in batches],
        }
        options.json.write_text(
            json.dumps(report, sort_keys=True, indent=1) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
