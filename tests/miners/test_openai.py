# SPDX-License-Identifier: Apache-2.0
"""OpenAI's interface on both sides: a miner whose engine is such a server, and the server is
another miner's edge around a real decoder. Nothing here answers from a list.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from miners import Miner, ModelError, openai_edge
from miners.errors import EngineAway, RequestError
from miners.llm import Sampling, open_decoder
from miners.llm.engine import Piece
from miners.llm.folder import folder_hash
from miners.openai_engine import OpenAiEngine
from offchain.subnets.text import Complete, Turn
from offchain.wire import Busy, Code
from tests.miners.worlds import FakeChain, endpoint_of, here, new_validator
from tests.wire.worlds import PATIENT_S, in_loop, new_hotkey, until

PROMPT = "The assert statement is a convenient way to "
TOKEN = "not a secret"


@asynccontextmanager
async def served(
    decoder: Path, token: str = "", **options: Any
) -> AsyncIterator[tuple[Miner, str]]:
    """A miner with an edge that speaks OpenAI, and its address."""
    settings = here(http_port=0, http_token=token)
    miner = Miner.from_engine(open_decoder(decoder, **options), "text")
    await miner.start(FakeChain(), new_hotkey(), settings)
    assert miner.edge is not None
    try:
        yield miner, f"http://127.0.0.1:{miner.edge.port}"
    finally:
        await miner.close()


def http_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, timeout=PATIENT_S)


@asynccontextmanager
async def spoiled(
    answer: Callable[[web.Request], Any], first_s: float = PATIENT_S, gap_s: float = PATIENT_S
) -> AsyncIterator[OpenAiEngine]:
    """An engine in front of a server that misbehaves."""
    app = web.Application()
    app.router.add_route("*", "/v1/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    engine = OpenAiEngine(
        f"http://127.0.0.1:{runner.addresses[0][1]}",
        "text",
        bytes(32),
        first_s=first_s,
        gap_s=gap_s,
    )
    try:
        yield engine
    finally:
        engine.close()
        await asyncio.sleep(0.01)
        await runner.cleanup()


async def said(engine: Any, prompt: Any = PROMPT, **sampling: Any) -> tuple[str, int, int, str]:
    whole = ""
    async for piece in engine.generate(prompt, Sampling(**sampling)):
        whole += piece.text
    return whole, piece.prompt_tokens, piece.tokens, piece.finish


@in_loop
async def test_engine__same_decoder_behind_a_server__same_answers_and_counts(decoder: Path) -> None:
    async with served(decoder) as (miner, url):
        engine = OpenAiEngine(url, "text", folder_hash(decoder))
        await engine.check()
        for sampling in (
            {"max_tokens": 40},
            {"max_tokens": 40, "temperature": 0.9, "top_p": 0.8, "seed": 3},
            {"max_tokens": 60, "stop": ("st",)},
        ):
            for prompt in (PROMPT, (Turn("system", "Be brief."), Turn("user", "assert?"))):
                want = await said(miner.engine, prompt, **sampling)
                assert await said(engine, prompt, **sampling) == want
        engine.close()
        await asyncio.sleep(0.01)


@in_loop
async def test_miner__before_a_server__streams_and_commits_what_it_was_told(decoder: Path) -> None:
    async with served(decoder, TOKEN) as (_, url):
        chain, key = FakeChain(), new_hotkey()
        engine = OpenAiEngine(url, "text", folder_hash(decoder), token=TOKEN)
        front = await Miner.from_engine(engine, "text").start(chain, key, here())
        assert chain.model == folder_hash(decoder)
        _, dendrite = new_validator(chain)
        question = Complete(prompts=(PROMPT,), max_tokens=60, stream=True)
        there = endpoint_of(chain, key)
        parts = [r.synapse async for r in dendrite.stream(there, question, PATIENT_S)]
        assert len(parts) > 3
        assert "".join(p.texts[0] for p in parts[:-1]) == parts[-1].texts[0]
        assert (parts[-1].tokens, parts[-1].prompt_tokens) == (60, len(PROMPT))
        await dendrite.close()
        await front.close()
        await asyncio.sleep(0.01)


@in_loop
async def test_engine__left_early__the_server_stops_writing(decoder: Path) -> None:
    async with served(decoder) as (miner, url):
        engine = OpenAiEngine(url, "text", bytes(32))
        pieces = engine.generate(PROMPT, Sampling(max_tokens=450))
        await anext(pieces)
        await pieces.aclose()
        await until(lambda: not miner.engine._running)  # type: ignore[union-attr]
        assert engine._running == 0
        engine.close()
        await asyncio.sleep(0.01)


@in_loop
async def test_engine__beyond_its_cap__busy(decoder: Path) -> None:
    async with served(decoder) as (_, url):
        engine = OpenAiEngine(url, "text", bytes(32), max_running=1)
        first = engine.generate(PROMPT, Sampling(max_tokens=100))
        await anext(first)
        with pytest.raises(Busy):
            await said(engine)
        await first.aclose()
        assert (await said(engine, max_tokens=3))[2] == 3
        engine.close()
        await asyncio.sleep(0.01)


def _events(*events: bytes) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for event in events:
            await response.write(event)
        return response

    return answer


async def _hang(_request: web.Request) -> web.Response:
    await asyncio.sleep(2.0)
    return web.Response()


def _status(status: int, **headers: str) -> Callable[[web.Request], Any]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    return answer


def _lists(model: str, status: int) -> Callable[[web.Request], Any]:
    """Has `model`, and answers every question with `status`."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"data": [{"id": model}]})
        return web.Response(status=status)

    return answer


