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

from miners import Engine, Miner, MinerError, ModelError
from miners.checks import model_hash
from miners.errors import EngineAway
from miners.remote import OipEngine
from offchain.subnets import vision
from offchain.wire import Busy, Code
from tests.miners.worlds import FakeChain, endpoint_of, here, new_validator, tensors, vision_model
from tests.wire.worlds import PATIENT_S, in_loop, new_hotkey

CONTENT = vision_model().SerializeToString()
FEED = {"images": np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)}
GOOD = [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}]


@asynccontextmanager
async def oip_server(
    spoil: Callable[[dict[str, Any]], Any] | None = None,
    *,
    outputs: Any = GOOD,
    is_ready: Callable[[], bool] = lambda: True,
) -> AsyncIterator[str]:
    """A small server of the protocol around a real engine; `spoil` changes its answers."""
    engine = Engine(CONTENT)

    async def about(_request: web.Request) -> web.Response:
        inputs = [{"name": "images", "datatype": "FP32", "shape": [-1, 8, 8]}]
        return web.json_response({"name": "vision", "inputs": inputs, "outputs": outputs})

    async def ready(_request: web.Request) -> web.Response:
        return web.Response(status=200 if is_ready() else 400)

    async def infer(request: web.Request) -> web.StreamResponse:
        if not is_ready():
            return web.json_response({"error": "Model vision is not ready yet."}, status=400)
        (given,) = (await request.json())["inputs"]
        images = np.array(given["data"], dtype=np.float32).reshape(given["shape"])
        computed, _ = await engine.run({given["name"]: images})
        p = computed["probabilities"]
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
    app.router.add_get("/v2/models/vision/ready", ready)
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
        await miner.start(chain, key, here())
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
    "ragged": _with({"data": [[0.1] * 10, [0.1] * 10, [0.1] * 9]}),
    "nested another way": _with({"data": [[0.1] * 3] * 10}),
    "nested deeper": _with({"data": [[[0.1] * 10] * 3]}),
    "words": _with({"data": ["0.1"] * 30}),
    "no values": _with({"data": None}),
    "a huge integer": _with({"data": [10**400] * 30}),
    "infinite": lambda _a: web.Response(body=b'{"outputs": [{"name": "p", "data": [1e999]}]}'),
    "no answer": lambda _a: {},
    "not json": lambda _a: web.Response(body=b"<html>"),
    "deep": lambda _a: web.Response(body=b'{"outputs": ' + b"[" * 100_000),
    "deep where nobody looks": lambda _a: web.Response(body=b'{"x": ' + b"[" * 100_000),
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
async def test_remote__nested_values__are_the_same_answer() -> None:
    """The protocol: tensors "in their nature multi-dimensional representation, or flattened"."""

    def nest(answer: dict[str, Any]) -> Any:
        (output,) = answer["outputs"]
        values = np.reshape(output["data"], output["shape"]).tolist()
        return {"outputs": [output | {"data": values}]}

    async with oip_server() as flat, oip_server(nest) as nested:
        one, other = remote(flat), remote(nested)
        want, got = [(await engine.run(FEED))[0]["probabilities"] for engine in (one, other)]
        assert got.shape == (3, 10)
        assert np.array_equal(got, want)
        one.close()
        other.close()


@in_loop
async def test_remote__model_still_loading__nothing_starts_and_no_question_is_blamed() -> None:
    """MLServer describes a model before it has loaded it, and says 400 to every question."""
    is_ready = False
    async with oip_server(is_ready=lambda: is_ready) as url:
        engine = remote(url)
        with pytest.raises(ModelError, match="is not ready"):
            await engine.check()
        with pytest.raises(EngineAway, match="status 400"):
            await engine.run(FEED)
        is_ready = True
        await engine.check()
        await engine.run(FEED)
        engine.close()


@in_loop
async def test_remote__tensors_not_declared__says_where_to_declare_them() -> None:
    async with oip_server(outputs=[]) as url:
        engine = remote(url)
        with pytest.raises(ModelError, match=r"wanted .*probabilities") as caught:
            await engine.check()
        assert "Declare" in caught.value.next_step
        engine.close()
    for bad in (None, ["probabilities"], [{"name": 1}]):
        async with oip_server(outputs=bad) as url:
            engine = remote(url)
            with pytest.raises(ModelError, match="does not answer"):
                await engine.check()
            engine.close()


@in_loop
async def test_remote__server_down__leaves_nothing_open() -> None:
    engine = remote("http://127.0.0.1:1")
    chain = FakeChain(uid=None)
    with pytest.raises(ModelError, match="does not answer"):
        await Miner.from_engine(engine).start(chain, new_hotkey(), here())
    assert engine._client is None
    assert chain.sent == []


@in_loop
async def test_remote__hangs__deadline_and_busy_beyond_the_cap() -> None:
    async def hang(answer: Any) -> Any:
        await asyncio.sleep(2.0)
        return answer

    async with oip_server(lambda answer: hang(answer)) as url:
        engine = remote(url, max_under_way=2, timeout_s=0.3)
        first = [engine.submit(tensors(FEED), lambda *both: both) for _ in range(2)]
        with pytest.raises(Busy):
            engine.submit(tensors(FEED), lambda *both: both)
        results = await asyncio.gather(*first, return_exceptions=True)
        assert [type(r) for r in results] == [EngineAway, EngineAway]
        engine.close()


@in_loop
async def test_remote__overloaded__passes_an_honest_busy_on() -> None:
    async with oip_server(lambda _answer: web.Response(status=503)) as url:
        chain, key = FakeChain(), new_hotkey()
        miner = Miner.from_engine(remote(url))
        await miner.start(chain, key, here())
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
            settings = here(http_port=0)
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
        await miner.start(chain, new_hotkey(), here(max_burn_rao=99))
    assert caught.value.next_step
    assert chain.sent == []
    with pytest.raises(MinerError, match="swap"):
        await miner.swap("model.onnx")
    async with oip_server() as url:
        engine = OipEngine(url, "other", vision.MODEL, bytes(32))
        with pytest.raises(ModelError, match="is no model"):
            await engine.check()
        engine.close()
