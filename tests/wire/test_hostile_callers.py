# SPDX-License-Identifier: Apache-2.0
"""I2, I5, I6, FI-24, FI-29: what strangers do to a miner; permitted callers are still served."""

import asyncio
import os
import resource
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import msgspec
import pytest
from picows import WSMsgType, ws_connect

from offchain.wire import CallError, Code, Endpoint, Limits
from offchain.wire import axon as axon_module
from offchain.wire import door as door_module
from offchain.wire.frames import Request, encode_head
from offchain.wire.handshake import HEADER, PATH, Dialer, Mode
from offchain.wire.session import Session
from tests.wire.worlds import (
    DOMAIN,
    PATIENT_S,
    START,
    Double,
    Echo,
    World,
    double,
    in_loop,
    new_hotkey,
    ones,
    patient,
    until,
    world,
)


def rss_mib() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


async def refusal_of(port: int, raw: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        return await asyncio.wait_for(reader.read(), PATIENT_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def upgrade(header: str) -> bytes:
    return (
        f"GET {PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        f"{HEADER}: {header}\r\n\r\n"
    ).encode()


@in_loop
async def test_I6_refusal__of_any_kind__constant_and_small() -> None:
    async with world() as w:
        stranger = Dialer(new_hotkey(), w.miner.address, DOMAIN, START).header()
        forged = Dialer(w.validator, w.miner.address, DOMAIN, START).header()[:-4] + "AAAA"
        wrong_mode = Dialer(w.validator, w.miner.address, DOMAIN, START, Mode.SERVE).header()
        late = Dialer(w.validator, w.miner.address, DOMAIN, START - 99).header()
        for header, status in [
            ("", 401), ("x" * 5_000, 401), (stranger, 403), (forged, 401), (wrong_mode, 401),
            (late, 409),
        ]:  # fmt: skip
            raw = upgrade(header)
            answer = await refusal_of(w.axon.port, raw)
            head, body = answer.split(b"\r\n\r\n")
            assert f" {status} ".encode() in head.split(b"\r\n")[0]
            assert body == str(status).encode()
            assert len(body) <= 64
            assert len(answer) <= len(raw)  # nothing to amplify
        assert w.axon._door.all_links() == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n",
        b"GET " + b"/" * 9_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,  # a TLS hello
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
def test_I6_http__malformed__closed_and_served_on(raw: bytes) -> None:
    @in_loop
    async def run() -> None:
        async with world(Limits(handshake_s=2.0)) as w:
            answer = await refusal_of(w.axon.port, raw)
            assert b" 101 " not in answer
            assert len(answer) < 512
            assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok

    run()


@in_loop
async def test_FI_29_ten_megabytes_of_headers__cut_early() -> None:
    async with world() as w:
        before = rss_mib()
        _, writer = await asyncio.open_connection("127.0.0.1", w.axon.port)
        sent = 0
        try:
            for _ in range(160):
                writer.write(b"GET / HTTP/1.1\r\nx: " + b"y" * 65_536)
                sent += 65_536
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass  # that is the point
        writer.close()
        assert rss_mib() - before < 16
        assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What came until the end, by a reset too: a dribbler may write to what is closed already."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@asynccontextmanager
async def slow_sockets(port: int, count: int) -> Any:
    readers, writers = [], []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /evmtensor/1 HTTP/1.1\r\nHost: ")
        readers.append(reader)
        writers.append(writer)

    await asyncio.gather(*[one() for _ in range(count)])

    async def dribble() -> None:
        while True:
            await asyncio.sleep(0.2)
            for writer in writers:
                writer.write(b"x")

    task = asyncio.create_task(dribble())
    try:
        yield readers
    finally:
        task.cancel()
        for writer in writers:
            writer.close()


@in_loop
async def test_I6_five_hundred_slow_sockets__honest_request_served_and_they_are_dropped() -> None:
    """What it costs the honest one in time is measured by `offchain.wire.siege`."""
    async with world(Limits(handshake_s=2.0)) as w, slow_sockets(w.axon.port, 500) as readers:
        for _ in range(200):
            assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok
        rests = await asyncio.gather(*[rest_of(reader) for reader in readers])
        assert rests == [b""] * 500  # closed by the server, without a word


@in_loop
async def test_FI_29_thousands_of_connections__permitted_callers_still_served() -> None:
    async with world(Limits(handshake_s=PATIENT_S)) as w:
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        before, opened = rss_mib(), 0
        stop = False
        junk = upgrade(Dialer(new_hotkey(), w.miner.address, DOMAIN, START).header())

        async def flood() -> None:
            nonlocal opened
            while not stop:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", w.axon.port)
                    writer.write(junk)
                    opened += 1
                    await reader.read(64)
                    writer.close()
                except OSError:
                    await asyncio.sleep(0.01)

        attackers = [asyncio.create_task(flood()) for _ in range(200)]
        answered = 0
        while opened < 5_000 or answered < 20:
            assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok
            answered += 1
        fresh = w.new_dendrite()  # also a permitted caller that connects only now
        assert (await fresh.call(w.endpoint, Double(number=1), PATIENT_S)).ok
        stop = True
        await asyncio.gather(*attackers)
        assert rss_mib() - before < 100
        assert len(w.axon._door.all_links()) == 2
        await fresh.close()


@asynccontextmanager
async def raw_caller(w: World) -> Any:
    """A permitted caller that then does as it likes: yields (transport, session)."""
    dialer = Dialer(w.validator, w.miner.address, DOMAIN, START)
    sessions = []

    def factory(_request: Any, response: Any) -> Any:
        from picows import WSListener

        keys = dialer.finish(response.headers[HEADER].encode(), START, 30)
        sessions.append(Session(keys))
        return WSListener()

    transport, _ = await ws_connect(
        factory, f"ws://127.0.0.1:{w.axon.port}{PATH}", extra_headers={HEADER: dialer.header()}
    )
    try:
        yield transport, sessions[0]
    finally:
        transport.disconnect()


@pytest.mark.parametrize(
    "message",
    [b"", b"x" * 27, os.urandom(1_000), bytes(9 * 2**20)],
    ids=["empty", "short", "noise", "over the message cap"],
)
def test_I1_message__unsealed__ends_the_connection_without_a_call(message: bytes) -> None:
    @in_loop
    async def run() -> None:
        async with world() as w, raw_caller(w) as (transport, _):
            transport.send(WSMsgType.BINARY, message)
            await asyncio.wait_for(transport.wait_disconnected(), PATIENT_S)
            assert w.axon.served == 0
            assert w.axon._door.all_links() == []

    run()


@in_loop
async def test_FI_24_message__announced_over_the_cap__ends_before_its_body_comes() -> None:
    limits = Limits(message_bytes=2**20, bundle_bytes=2**16, handshake_s=3_600.0)
    async with world(limits) as w:
        dialer = Dialer(w.validator, w.miner.address, DOMAIN, START)
        reader, writer = await asyncio.open_connection("127.0.0.1", w.axon.port)
        writer.write(upgrade(dialer.header()))
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENT_S)
        assert len(w.axon._door.all_links()) == 1
        size = (2**20 + 1).to_bytes(8, "big")
        writer.write(b"\x82\xff" + size + bytes(4) + bytes(1_000))  # binary, masked; no more comes
        await until(lambda: w.axon._door.all_links() == [])
        writer.close()
        assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (encode_head([Request(0, "Double", 1_000, 99)]), b"too short"),
        (encode_head([Request(0, "Double", 1_000, 1)]), b"too long"),
        (encode_head([Request(1, "Double", 1_000, 0), Request(1, "Double", 1_000, 0)]), b""),
        (b"\x91" * 50_000, b""),
        (msgspec.msgpack.encode([[1, 0, "x" * 65, 1_000, 0]]), b""),
    ],
    ids=["body short", "body long", "number twice", "deep head", "long route"],
)
def test_FI_24_message__sealed_but_hostile__ends_the_connection(head: bytes, body: bytes) -> None:
    @in_loop
    async def run() -> None:
        from blake3 import blake3

        async with world() as w, raw_caller(w) as (transport, session):
            transport.send(WSMsgType.BINARY, session.seal(head, [body], blake3(body).digest()))
            await asyncio.wait_for(transport.wait_disconnected(), PATIENT_S)
            assert w.axon._door.all_links() == []
            assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok

    run()


