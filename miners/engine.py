# SPDX-License-Identifier: Apache-2.0
"""The model at work: one thread per core that runs it, and a batcher that takes what is queued and
never waits.

A timer in the batcher would cost its whole length for few callers and win nothing for many
(`onnx-benchmarks.md`, section 2). The threads share one session whose runs stay on the thread that
calls them: as fast as a session each, and the weights are in memory once. What a GPU runs, one
thread runs.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any

from miners.checks import first_line
from miners.engine_model import LoadedModel
from miners.engine_port import Arrays, Feed, Then, run_arrays
from miners.errors import ModelError
from offchain.wire import Busy, Tensor, TensorError
from offchain.wire.later import Later, settle
from offchain.wire.tensor import joined

# A batch this short runs on the event loop itself: what the loop could read meanwhile is worth less
# than two turns of threads and the fight for Python's lock. 64 callers of a model of 0.08 ms, in
# batches of 16, get 9,100 answers a second in the place of 8,000.
INLINE_S = 0.002
# One that a single caller waits for, too: its answer comes without the turn of two threads, which
# cost 0.04 to 0.27 ms where both have slept. Longer than this the loop must not stand still.
LONE_S = 0.005
# After a run the worker needs Python's lock to hand the results over; by default the event loop
# may keep it for 5 ms, which is longer than most models take.
SWITCH_INTERVAL_S = 0.0001


class _Job(Later):
    """One request's arrays, and what `then` makes of the outputs, later."""

    __slots__ = ("feed", "forget", "rows", "then")

    def __init__(self, feed: Feed, rows: int, then: Then, forget: "Callable[[_Job], None]") -> None:
        super().__init__()
        self.feed, self.rows, self.then = feed, rows, then
        self.forget: Callable[[_Job], None] | None = forget  # while it waits

    def cancel(self) -> bool:
        """As `Later.cancel`; what waits gives its room back at once."""
        if self.forget is not None and not self.done():
            self.forget(self)
        return super().cancel()

    @property
    def kind(self) -> tuple[Any, ...]:
        """What jobs of one array have in common."""
        return tuple((name, t.dtype, t.shape[1:]) for name, t in self.feed.items())

    def outcome(self, result: dict[str, Tensor] | Exception, model: LoadedModel) -> Any:
        """What its caller gets of the batch."""
        if self.done() or isinstance(result, Exception):
            return result
        try:
            return self.then(result, model.hash)
        except Exception as error:  # of `then`: it concerns this request only
            return error


