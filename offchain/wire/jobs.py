# SPDX-License-Identifier: Apache-2.0
"""Admitted questions: running, waiting by priority, and a boundary around every handler.

A handler may return its answer at once, a `Later`, a future, or a coroutine; only a coroutine costs
a task, and a `Later` not even a turn of the loop.
An async generator streams: each synapse that it yields is sent as a part at once.
"""

import asyncio
from bisect import insort
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from inspect import isasyncgen, isawaitable
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Any, cast

import structlog

from offchain.wire.errors import CallError, Code, TensorError
from offchain.wire.faults import log_fault
from offchain.wire.frames import Request
from offchain.wire.later import Later
from offchain.wire.limits import Limits, Quota
from offchain.wire.link import Given, Link
from offchain.wire.receipts import NO_MODEL
from offchain.wire.routes import Route
from offchain.wire.synapse import Synapse

Parts = AsyncGenerator[Any, None]

log = structlog.get_logger("evmtensor.axon")


class Busy(CallError):
    """Raise it in `forward` for an honest "busy"."""

    def __init__(self) -> None:
        super().__init__(Code.BUSY, "busy")


class Job:
    """One admitted question, counted in its hotkey's quota until `leave`. `request` is its hash
    for the receipt.
    """

    __slots__ = (
        "deadline", "link", "model", "number", "quota", "request", "route", "size", "synapse",
        "work",
    )  # fmt: skip

    def __init__(
        self, link: Link, frame: Request, route: Route, synapse: Synapse, request: bytes,
        quota: Quota, now: float,
    ) -> None:  # fmt: skip
        self.link, self.number, self.size = link, frame.id, frame.size
        self.route, self.synapse, self.request, self.quota = route, synapse, request, quota
        self.deadline = now + min(frame.timeout_ms / 1_000, link.node.limits.longest_s)
        self.model = b""  # that of the moment it was started
        self.work: asyncio.Future[Any] | Later | None = None
        link.jobs[frame.id] = self
        quota.inflight += 1
        quota.inflight_bytes += frame.size

    def cancel(self) -> None:
        """Stop working on it, or do not begin; it ends with LATE."""
        self.deadline = 0.0
        if self.work is not None:
            self.work.cancel()

    def leave(self) -> None:
        """It was answered or refused."""
        self.work = None  # a task that failed holds its frames, and they this job
        self.link.jobs.pop(self.number, None)
        self.quota.inflight -= 1
        self.quota.inflight_bytes -= self.size


