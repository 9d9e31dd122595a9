# SPDX-License-Identifier: Apache-2.0
"""One authenticated connection: questions and answers both ways, bundled, sealed, receipted.

Frames that are posted in the same turn of the event loop travel in one sealed WebSocket message, up
to `limits.bundle_frames`: at many requests in flight one MAC and one system call serve several of
them, both sides work at once, and a lone request waits for nobody.
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from blake3 import blake3
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from offchain.wire import receipts
from offchain.wire.errors import CallError, Code, FrameError, ReceiptError, WireError
from offchain.wire.frames import (
    Answer,
    Cancel,
    Failure,
    Frame,
    Part,
    Receipt,
    Request,
    decode_head,
    encode_head,
)
from offchain.wire.handshake import Keys
from offchain.wire.identity import recover
from offchain.wire.node import Asked, Cancellable, Node, Question
from offchain.wire.receipts import Batch
from offchain.wire.session import Session
from offchain.wire.synapse import Caller

_WITH_BODY = (Request, Answer, Part)

# An answer: number, body, hash of the question, hash of the model that made it, and the hashes of
# the parts that were sent before; after parts the body is empty.
Given = tuple[int, bytes, bytes, bytes, Sequence[bytes]]


class Link(WSListener):
    """A session over a WebSocket. `peer` is the hotkey on the other side, proved by the
    handshake.
    """

    def __init__(self, node: Node, peer: Caller, keys: Keys) -> None:
        self.node, self.peer = node, peer
        self.session = Session(keys)
        self.opened_at = node.chain_time()
        self.authentic = False  # the other side has sent a message that only it could seal
        self.closed = False
        self.why = ""  # the first reason for closing
        self.jobs: dict[int, Cancellable] = {}  # questions being answered here, kept by `Jobs`
        self._writable = asyncio.Event()
        self._writable.set()
        self._loop = asyncio.get_running_loop()
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []  # a message that a proxy cut into fragments
        self._parts_bytes = 0
        self._bundle_bytes = node.limits.bundle_bytes
        self._bundle_frames = node.limits.bundle_frames
        self._receipt_every = node.limits.receipt_every
        self._frames: list[Frame] = []
        self._bodies: list[bytes] = []
        self._body_bytes = 0
        self._body_hash = b""
        self._flush_due = False
        self._asked: dict[int, Asked] = {}
        self._unreceipted: dict[int, Asked] = {}
        self._next_ask = self._next_heard = 0
        self._model = receipts.NO_MODEL
        self._leaves: list[bytes] = []
        self._leaf_ids: list[int] = []
        self._receipt_timer: asyncio.TimerHandle | None = None
        self._handshake_timer = self._loop.call_later(
            node.limits.handshake_s, self._expire_handshake
        )

    # life of the connection

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._flush()  # an empty message: proves that we hold the session key

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.close("connection lost")

    def finish(self) -> None:
        """End the connection in order: what is due, receipts included, is sent first."""
        self._send_receipt()
        if self._frames and not self.closed:
            self._flush()
        self.close("closed here", in_order=True)

    def close(self, why: str, *, in_order: bool = False) -> None:
        """End the connection now; every open question fails with CLOSED. `in_order` gives the other
        side `limits.stall_s` to read what was sent before.
        """
        if self.closed:
            return
        self.closed, self.why = True, why
        self._handshake_timer.cancel()
        if self._receipt_timer is not None:
            self._receipt_timer.cancel()
        for asked in self._asked.values():
            if not asked.future.done():
                asked.future.set_exception(
                    CallError(Code.CLOSED, f"{self.peer.hotkey}: {why} before the answer")
                )
        self._asked.clear()
        self._unreceipted.clear()
        self._writable.set()
        self._hang_up(in_order)
        if self.node.on_closed is not None:
            self.node.on_closed(self)

    def _hang_up(self, in_order: bool) -> None:
        if self._transport is None or self._transport.is_disconnected:
            return
        transport = self._transport.underlying_transport
        if in_order or transport.get_write_buffer_size() <= self._bundle_bytes:
            self._transport.disconnect()
            self._loop.call_later(self.node.limits.stall_s, transport.abort)
        else:  # much that nobody reads: from now on nobody would count it
            transport.abort()

    def _expire_handshake(self) -> None:
        if not self.authentic:
            self.close("no authentic message in time")

    # receiving

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.BINARY and frame.fin and not self._parts:
            self._receive(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            self.close("closed by the other side")
        elif kind in (WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._receive_part(kind, frame)
        elif kind == WSMsgType.TEXT:
            self.close("text frame, wanted binary")

    def _receive_part(self, kind: WSMsgType, frame: WSFrame) -> None:
        begins = kind == WSMsgType.BINARY
        self._parts_bytes += frame.payload_size
        if begins == bool(self._parts) or self._parts_bytes > self.node.limits.message_bytes:
            self.close("fragments out of order or over the cap")
            return
        if len(self._parts) >= 4_096:
            self.close("too many fragments")
            return
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            message = b"".join(self._parts)
            self._parts, self._parts_bytes = [], 0
            self._receive(message)

    def _receive(self, message: bytes) -> None:
        if self.closed:
            return
        try:
            head, tail, tail_hash = self.session.open(message, self.node.limits.head_bytes)
            self._dispatch(decode_head(head), tail, tail_hash)
        except WireError as error:  # one bad message ends this connection and concerns no other
            self.close(str(error))

    def _dispatch(self, frames: list[Frame], tail: memoryview, tail_hash: bytes) -> None:
        if not self.authentic:
            self.authentic = True
            self._handshake_timer.cancel()
            if self.node.on_open is not None:
                self.node.on_open(self)
        now = perf_counter()
        offset, whole = 0, len(tail)
        questions: list[Question] = []  # those that came together are served together
        for frame in frames:
            if isinstance(frame, _WITH_BODY):
                end = offset + frame.size
                if end > whole:
                    raise FrameError(f"message: body ends at {end} of {whole} bytes")
                body = tail[offset:end]
                if 2 * frame.size < whole and whole > self._bundle_bytes:
                    body = memoryview(bytes(body))  # a view would keep all of a large message
                body_hash = tail_hash if frame.size == whole else blake3(body).digest()
                offset = end
                if isinstance(frame, Answer):
                    self._on_answer(frame, body, body_hash, now)
                elif isinstance(frame, Request):
                    self._check_number(frame.id)
                    questions.append((frame, body, body_hash))
                else:
                    self._on_part(frame, body, body_hash)
            elif isinstance(frame, Failure):
                self._on_failure(frame)
            elif isinstance(frame, Receipt):
                self._on_receipt(frame)
            else:
                self._serve(questions)  # the question may be one of them
                questions = []
                self.cancelled(frame.id)
        if offset != whole:
            raise FrameError(f"message: {whole - offset} bytes that belong to no frame")
        self._serve(questions)

    def _check_number(self, number: int) -> None:
        if number < self._next_heard:
            raise FrameError(f"request {number}: wanted at least {self._next_heard}")
        self._next_heard = number + 1

    def _serve(self, questions: list[Question]) -> None:
        if not questions:
            return
        if self.node.serve is None:
            raise FrameError("request: this side only asks")
        self.node.serve(self, questions)

    # asking

    def ask(
        self, route: str, body: bytes, timeout_s: float, *, is_alone: bool = False
    ) -> tuple[int, Asked]:
        """Post a question; the returned object's future gets the answer's body, or CallError.
        `is_alone` says that whoever asks has no other question for now.
        """
        if self.closed:
            raise CallError(Code.CLOSED, f"{self.peer.hotkey}: {self.why}")
        number = self._next_ask
        self._next_ask = number + 1
        if len(self._asked) + len(self._unreceipted) >= self.node.limits.unreceipted:
            self.close("too many answers or receipts are missing")
            raise CallError(Code.CLOSED, f"{self.peer.hotkey}: {self.why}")
        body_hash = blake3(body).digest()
        asked = Asked(
            number,
            receipts.request_hash(self.session.id, number, route, body_hash),
            self._loop.create_future(),
            perf_counter(),
        )
        self._asked[number] = asked
        self._post(Request(number, route, int(timeout_s * 1_000), len(body)), body, body_hash)
        if is_alone and len(self._asked) == 1:
            self._flush_at_once()
        return number, asked

    def _on_answer(self, frame: Answer, body: memoryview, body_hash: bytes, now: float) -> None:
        asked = self._asked.get(frame.id)
        if asked is None:
            raise FrameError(f"answer {frame.id}: never asked, or answered already")
        if asked.part_hashes:
            if len(body):
                raise FrameError(f"answer {frame.id}: parts and a body, wanted one of them")
            body, body_hash = asked.last_part, receipts.stream_hash(asked.part_hashes)
        del self._asked[frame.id]
        asked.answer, asked.arrived = body_hash, now
        self._unreceipted[frame.id] = asked
        if not asked.future.done():
            asked.future.set_result(body)

    def _on_part(self, frame: Part, body: memoryview, body_hash: bytes) -> None:
        asked = self._asked.get(frame.id)
        if asked is None:
            raise FrameError(f"part of {frame.id}: never asked, or answered already")
        limits = self.node.limits
        asked.part_bytes += frame.size
        if len(asked.part_hashes) >= limits.parts or asked.part_bytes > limits.stream_bytes:
            raise FrameError(f"part of {frame.id}: the stream is over its cap")
        asked.part_hashes.append(body_hash)
        asked.last_part = body
        if asked.take_part is not None and not asked.future.done():
            asked.take_part(body)

    def _on_failure(self, frame: Failure) -> None:
        asked = self._asked.pop(frame.id, None)
        if asked is None:
            raise FrameError(f"failure {frame.id}: never asked, or answered already")
        if not asked.future.done():
            asked.future.set_exception(
                CallError(frame.code, f"{self.peer.hotkey} answers {frame.code.name}")
            )

    def _on_receipt(self, frame: Receipt) -> None:
        try:
            batch = [self._unreceipted.pop(number) for number in frame.ids]
        except KeyError:
            raise ReceiptError("receipt: covers an answer that was never given") from None
        leaves = [receipts.leaf(a.request, a.answer, frame.model) for a in batch]
        if receipts.merkle_root(leaves) != frame.root:
            raise ReceiptError("receipt: its root is not that of the answers given")
        node = self.node
        caller = node.hotkey.address
        signed = receipts.digest(
            node.domain, caller, self.session.id, frame.root, len(leaves), frame.time
        )
        if recover(signed, frame.signature) != self.peer.hotkey:
            raise ReceiptError(f"receipt: not signed by {self.peer.hotkey}")
        proof = Batch(
            node.domain, self.peer.hotkey, caller, self.session.id, leaves, frame.time,
            frame.signature,
        )  # fmt: skip
        for index, asked in enumerate(batch):
            asked.batch, asked.index, asked.model = proof, index, frame.model
        if node.on_receipt is not None:
            node.on_receipt(proof)

    def cancel(self, number: int) -> None:
        """Tell the other side that nobody waits for this answer any more."""
        if not self.closed and number in self._asked:
            self._post(Cancel(number))

    # answering

    def cancelled(self, number: int) -> None:
        """The other side wants no more of this question."""
        job = self.jobs.get(number)
        if job is not None:
            job.cancel()

    def part(self, number: int, body: bytes) -> bytes:
        """Post a part of a streamed answer; returns its hash for `answer`."""
        body_hash = blake3(body).digest()
        if not self.closed:
            self._post(Part(number, len(body)), body, body_hash)
        return body_hash

    async def room(self) -> None:
        """Wait until the other side has read enough for more to be sent."""
        await asyncio.sleep(0)  # what is posted leaves in this turn of the loop
        try:
            async with asyncio.timeout(self.node.limits.stall_s):
                await self._writable.wait()
        except TimeoutError:
            self.close("does not read its answers")

    def pause_writing(self) -> None:
        """Called by the WebSocket when its buffer is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by the WebSocket when its buffer has drained."""
        self._writable.set()

    def answer(self, answers: Sequence[Given]) -> None:
        """Post answers and note them for the next receipt."""
        if self.closed:
            return
        hashes = [blake3(given[1]).digest() for given in answers]
        for (number, body, *_), body_hash in zip(answers, hashes, strict=True):
            self._post(Answer(number, len(body)), body, body_hash)
        if not self.jobs:
            self._flush_at_once()
        for (number, _, request, model, parts), body_hash in zip(answers, hashes, strict=True):
            if model != self._model:
                self._send_receipt()
                self._model = model
            whole = receipts.stream_hash(parts) if parts else body_hash
            self._leaves.append(receipts.leaf(request, whole, model))
            self._leaf_ids.append(number)
            if len(self._leaves) >= self._receipt_every:
                self._send_receipt()
        if self._leaves and self._receipt_timer is None:
            self._receipt_timer = self._loop.call_later(
                self.node.limits.receipt_ms / 1_000, self._send_receipt
            )

    def fail(self, number: int, code: Code) -> None:
        """Post a refusal."""
        if not self.closed:
            self._post(Failure(number, code))

    def _send_receipt(self) -> None:
        if self._receipt_timer is not None:
            self._receipt_timer.cancel()
            self._receipt_timer = None
        if self.closed or not self._leaves:
            return
        node = self.node
        time = node.chain_time()
        root, signature = receipts.sign_root(
            node.hotkey, node.domain, self.peer.hotkey, self.session.id, self._leaves, time
        )
        self._post(Receipt(self._leaf_ids, self._model, root, time, signature))
        self._leaves, self._leaf_ids = [], []

    # sending

    def _post(self, frame: Frame, body: bytes = b"", body_hash: bytes = b"") -> None:
        if body:
            size = self._body_bytes + len(body)
            if self._frames and size > self._bundle_bytes:
                self._flush()
                size = len(body)
            self._bodies.append(body)
            self._body_bytes = size
            self._body_hash = body_hash
        self._frames.append(frame)
        if len(self._frames) >= self._bundle_frames:
            self._flush()
        elif not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush_turn)

    def _flush_at_once(self) -> None:
        # Where nothing could share the message, the turn of the loop until `_flush_turn` is only
        # lost: 0.02 ms on each side. A large body, sent while another is read, would lose more.
        # What filled a message has left already.
        if self._frames and self._body_bytes <= self._bundle_bytes:
            self._flush()

    def _flush_turn(self) -> None:
        self._flush_due = False
        if self._frames:
            self._flush()

    def _flush(self) -> None:
        transport = self._transport
        if self.closed or transport is None:
            return
        frames, bodies = self._frames, self._bodies
        if len(bodies) == 1:
            tail_hash = self._body_hash
        else:
            tail_hash = blake3(b"".join(bodies)).digest()
        self._frames, self._bodies, self._body_bytes = [], [], 0
        message = self.session.seal(encode_head(frames), bodies, tail_hash)
        try:
            transport.send(WSMsgType.BINARY, message)
        except (OSError, RuntimeError):  # the connection broke in this very turn
            self.close("connection lost")
            return
        waiting = transport.underlying_transport.get_write_buffer_size()
        if waiting > self.node.limits.send_buffer_bytes:
            # It does not read what it asked for: keeping it would keep our memory.
            self.close("does not read its answers")