class Engine:
    """Runs a model for many callers of one event loop.

    At most `max_batch` rows make a batch, and `threads` batches run at once (0: one per core that
    this process may use; a GPU runs one); beyond `max_queue` waiting rows a caller is told "busy".
    `swap` exchanges the model between two batches: every request is answered by exactly one of
    them, and knows by which.
    """

    def __init__(
        self,
        content: bytes,
        *,
        max_batch: int = 256,
        max_queue: int = 8_192,
        providers: list[str] | None = None,
        threads: int = 0,
    ) -> None:
        self._model = LoadedModel(content, providers)
        self._providers = providers
        self._most_busy = threads or cores()
        self._max_batch, self._max_queue = max_batch, max_queue
        self._waiting: deque[_Job] = deque()
        self._rows_waiting = 0
        self._busy = 0  # batches on threads
        self._is_due = False  # `_next_batch` will be called
        self._lone_batches = 0  # the latest ones, each of one request and nobody waiting
        self._has_run_at_once = False  # in this turn of the loop
        self._work: SimpleQueue[
            tuple[asyncio.AbstractEventLoop, LoadedModel, list[_Job]] | None
        ] = SimpleQueue()
        self._threads: list[Thread] = []
        self.batches = self.rows = 0

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return self._model.provider

    @property
    def model_hash(self) -> bytes:
        """Hash of the model that answers the next batch."""
        return self._model.hash

    @property
    def rows_waiting(self) -> int:
        """Rows queued for the next batches."""
        return self._rows_waiting

    async def check(self) -> None:
        """Nothing left to do: the model was loaded when this was made."""

    async def run(self, arrays: Arrays) -> tuple[dict[str, Any], bytes]:
        """As `run_arrays`."""
        return await run_arrays(self, arrays)

    def submit(self, feed: Feed, then: Then) -> Later:
        """What `then(outputs, model hash)` makes of the outputs for one request's tensors (first
        axis: rows), later: ModelError if the model fails on this, TensorError if it is not finite.
        Raises Busy if too much is waiting.
        """
        rows = next(iter(feed.values())).shape[0]
        if not rows:
            raise TensorError("tensor: no rows")
        if self._rows_waiting + rows > self._max_queue:
            raise Busy
        job = _Job(feed, rows, then, self._forget)
        self._waiting.append(job)
        self._rows_waiting += rows
        if not self._is_due and self._free > 0:
            loop = asyncio.get_running_loop()
            if self._lone_batches > 1 and not self._has_run_at_once:
                # nobody else seems to ask: its caller need not wait for the turn to end
                self._has_run_at_once = True
                loop.call_soon(self._end_turn)
                self._next_batch(loop)
            else:  # at the end of this turn of the loop: what arrives in it makes one batch
                self._plan(loop)
        return job

    def swap(self, content: bytes) -> bytes:
        """Load another model and use it from the next batch on; returns its hash. The old one
        stays on ModelError.
        """
        self._model = LoadedModel(content, self._providers)
        return self._model.hash

    def close(self) -> None:
        """End the threads. Callers that still wait are told "busy"."""
        for _ in self._threads:
            self._work.put(None)
        self._threads.clear()
        while self._waiting:
            job = self._waiting.popleft()
            if not job.done():
                job.set_exception(Busy())

    def _forget(self, job: _Job) -> None:
        self._rows_waiting -= job.rows
        job.rows, job.feed = 0, {}

    def _end_turn(self) -> None:
        self._has_run_at_once = False

    @property
    def _free(self) -> int:
        """How many more batches may run on threads."""
        return (self._most_busy if self._model.is_on_cpu else 1) - self._busy

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_due = True
        loop.call_soon(self._next_batch, loop)

    def _next_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_due = False
        free, model = self._free, self._model
        jobs, rows = self._take(model, free) if free > 0 else ([], 0)
        if not jobs:
            return
        self.batches += 1
        self.rows += rows
        # of several callers one may be alone once, while the others read their answers
        is_lone = len(jobs) == 1 and not self._waiting and not self._busy
        limit_s = LONE_S if is_lone and self._lone_batches else INLINE_S
        self._lone_batches = self._lone_batches + 1 if is_lone else 0
        if rows * model.row_s < limit_s:
            self._finish(loop, model, jobs, _run_batch(model, jobs))
            return
        self._busy += 1
        if len(self._threads) < self._busy:
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            self._threads.append(Thread(target=self._work_forever, name="engine", daemon=True))
            self._threads[-1].start()
        self._work.put((loop, model, jobs))
        if self._waiting and free > 1:
            self._next_batch(loop)

    def _take(self, model: LoadedModel, free: int) -> tuple[list[_Job], int]:
        """The next batch and its rows: what waits, and of what takes long this thread's share."""
        most = model.best_rows(self.batches, self._max_batch)
        if free > 1 and self._rows_waiting * model.row_s >= INLINE_S:
            most = min(most, -(-self._rows_waiting // free))
        jobs: list[_Job] = []
        rows = 0
        while self._waiting and (not jobs or rows + self._waiting[0].rows <= most):
            job = self._waiting.popleft()
            self._rows_waiting -= job.rows
            job.forget = None
            if not job.done():  # its caller has given up
                jobs.append(job)
                rows += job.rows
        return jobs, rows

    def _work_forever(self) -> None:
        while (item := self._work.get()) is not None:
            loop, model, jobs = item
            results = _run_batch(model, jobs)
            try:
                loop.call_soon_threadsafe(self._end_batch, loop, model, jobs, results)
            except RuntimeError:  # the loop was closed: nobody waits any more
                return

    def _end_batch(
        self,
        loop: asyncio.AbstractEventLoop,
        model: LoadedModel,
        jobs: list[_Job],
        results: list[Any],
    ) -> None:
        self._busy -= 1
        self._finish(loop, model, jobs, results)

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        model: LoadedModel,
        jobs: list[_Job],
        results: list[Any],
    ) -> None:
        if self._waiting and not self._is_due:
            self._plan(loop)  # after what has arrived meanwhile was read
        settle(
            [(job, job.outcome(result, model)) for job, result in zip(jobs, results, strict=True)]
        )


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS does not say


def _run_batch(model: LoadedModel, jobs: list[_Job]) -> list[Any]:
    """One result per job: its outputs by name, or the error that concerns it."""
    try:
        feed = {name: joined([job.feed[name] for job in jobs]) for name in jobs[0].feed}
    except Exception as error:  # of one of them, or they do not go together
        return [_reason(error)] if len(jobs) == 1 else _run_apart(model, jobs)
    sizes = [job.rows for job in jobs]
    try:
        start = perf_counter()
        outputs = model.run(feed)
        model.learn(sum(sizes), perf_counter() - start)
        columns = [Tensor.split(output, sizes) for output in outputs]
    except Exception as error:  # onnxruntime's errors have no common base
        if len(jobs) == 1:
            return [ModelError(f"model: {first_line(error)}")]
        # One bad request must not spoil its neighbours': each runs alone.
        return [result for job in jobs for result in _run_batch(model, [job])]
    return [dict(zip(model.outputs, row, strict=True)) for row in zip(*columns, strict=True)]


def _run_apart(model: LoadedModel, jobs: list[_Job]) -> list[Any]:
    """What does not go into one array: those of one shape together, without what is not finite."""
    results: dict[_Job, Any] = {}
    alike: dict[tuple[Any, ...], list[_Job]] = {}
    for job in jobs:
        try:
            for tensor in job.feed.values():
                tensor.numpy()
        except Exception as error:
            results[job] = _reason(error)
        else:
            alike.setdefault(job.kind, []).append(job)
    for together in alike.values():
        parts = [together] if len(together) < len(jobs) else [[job] for job in jobs]
        for part in parts:
            results.update(zip(part, _run_batch(model, part), strict=True))
    return [results[job] for job in jobs]


def _reason(error: Exception) -> Exception:
    """The same without its traceback, whose frames hold the jobs."""
    is_ours = isinstance(error, TensorError)
    return TensorError(str(error)) if is_ours else ModelError(f"model: {first_line(error)}")
