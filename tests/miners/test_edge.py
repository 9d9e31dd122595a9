# SPDX-License-Identifier: Apache-2.0
"""The HTTP edge: curl gets answers, hostile bodies get a status, the miner goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import numpy as np
import pytest

from miners import Miner, MinerError, Settings
from miners.edge import MAX_BODY_BYTES, Edge
from offchain.wire import Endpoint
from tests.miners.worlds import FakeChain, here, new_validator, vision_model
from tests.wire.worlds import PATIENT_S, in_loop, new_hotkey, until

IMAGES = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)


@asynccontextmanager
async def served(token: str = "") -> AsyncIterator[tuple[Miner, httpx.AsyncClient]]:
    settings = here(http_port=0, http_token=token)
    content = vision_model().SerializeToString()
    miner = await Miner.from_bytes(content).start(FakeChain(), new_hotkey(), settings)
    assert miner.edge is not None
    url = f"http://127.0.0.1:{miner.edge.port}"
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENT_S) as client:
            yield miner, client
    finally:
        await miner.close()


@in_loop
async def test_infer__json__answers_as_the_engine_does() -> None:
    async with served() as (miner, client):
        response = await client.post("/v1/infer", json={"images": IMAGES.tolist()})
        assert response.status_code == 200
        assert miner.engine is not None
        want, model = await miner.engine.run({"images": IMAGES})
        assert np.allclose(response.json()["probabilities"], want["probabilities"])
        assert response.json()["model"] == model.hex()


@in_loop
async def test_health_and_metrics__tell_what_is_served() -> None:
    async with served() as (miner, client):
        await client.post("/v1/infer", json={"images": IMAGES.tolist()})
        health = (await client.get("/health")).json()
        assert health["model"] == miner.model_hash.hex()
        assert health["provider"] == "CPUExecutionProvider"
        metrics = (await client.get("/metrics")).text
        assert "evmtensor_miner_rows_total 3\n" in metrics
        assert "evmtensor_miner_waiting_rows 0\n" in metrics


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[" * 100_000, 400),
        (b'{"images": ' + b"[" * 100_000, 400),
        (b'{"images": [[[NaN]]]}', 400),
        (b'{"images": [[[1e999]]]}', 400),
        (b'{"images": []}', 400),
        (b'{"images": [[1, 2], [3]]}', 400),
        (b'{"images": ["text"]}', 400),
        (b'{"images": [[[' + b"9" * 5_000 + b"]]]}", 400),
        (b'{"other": [1]}', 400),
        (b'{"images": 7}', 400),
        (b"\xff\xfe", 400),
        (b" " * (MAX_BODY_BYTES + 1), 413),
    ],
)
def test_I7_infer__hostile_body__a_status_and_the_miner_goes_on(body: bytes, status: int) -> None:
    """Also where a library has raised the recursion limit, as pytest's plugins here do."""

    @in_loop
    async def run() -> None:
        async with served() as (miner, client):
            response = await client.post("/v1/infer", content=body)
            assert response.status_code == status
            assert len(response.content) < 300
            assert miner.engine is not None
            assert miner.engine.rows == 0
            good = await client.post("/v1/infer", json={"images": IMAGES.tolist()})
            assert good.status_code == 200

    run()


@in_loop
async def test_infer__with_a_token__wants_it() -> None:
    async with served("open sesame") as (_miner, client):
        body = {"images": IMAGES.tolist()}
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "open sesame"}):
            response = await client.post("/v1/infer", json=body, headers=header)
            assert response.status_code == 401
        right = {"Authorization": "Bearer open sesame"}
        assert (await client.post("/v1/infer", json=body, headers=right)).status_code == 200
        assert (await client.get("/health")).status_code == 200
        assert "sesame" not in repr(Settings(http_token="open sesame"))


@in_loop
async def test_edge__port_taken__one_sentence() -> None:
    async with served() as (miner, _client):
        assert miner.edge is not None
        with pytest.raises(MinerError, match="cannot open"):
            await Edge(miner).serve(port=miner.edge.port)


@in_loop
async def test_miner__behind_a_firewall__dials_out_and_is_asked() -> None:
    chain, key = FakeChain(), new_hotkey()
    validator, dendrite = new_validator(chain)
    await dendrite.listen("127.0.0.1", 0, {key.address}.__contains__)
    settings = Settings(
        host="127.0.0.1",
        localnet=True,
        dial_out=True,
        refresh_s=0.05,
    )
    chain.listening.append((validator.address, "127.0.0.1", dendrite.port))
    miner = Miner.from_bytes(vision_model().SerializeToString())
    await miner.start(chain, key, settings)
    await until(lambda: dendrite.is_connected(key.address))
    from offchain.subnets import vision

    task = vision.tasks(bytes(32), [0])[0]
    unreachable = Endpoint(key.address, "0.0.0.0", 1)
    assert (await dendrite.call(unreachable, task.synapse, PATIENT_S)).ok
    assert chain.endpoint is None  # nobody has to know where it is
    chain.listening.clear()  # it lost its seat
    await until(lambda: not dendrite.is_connected(key.address))
    await dendrite.close()
    await miner.close()
