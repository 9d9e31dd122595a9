# SPDX-License-Identifier: Apache-2.0
"""The answering side: who may ask, what is served, and for how long connections live."""

import asyncio
import ssl
from collections.abc import Callable
from time import monotonic

import structlog

from offchain.wire import receipts
from offchain.wire.door import Door
from offchain.wire.egress import Egress, Endpoint
from offchain.wire.errors import Code, WireConfigError, WireError
from offchain.wire.frames import Request
from offchain.wire.handshake import Dialer, Keys, Mode
from offchain.wire.identity import Domain, Hotkey
from offchain.wire.jobs import Job, Jobs
from offchain.wire.limits import Limits, Quota
from offchain.wire.link import Link
from offchain.wire.node import Node, Question
from offchain.wire.routes import Blacklist, Forward, Priority, Route
from offchain.wire.synapse import Caller
from offchain.wire.transport import dial, listen

_SWEEP_S = 0.05
_SEAT_CACHE_S = 1.0
log = structlog.get_logger("evmtensor.axon")


class Axon:
    """Serves the messages that are attached to it, to callers that `has_seat` permits.

    `has_seat(hotkey)`, `stake_of(hotkey)` (rao) and `chain_time()` (seconds) must answer from
    memory: they are called on the event loop. `model_hash` names in receipts the model that
    answers now; a new value counts from the next answer on. A handler may instead set
    `synapse.model_hash` on what it returns.
    """

    def __init__(
        self,
        hotkey: Hotkey,
        domain: Domain,
        *,
        has_seat: Callable[[str], bool],
        stake_of: Callable[[str], int],
        chain_time: Callable[[], int],
        limits: Limits | None = None,
        model_hash: bytes = receipts.NO_MODEL,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.hotkey = hotkey.address
        self.limits = limits or Limits()
        self._tls = tls
        self._has_seat, self._stake_of = has_seat, stake_of
        self._node = Node(
            hotkey,
            domain,
            chain_time,
            self.limits,
            serve=self._serve,
            on_open=self._on_open,
            on_closed=self._on_closed,
        )
        self._door = Door(self._node, Mode.CALL, has_seat, stake_of)
        self._seats: dict[str, tuple[float, bool]] = {}
        self._routes: dict[str, Route] = {}
        self._http: dict[str, Callable[[], bytes]] = {"/health": lambda: b"ok"}
        self._jobs = Jobs(self.limits, model_hash)
        self._dialled: dict[Endpoint, Link] = {}
        self._dialling: dict[Endpoint, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None
        self.host, self.port = "", 0

    @property
    def model_hash(self) -> bytes:
        """What receipts name as the model of the next answers."""
        return self._jobs.model_hash

    @model_hash.setter
    def model_hash(self, value: bytes) -> None:
        self._jobs.model_hash = value

    @property
    def served(self) -> int:
        """Questions answered."""
        return self._jobs.served

    @property
    def refused(self) -> int:
        """Questions refused, with whatever code."""
        return self._jobs.refused

    def attach(
        self,
        forward: Forward,
        blacklist: Blacklist | None = None,
        priority: Priority | None = None,
    ) -> "Axon":
        """Serve the message that `forward` takes, by its annotation.

        `forward(synapse)` returns the synapse with its answers filled in, a future of it, or a
        coroutine; at once only if that takes microseconds. An async generator streams parts. One
        that takes a list, `forward(synapses: list[Vision])`, gets what came together and returns
        a list of the same: an exception in it refuses that question only.
        `blacklist(synapse)` refuses when true; `priority(synapse)` orders waiting requests, stake
        by default. `synapse.dendrite` is the `Caller`.
        """
        route = Route(forward, blacklist, priority)
        if route.codec.route in self._routes:
            raise WireConfigError(f"axon: {route.codec.route} is attached already")
        self._routes[route.codec.route] = route
        return self

    def http(self, path: str, text: Callable[[], bytes]) -> "Axon":
        """Answer plain GET requests of `path` (health, metrics) with what `text` returns."""
        self._http[path] = text
        return self

    async def serve(self, host: str, port: int = 0) -> "Axon":
        """Listen; port 0 takes a free one, `self.port` says which. WireConfigError if it is
        taken.
        """
        self._server = await listen(
            host, port, self._door.accept, limits=self.limits, http=self._answer_http, tls=self._tls
        )
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        self._start_sweeping()
        return self

    def dial_out(self, endpoint: Endpoint, egress: Egress) -> None:
        """Behind a firewall: keep a connection open to a caller that listens (`Dendrite.listen`),
        and serve on it. Nothing new if there is one.
        """
        self._start_sweeping()
        if endpoint not in self._dialling:
            task = asyncio.create_task(self._keep_dialled(endpoint, egress))
            self._dialling[endpoint] = task

    def hang_up(self, endpoint: Endpoint) -> None:
        """Serve this caller no longer."""
        task, link = self._dialling.pop(endpoint, None), self._dialled.pop(endpoint, None)
        if task is not None:
            task.cancel()
        if link is not None:
            link.finish()

    @property
    def dialling(self) -> frozenset[Endpoint]:
        """The callers that are dialled."""
        return frozenset(self._dialling)

    async def close(self) -> None:
        """Stop listening, send what is due, close every connection."""
        for task in [*self._tasks, *self._dialling.values()]:
            task.cancel()
        if self._server is not None:
            self._server.close()
        for link in [*self._door.all_links(), *self._dialled.values()]:
            link.finish()
        self._jobs.cancel_all()
        await asyncio.sleep(0)

    # admission

    def _serve(self, link: Link, questions: list[Question]) -> None:
        now = monotonic()
        caller, session = link.peer, link.session.id
        quota = self._door.quota(caller.hotkey)
        is_seated = self._seated(caller.hotkey, now)
        jobs = []
        for frame, body, body_hash in questions:
            route = self._routes.get(frame.route)
            refusal = self._refusal(quota, route, frame, is_seated, now)
            if refusal is not None or route is None:
                self._jobs.refuse(link, frame.id, refusal or Code.NO_ROUTE)
                continue
            try:
                synapse = route.codec.decode_question(body)
            except Exception:  # msgspec's own, or of a `__post_init__` of the message's author
                self._jobs.refuse(link, frame.id, Code.BAD_REQUEST)
                continue
            synapse.dendrite = caller
            request = receipts.request_hash(session, frame.id, frame.route, body_hash)
            jobs.append(Job(link, frame, route, synapse, request, quota, now))
        self._jobs.admit(jobs)

    def _refusal(
        self, quota: Quota, route: Route | None, frame: Request, is_seated: bool, now: float
    ) -> Code | None:
        limits = self.limits
        if not quota.bucket.take(now) or quota.inflight >= limits.inflight_per_hotkey:
            return Code.BUSY
        if quota.inflight_bytes + frame.size > limits.inflight_bytes_per_hotkey:
            return Code.BUSY
        if not is_seated:
            return Code.DENIED
        if route is None:
            return Code.NO_ROUTE
        return Code.TOO_LARGE if frame.size > route.codec.max_bytes else None

    def _seated(self, hotkey: str, now: float) -> bool:
        until, seated = self._seats.get(hotkey, (0.0, False))
        if now >= until:
            seated = self._has_seat(hotkey)
            self._seats[hotkey] = (now + _SEAT_CACHE_S, seated)
        return seated

    # housekeeping

    def _start_sweeping(self) -> None:
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._sweep()))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._jobs.sweep()
            oldest = self._node.chain_time() - self.limits.session_s - self.limits.skew_s
            for link in self._door.all_links():
                if link.opened_at < oldest:
                    link.finish()

    async def _keep_dialled(self, endpoint: Endpoint, egress: Egress) -> None:
        node, pause = self._node, 0.2
        while True:
            link = self._dialled.get(endpoint)
            old = node.chain_time() - self.limits.session_s
            if link is None or link.closed or link.opened_at < old:
                try:
                    self._dialled[endpoint] = await self._dial(endpoint, egress)
                    pause = 0.2
                    if link is not None:
                        link.finish()
                except (WireError, OSError, TimeoutError) as error:
                    log.warning("dial out failed", to=endpoint.hotkey, error=str(error))
                    pause = min(2 * pause, 30.0)
            await asyncio.sleep(pause)

    async def _dial(self, endpoint: Endpoint, egress: Egress) -> Link:
        node = self._node
        peer = Caller(endpoint.hotkey, self._stake_of(endpoint.hotkey))

        def make_link(keys: Keys) -> Link:
            return Link(node, peer, keys)

        dialer = Dialer(node.hotkey, endpoint.hotkey, node.domain, node.chain_time(), Mode.SERVE)
        link: Link = await dial(
            endpoint, dialer, make_link,
            egress=egress, limits=self.limits, chain_time=node.chain_time,
        )  # fmt: skip
        return link

    def _on_open(self, link: Link) -> None:
        self._door.opened(link)

    def _on_closed(self, link: Link) -> None:
        self._door.forget(link)

    def _answer_http(self, path: str) -> bytes | None:
        text = self._http.get(path)
        return None if text is None else text()