@in_loop
async def test_I1_handshake__without_its_key__dropped_and_displaces_nobody() -> None:
    async with world(Limits(handshake_s=2.0, connections_per_hotkey=1)) as w:
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        honest = w.dendrite._links[w.endpoint]
        async with raw_caller(w):  # a real Hello, as a recorded one would be
            await until(lambda: len(w.axon._door.all_links()) == 2)
            await until(lambda: len(w.axon._door.all_links()) == 1)
        assert not honest.closed


@in_loop
async def test_I2_connections_of_one_hotkey__capped_newest_wins() -> None:
    async with world(patient(connections_per_hotkey=2)) as w:
        dendrites = [w.new_dendrite() for _ in range(5)]
        for dendrite in dendrites:
            await dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        await until(lambda: len(w.axon._door.all_links()) == 2)
        assert dendrites[-1].is_connected(w.miner.address)
        assert not dendrites[0].is_connected(w.miner.address)
        for dendrite in dendrites:
            await dendrite.close()


@in_loop
async def test_I2_one_seat_opens_without_end__the_others_still_get_in() -> None:
    async with world(patient(connections=40, connections_per_hotkey=8)) as w:
        hoarder = new_hotkey()
        w.chain.seats.add(hoarder.address)
        statuses, held = [], []
        for _ in range(60):  # real handshakes, each left without a first message
            header = Dialer(hoarder, w.miner.address, DOMAIN, START).header()
            reader, writer = await asyncio.open_connection("127.0.0.1", w.axon.port)
            writer.write(upgrade(header))
            statuses.append((await reader.readline()).split()[1])
            held.append(writer)
        assert statuses.count(b"101") == 8
        assert statuses.count(b"429") == 52
        assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok


