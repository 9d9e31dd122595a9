# SPDX-License-Identifier: Apache-2.0
"""Admitted questions: running, waiting by priority, and a boundary around every handler.

A handler may return its answer at once, a `Later`, a future, or a coroutine; only a coroutine costs
a task, and a `Later` not even a turn of the loop.
An async generator streams: each synapse that it yields is sent as a part at once.
"""

import asyncio
from bisect import insort
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from inspect import isasyncgen, isawaitable, signature
from time import monotonic
from typing import Any, cast, get_type_hints

import structlog

from offchain.wire.errors import CallError, Code, TensorError, WireConfigError
from offchain.wire.faults import log_fault
from offchain.wire.frames import Request
from offchain.wire.later import Later
from offchain.wire.limits import Limits, Quota
from offchain.wire.link import Link
from offchain.wire.synapse import Codec, Synapse, codec

Forward = Callable[[Any], Any]
Parts = AsyncGenerator[Any, None]
Blacklist = Callable[[Any], bool | tuple[bool, str] | Awaitable[bool | tuple[bool, str]]]
Priority = Callable[[Any], float]

log = structlog.get_logger("evmtensor.axon")


class Busy(CallError):
    """Raise it in `forward` for an honest "busy"."""

    def __init__(self) -> None:
        super().__init__(Code.BUSY, "busy")


class Route:
    """One attached message."""

    __slots__ = ("blacklist", "codec", "forward", "priority")

    def __init__(
        self, forward: Forward, blacklist: Blacklist | None, priority: Priority | None
    ) -> None:
        self.forward, self.blacklist, self.priority = forward, blacklist, priority
        self.codec: Codec[Any] = codec(_message_of(forward))


class Job:
    """One admitted question. `request` is its hash for the receipt."""

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
        self.deadline = now + frame.timeout_ms / 1_000
        self.model = b""  # that of the moment it was started
        self.work: asyncio.Future[Any] | Later | None = None

    def cancel(self) -> None:
        """Stop working on it; it ends with LATE."""
        if self.work is not None:
            self.work.cancel()


class Jobs:
    """At most `limits.running` handlers at work and `limits.queued` questions behind them."""

    def __init__(self, limits: Limits, model_hash: Callable[[], bytes]) -> None:
        self._limits, self._model_hash = limits, model_hash
        self.running: set[Job] = set()
        self._queue: list[tuple[float, int, Job]] = []  # best last; among equals the oldest
        self._arrivals = 0
        self._is_starting = False
        self.served = self.refused = 0

    def admit(self, job: Job) -> None:
        """Run it now, or later, or refuse whatever has the lowest priority."""
        job.link.jobs[job.number] = job
        job.quota.inflight += 1
        job.quota.inflight_bytes += job.size
        if len(self.running) < self._limits.running:
            self._start(job)
        else:
            self._enqueue(job)

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
        while self._queue and len(self.running) < self._limits.running:
            job = self._queue.pop()[2]
            if job.link.closed or monotonic() > job.deadline:
                self._end(job, Code.LATE)
            else:
                self._start(job)
        self._is_starting = False

    def _start(self, job: Job) -> None:
        self.running.add(job)
        job.model = self._model_hash()
        if job.route.blacklist is not None:
            job.work = _loop().create_task(self._run(job, self._judge(job)))
            return
        try:
            result = job.route.forward(job.synapse)
        except Exception as error:  # one request's failure must not reach another's
            self._end(job, _code_of(error, job))
            return
        if isinstance(result, Synapse):
            self._finish(job, result)
        elif isinstance(result, Later) or asyncio.isfuture(result):
            job.work = result
            result.add_done_callback(lambda done: self._on_done(job, done))
        elif asyncio.iscoroutine(result):
            job.work = _loop().create_task(self._run(job, result))
        elif isasyncgen(result):
            job.work = _loop().create_task(self._run(job, self._stream(job, cast(Parts, result))))
        else:
            log.error("forward returned no synapse", route=job.route.codec.route)
            self._end(job, Code.INTERNAL)

    async def _judge(self, job: Job) -> Any:
        assert job.route.blacklist is not None  # _start comes here only then
        verdict = job.route.blacklist(job.synapse)
        if isawaitable(verdict):
            verdict = await verdict
        if verdict[0] if isinstance(verdict, tuple) else verdict:
            raise CallError(Code.DENIED, "blacklisted")
        result = job.route.forward(job.synapse)
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

    async def _run(self, job: Job, work: Coroutine[Any, Any, Any]) -> None:
        try:
            result = await work
        except asyncio.CancelledError:  # by the sweep: its deadline has passed
            self._end(job, Code.LATE)
        except Exception as error:  # one request's failure must not reach another's
            self._end(job, _code_of(error, job))
        else:
            self._finish(job, result)

    def _on_done(self, job: Job, done: "asyncio.Future[Any] | Later") -> None:
        if done.cancelled():
            self._end(job, Code.LATE)
            return
        error = done.exception()
        if error is None:
            self._finish(job, done.result())
        else:
            self._end(job, _code_of(error, job))

    def _finish(self, job: Job, result: Any) -> None:
        if job.work is not None and monotonic() > job.deadline:
            self._end(job, Code.LATE)
            return
        if isinstance(result, list):  # a stream has sent its parts: their hashes
            job.link.answer(job.number, b"", job.request, job.model, result)
            self._end(job, None)
            return
        try:
            body = job.route.codec.encode_answer(result)
        except Exception as error:  # the handler returned something that is no answer
            self._end(job, _code_of(error, job))
            return
        if len(body) > job.route.codec.max_bytes:
            self._end(job, Code.TOO_LARGE)
            return
        # a handler that changes models says which one answered
        model = getattr(result, "model_hash", job.model)
        job.link.answer(job.number, body, job.request, model)
        self._end(job, None)

    def _end(self, job: Job, code: Code | None) -> None:
        self.running.discard(job)
        job.link.jobs.pop(job.number, None)
        job.quota.inflight -= 1
        job.quota.inflight_bytes -= job.size
        if code is None:
            self.served += 1
        else:
            self.refuse(job.link, job.number, code)
        if self._queue:
            self._start_waiting()


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _code_of(error: BaseException, job: Job) -> Code:
    if isinstance(error, CallError):  # the handler's own honest refusal, e.g. Busy
        return error.code
    if isinstance(error, TensorError):
        return Code.BAD_REQUEST
    log_fault(log, "forward failed", error, route=job.route.codec.route)
    return Code.INTERNAL


def _message_of(forward: Forward) -> type[Synapse]:
    parameters = list(signature(forward).parameters)
    kind = get_type_hints(forward).get(parameters[0]) if parameters else None
    if not (isinstance(kind, type) and issubclass(kind, Synapse)):
        raise WireConfigError(
            f"axon: {forward!r} takes {kind!r}, wanted a Synapse class as its first annotation"
        )
    return kind
