# SPDX-License-Identifier: Apache-2.0
"""The same miner in front of a server that speaks OpenAI's language: vLLM, llama.cpp, Ollama,
transformers and others.

Prompts go to `/v1/completions`, conversations to `/v1/chat/completions`; both are streamed as
server-sent events. The server batches; this side limits how much is under way, sets deadlines, and
trusts nothing that comes back: every event is decoded against a schema, lines and whole answers
have caps, and redirects are not followed.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated, Any

import aiohttp
import msgspec

from miners.errors import EngineAway, ModelError, RequestError
from miners.llm.engine import Piece, Prompt
from miners.llm.sampling import Sampling
from miners.llm.tokens import StopFinder
from offchain.wire import Busy

MAX_EVENT_BYTES = 256 * 2**10
MAX_ANSWER_CHARS = 4 * 2**20
MAX_STOPS = 4  # what OpenAI's own interface takes
_FINISH = {"stop": "stop", "length": "length"}


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    text: str = ""
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    completion_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None

    @property
    def text(self) -> str:
        return "".join(choice.text or choice.delta.content or "" for choice in self.choices[:1])

    @property
    def finish(self) -> str:
        return "".join(_FINISH.get(choice.finish_reason or "", "") for choice in self.choices[:1])


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


_EVENTS = msgspec.json.Decoder(_Event)
_MODELS = msgspec.json.Decoder(_Models)


class OpenAiEngine:
    """A model behind `url` (http://host:port), in the place of a `DecoderEngine`.

    `model_hash` is what the miner commits to. `token` is sent as a bearer token. Beyond
    `max_running` answers a caller is told "busy"; `first_s` bounds the wait for the server's first
    text, `gap_s` every later one.
    """

    def __init__(
        self,
        url: str,
        model: str,
        model_hash: bytes,
        *,
        token: str = "",
        max_running: int = 64,
        first_s: float = 30.0,
        gap_s: float = 10.0,
    ) -> None:
        self._url, self._model, self.model_hash = url.rstrip("/"), model, model_hash
        self._token, self._max_running = token, max_running
        self._first_s, self._gap_s = first_s, gap_s
        self._client: aiohttp.ClientSession | None = None
        self._running = 0
        self.provider = f"{self._url} (OpenAI-shaped, {model})"
        self.rows_waiting = self.batches = self.rows = 0

    async def check(self) -> None:
        """ModelError unless the server answers and lists the model."""
        url = f"{self._url}/v1/models"
        try:
            status, raw = await self._list()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ModelError(
                f"engine: {url} does not answer ({type(error).__name__})",
                next_step="Start the inference server first.",
            ) from error
        if status in (401, 403):
            raise ModelError(
                f"engine: {url} wants a token", next_step="Set EVMTENSOR_ENGINE_TOKEN."
            )
        names = _names(raw)
        if names is None:
            raise ModelError(
                f"engine: {url} is no OpenAI-shaped server ({status})",
                next_step="Give the address that stands before /v1 with --engine-url.",
            )
        if self._model not in names:
            raise ModelError(
                f"engine: {self._url} has no model {self._model!r}, it has {names[:8]}",
                next_step="Name one of them with --model.",
            )

    async def generate(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """As `DecoderEngine.generate`; leaving the loop early closes the server's stream."""
        if len(sampling.stop) > MAX_STOPS:
            raise RequestError(f"text: {len(sampling.stop)} stop texts, wanted at most {MAX_STOPS}")
        if self._running >= self._max_running:
            raise Busy
        self._running += 1
        try:
            async with aclosing(self._stream(prompt, sampling)) as pieces:
                async for piece in pieces:
                    yield piece
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EngineAway(f"engine: {type(error).__name__}") from error
        finally:
            self._running -= 1

    def close(self) -> None:
        """Give up the connections; what is under way fails."""
        if self._client is not None:
            client, self._client = self._client, None
            with suppress(RuntimeError):  # no loop: nothing is open any more
                asyncio.get_running_loop().create_task(client.close())

    async def _stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        response = await self._ask(*_question(self._model, prompt, sampling))
        stops = StopFinder(sampling.stop)  # a server that ignores them must not matter
        parts, chars, finish, usage = 0, 0, "", _Usage()
        try:
            async with response:
                async for event in self._events(response):
                    if stops.found and event.text:  # it writes on; else its counts still come
                        break
                    usage, finish = event.usage or usage, event.finish or finish
                    text = stops.push(event.text)
                    parts += bool(event.text)
                    chars += len(text)
                    if chars > MAX_ANSWER_CHARS:
                        raise ModelError(f"engine: an answer over {MAX_ANSWER_CHARS} characters")
                    if text:
                        self.batches += 1
                        yield Piece(text, usage.prompt_tokens, parts)
        except (aiohttp.ClientError, TimeoutError):
            if not stops.found:
                raise
        if not finish and not stops.found:
            raise ModelError("engine: the answer broke off")
        tokens = usage.completion_tokens or parts  # not every server counts
        self.rows += tokens
        rest = "" if stops.found else stops.end()
        yield Piece(rest, usage.prompt_tokens, tokens, "stop" if stops.found else finish)

    async def _ask(self, path: str, body: dict[str, Any]) -> aiohttp.ClientResponse:
        async with asyncio.timeout(self._first_s):
            response = await self._session().post(
                f"{self._url}{path}", json=body, allow_redirects=False
            )
        if response.status != 200:
            response.release()  # its place is wanted for the next question
            raise await self._refusal(response.status)
        return response

    async def _refusal(self, status: int) -> Exception:
        """What a status says about the question. A good one gets 400 from transformers and 404 from
        vLLM where the model is not there: the server's own list decides.
        """
        if status in (429, 503):
            return Busy()
        if status in (502, 504):  # of a proxy before it
            return EngineAway(f"engine: status {status}")
        if status in (400, 404, 413, 422):
            _, raw = await self._list()
            if self._model not in (_names(raw) or ()):
                return EngineAway(f"engine: status {status}, the model is not there")
            if status != 404:
                return RequestError(f"text: the engine refuses this question ({status})")
        return ModelError(f"engine: status {status}")

    async def _list(self) -> tuple[int, bytes]:
        """Status and body of the list of models."""
        async with self._session().get(
            f"{self._url}/v1/models",
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=self._first_s),
        ) as response:
            raw = b""
            while len(raw) <= MAX_EVENT_BYTES and (more := await response.content.readany()):
                raw += more
            return response.status, raw

    async def _events(self, response: aiohttp.ClientResponse) -> AsyncGenerator[_Event, None]:
        """Server-sent events until `[DONE]`; ModelError for what is none."""
        held, wait_s = b"", self._first_s
        while True:
            async with asyncio.timeout(wait_s):
                block = await response.content.readany()
            if not block:
                return
            *lines, held = (held + block).split(b"\n")
            if len(held) > MAX_EVENT_BYTES:
                raise ModelError(f"engine: an event over {MAX_EVENT_BYTES} bytes")
            for line in lines:
                if not line.startswith(b"data:"):  # blank lines, comments, names of events
                    continue
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                try:
                    event = _EVENTS.decode(data)
                except (msgspec.MsgspecError, RecursionError, ValueError) as error:
                    raise ModelError("engine: an event is not of OpenAI's shape") from error
                if event.text:  # a role alone may come before the question's turn
                    wait_s = self._gap_s
                yield event

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            self._client = aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(limit=self._max_running),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0),
            )
        return self._client


def _question(model: str, prompt: Prompt, sampling: Sampling) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if isinstance(prompt, str):
        return "/v1/completions", body | {"prompt": prompt}
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
    return "/v1/chat/completions", body | {"messages": turns}


def _names(raw: bytes) -> list[str] | None:
    """The models of a list, or None for what is no list."""
    try:
        return [model.id for model in _MODELS.decode(raw).data]
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
