# SPDX-License-Identifier: Apache-2.0
"""I7, FI-22 to FI-27: what one hostile miner does costs nobody but itself."""

import asyncio
import os
import resource
from typing import Any

import msgspec
import numpy as np
import pytest
from blake3 import blake3
from picows import WSListener, WSMsgType

from offchain.wire import CallError, Code, Endpoint, Limits, Tensor
from offchain.wire.frames import Answer, Failure, decode_head, encode_head
from offchain.wire.handshake import Keys
from offchain.wire.session import Session
from tests.wire.shims import lying_miner, tcp_server, upgrade_response
from tests.wire.worlds import HANGS_S, PATIENT_S, Echo, World, in_loop, new_hotkey, ones, world

GOOD_Y = msgspec.msgpack.encode({"y": Tensor.of(np.ones(4, dtype=np.float32))})


class Liar(WSListener):
    """Opens every question properly and answers with `lie(number, body)`: (head, bodies)."""

    def __init__(self, keys: Keys, lie: Any) -> None:
        self.session, self.lie = Session(keys), lie

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type != WSMsgType.BINARY:
            return
        head, tail, _ = self.session.open(frame.get_payload_as_bytes(), 65_536)
        for question in decode_head(head):
            lie = self.lie(question.id, bytes(tail))
            if lie is None:
                continue
            answer_head, bodies = lie
            tail_hash = blake3(b"".join(bodies)).digest()
            message = self.session.seal(answer_head, bodies, tail_hash)
            transport.send(WSMsgType.BINARY, message)


def answer(body: bytes) -> Any:
    return lambda number, _body: (encode_head([Answer(number, len(body))]), [body])


def pack(**fields: Any) -> bytes:
    return msgspec.msgpack.encode(fields)


LIES = {
    "nothing at all": lambda _n, _b: None,
    "empty body": answer(b""),
    "not msgpack": answer(b"\xc1" * 100),
    "a list": answer(msgspec.msgpack.encode([1, 2, 3])),
    "another field": answer(pack(y=["float32", [4], bytes(16)], z=1)),
    "nested a hundred thousand deep": answer(b"\x81\xa1y" + b"\x91" * 100_000),
    "an array of four billion": answer(b"\x81\xa1y\xdd\xff\xff\xff\xff"),
    "a map of four billion": answer(b"\xdf\xff\xff\xff\xff"),
    "a binary of four gigabytes": answer(b"\x81\xa1y\x93\xa7float32\x91\x04\xc6\xff\xff\xff\xff"),
    "negative dimension": answer(pack(y=["float32", [-4], bytes(16)])),
    "a million dimensions": answer(pack(y=["float32", [1] * 10**6, bytes(4)])),
    "five thousand digits": answer(b"\x81\xa1y\xda\x13\x88" + b"9" * 5_000),
    "body over the cap": answer(bytes(5 * 2**20)),
    "head is garbage": lambda _n, _b: (b"\xc1\xc1", []),
    "answers another's number": lambda n, _b: (encode_head([Answer(n + 1, 0)]), []),
    "bytes that belong to no frame": lambda n, _b: (encode_head([Failure(n, Code.BUSY)]), [b"x"]),
    "asks instead of answering": lambda n, _b: (
        msgspec.msgpack.encode([[1, 0, "Echo", 1_000, 0]]),
        [],
    ),
}  # fmt: skip
NUMBERS = {
    "NaN": np.array([np.nan] * 4, dtype=np.float32),
    "infinity": np.array([np.inf] * 4, dtype=np.float32),
    "1e999 as float64": np.array([float("1e999")] * 4),
    "wrong shape": np.ones((2, 2), dtype=np.float32),
    "wrong dtype": np.ones(4, dtype=np.int64),
}


