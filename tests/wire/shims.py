# SPDX-License-Identifier: Apache-2.0
"""TCP peers that misbehave: a recorder, a dribbler, a liar."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from picows import WSListener, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from offchain.wire import LocalHotkey, handshake
from tests.wire.worlds import DOMAIN, START

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp_server(peer: Peer):
    """A raw server on loopback; yields its port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await peer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()


class Recorder:
    """A proxy in front of a port that keeps what the dialer sends."""

    def __init__(self, port: int) -> None:
        self.port, self.sent = port, b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def forth() -> None:
            while data := await reader.read(65_536):
                self.sent += data
                up_writer.write(data)

        async def back() -> None:
            while data := await up_reader.read(65_536):
                writer.write(data)

        try:
            await asyncio.gather(forth(), back())
        finally:
            up_writer.close()


@asynccontextmanager
async def lying_miner(hotkey: LocalHotkey, make_listener: Callable[[Any], WSListener]):
    """A WebSocket server that does the handshake right and then whatever its listener does."""

    def on_request(request: Any) -> WSUpgradeResponseWithListener:
        hello = handshake.read_hello(request.headers[handshake.HEADER].encode())
        _, keys, header = handshake.accept(hello, hotkey, DOMAIN, START, 30)
        response = WSUpgradeResponse.create_101_response({handshake.HEADER: header})
        return WSUpgradeResponseWithListener(response, make_listener(keys))

    server = await ws_create_server(on_request, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def upgrade_response(request: bytes, header: str = "") -> bytes:
    """A correct 101 answer to a raw upgrade request."""
    key = request.lower().split(b"sec-websocket-key: ")[1].split(b"\r\n")[0]
    start = request.lower().index(b"sec-websocket-key: ") + len(b"sec-websocket-key: ")
    key = request[start : start + len(key)]
    magic = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    token = base64.b64encode(hashlib.sha1(key + magic).digest())  # RFC 6455
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\nx-evmtensor: " + header.encode() + b"\r\n\r\n"
    )
