# SPDX-License-Identifier: Apache-2.0
"""Clients of the HTTP edge that leave, lie about sizes, stall (FI-30 at a miner)."""

import asyncio
import json

import httpx
import pytest

from miners import Miner
from miners.edge import MAX_BODY_BYTES
from miners.engine import Engine
from tests.miners.test_edge import IMAGES, served
from tests.wire.test_hostile_callers import rss_mib
from tests.wire.worlds import PATIENT_S, in_loop, until

BODY = json.dumps({"images": IMAGES.tolist()}).encode()


def head(length: int) -> bytes:
    return f"POST /v1/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


async def connect(miner: Miner) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert miner.edge is not None
    return await asyncio.open_connection("127.0.0.1", miner.edge.port)


async def infer(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/infer", content=BODY)).status_code == 200


@in_loop
async def test_FI_30_client__leaves_before_the_answer__its_row_is_not_computed() -> None:
    async with served() as (miner, client):
        engine = miner.engine
        assert isinstance(engine, Engine)
        engine._busy = engine._most_busy  # every thread is at work: what comes now has to wait
        leaving = [await connect(miner) for _ in range(20)]
        for _, writer in leaving:
            writer.write(head(len(BODY)) + BODY)
        await until(lambda: engine.rows_waiting == 20 * len(IMAGES))
        for _, writer in leaving:
            writer.transport.abort()
        await asyncio.sleep(0.2)
        rows, engine._busy = engine.rows, 0
        engine._next_batch(asyncio.get_running_loop())
        await infer(client)
        assert engine.rows_waiting == 0
        assert engine.rows - rows == len(IMAGES)  # of the one that stayed


@pytest.mark.parametrize("length", [10 * 2**20, 2**40])
@in_loop
async def test_FI_30_body__of_ten_megabytes_and_more__cut_at_the_cap(length: int) -> None:
    async with served() as (miner, client):
        before = rss_mib()
        reader, writer = await connect(miner)
        writer.write(head(length))
        sent = 0
        try:
            while sent < min(length, 64 * 2**20):
                writer.write(b" " * 65_536)
                await writer.drain()
                sent += 65_536
                if reader.at_eof():
                    break
        except ConnectionError:
            pass
        answer = await asyncio.wait_for(reader.read(64), PATIENT_S)
        assert answer == b"" or b" 413 " in answer
        writer.transport.abort()
        assert rss_mib() - before < 4 * MAX_BODY_BYTES / 2**20
        await infer(client)


@in_loop
async def test_FI_30_two_hundred_stalled_bodies__an_honest_one_is_served() -> None:
    async with served() as (miner, client):
        before = rss_mib()
        stalled = [await connect(miner) for _ in range(200)]
        for _, writer in stalled:
            writer.write(head(len(BODY)) + BODY[: len(BODY) // 2])
        await asyncio.sleep(0.2)
        await infer(client)  # while none of the others has ended
        assert rss_mib() - before < 60
        for _, writer in stalled:
            writer.transport.abort()
        await infer(client)


@in_loop
async def test_FI_30_invalid_utf_8__a_status() -> None:
    async with served() as (_miner, client):
        for body in (b'{"images\xff": []}', b'{"\xed\xa0\x80": 1}', b"\x80" * 1_000):
            assert (await client.post("/v1/infer", content=body)).status_code == 400
        await infer(client)