async def ask_all(w: World, port: int, hotkey: str, timeout_s: float) -> list[Any]:
    """Twenty questions to an honest miner, and the bad one's in their middle with a deadline."""
    bad = Endpoint(hotkey, "127.0.0.1", port)
    good = [(w.endpoint, Echo(x=ones())) for _ in range(10)]
    before, reply, after = await asyncio.gather(
        w.dendrite.query(good, PATIENT_S),
        w.dendrite.query([(bad, Echo(x=ones()))], timeout_s),
        w.dendrite.query(good, PATIENT_S),
    )
    return [*before, *reply, *after]


def check_only_the_liar_suffers(replies: list[Any]) -> None:
    assert [r.ok for r in replies[:10] + replies[11:]] == [True] * 20
    for reply in replies[:10] + replies[11:]:
        assert (reply.synapse.y.numpy(shape=(4,)) == 1).all()


@pytest.mark.parametrize("name", LIES)
def test_I7_answer__hostile__costs_the_liar_its_own_answer(name: str) -> None:
    @in_loop
    async def run() -> None:
        liar = new_hotkey()
        async with (
            world() as w,
            lying_miner(liar, lambda keys: Liar(keys, LIES[name])) as port,
        ):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            replies = await ask_all(w, port, liar.address, 0.5)
            grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1_024
            assert not replies[10].ok
            assert replies[10].code in (Code.LATE, Code.BAD_ANSWER, Code.CLOSED, Code.BUSY)
            check_only_the_liar_suffers(replies)
            assert grown_mib < 128

    run()


@in_loop
async def test_FI_27_answer__given_twice__the_first_counts_and_the_connection_ends() -> None:
    liar = new_hotkey()

    def twice(number: int, _body: bytes) -> Any:
        return encode_head([Answer(number, len(GOOD_Y)), Answer(number, 0)]), [GOOD_Y]

    async with world() as w, lying_miner(liar, lambda keys: Liar(keys, twice)) as port:
        replies = await ask_all(w, port, liar.address, PATIENT_S)
        check_only_the_liar_suffers(replies)
        assert (replies[10].synapse.y.numpy() == 1).all()
        assert not w.dendrite.is_connected(liar.address)


@pytest.mark.parametrize("name", NUMBERS)
def test_FI_23_answer__hostile_numbers__refused_where_they_are_read(name: str) -> None:
    @in_loop
    async def run() -> None:
        liar = new_hotkey()
        lie = answer(pack(y=Tensor.of(NUMBERS[name])))
        async with world() as w, lying_miner(liar, lambda keys: Liar(keys, lie)) as port:
            replies = await ask_all(w, port, liar.address, PATIENT_S)
            check_only_the_liar_suffers(replies)
            with pytest.raises(Exception, match="tensor"):
                replies[10].synapse.y.numpy(dtype="float32", shape=(4,))

    run()


async def _mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    await asyncio.sleep(30 * HANGS_S)


async def _dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 101 Switching Protocols\r\n" * 100:
        writer.write(bytes((byte,)))
        await asyncio.sleep(1.0)


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(os.urandom(10_000) + b"\r\n\r\n")
    await writer.drain()


async def _endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nx: ")
    while True:
        writer.write(b"y" * 65_536)
        await writer.drain()


async def _no_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readuntil(b"\r\n\r\n")
    writer.write(upgrade_response(request, "AAAA"))
    await asyncio.sleep(30 * HANGS_S)


