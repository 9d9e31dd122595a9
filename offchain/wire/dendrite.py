# SPDX-License-Identifier: Apache-2.0
"""The asking side: one connection per miner, a deadline per question, and no miner that can hurt
another.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeVar

import msgspec

from offchain.wire.deadlines import Deadlines
from offchain.wire.door import Door
from offchain.wire.egress import Egress, Endpoint
from offchain.wire.errors import CallError, Code, EgressError, HandshakeError, WireError
from offchain.wire.exhibit import Exhibit
from offchain.wire.handshake import Dialer, Keys, Mode
from offchain.wire.identity import Domain, Hotkey
from offchain.wire.limits import Limits
from offchain.wire.link import Link
from offchain.wire.node import Asked, Node
from offchain.wire.receipts import Batch, Evidence
from offchain.wire.synapse import Caller, Codec, Synapse, codec
from offchain.wire.transport import dial, listen

S = TypeVar("S", bound=Synapse)
_REST_S = 1.0  # after a failed connection its endpoint is left alone for as long


@dataclass(slots=True)
class Reply(Generic[S]):
    """What came of one question; `synapse` is None exactly if `code` says why."""

    endpoint: Endpoint
    synapse: S | None
    latency_s: float  # from posting the question to the answer's arrival; connecting is not counted
    code: Code | None = None
    detail: str = ""
    asked: Asked | None = None

    @property
    def ok(self) -> bool:
        """There is an answer that keeps to its schema."""
        return self.synapse is not None

    def evidence(self) -> Evidence | None:
        """What shows this answer to a third party; None until the miner's receipt has come."""
        return None if self.asked is None else self.asked.evidence()

    def exhibit(self, question: S) -> Exhibit | None:
        """The same with the answer, as it came, and the question that it answers."""
        asked, evidence = self.asked, self.evidence()
        if asked is None or evidence is None or asked.future.cancelled():
            return None
        messages: Codec[S] = codec(type(question))
        return Exhibit(
            evidence,
            asked.number,
            messages.route,
            messages.encode_question(question),
            bytes(asked.future.result()),
            asked.part_hashes,
        )


@dataclass(slots=True)
class _Sent(Generic[S]):
    """One question on its way to a miner that was connected already."""

    endpoint: Endpoint
    synapse: S
    timeout_s: float
    messages: Codec[S]
    link: Link
    number: int
    asked: Asked

    def cancel(self) -> None:
        """Nobody waits any more; nothing if the answer is there."""
        self.link.cancel(self.number)
        _forget(self.asked)


