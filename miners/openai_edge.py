# SPDX-License-Identifier: Apache-2.0
"""OpenAI's HTTP interface to a text engine: any `openai` client may talk to this miner's edge.

    GET  /v1/models
    POST /v1/completions         {"model": ..., "prompt": "..." or [...], "stream": true, ...}
    POST /v1/chat/completions    {"model": ..., "messages": [...], ...}

What a request names and this miner does not have (tools, images, logprobs, several choices) is
refused rather than ignored.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from secrets import token_hex
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from miners.errors import EngineAway, ModelError, RequestError
from miners.llm.engine import Piece, Prompt, TextEngine
from miners.llm.sampling import Sampling
from offchain.subnets.text import Turn
from offchain.wire import CallError, Code

MAX_TOKENS = 4_096
STALL_S = 10.0  # for a client that reads nothing
_SSE = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
_STATUS = {Code.BUSY: 503, Code.BAD_REQUEST: 400}


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Question(msgspec.Struct):
    """What both calls have in common; OpenAI's defaults."""

    model: str = ""
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None
    n: Literal[1] = 1
    logprobs: Literal[False, 0] | None = None
    tools: Annotated[list[None], msgspec.Meta(max_length=0)] | None = None


class _Completion(_Question, kw_only=True):
    prompt: str | Annotated[list[str], msgspec.Meta(min_length=1, max_length=1)]


class _Chat(_Question, kw_only=True):
    messages: Annotated[list[Turn], msgspec.Meta(min_length=1, max_length=256)]


class OpenAiRoutes:
    """The three routes over the engine that answers now; `permits` says whether a request has the
    token.
    """

    def __init__(
        self,
        engine: Callable[[], TextEngine],
        name: str,
        permits: Callable[[web.Request], bool],
    ) -> None:
        self._engine, self._name, self._permits = engine, name, permits
        self._decoders = {kind: msgspec.json.Decoder(kind) for kind in (_Completion, _Chat)}

    def add_to(self, app: web.Application) -> None:
        """Register the routes."""
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/completions", self._completions)
        app.router.add_post("/v1/chat/completions", self._chats)

    async def _models(self, request: web.Request) -> web.Response:
        if not self._permits(request):
            return _refusal(401, "a bearer token is wanted")
        return _json(
            200,
            {
                "object": "list",
                "data": [{"id": self._name, "object": "model", "created": 0, "owned_by": "miner"}],
            },
        )

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, _Completion, "cmpl", "text_completion")

    async def _chats(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, _Chat, "chatcmpl", "chat.completion")

    async def _answer(
        self, request: web.Request, kind: type[Any], prefix: str, object_: str
    ) -> web.StreamResponse:
        if not self._permits(request):
            return _refusal(401, "a bearer token is wanted")
        try:
            question = self._decoders[kind].decode(await request.read())
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            return _refusal(400, f"the body does not fit: {str(error)[:200]}")
        if question.model not in ("", self._name):
            return _refusal(404, f"this miner serves {self._name!r}")
        chat = isinstance(question, _Chat)
        prompt = _prompt(question)
        head = {
            "id": f"{prefix}-{token_hex(12)}",
            "object": object_ + (".chunk" if chat and question.stream else ""),
            "created": int(time.time()),
            "model": self._name,
        }
        try:
            pieces = self._engine().generate(prompt, _sampling(question))
            async with aclosing(pieces):
                if question.stream:
                    return await self._send_stream(request, question, head, pieces, chat)
                text, last = "", Piece("", 0, 0)
                async for piece in pieces:
                    text, last = text + piece.text, piece
        except CallError as error:
            return _refusal(_STATUS.get(error.code, 500), error.code.name.lower())
        except RequestError as error:
            return _refusal(400, str(error))
        except EngineAway:
            return _refusal(503, "the engine does not answer")
        except ModelError:
            return _refusal(500, "the model failed on this input")
        choice = {"index": 0, "finish_reason": last.finish, "logprobs": None} | (
            {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        )
        return _json(200, head | {"choices": [choice], "usage": _usage(last)})

    async def _send_stream(
        self, request: web.Request, question: _Question, head: dict[str, Any],
        pieces: AsyncGenerator[Piece, None], chat: bool,
    ) -> web.StreamResponse:  # fmt: skip
        # The first piece before the first byte: "busy" is still a status then.
        first = await anext(pieces)
        response = web.StreamResponse(headers=_SSE)
        await response.prepare(request)
        try:
            async for event in _events(question, head, first, pieces, chat):
                async with asyncio.timeout(STALL_S):
                    await response.write(event)
        except TimeoutError:  # it reads nothing: its place is for somebody else
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response


async def _events(
    question: _Question, head: dict[str, Any], first: Piece, pieces: AsyncGenerator[Piece, None],
    chat: bool,
) -> AsyncGenerator[bytes, None]:  # fmt: skip
    last, is_first = first, True
    try:
        while True:
            yield _event(head | {"choices": [_choice(last, chat, is_first)]})
            is_first = False
            if last.finish:
                break
            last = await anext(pieces)
    except (ModelError, CallError, StopAsyncIteration):
        yield _event({"error": {"message": "the answer broke off"}})
        return
    options = question.stream_options
    if options is not None and options.include_usage:
        yield _event(head | {"choices": [], "usage": _usage(last)})
    yield b"data: [DONE]\n\n"


def _prompt(question: _Completion | _Chat) -> Prompt:
    if isinstance(question, _Chat):
        return tuple(question.messages)
    return question.prompt if isinstance(question.prompt, str) else question.prompt[0]


def _choice(piece: Piece, chat: bool, is_first: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"text": piece.text}
    if chat:
        role = {"role": "assistant"} if is_first else {}
        said = {"delta": role | {"content": piece.text}}
    return {"index": 0, "finish_reason": piece.finish or None, "logprobs": None} | said


def _sampling(question: _Question) -> Sampling:
    """OpenAI's defaults: temperature and top_p 1; a seed nobody can foresee unless one is given."""
    stop = question.stop or ()
    asked = question.max_tokens or question.max_completion_tokens or 256
    return Sampling(
        max_tokens=min(asked, MAX_TOKENS),
        temperature=1.0 if question.temperature is None else question.temperature,
        top_p=1.0 if question.top_p is None else question.top_p,
        seed=int(token_hex(6), 16) if question.seed is None else question.seed,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def _usage(piece: Piece) -> dict[str, int]:
    return {
        "prompt_tokens": piece.prompt_tokens,
        "completion_tokens": piece.tokens,
        "total_tokens": piece.prompt_tokens + piece.tokens,
    }


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


def _refusal(status: int, sentence: str) -> web.Response:
    return _json(status, {"error": {"message": sentence, "code": status}})


def _json(status: int, content: dict[str, Any]) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(content), content_type="application/json"
    )