GOOD = b'data: {"choices": [{"text": "a", "finish_reason": null}]}\n\n'
BAD: dict[str, tuple[Callable[[web.Request], Any], type[Exception]]] = {
    "not json": (_events(b"data: <html>\n\n"), ModelError),
    "another shape": (_events(b'data: {"choices": 7}\n\n'), ModelError),
    "deep": (_events(b"data: " + b"[" * 100_000 + b"\n\n"), ModelError),
    "an endless line": (_events(b"data: " + b"x" * 600_000), ModelError),
    "breaks off": (_events(GOOD), ModelError),
    "says it is done and is not": (_events(GOOD, b"data: [DONE]\n\n"), ModelError),
    "an endless answer": (
        _events(*[b'data: {"choices": [{"text": "' + b"x" * 100_000 + b'"}]}\n\n'] * 50),
        ModelError,
    ),
    "an error": (_status(500), ModelError),
    "a redirect": (_status(302, Location="http://10.0.0.1/"), ModelError),
    "busy": (_status(503), Busy),
    "too many requests": (_status(429), Busy),
    "refused": (_lists("text", 400), RequestError),
    "has another model now, as transformers says it": (_lists("other", 400), EngineAway),
    "has another model now, as vLLM says it": (_lists("other", 404), EngineAway),
    "has the model and not the path": (_lists("text", 404), ModelError),
    "a proxy before nothing": (_status(502), EngineAway),
    "hangs": (_hang, EngineAway),
}


@pytest.mark.parametrize("name", BAD)
def test_I7_engine__bad_server__fails_that_answer_in_one_sentence(name: str) -> None:
    answer, kind = BAD[name]

    @in_loop
    async def run() -> None:
        async with spoiled(answer, 0.5 if name == "hangs" else PATIENT_S) as engine:
            with pytest.raises(kind):
                await said(engine)
            assert engine._running == 0

    run()


@in_loop
async def test_engine__server_falls_silent__ends_after_the_gap() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(GOOD)
        await asyncio.sleep(2.0)
        return response

    async with spoiled(answer, gap_s=0.5) as engine:
        texts = []
        with pytest.raises(ModelError, match="TimeoutError"):
            async for piece in engine.generate(PROMPT, Sampling()):
                texts.append(piece.text)
        assert texts == ["a"]


@in_loop
async def test_engine__server_ignores_stop_texts__they_are_kept_here() -> None:
    event = b'data: {"choices": [{"text": "abc", "finish_reason": "length"}]}\n\n'
    async with spoiled(_events(event, b"data: [DONE]\n\n")) as engine:
        whole, _, _, finish = await said(engine, stop=("bc",))
        assert (whole, finish) == ("a", "stop")