class Dendrite:
    """Asks miners. `egress` decides where it may connect; `on_receipt` sees every verified
    receipt.
    """

    def __init__(
        self,
        hotkey: Hotkey,
        domain: Domain,
        *,
        chain_time: Callable[[], int],
        egress: Egress | None = None,
        limits: Limits | None = None,
        on_receipt: Callable[[Batch], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._egress = egress or Egress(dials_per_ip_per_s=self.limits.dials_per_ip_per_s)
        self._tls = tls
        self._node = Node(
            hotkey, domain, chain_time, self.limits,
            on_receipt=on_receipt, on_open=self._on_open, on_closed=self._on_closed,
        )  # fmt: skip
        self._deadlines = Deadlines()
        self._links: dict[Endpoint, Link] = {}
        self._dialling: dict[Endpoint, asyncio.Task[Link]] = {}
        self._rest: dict[Endpoint, tuple[float, CallError]] = {}
        self._incoming: dict[str, Link] = {}  # miners that dialled out to us, by hotkey
        self._door: Door | None = None
        self._server: asyncio.Server | None = None
        self.host, self.port = "", 0

    async def call(self, endpoint: Endpoint, synapse: S, timeout_s: float) -> Reply[S]:
        """Ask one miner; CallError if there is no good answer by the deadline."""
        messages, body, link, left = await self._prepare(endpoint, synapse, timeout_s)
        number, asked = link.ask(messages.route, body, left, is_alone=True)
        deadline = self._deadlines.add(left, partial(_expire, asked, endpoint))
        try:
            answer = await asked.future
        except (CallError, asyncio.CancelledError):
            link.cancel(number)  # if it still works on that, it may stop
            raise
        finally:
            self._deadlines.drop(deadline)
        return self._reply(messages, endpoint, synapse, answer, asked)

    async def stream(
        self, endpoint: Endpoint, synapse: S, timeout_s: float
    ) -> AsyncGenerator[Reply[S], None]:
        """Ask one miner and yield each part of its answer as it comes; CallError as `call`, also
        between two parts. Leaving the loop early tells the miner to stop. Evidence of the whole
        stream hangs on every part.
        """
        messages, body, link, left = await self._prepare(endpoint, synapse, timeout_s)
        parts: asyncio.Queue[memoryview | None] = asyncio.Queue()
        number, asked = link.ask(messages.route, body, left, is_alone=True)
        asked.take_part = parts.put_nowait
        asked.future.add_done_callback(lambda _done: parts.put_nowait(None))
        deadline = self._deadlines.add(left, partial(_expire, asked, endpoint))
        try:
            while (part := await parts.get()) is not None:
                yield self._reply(messages, endpoint, synapse, part, asked)
            answer = await asked.future
            if not asked.part_hashes:  # a handler that does not stream
                yield self._reply(messages, endpoint, synapse, answer, asked)
        finally:
            self._deadlines.drop(deadline)
            link.cancel(number)
            _forget(asked)

    async def query(
        self, questions: Sequence[tuple[Endpoint, S]], timeout_s: float
    ) -> list[Reply[S]]:
        """Ask many miners at once, each its own question. Never raises for what a miner did;
        order is kept.
        """
        is_alone = len(questions) == 1
        sent = [
            self._send_safely(endpoint, synapse, timeout_s, is_alone)
            for endpoint, synapse in questions
        ]
        deadline = self._deadlines.add(timeout_s, partial(_expire_all, sent))
        try:
            return [
                await item if isinstance(item, asyncio.Task) else await self._receive_safely(item)
                for item in sent
            ]
        finally:
            self._deadlines.drop(deadline)
            for item in sent:
                item.cancel()

    async def listen(self, host: str, port: int, permitted: Callable[[str], bool]) -> "Dendrite":
        """Let miners behind firewalls dial in (`Axon.dial_out`); `permitted(hotkey)` says who is
        a miner.
        """
        self._door = Door(self._node, Mode.SERVE, permitted, lambda _hotkey: 0)
        self._server = await listen(host, port, self._door.accept, limits=self.limits)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        return self

    def is_connected(self, hotkey: str) -> bool:
        """There is an open connection to this hotkey, either way round."""
        links = [*self._links.values(), *self._incoming.values()]
        return any(link.peer.hotkey == hotkey and not link.closed for link in links)

    async def close(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._dialling.values():
            task.cancel()
        for link in [*self._links.values(), *self._incoming.values()]:
            link.finish()
        self._deadlines.close()  # what was asked on a connection that a newer one has replaced
        await asyncio.sleep(0)

    def _send_safely(
        self, endpoint: Endpoint, synapse: S, timeout_s: float, is_alone: bool
    ) -> "_Sent[S] | asyncio.Task[Reply[S]]":
        """Post at once where a connection is open; else a task that connects first."""
        link = self._incoming.get(endpoint.hotkey) or self._links.get(endpoint)
        if link is not None and not link.closed and not self._is_old(link):
            try:
                messages: Codec[S] = codec(type(synapse))
                body = _encoded(messages, synapse)
                number, asked = link.ask(messages.route, body, timeout_s, is_alone=is_alone)
                return _Sent(endpoint, synapse, timeout_s, messages, link, number, asked)
            except CallError:
                pass  # the task meets the same, and tells it in its reply
        return asyncio.create_task(self._call_safely(endpoint, synapse, timeout_s))

    async def _receive_safely(self, item: "_Sent[S]") -> Reply[S]:
        try:
            body = await item.asked.future
            return self._reply(item.messages, item.endpoint, item.synapse, body, item.asked)
        except CallError as error:
            return Reply(item.endpoint, None, item.timeout_s, error.code, str(error))
        except Exception as error:  # the boundary: whatever this miner caused stays with this miner
            detail = f"{item.endpoint.hotkey}: {error}"
            return Reply(item.endpoint, None, item.timeout_s, Code.BAD_ANSWER, detail)
        finally:
            del item  # its future holds the error, and that this frame

    async def _call_safely(self, endpoint: Endpoint, synapse: S, timeout_s: float) -> Reply[S]:
        try:
            return await self.call(endpoint, synapse, timeout_s)
        except CallError as error:
            return Reply(endpoint, None, timeout_s, error.code, str(error))
        except Exception as error:  # the boundary: whatever this miner caused stays with this miner
            return Reply(endpoint, None, timeout_s, Code.BAD_ANSWER, f"{endpoint.hotkey}: {error}")

    async def _prepare(
        self, endpoint: Endpoint, synapse: S, timeout_s: float
    ) -> tuple[Codec[S], bytes, Link, float]:
        """(codec, encoded question, an open link, seconds left)."""
        messages: Codec[S] = codec(type(synapse))
        body = _encoded(messages, synapse)
        started = perf_counter()
        link = self._incoming.get(endpoint.hotkey) or self._links.get(endpoint)
        if link is None or link.closed or self._is_old(link):
            link = await self._connect(endpoint, timeout_s)
        return messages, body, link, timeout_s - (perf_counter() - started)

    def _reply(
        self,
        messages: Codec[S],
        endpoint: Endpoint,
        question: S,
        body: memoryview,
        asked: Asked,
    ) -> Reply[S]:
        if len(body) > messages.max_bytes:
            raise CallError(Code.BAD_ANSWER, f"{endpoint.hotkey}: answer of {len(body)} bytes")
        try:
            filled = messages.decode_answer(question, body)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise CallError(Code.BAD_ANSWER, f"{endpoint.hotkey}: {error}") from error
        arrived = asked.arrived or perf_counter()
        return Reply(endpoint, filled, arrived - asked.sent, asked=asked)

    async def _connect(self, endpoint: Endpoint, timeout_s: float) -> Link:
        now = perf_counter()
        until, error = self._rest.get(endpoint, (0.0, None))
        if error is not None and now < until:
            raise error
        task = self._dialling.get(endpoint)
        if task is None:
            task = asyncio.create_task(self._dial(endpoint))
            self._dialling[endpoint] = task
            task.add_done_callback(lambda done: self._end_dialling(endpoint, done))
        try:
            # shielded: a caller with a short deadline must not end the attempt that others wait for
            return await asyncio.wait_for(asyncio.shield(task), timeout_s)
        except TimeoutError:
            raise CallError(Code.LATE, f"{endpoint.hotkey}: no connection in time") from None

    def _end_dialling(self, endpoint: Endpoint, done: asyncio.Task[Link]) -> None:
        self._dialling.pop(endpoint, None)
        if not done.cancelled():
            done.exception()  # seen, also when nobody waits for it any more

    async def _dial(self, endpoint: Endpoint) -> Link:
        node = self._node

        def make_link(keys: Keys) -> Link:
            return Link(node, Caller(endpoint.hotkey, 0), keys)

        try:
            dialer = Dialer(node.hotkey, endpoint.hotkey, node.domain, node.chain_time())
            attempt = dial(
                endpoint, dialer, make_link,
                egress=self._egress, limits=self.limits, chain_time=node.chain_time, tls=self._tls,
            )  # fmt: skip
            link: Link = await asyncio.wait_for(attempt, 2 * self.limits.handshake_s)
        except (OSError, WireError, TimeoutError) as error:
            failure = _call_error(endpoint, error)
            if len(self._rest) > 4_096:
                self._rest.clear()  # a bound on memory; forgetting costs one attempt
            self._rest[endpoint] = (perf_counter() + _REST_S, failure)
            raise failure from error
        self._rest.pop(endpoint, None)
        old = self._links.get(endpoint)
        if old is not None:
            asyncio.get_running_loop().call_later(self.limits.skew_s, old.finish)
        self._links[endpoint] = link
        return link

    def _is_old(self, link: Link) -> bool:
        return self._node.chain_time() - link.opened_at > self.limits.session_s

    def _on_open(self, link: Link) -> None:
        if self._door is not None and link in self._door.links.get(link.peer.hotkey, ()):
            self._incoming[link.peer.hotkey] = link
            self._door.opened(link)

    def _on_closed(self, link: Link) -> None:
        if self._door is not None:
            self._door.forget(link)
        if self._incoming.get(link.peer.hotkey) is link:
            del self._incoming[link.peer.hotkey]
        for endpoint in [e for e, known in self._links.items() if known is link]:
            del self._links[endpoint]


def _encoded(messages: Codec[S], synapse: S) -> bytes:
    body = messages.encode_question(synapse)
    if len(body) > messages.max_bytes:
        raise CallError(
            Code.TOO_LARGE,
            f"{messages.route}: {len(body)} bytes, wanted at most {messages.max_bytes}",
        )
    return body


def _forget(asked: Asked) -> None:
    if not asked.future.cancel() and not asked.future.cancelled():
        asked.future.exception()  # seen: nobody will ask for it any more


def _expire_all(sent: "Sequence[_Sent[Any] | asyncio.Task[Any]]") -> None:
    for item in sent:
        if isinstance(item, _Sent):
            _expire(item.asked, item.endpoint)  # a task has a deadline of its own


def _expire(asked: Asked, endpoint: Endpoint) -> None:
    if not asked.future.done():
        asked.future.set_exception(
            CallError(Code.LATE, f"{endpoint.hotkey}: no answer before the deadline")
        )


def _call_error(endpoint: Endpoint, error: Exception) -> CallError:
    if isinstance(error, CallError):
        return error
    code = error.code if isinstance(error, HandshakeError) else Code.UNREACHABLE
    detail = str(error) or type(error).__name__
    if isinstance(error, EgressError | HandshakeError):
        return CallError(code, detail)
    return CallError(code, f"{endpoint.hotkey} at {endpoint.host}:{endpoint.port}: {detail}")
