# SPDX-License-Identifier: Apache-2.0
"""The work that is one number per pair, split over threads by ranges of columns.

Columns need nothing of each other, and what they add to a row are integers, so neither the number
of threads nor their order can change a bit. The compiled loops release the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from offchain.yuma.fast import kernels
from offchain.yuma.fast.arrays import NO_MASK, Flags
from offchain.yuma.fast.kernels import BLOCK, Bytes, Ints, U16s

WORTH_A_THREAD = 2**16
"""Cells below which handing a range of columns to another thread costs more than it saves."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnInputs:
    """What all columns share; V rows, n columns."""

    weights: U16s
    """V x n, masked."""
    row_sums: Ints
    bonds: U16s
    """V x n, as stored."""
    kept: Bytes
    """n, 1 where bonds survive."""
    stake: Ints
    """V, active stake."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnResults:
    """What the columns give: consensus and rank (n), trust (V), the bonds' average (V x n)."""

    consensus: Ints
    rank: Ints
    trust: Ints
    ema: Ints
    classic_listed: Bytes
    """V x n, 1 where classic bonds have an entry, which may be 0."""


def run_columns(
    inputs: ColumnInputs,
    settings: Ints,
    threads: int,
    masks: tuple[Bytes, Bytes, Bytes] = (NO_MASK, NO_MASK, NO_MASK),
) -> ColumnResults:
    """Consensus, rank, trust and bonds; `settings` and `masks` as in `kernels.columns_pass`."""
    rows, n = inputs.weights.shape
    voters = np.nonzero(inputs.stake)[0]
    votes = kernels.normalize(inputs.stake[voters])
    consensus, rank = np.zeros(n, np.int64), np.zeros(n, np.int64)
    ema = np.empty((rows, n), np.int64)
    listed = np.zeros((rows, n), np.uint8)
    trusts = np.zeros((threads, rows), np.int64)

    def work(part: int, first: int, last: int) -> None:
        kernels.columns_pass(
            inputs.weights,
            inputs.row_sums,
            inputs.bonds,
            inputs.kept,
            inputs.stake,
            voters,
            votes,
            settings,
            masks,
            first,
            last,
            consensus,
            rank,
            trusts[part],
            ema,
            listed,
        )

    _over_columns(work, rows, n, threads)
    return ColumnResults(consensus, rank, trusts.sum(axis=0), ema, listed)


def run_dividends(
    ema: Ints, incentive: Ints, kind: int, keeps: Flags, threads: int
) -> tuple[Ints, U16s]:
    """Per row the sum of bond share x incentive (V), and the bonds as stored (V x n)."""
    rows, n = ema.shape
    parts = np.zeros((threads, rows), np.int64)
    stored = np.empty((rows, n), np.uint16)
    keep_bytes = keeps.astype(np.uint8)

    def work(part: int, first: int, last: int) -> None:
        kernels.dividends_pass(ema, incentive, kind, keep_bytes, first, last, parts[part], stored)

    _over_columns(work, rows, n, threads)
    return parts.sum(axis=0), stored


def _over_columns(work: Callable[[int, int, int], None], rows: int, n: int, threads: int) -> None:
    """Call `work(part, first, last)` for ranges of whole blocks that cover all columns, one range
    per thread.
    """
    blocks = -(-n // BLOCK)
    parts = max(1, min(threads, blocks, rows * n // WORTH_A_THREAD))
    edges = [blocks * part // parts * BLOCK for part in range(parts)] + [n]
    if parts == 1:
        work(0, 0, n)
        return
    side_by_side(
        threads, [partial(work, part, edges[part], edges[part + 1]) for part in range(parts)]
    )


def side_by_side(threads: int, tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks that release the interpreter on so many threads; the first error is raised.

    The threads end with the call: starting them takes a tenth of a millisecond, and threads that
    stay would be lost in a process that forks.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="yuma") as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