@in_loop
async def test_engine__server_shows_the_stop_text__its_counts_are_still_read() -> None:
    events = (
        b'data: {"choices": [{"text": "abc"}]}\n\n',
        b'data: {"choices": [{"text": "", "finish_reason": "stop"}],'
        b' "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n',
    )
    async with spoiled(_events(*events)) as engine:
        assert await said(engine, stop=("bc",)) == ("a", 7, 3, "stop")


@in_loop
async def test_engine__server_writes_on_or_hangs_after_the_stop_text__the_answer_is_whole() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"text": "abc"}]}\n\n')
        if (await request.json())["max_tokens"] > 1:
            await response.write(GOOD)
        await asyncio.sleep(2.0)
        return response

    async with spoiled(answer, gap_s=0.5) as engine:
        for max_tokens in (1, 2):
            whole = await said(engine, stop=("bc",), max_tokens=max_tokens)
            assert whole == ("a", 0, 1, "stop")


@in_loop
async def test_engine__role_comes_before_its_turn__the_first_text_has_its_own_deadline() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n')
        await asyncio.sleep(1.0)  # others are answered meanwhile
        await response.write(
            b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n'
        )
        return response

    async with spoiled(answer, gap_s=0.3) as engine:
        assert (await said(engine, (Turn("user", "x"),)))[0] == "a"


@in_loop
async def test_engine__one_place_and_a_refused_question__the_place_is_free_again() -> None:
    async with spoiled(_lists("text", 400), first_s=2.0) as engine:
        engine._max_running = 1
        for _ in range(2):
            with pytest.raises(RequestError):
                await said(engine)


@in_loop
async def test_check__list_of_models_in_several_parts__is_read_to_its_end() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b'{"data": [{"id": "o', b'ther"}, {"id": "text"}', b"]}"):
            await response.write(part)
            await asyncio.sleep(0.05)
        return response

    async with spoiled(answer) as engine:
        await engine.check()


@in_loop
async def test_check__nobody_there_another_model_or_no_token__says_so(decoder: Path) -> None:
    with pytest.raises(ModelError, match="does not answer") as caught:
        await OpenAiEngine("http://127.0.0.1:1", "text", bytes(32)).check()
    assert caught.value.next_step
    async with served(decoder, TOKEN) as (_, url):
        for model, token, sentence in (
            ("other", TOKEN, "has no model"),
            ("text", "", "wants a token"),
            ("text", "wrong", "wants a token"),
        ):
            engine = OpenAiEngine(url, model, bytes(32), token=token)
            with pytest.raises(ModelError, match=sentence):
                await engine.check()
            engine.close()
        await asyncio.sleep(0.01)


@in_loop
async def test_edge__whole_and_streamed__say_the_same(decoder: Path) -> None:
    async with (
        served(decoder) as (miner, url),
        http_client() as client,
    ):
        body = {"model": "text", "prompt": PROMPT, "max_tokens": 50, "temperature": 0}
        whole = (await client.post(f"{url}/v1/completions", json=body)).json()
        want, _, _, _ = await said(miner.engine, max_tokens=50)
        assert whole["choices"][0]["text"] == want
        assert whole["usage"] == {
            "prompt_tokens": len(PROMPT), "completion_tokens": 50,
            "total_tokens": len(PROMPT) + 50,
        }  # fmt: skip
        texts = []
        async with client.stream(
            "POST", f"{url}/v1/completions", json=body | {"stream": True}
        ) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    texts.append(json.loads(line[6:])["choices"][0]["text"])
        assert "".join(texts) == want
        assert len(texts) > 3
        chat = {"messages": [{"role": "user", "content": "assert?"}], "max_tokens": 5}
        answer = (await client.post(f"{url}/v1/chat/completions", json=chat)).json()
        assert answer["choices"][0]["message"]["role"] == "assistant"
        assert answer["object"] == "chat.completion"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("completions", b"", 400),
        ("completions", b"[" * 100_000, 400),
        ("completions", b'{"prompt": 7}', 400),
        ("completions", b'{"prompt": ""}', 400),
        ("completions", b'{"prompt": "x", "n": 2}', 400),
        ("completions", b'{"prompt": "x", "temperature": 9}', 400),
        ("completions", b'{"prompt": "x", "max_tokens": 0}', 400),
        ("completions", b'{"prompt": "x", "model": "gpt-4"}', 404),
        ("completions", b'{"prompt": "%s"}' % (b"x" * 9_999), 400),
        ("chat/completions", b'{"messages": []}', 400),
        ("chat/completions", b'{"messages": [{"role": "root", "content": "x"}]}', 400),
        (
            "chat/completions",
            b'{"messages": [{"role": "user", "content": "x"}], "tools": [1]}',
            400,
        ),
        ("infer", b'{"images": []}', 404),
    ],
)
def test_I7_edge__hostile_body__a_status_and_the_miner_goes_on(
    decoder: Path, path: str, body: bytes, status: int
) -> None:
    @in_loop
    async def run() -> None:
        async with (
            served(decoder) as (_, url),
            http_client() as client,
        ):
            response = await client.post(f"{url}/v1/{path}", content=body)
            assert response.status_code == status
            assert len(response.content) < 400
            good = await client.post(f"{url}/v1/completions", json={"prompt": "x", "max_tokens": 2})
            assert good.status_code == 200

    run()


