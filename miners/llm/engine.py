# SPDX-License-Identifier: Apache-2.0
"""Answers of a decoder, many at once, each piece as soon as it can be read.

One thread runs the model. Between two steps at most one newcomer joins, so that it holds the
others up for one prompt only; who has finished or been given up leaves at once. Nobody waits for a
batch to fill, and nobody waits for a batch to end.
"""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Literal, Protocol, TypeGuard

from miners.engine import SWITCH_INTERVAL_S
from miners.errors import ModelError, RequestError
from miners.llm.folder import DecoderFolder, folder_hash
from miners.llm.sampling import Sampling, pick
from miners.llm.tokens import ByteTokenizer, StopFinder, Tokenizer, TokenStream
from offchain.subnets.text import Turn
from offchain.wire import Busy

RETIRE_S = 0.5  # between two looks at who still reads
Prompt = str | tuple[Turn, ...]
BackendName = Literal["auto", "cached", "genai"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of an answer. `tokens` counts what was made so far; `finish` is "stop" or "length"
    on the last piece and empty before.
    """

    text: str
    prompt_tokens: int
    tokens: int
    finish: str = ""


class TextEngine(Protocol):
    """What a miner needs of whatever writes its answers: a decoder here, or a server elsewhere."""

    batches: int
    rows: int

    @property
    def provider(self) -> str: ...

    @property
    def model_hash(self) -> bytes: ...

    @property
    def rows_waiting(self) -> int: ...

    async def check(self) -> None: ...

    def generate(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]: ...

    def close(self) -> None: ...


def is_text(engine: object) -> TypeGuard[TextEngine]:
    """Whether an engine writes text piece by piece, rather than returning tensors."""
    return hasattr(engine, "generate")


class Backend(Protocol):
    """A decoder's graph: see `cached.CachedDecoder`. Used by one thread."""

    provider: str

    def join(self, slot: int, tokens: list[int]) -> Any: ...

    def step(self, tokens: dict[int, int]) -> dict[int, Any]: ...

    def drop(self, slot: int) -> None: ...

    def reset(self) -> None: ...


class _Answer:
    """One answer in the making."""

    __slots__ = (
        "given_up", "loop", "made", "pieces", "prompt", "rng", "sampling", "stops", "stream",
    )  # fmt: skip

    def __init__(
        self, prompt: list[int], sampling: Sampling, stream: TokenStream,
        loop: asyncio.AbstractEventLoop,
    ) -> None:  # fmt: skip
        self.prompt, self.sampling, self.stream, self.loop = prompt, sampling, stream, loop
        self.rng, self.stops = sampling.generator(), StopFinder(sampling.stop)
        self.made = 0
        self.given_up = False
        self.pieces: asyncio.Queue[Piece | Exception] = asyncio.Queue()


class DecoderEngine:
    """Serves one decoder to many callers.

    `max_running` answers are written at once; beyond `max_waiting` more a caller is told "busy".
    Prompt and answer together take at most `folder.context` tokens.
    """

    def __init__(
        self,
        folder: DecoderFolder,
        backend: Backend,
        tokenizer: Tokenizer,
        *,
        max_running: int = 16,
        max_waiting: int = 256,
    ) -> None:
        self.folder, self.provider = folder, backend.provider
        self.model_hash = folder_hash(folder.path)
        self._backend, self._tokenizer = backend, tokenizer
        self._max_running, self._max_waiting = max_running, max_waiting
        self._waiting: deque[_Answer] = deque()
        self._running: dict[int, _Answer] = {}  # of the thread
        self._next: dict[int, int] = {}  # of the thread: the token to append, by slot
        self._slots = 0
        self._open = 0  # answers that somebody reads
        self._is_closed = False
        self._changed = Condition()
        self._thread: Thread | None = None
        self.batches = self.rows = 0  # steps, and tokens made in them

    @property
    def rows_waiting(self) -> int:
        """Answers that have not begun."""
        return len(self._waiting)

    async def check(self) -> None:
        """One token for one word; ModelError if the model cannot do that."""
        async for _piece in self.generate("test", Sampling(max_tokens=1)):
            pass

    async def generate(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """The answer as it is written; leaving the loop early stops the writing. Raises Busy if
        too many are waiting, RequestError if the prompt is empty or too long, ModelError if the
        model fails.

        Pieces that the caller was too slow to take arrive as one.
        """
        answer = self._admit(prompt, sampling)
        self._open += 1
        try:
            while True:
                piece = await answer.pieces.get()
                while isinstance(piece, Piece) and not piece.finish and answer.pieces.qsize():
                    piece = _joined(piece, answer.pieces.get_nowait())
                if isinstance(piece, Exception):
                    raise piece
                yield piece
                if piece.finish:
                    return
        finally:
            answer.given_up = True
            self._open -= 1

    async def retire(self) -> None:
        """Close when the last answer has been read. Nobody may ask this engine any more, apart from
        questions that are on their way to it.
        """
        try:
            await asyncio.sleep(RETIRE_S)
            while self._open:
                await asyncio.sleep(RETIRE_S)
        finally:
            self.close()

    def close(self) -> None:
        """End the thread. Callers that still wait are told "busy"."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(5.0)
            self._thread = None

    def _admit(self, prompt: Prompt, sampling: Sampling) -> _Answer:
        text = prompt if isinstance(prompt, str) else self._tokenizer.chat(prompt)
        tokens = self._tokenizer.encode(text)
        room = self.folder.context - len(tokens)
        if not tokens:
            raise RequestError("text: the prompt is empty")
        if room < 1:
            raise RequestError(
                f"text: the prompt has {len(tokens)} tokens, wanted fewer than "
                f"{self.folder.context}"
            )
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                self._waiting = deque(a for a in self._waiting if not a.given_up)
            if len(self._waiting) >= self._max_waiting or self._is_closed:
                raise Busy
        sampling = replace(sampling, max_tokens=min(sampling.max_tokens, room))
        loop = asyncio.get_running_loop()
        answer = _Answer(tokens, sampling, self._tokenizer.stream(), loop)
        with self._changed:
            self._waiting.append(answer)
            self._changed.notify()
        if self._thread is None:
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            self._thread = Thread(target=self._work_forever, name="decoder", daemon=True)
            self._thread.start()
        return answer

    # the thread

    def _work_forever(self) -> None:
        while not self._is_closed:
            with self._changed:
                while not (self._waiting or self._running or self._is_closed):
                    self._changed.wait()
                has_room = len(self._running) < self._max_running
                newcomer = self._next_waiting() if has_room else None
            for slot in [slot for slot, a in self._running.items() if a.given_up]:
                self._leave(slot)
            if newcomer is not None:
                self._join(newcomer)
            if self._running:
                self._step()
        for answer in [*self._running.values(), *self._waiting]:
            _tell(answer, Busy())
        self._waiting.clear()

    def _next_waiting(self) -> _Answer | None:
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.given_up:  # else it costs nobody a step
                return answer
        return None

    def _join(self, answer: _Answer) -> None:
        self._slots += 1
        slot = self._slots
        try:
            logits = self._backend.join(slot, answer.prompt)
        except ModelError as error:  # it concerns this prompt only
            _tell(answer, error)
            return
        self._running[slot] = answer
        self._advance(slot, logits)

    def _step(self) -> None:
        try:
            logits = self._backend.step(self._next)
        except ModelError as error:  # nobody knows whose fault it was
            for answer in self._running.values():
                _tell(answer, error)
            self._running.clear()
            self._next.clear()
            self._backend.reset()
            return
        self.batches += 1
        self.rows += len(logits)
        for slot, row in logits.items():
            self._advance(slot, row)

    def _advance(self, slot: int, logits: Any) -> None:
        """Choose this answer's next token, and say what can be said."""
        answer = self._running[slot]
        token = pick(logits, answer.sampling, answer.rng)
        is_end = token in self.folder.ends
        text = ""
        if not is_end:
            answer.made += 1
            text = answer.stops.push(answer.stream.push(token))
        finish = "stop" if is_end or answer.stops.found else ""
        if not finish and answer.made >= answer.sampling.max_tokens:
            finish = "length"
        if finish and not answer.stops.found:
            text += answer.stops.push(answer.stream.end()) + answer.stops.end()
        self._next[slot] = token
        if finish:
            self._leave(slot)
        if text or finish:
            _tell(answer, Piece(text, len(answer.prompt), answer.made, finish))

    def _leave(self, slot: int) -> None:
        del self._running[slot]
        self._next.pop(slot, None)
        self._backend.drop(slot)


def open_decoder(
    path: Path,
    *,
    backend: BackendName = "auto",
    threads: int = 1,
    providers: list[str] | None = None,
    max_running: int = 16,
    max_waiting: int = 256,
) -> DecoderEngine:
    """An engine for a decoder's folder; ModelError if it cannot be served here.

    "cached" runs the graph on ONNX Runtime with many answers in a batch; "genai" runs it with
    onnxruntime-genai, which knows more kinds of graphs and tokenizers; "auto" takes the first
    where it can.
    """
    folder = DecoderFolder.read(path)
    if backend == "auto":
        backend = "cached" if folder.is_bytes else "genai"
    tokenizer: Tokenizer = ByteTokenizer()
    chosen: Backend
    if backend == "cached":
        from miners.llm.cached import CachedDecoder

        chosen = CachedDecoder(folder, threads=threads, providers=providers)
        if not folder.is_bytes:
            from miners.llm.genai import GenaiTokenizer

            tokenizer = GenaiTokenizer.of(folder)
    else:
        from miners.llm.genai import GenaiDecoder

        genai = GenaiDecoder(folder)
        chosen, tokenizer = genai, genai.tokenizer
    return DecoderEngine(
        folder, chosen, tokenizer, max_running=max_running, max_waiting=max_waiting
    )


def _joined(first: Piece, second: Piece | Exception) -> Piece | Exception:
    if isinstance(second, Exception):
        return second
    return replace(second, text=first.text + second.text)


def _tell(answer: _Answer, piece: Piece | Exception) -> None:
    try:
        answer.loop.call_soon_threadsafe(answer.pieces.put_nowait, piece)
    except RuntimeError:  # the loop was closed: nobody listens any more
        answer.given_up = True