class Jobs:
    """At most `limits.running` handlers at work and `limits.queued` questions behind them."""

    def __init__(self, limits: Limits, model_hash: bytes) -> None:
        self._limits, self.model_hash = limits, model_hash
        self.running: set[Job] = set()
        self._queue: list[tuple[float, int, Job]] = []  # best last; among equals the oldest
        self._arrivals = 0
        self._is_starting = False
        self._hear = self._on_later
        self.served = self.refused = 0

    def admit(self, jobs: list[Job]) -> None:
        """Run them now, or later, or refuse whatever has the lowest priority."""
        room = max(0, self._limits.running - len(self.running))
        self._start(jobs[:room])
        for job in jobs[room:]:
            self._enqueue(job)
        if self._queue:
            self._start_waiting()

    def refuse(self, link: Link, number: int, code: Code) -> None:
        """Answer with a code."""
        self.refused += 1
        link.fail(number, code)

    def sweep(self) -> None:
        """Cancel what nobody waits for any more."""
        now = monotonic()
        for job in list(self.running):
            if now > job.deadline or job.link.closed:
                job.cancel()

    def cancel_all(self) -> None:
        """Stop every handler."""
        for job in list(self.running):
            job.cancel()

    def _enqueue(self, job: Job) -> None:
        priority = job.route.priority
        try:
            rank = float(job.link.peer.stake if priority is None else priority(job.synapse))
        except Exception as error:
            log_fault(log, "priority failed", error, route=job.route.codec.route)
            self._end(job, Code.INTERNAL)
            return
        self._arrivals += 1
        insort(self._queue, (rank, -self._arrivals, job))
        if len(self._queue) > self._limits.queued:
            self._end(self._queue.pop(0)[2], Code.BUSY)

    def _start_waiting(self) -> None:
        # Handlers that answer at once end inside `_start`: the flag keeps that from nesting.
        if self._is_starting:
            return
        self._is_starting = True
        try:
            while self._queue and (room := self._limits.running - len(self.running)) > 0:
                self._start(self._best(room))
        finally:
            self._is_starting = False

    def _best(self, count: int) -> list[Job]:
        """Up to so many out of the queue, the best first, that somebody still waits for."""
        best, now = self._queue[-count:], monotonic()
        del self._queue[-count:]
        wanted = []
        for _, _, job in reversed(best):
            if job.link.closed or now > job.deadline:
                self._end(job, Code.LATE)
            else:
                wanted.append(job)
        return wanted

    def _start(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.model = self.model_hash
        self.running.update(jobs)
        for route, together in groupby(jobs, attrgetter("route")):
            if route.blacklist is None:
                asked = list(together)
                results = route.ask([job.synapse for job in asked])
                self._pursue(list(zip(asked, results, strict=True)))
            else:
                self._pursue([(job, self._judge(job)) for job in together])

    def _pursue(self, results: list[tuple[Job, Any]]) -> None:
        """Whatever handlers have returned: send it, or wait for it."""
        ready = []
        for job, result in results:
            if isinstance(result, Later):
                job.work = result
                result.listen(self._hear, job)
            elif isinstance(result, Synapse):
                ready.append((job, result))
            elif isinstance(result, Exception):
                self._end(job, _code_of(result, job))
            elif asyncio.isfuture(result):
                self._await(job, result)
            elif asyncio.iscoroutine(result):
                self._await(job, _loop().create_task(result))
            elif isasyncgen(result):
                self._await(job, _loop().create_task(self._stream(job, cast(Parts, result))))
            else:
                log.error("forward returned no synapse", route=job.route.codec.route)
                self._end(job, Code.INTERNAL)
        self._finish(ready)

    def _await(self, job: Job, work: asyncio.Future[Any]) -> None:
        # a task that is cancelled before its first step runs nothing of its own: only this tells
        job.work = work
        work.add_done_callback(partial(self._on_done, job))

    async def _judge(self, job: Job) -> Any:
        assert job.route.blacklist is not None  # _start comes here only then
        verdict = job.route.blacklist(job.synapse)
        if isawaitable(verdict):
            verdict = await verdict
        if verdict[0] if isinstance(verdict, tuple) else verdict:
            raise CallError(Code.DENIED, "blacklisted")
        (result,) = job.route.ask([job.synapse])
        if isinstance(result, Exception):
            raise result
        if isasyncgen(result):
            return await self._stream(job, cast(Parts, result))
        return await result if isawaitable(result) else result

    async def _stream(self, job: Job, parts: Parts) -> list[bytes]:
        """Send every part when it is there; returns their hashes."""
        hashes = []
        codec_, link = job.route.codec, job.link
        async with aclosing(parts):
            async for part in parts:
                body = codec_.encode_answer(part)
                if len(body) > codec_.max_bytes:
                    raise CallError(Code.TOO_LARGE, "part")
                hashes.append(link.part(job.number, body))
                await link.room()
                if link.closed:  # nobody is there any more
                    break
        return hashes

    def _on_done(self, job: Job, done: asyncio.Future[Any]) -> None:
        if done.cancelled():
            self._end(job, Code.LATE)
            return
        error = done.exception()
        if error is None:
            self._finish([(job, done.result())])
        else:
            self._end(job, _code_of(error, job))

    def _on_later(self, laters: list[Later]) -> None:
        ready = []
        for later in laters:
            job: Job = later.owner
            if later.is_cancelled:
                self._end(job, Code.LATE)
            elif later.error is not None:
                self._end(job, _code_of(later.error, job))
            else:
                ready.append((job, later.value))
        self._finish(ready)

    def _finish(self, ready: list[tuple[Job, Any]]) -> None:
        """Send answers, each connection's together."""
        now = monotonic()
        by_link: dict[Link, list[Given]] = {}
        for job, result in ready:
            given = self._given(job, result, now)
            if isinstance(given, Code):
                self._end(job, given)
                continue
            self.running.discard(job)
            job.leave()
            self.served += 1
            by_link.setdefault(job.link, []).append(given)
        for link, answers in by_link.items():
            link.answer(answers)
        if self._queue:
            self._start_waiting()

    def _given(self, job: Job, result: Any, now: float) -> Given | Code:
        if job.work is not None and now > job.deadline:
            return Code.LATE
        if isinstance(result, list):  # a stream has sent its parts: their hashes
            return job.number, b"", job.request, job.model, result
        messages = job.route.codec
        try:
            body = messages.encode_answer(result)
        except Exception as error:  # the handler returned something that is no answer
            return _code_of(error, job)
        if len(body) > messages.max_bytes:
            return Code.TOO_LARGE
        # a handler that changes models says which one answered
        model = getattr(result, "model_hash", job.model)
        if not isinstance(model, bytes) or len(model) != len(NO_MODEL):
            log.error("forward set no 32 bytes as model_hash", route=messages.route)
            return Code.INTERNAL
        return job.number, body, job.request, model, ()

    def _end(self, job: Job, code: Code) -> None:
        self.running.discard(job)
        job.leave()
        self.refuse(job.link, job.number, code)
        if self._queue:
            self._start_waiting()


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _code_of(error: BaseException, job: Job) -> Code:
    if isinstance(error, CallError):  # the handler's own honest refusal, e.g. Busy
        code = error.code
    elif isinstance(error, TensorError):
        code = Code.BAD_REQUEST
    else:
        code = Code.INTERNAL
        log_fault(log, "forward failed", error, route=job.route.codec.route)
    # Its frames hold the questions, and one of them the error: a cycle that only the collector
    # would end.
    error.with_traceback(None)
    return code