@in_loop
async def test_FI_29_connections__over_the_cap__busy_and_those_inside_are_served() -> None:
    async with world(patient(connections=2)) as w:
        hotkeys = [new_hotkey() for _ in range(3)]
        w.chain.seats.update(hotkey.address for hotkey in hotkeys)
        callers = [w.new_dendrite(hotkey) for hotkey in hotkeys]
        question = [(w.endpoint, Double(number=1))]
        replies = [(await caller.query(question, PATIENT_S))[0] for caller in callers]
        assert [reply.ok for reply in replies] == [True, True, False]
        assert replies[2].code is Code.BUSY
        assert (await callers[0].query(question, PATIENT_S))[0].ok
        await callers[1].close()  # its place is free
        await until(lambda: len(w.axon._door.all_links()) == 1)
        callers.append(w.new_dendrite(hotkeys[2]))  # the other one waits before it dials again
        assert (await callers[3].query(question, PATIENT_S))[0].ok
        for caller in callers:
            await caller.close()


@in_loop
async def test_I5_bytes_in_flight__over_the_cap__busy_until_there_is_room() -> None:
    async with world() as w:
        go_on = asyncio.Event()

        async def slow(synapse: Echo) -> Echo:
            await go_on.wait()
            return synapse

        axon = w.new_axon(new_hotkey(), limits=patient(inflight_bytes_per_hotkey=10_000))
        await axon.attach(slow).serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        small, large = Echo(x=ones(1_000)), Echo(x=ones(1_600))  # 4 and 6.4 kB
        await w.dendrite.query([(there, Echo(x=ones(3_000)))], PATIENT_S)  # connects; is too large
        first = asyncio.create_task(w.dendrite.query([(there, small)], PATIENT_S))
        await until(lambda: bool(axon._jobs.running))
        (second,) = await w.dendrite.query([(there, large)], PATIENT_S)
        assert second.code is Code.BUSY
        go_on.set()
        assert (await first)[0].ok
        assert (await w.dendrite.query([(there, large)], PATIENT_S))[0].ok
        await axon.close()