@in_loop
async def test_edge__with_a_token__wants_it(decoder: Path) -> None:
    async with (
        served(decoder, TOKEN) as (_, url),
        http_client() as client,
    ):
        body = {"prompt": "x", "max_tokens": 2}
        for header in ({}, {"Authorization": "Bearer wrong"}):
            answer = await client.post(f"{url}/v1/completions", json=body, headers=header)
            assert answer.status_code == 401
        right = {"Authorization": f"Bearer {TOKEN}"}
        answer = await client.post(f"{url}/v1/completions", json=body, headers=right)
        assert answer.status_code == 200


@in_loop
async def test_edge__full__says_503_before_the_first_byte(decoder: Path) -> None:
    async with served(decoder, max_running=1, max_waiting=1) as (_, url):
        async with http_client() as client:
            body = {"prompt": PROMPT, "max_tokens": 300, "stream": True}
            answers = await asyncio.gather(
                *[client.post(f"{url}/v1/completions", json=body) for _ in range(10)]
            )
        found = [answer.status_code for answer in answers]
        assert set(found) == {200, 503}


@pytest.mark.parametrize("stream", [False, True])
def test_edge__server_down__says_503_before_the_first_byte(stream: bool) -> None:
    @in_loop
    async def run() -> None:
        async with spoiled(_lists("text", 503)) as engine, http_client() as client:
            settings = here(http_port=0)
            miner = Miner.from_engine(engine, "text")
            await miner.start(FakeChain(), new_hotkey(), settings)
            assert miner.edge is not None
            engine._url = "http://127.0.0.1:1"
            there = f"http://127.0.0.1:{miner.edge.port}/v1/completions"
            answer = await client.post(there, json={"prompt": PROMPT, "stream": stream})
            assert answer.status_code == 503
            await miner.close()

    run()


@in_loop
async def test_miner__server_busy__passes_it_on() -> None:
    async with spoiled(_lists("text", 503)) as engine:
        chain, key = FakeChain(), new_hotkey()
        miner = await Miner.from_engine(engine, "text").start(chain, key, here())
        _, dendrite = new_validator(chain)
        question = Complete(prompts=("x",))
        (reply,) = await dendrite.query([(endpoint_of(chain, key), question)], PATIENT_S)
        assert reply.code is Code.BUSY
        await dendrite.close()
        await miner.close()


@in_loop
async def test_FI_30_edge__stream_that_nobody_reads__ends(
    decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_edge, "STALL_S", 0.3)
    ended: list[bool] = []

    async def generate(_prompt: Any, _sampling: Any) -> AsyncIterator[Piece]:
        try:
            while True:
                yield Piece("x" * 2**20, 1, 1)
        finally:
            ended.append(True)

    async with served(decoder) as (miner, url):
        monkeypatch.setattr(miner.engine, "generate", generate)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        body = b'{"prompt": "x", "stream": true}'
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        await until(lambda: bool(ended))
        writer.close()
