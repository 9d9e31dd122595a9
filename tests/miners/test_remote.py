# SPDX-License-Identifier: Apache-2.0
"""A miner in front of an Open Inference Protocol server: same answers, bad ones contained."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from aiohttp import web

from miners import Engine, Miner, MinerError, ModelError, Settings
from miners.checks import model_hash
from miners.errors import EngineAway
from miners.remote import OipEngine
from offchain.subnets import vision
from offchain.wire import Busy, Code
from tests.miners.worlds import FakeChain, endpoint_of, new_validator, vision_model
from tests.wire.worlds import PATIENT_S, in_loop, new_hotkey

CONTENT = vision_model().SerializeToString()
FEED = {"images": np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)}
GOOD = [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}]


@asynccontextmanager
async def oip_server(spoil: Callable[[dict[str, Any]], Any] | None = None) -> AsyncIterator[str]:
    """A small server of the protocol around a real engine; `spoil` changes its answers."""
    engine = Engine(CONTENT)

    async def about(_request: web.Request) -> web.Response:
        inputs = [{"name": "images", "datatype": "FP32", "shape": [-1, 8, 8]}]
        return web.json_response({"name": "vision", "inputs": inputs, "outputs": GOOD})

    async def infer(request: web.Request) -> web.StreamResponse:
        (given,) = (await request.json())["inputs"]
        images = np.array(given["data"], dtype=np.float32).reshape(given["shape"])
        outputs, _ = await engine.run({given["name"]: images})
        p = outputs["probabilities"]
        output = {"name": "probabilities", "datatype": "FP32", "shape": list(p.shape)}
        answer: Any = {"outputs": [output | {"data": p.ravel().tolist()}]}
        if spoil is not None:
            answer = spoil(answer)
            if asyncio.iscoroutine(answer):
                answer = await answer
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/v2/models/vision", about)
    app.router.add_post("/v2/models/vision/infer", infer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        engine.close()


def remote(url: str, **options: Any) -> OipEngine:
    return OipEngine(url, "vision", vision.MODEL, model_hash(CONTENT), **options)


@in_loop
async def test_remote__same_model__same_answers_through_the_whole_miner() -> None:
    async with oip_server() as url:
        engine = remote(url)
        await engine.check()
        chain, key = FakeChain(), new_hotkey()
        miner = Miner.from_engine(engine)
        await miner.start(chain, key, Settings(host="127.0.0.1"))
        assert chain.model == model_hash(CONTENT)
        _, dendrite = new_validator(chain)
        task = vision.tasks(bytes(32), [0])[0]
        reply = await dendrite.call(endpoint_of(chain, key), task.synapse, PATIENT_S)
        local = Engine(CONTENT)
        want, _ = await local.run({"images": task.synapse.images.numpy()})
        assert np.allclose(reply.synapse.probabilities.numpy(), want["probabilities"], atol=1e-6)
        local.close()
        await dendrite.close()
        await miner.close()


def _with(output: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: {"outputs": [answer["outputs"][0] | output]}


BAD = {
    "another name": _with({"name": "logits"}),
    "another shape": _with({"shape": [10, 3]}),
    "another type": _with({"datatype": "FP64"}),
    "too few values": _with({"data": [0.1]}),
    "infinite": lambda _a: web.Response(body=b'{"outputs": [{"name": "p", "data": [1e999]}]}'),
    "no answer": lambda _a: {},
    "not json": lambda _a: web.Response(body=b"<html>"),
    "deep": lambda _a: web.Response(body=b'{"outputs": ' + b"[" * 100_000),
    "an error": lambda _a: web.Response(status=500),
    "a redirect": lambda _a: web.Response(status=302, headers={"Location": "http://10.0.0.1/"}),
}


@pytest.mark.parametrize("name", BAD)
def test_I7_remote__bad_answer__fails_that_request_in_one_sentence(name: str) -> None:
    @in_loop
    async def run() -> None:
        async with oip_server(BAD[name]) as url:
            engine = remote(url)
            with pytest.raises(ModelError, match="engine"):
                await engine.run(FEED)
            assert engine.rows_waiting == 0
            engine.close()

    run()


@in_loop
async def test_remote__server_down__leaves_nothing_open() -> None:
    engine = remote("http://127.0.0.1:1")
    chain = FakeChain(uid=None)
    with pytest.raises(ModelError, match="does not answer"):
        await Miner.from_engine(engine).start(chain, new_hotkey(), Settings(host="127.0.0.1"))
    assert engine._client is None
    assert chain.sent == []


@in_loop
async def test_remote__hangs__deadline_and_busy_beyond_the_cap() -> None:
    async def hang(answer: Any) -> Any:
        await asyncio.sleep(2.0)
        return answer

    async with oip_server(lambda answer: hang(answer)) as url:
        engine = remote(url, max_under_way=2, timeout_s=0.3)
        first = [engine.submit(FEED, lambda *both: both) for _ in range(2)]
        with pytest.raises(Busy):
            engine.submit(FEED, lambda *both: both)
        results = await asyncio.gather(*first, return_exceptions=True)
        assert [type(r) for r in results] == [EngineAway, EngineAway]
        engine.close()


@in_loop
async def test_remote__overloaded__passes_an_honest_busy_on() -> None:
    async with oip_server(lambda _answer: web.Response(status=503)) as url:
        chain, key = FakeChain(), new_hotkey()
        miner = Miner.from_engine(remote(url))
        await miner.start(chain, key, Settings(host="127.0.0.1"))
        _, dendrite = new_validator(chain)
        task = vision.tasks(bytes(32), [0])[0]
        (reply,) = await dendrite.query([(endpoint_of(chain, key), task.synapse)], PATIENT_S)
        assert reply.code is Code.BUSY
        await dendrite.close()
        await miner.close()


@pytest.mark.parametrize("away", ["closed", "proxy"])
def test_edge__server_down_meanwhile__says_503_and_comes_back(away: str) -> None:
    """curl and load balancers may ask again, or elsewhere: the question was good."""

    @in_loop
    async def run() -> None:
        is_away = False

        def spoil(answer: dict[str, Any]) -> Any:
            return web.Response(status=502) if is_away else answer

        async with oip_server(spoil) as url, httpx.AsyncClient(trust_env=False) as client:
            engine = remote(url)
            settings = Settings(host="127.0.0.1", http_port=0)
            miner = await Miner.from_engine(engine).start(FakeChain(), new_hotkey(), settings)
            assert miner.edge is not None

            async def status() -> int:
                there = f"http://127.0.0.1:{miner.edge.port}/v1/infer"
                body = {"images": FEED["images"].tolist()}
                response = await client.post(there, json=body, timeout=PATIENT_S)
                return response.status_code

            assert await status() == 200
            right = engine._url
            is_away = away == "proxy"
            engine._url = right if is_away else "http://127.0.0.1:1/v2/models/vision"
            assert await status() == 503
            is_away, engine._url = False, right
            assert await status() == 200
            await miner.close()

    run()


@in_loop
async def test_remote__nobody_there_or_another_model__nothing_is_sent() -> None:
    chain = FakeChain(uid=None)
    miner = Miner.from_engine(remote("http://127.0.0.1:1"))
    with pytest.raises(ModelError, match="does not answer") as caught:
        await miner.start(chain, new_hotkey(), Settings(host="127.0.0.1", max_burn_rao=99))
    assert caught.value.next_step
    assert chain.sent == []
    with pytest.raises(MinerError, match="swap"):
        await miner.swap("model.onnx")
    async with oip_server() as url:
        engine = OipEngine(url, "other", vision.MODEL, bytes(32))
        with pytest.raises(ModelError, match="is no model"):
            await engine.check()
        engine.close()
