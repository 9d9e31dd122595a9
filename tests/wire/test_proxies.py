# SPDX-License-Identifier: Apache-2.0
"""Behind reverse proxies: what they and browsers send, and a proxy that ends WebSockets itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import WSMsgType, web

from offchain.wire import Endpoint, Tensor
from offchain.wire.handshake import HEADER, PATH, Dialer
from tests.wire.test_hostile_callers import refusal_of, upgrade
from tests.wire.worlds import DOMAIN, PATIENT_S, START, Double, Echo, World, in_loop, until, world

LISTS = [
    "Connection: keep-alive, Upgrade",  # Firefox
    "Connection: Upgrade, keep-alive",
    "Connection: keep-alive,UPGRADE",
    "connection: upgrade",
    "Connection: keep-alive\r\nConnection: Upgrade",
    "Connection: close, , Upgrade",
]
NOT_LISTS = [
    "Connection: keep-alive",
    "Connection: Upgraded",
    "Connection: not-upgrade",
    "Connection: keep-alive; Upgrade",
    "X-Connection: Upgrade",
]


async def _status(w: World, lines: str) -> bytes:
    hello = Dialer(w.validator, w.miner.address, DOMAIN, START).header()
    raw = upgrade(hello).replace(b"Connection: Upgrade", lines.encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", w.axon.port)
    try:
        writer.write(raw)
        return (await asyncio.wait_for(reader.readline(), PATIENT_S)).split()[1]
    finally:
        writer.close()


@pytest.mark.parametrize("lines", LISTS)
@in_loop
async def test_upgrade__connection_is_a_list__taken(lines: str) -> None:
    async with world() as w:
        assert await _status(w, lines) == b"101"


@pytest.mark.parametrize("lines", NOT_LISTS)
@in_loop
async def test_upgrade__connection_without_upgrade__refused(lines: str) -> None:
    async with world() as w:
        assert await _status(w, lines) == b"400"


@in_loop
async def test_upgrade__request_as_a_load_balancer_sends_it__taken() -> None:
    async with world() as w:
        hello = Dialer(w.validator, w.miner.address, DOMAIN, START).header()
        raw = (
            f"GET {PATH} HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
            f"X-Forwarded-Port: 443\r\nVia: 1.1 proxy\r\nForwarded: for=203.0.113.9;proto=https\r\n"
            f"Host: miner.example\r\nX-Amzn-Trace-Id: Root=1-2-3\r\nAccept-Encoding: gzip, br\r\n"
            f"Pragma: no-cache\r\nCache-Control: no-cache\r\nOrigin: https://miner.example\r\n"
            f"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            f"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"{HEADER}: {hello}\r\n\r\n"
        ).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", w.axon.port)
        writer.write(raw)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENT_S)
        writer.close()
        assert head.startswith(b"HTTP/1.1 101")
        assert b"extensions" not in head.lower()  # nothing is compressed, so no bomb can be


@in_loop
async def test_health__through_a_connection_list__served() -> None:
    async with world() as w:
        raw = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n\r\n"
        assert (await refusal_of(w.axon.port, raw)).endswith(b"\r\n\r\nok")


@asynccontextmanager
async def reverse_proxy(w: World) -> AsyncIterator[int]:
    """A proxy that ends WebSockets on both sides, as a load balancer at layer 7 does; its port."""

    async def handle(request: web.Request) -> web.StreamResponse:
        hello = {HEADER: request.headers[HEADER]}
        url = f"http://127.0.0.1:{w.axon.port}{request.path}"
        async with client.ws_connect(url, headers=hello, max_msg_size=0) as behind:
            front = web.WebSocketResponse(max_msg_size=0)
            front.headers[HEADER] = behind._response.headers[HEADER]
            await front.prepare(request)
            await asyncio.wait(
                [asyncio.create_task(_pump(*pair)) for pair in ((front, behind), (behind, front))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            await front.close()
        return front

    app = web.Application()
    app.router.add_get(PATH, handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with aiohttp.ClientSession() as client:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()


async def _pump(source: Any, sink: Any) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)


@in_loop
async def test_call__through_a_reverse_proxy__answered_and_receipted() -> None:
    async with world() as w, reverse_proxy(w) as port:
        there = Endpoint(w.miner.address, "127.0.0.1", port)
        replies = await w.dendrite.query([(there, Double(number=n)) for n in range(100)], PATIENT_S)
        assert [reply.synapse.result for reply in replies] == [2 * n for n in range(100)]  # type: ignore[union-attr]
        big = np.random.default_rng(0).random(2**18)
        reply = await w.dendrite.call(there, Echo(x=Tensor.of(big)), PATIENT_S)
        assert reply.synapse is not None
        assert reply.synapse.y is not None
        assert np.array_equal(reply.synapse.y.numpy(), big)
        await until(lambda: reply.evidence() is not None)