@in_loop
async def test_I5_one_hotkey_floods__it_is_told_busy_and_the_other_is_served() -> None:
    async with world() as w:
        flooder = new_hotkey()
        w.chain.seats.add(flooder.address)
        axon = w.new_axon(new_hotkey(), limits=patient(inflight_per_hotkey=8))
        everybody_has_asked = asyncio.Event()

        async def forward(synapse: Double) -> Double:
            await everybody_has_asked.wait()
            return await double(synapse)

        axon.attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        loud = w.new_dendrite(flooder)
        asking = asyncio.gather(
            loud.query([(there, Double(number=n)) for n in range(500)], PATIENT_S),
            w.dendrite.query([(there, Double(number=n)) for n in range(8)], PATIENT_S),
        )
        await until(lambda: axon.refused == 492 and len(axon._jobs.running) == 16)
        everybody_has_asked.set()
        flood, honest = await asking
        assert sum(r.ok for r in flood) == 8
        assert {r.code for r in flood if not r.ok} == {Code.BUSY}
        assert all(r.ok for r in honest)
        await loud.close()
        await axon.close()


@in_loop
async def test_I5_rate__over_the_bucket__busy_reconnecting_is_no_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began = now = monotonic()
    for module in (axon_module, door_module):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    async with world(patient(requests_per_s=20.0, burst=10)) as w:
        replies = await w.dendrite.query([(w.endpoint, Double(number=1))] * 30, PATIENT_S)
        assert sum(r.ok for r in replies) == 10
        again = w.new_dendrite()
        now = began + 0.13  # 2.6 permissions
        replies = await again.query([(w.endpoint, Double(number=1))] * 30, PATIENT_S)
        assert sum(r.ok for r in replies) == 2
        now = began + 0.2
        assert (await again.call(w.endpoint, Double(number=1), PATIENT_S)).ok
        await again.close()


@in_loop
async def test_I5_unpermitted_flood__costs_honest_callers_little() -> None:
    async with world() as w:
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        for _ in range(300):
            stranger = w.new_dendrite(new_hotkey())
            with pytest.raises(CallError):
                await stranger.call(w.endpoint, Double(number=1), PATIENT_S)
        assert w.axon._door._quotas.keys() == {w.validator.address}
        assert len(w.axon._door._memory._seen) == 1


@in_loop
async def test_I6_caller_that_does_not_read__dropped_and_memory_returned() -> None:
    limits = patient(send_buffer_bytes=4 * 2**20, inflight_per_hotkey=10_000)
    async with world(limits) as w, raw_caller(w) as (transport, session):
        axon_links = w.axon._door.all_links
        transport.underlying_transport.pause_reading()
        body = msgspec.msgpack.encode({"x": ["uint8", [2**20], bytes(2**20)]})
        from blake3 import blake3

        before = rss_mib()
        for number in range(60):
            head = encode_head([Request(number, "Echo", 10_000, len(body))])
            transport.send(WSMsgType.BINARY, session.seal(head, [body], blake3(body).digest()))
            await asyncio.sleep(0.005)
        await until(lambda: axon_links() == [])
        assert rss_mib() - before < 200
        assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok


@in_loop
async def test_I2_twenty_thousand_requests__leave_no_state_behind() -> None:
    async with world(patient(receipt_every=256)) as w:
        await w.dendrite.query([(w.endpoint, Double(number=1))] * 200, PATIENT_S)
        before = rss_mib()
        for _ in range(100):
            await w.dendrite.query([(w.endpoint, Double(number=1))] * 200, PATIENT_S)
        assert rss_mib() - before < 20
        link = w.axon._door.all_links()[0]
        ours = w.dendrite._links[w.endpoint]
        await until(lambda: not link._leaves and not ours._unreceipted and not ours._asked)


@in_loop
async def test_fragments__from_a_proxy__are_joined_up_to_the_cap() -> None:
    async with world(patient(message_bytes=100_000)) as w, raw_caller(w) as (transport, session):
        from blake3 import blake3

        body = msgspec.msgpack.encode({"number": 21})
        head = encode_head([Request(0, "Double", 1_000, len(body))])
        message = session.seal(head, [body], blake3(body).digest())
        transport.send(WSMsgType.BINARY, message[:10], fin=False)
        transport.send(WSMsgType.CONTINUATION, message[10:20], fin=False)
        transport.send(WSMsgType.CONTINUATION, message[20:], fin=True)
        await until(lambda: w.axon.served == 1)
        transport.send(WSMsgType.BINARY, bytes(60_000), fin=False)
        transport.send(WSMsgType.CONTINUATION, bytes(60_000), fin=False)
        await asyncio.wait_for(transport.wait_disconnected(), PATIENT_S)
