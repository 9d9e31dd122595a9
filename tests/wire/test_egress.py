# SPDX-License-Identifier: Apache-2.0
"""B8: an endpoint is hostile input; no socket opens to a private range, whatever the notation."""

import asyncio
from typing import Any

import pytest

from offchain.wire import CallError, Code, Dendrite, Egress, EgressError, Endpoint, transport
from offchain.wire.handshake import PATH
from tests.wire.worlds import (
    DOMAIN,
    PATIENT_S,
    START,
    Double,
    Echo,
    in_loop,
    new_hotkey,
    ones,
    world,
)

PRIVATE_HOSTS = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "198.18.0.1", "192.0.2.1", "203.0.113.9",
    "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::",
    "64:ff9b::7f00:1", "64:ff9b:1::1",
]  # fmt: skip
ODD_NOTATIONS = ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "0"]
NOT_HOSTS = [
    "", "http://127.0.0.1", "127.0.0.1/", "user@127.0.0.1", "[::1]", "127.0.0.1#x", "a b",
    "127.0.0.1\r\nX: y", "file:///etc/passwd", "x" * 300, "fe80::1%eth0", "127.0.0.1?", "\\\\x",
]  # fmt: skip


class Spy:
    """Counts every socket that this process tries to connect."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[Any] = []
        loop_connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

        async def connect(loop: Any, sock: Any, address: Any) -> None:
            self.opened.append(address)
            await loop_connect(loop, sock, address)

        monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", connect)


@pytest.mark.parametrize("host", PRIVATE_HOSTS + ODD_NOTATIONS + NOT_HOSTS)
def test_B8_host__private_or_none__no_socket_opened(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(monkeypatch)

    @in_loop
    async def run() -> None:
        async with world(egress=Egress()) as w:
            there = Endpoint(w.miner.address, host, w.axon.port)
            (reply,) = await w.dendrite.query([(there, Double(number=1))], PATIENT_S)
            assert reply.code is Code.UNREACHABLE

    run()
    assert spy.opened == []


def test_B8_spy__would_notice_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy(monkeypatch)

    @in_loop
    async def run() -> None:
        async with world() as w:
            await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)

    run()
    assert len(spy.opened) == 1


@pytest.mark.parametrize("port", [0, -1, 65_536, 10**9])
def test_B8_port__out_of_range__refused(port: int) -> None:
    @in_loop
    async def run() -> None:
        with pytest.raises(EgressError, match="port"):
            await Egress().resolve(Endpoint("0x", "1.1.1.1", port))

    run()


@in_loop
async def test_B8_host__public__passes() -> None:
    assert await Egress().resolve(Endpoint("0x", "1.1.1.1", 80)) == "1.1.1.1"
    assert await Egress().resolve(Endpoint("0x", "2606:4700::1111", 80)) == "2606:4700::1111"


def test_FI_28_rebinding__the_checked_address_is_the_one_dialled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that is public at the first look-up and loopback at the second is looked up once."""
    answers = [["1.1.1.1"], ["127.0.0.1"]]

    async def getaddrinfo(_loop: Any, _host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (a, port)) for a in (answers.pop(0) if answers else ["127.0.0.1"])]

    dialled: list[str] = []

    async def connect(_factory: Any, url: str, **_: Any) -> Any:
        dialled.append(url)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(transport, "ws_connect", connect)

    @in_loop
    async def run() -> None:
        there = Endpoint(new_hotkey().address, "rebind.example", 80)
        dendrite = Dendrite(new_hotkey(), DOMAIN, chain_time=lambda: START, egress=Egress())
        with pytest.raises(CallError) as caught:
            await dendrite.call(there, Echo(x=ones()), PATIENT_S)
        assert caught.value.code is Code.UNREACHABLE
        await dendrite.close()

    run()
    assert dialled == [f"ws://1.1.1.1:80{PATH}"]
    assert len(answers) == 1


def test_B8_name__one_private_address_among_public_ones__refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def getaddrinfo(_loop: Any, _host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (a, port)) for a in ("1.1.1.1", "10.0.0.1")]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)

    @in_loop
    async def run() -> None:
        with pytest.raises(EgressError, match="not a public"):
            await Egress().resolve(Endpoint("0x", "mixed.example", 80))

    run()


@in_loop
async def test_FI_28_redirect__never_followed() -> None:
    followed = asyncio.Event()

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        followed.set()
        writer.close()

    inner = await asyncio.start_server(target, "127.0.0.1", 0)
    port = inner.sockets[0].getsockname()[1]

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:{port}/\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    outer = await asyncio.start_server(redirect, "127.0.0.1", 0)
    async with world() as w:
        there = Endpoint(new_hotkey().address, "127.0.0.1", outer.sockets[0].getsockname()[1])
        with pytest.raises(CallError):
            await w.dendrite.call(there, Double(number=1), PATIENT_S)
    assert not followed.is_set()
    inner.close()
    outer.close()


@in_loop
async def test_B7_dials_to_one_address__metered() -> None:
    egress = Egress(dials_per_ip_per_s=1.0)
    with pytest.raises(EgressError, match="too many"):
        for _ in range(20):
            await egress.resolve(Endpoint("0x", "1.1.1.1", 80))
    await egress.resolve(Endpoint("0x", "1.0.0.1", 80))  # another address is not concerned