async def _huge_frame(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readuntil(b"\r\n\r\n")
    writer.write(upgrade_response(request) + b"\x82\x7f" + (2**40).to_bytes(8, "big"))
    while True:
        writer.write(bytes(65_536))
        await writer.drain()


@pytest.mark.parametrize(
    "peer", [_mute, _dribble, _reset, _garbage, _endless_header, _no_handshake, _huge_frame],
    ids=lambda peer: peer.__name__.strip("_"),
)  # fmt: skip
def test_FI_22_connection__hostile__ends_at_the_deadline(peer: Any) -> None:
    @in_loop
    async def run() -> None:
        # the handshake's own limit would end it too, but after this test is ended
        async with world(Limits(handshake_s=HANGS_S)) as w, tcp_server(peer) as port:
            replies = await ask_all(w, port, new_hotkey().address, 0.5)
            assert replies[10].code in (Code.LATE, Code.UNREACHABLE, Code.UNAUTHENTIC)
            check_only_the_liar_suffers(replies)

    run()


@in_loop
async def test_FI_22_half_of_the_miners_hang__the_round_takes_one_deadline() -> None:
    async with world() as w, tcp_server(_mute) as port:
        hung = [Endpoint(new_hotkey().address, "127.0.0.1", port) for _ in range(100)]
        # one after the other they would take twice as long as this test may
        late_s = 2 * HANGS_S / len(hung)
        late, good = await asyncio.gather(
            w.dendrite.query([(e, Echo(x=ones())) for e in hung], late_s),
            w.dendrite.query([(w.endpoint, Echo(x=ones()))] * 100, PATIENT_S),
        )
        assert [r.ok for r in late + good] == [False] * 100 + [True] * 100


@in_loop
async def test_FI_22_answered_before_and_hangs_now__ends_at_the_deadline() -> None:
    """Over a connection that stands, where no dialling has a deadline of its own."""
    liar, heard = new_hotkey(), []

    def once(number: int, _body: bytes) -> Any:
        heard.append(number)
        return answer(GOOD_Y)(number, _body) if len(heard) == 1 else None

    async with world() as w, lying_miner(liar, lambda keys: Liar(keys, once)) as port:
        question = (Endpoint(liar.address, "127.0.0.1", port), Echo(x=ones()))
        (first,) = await w.dendrite.query([question], PATIENT_S)
        assert first.ok
        assert w.dendrite.is_connected(liar.address)
        silent, good = await asyncio.gather(
            w.dendrite.query([question] * 3, 0.3),
            w.dendrite.query([(w.endpoint, Echo(x=ones()))] * 3, PATIENT_S),
        )
        assert [reply.code for reply in silent] == [Code.LATE] * 3
        assert [reply.ok for reply in good] == [True] * 3


@in_loop
async def test_B7_endpoint_of_a_rival__earns_the_thief_nothing_and_costs_the_rival_nothing() -> (
    None
):
    async with world() as w:
        thief = new_hotkey()
        stolen = Endpoint(thief.address, "127.0.0.1", w.axon.port)
        with pytest.raises(CallError) as caught:
            await w.dendrite.call(stolen, Echo(x=ones()), PATIENT_S)
        assert caught.value.code is Code.UNAUTHENTIC
        assert w.axon.served == 0
        assert (await w.dendrite.call(w.endpoint, Echo(x=ones()), PATIENT_S)).ok


@in_loop
async def test_FI_27_rival_answers_in_a_proxy__cannot_sign_for_the_victim() -> None:
    """A miner in the middle that does its own handshake under the victim's address."""
    async with world() as w:
        middle = new_hotkey()
        async with lying_miner(middle, lambda keys: Liar(keys, answer(GOOD_Y))) as port:
            victim = Endpoint(w.miner.address, "127.0.0.1", port)
            (reply,) = await w.dendrite.query([(victim, Echo(x=ones()))], PATIENT_S)
            assert reply.code is not None
            assert (await w.dendrite.call(w.endpoint, Echo(x=ones()), PATIENT_S)).ok


@in_loop
async def test_endpoint__nobody_there__not_dialled_again_at_once() -> None:
    dialled = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dialled
        dialled += 1
        await _reset(reader, writer)

    async with world() as w, tcp_server(hang_up) as port:
        gone = Endpoint(new_hotkey().address, "127.0.0.1", port)
        replies = await w.dendrite.query([(gone, Echo(x=ones()))] * 5, PATIENT_S)
        assert {r.code for r in replies} == {Code.UNREACHABLE}
        with pytest.raises(CallError):
            await w.dendrite.call(gone, Echo(x=ones()), PATIENT_S)
        assert dialled == 1
