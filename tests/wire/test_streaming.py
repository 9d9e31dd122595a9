# SPDX-License-Identifier: Apache-2.0
"""Streamed answers: parts as they come, one receipt for all, stopped when nobody listens."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import msgspec
import pytest
from blake3 import blake3

from offchain.wire import CallError, Code, Endpoint, Synapse, check_evidence
from offchain.wire.frames import Answer, Part, encode_head
from tests.wire.shims import lying_miner
from tests.wire.test_hostile_miners import Liar
from tests.wire.worlds import PATIENT_S, Double, World, in_loop, new_hotkey, patient, until, world


class Count(Synapse):
    ANSWERS: ClassVar[tuple[str, ...]] = ("text",)

    upto: int
    pause_s: float = 0.0
    one_by_one: bool = False  # the next part is made when the test has read the last
    text: str | None = None


@asynccontextmanager
async def counting(w: World, **options: Any) -> AsyncGenerator[tuple[Endpoint, list[str]], None]:
    axon = w.new_axon(new_hotkey(), **options)
    log: list[str] = []

    async def forward(synapse: Count) -> AsyncGenerator[Count, None]:
        try:
            for number in range(synapse.upto):
                if number == 13:
                    raise RuntimeError("a bug")
                synapse.text = str(number)
                yield synapse
                log.append(synapse.text)
                await asyncio.sleep(synapse.pause_s)
                if synapse.one_by_one:
                    await until(lambda: log.count("read") > number)  # noqa: B023  # awaited here
        finally:
            log.append("closed")

    axon.attach(forward)
    await axon.serve("127.0.0.1")
    yield Endpoint(axon.hotkey, "127.0.0.1", axon.port), log
    await until(lambda: not axon._jobs.running)
    assert axon._door.quota(w.validator.address).inflight == 0
    await axon.close()


@in_loop
async def test_stream__parts__come_in_order_and_as_they_are_made() -> None:
    async with world() as w, counting(w) as (there, log):
        texts = []
        async for reply in w.dendrite.stream(there, Count(upto=5, one_by_one=True), PATIENT_S):
            texts.append(reply.synapse.text)
            assert "closed" not in log  # the rest is not made yet
            log.append("read")
        assert texts == ["0", "1", "2", "3", "4"]


@in_loop
async def test_stream__receipt__covers_all_parts() -> None:
    async with world(patient(receipt_ms=20)) as w, counting(w) as (there, _):
        replies = [reply async for reply in w.dendrite.stream(there, Count(upto=3), PATIENT_S)]
        await until(lambda: replies[-1].evidence() is not None)
        evidence = replies[0].evidence()
        check_evidence(evidence)
        parts = [msgspec.msgpack.encode({"text": text}) for text in ("0", "1", "2")]
        joined = b"".join(blake3(part).digest() for part in parts)
        assert evidence.answer == blake3(b"stream" + joined).digest()


@in_loop
async def test_call__of_a_stream__gets_the_last_part() -> None:
    async with world() as w, counting(w) as (there, _):
        assert (await w.dendrite.call(there, Count(upto=4), PATIENT_S)).synapse.text == "3"


@in_loop
async def test_stream__of_a_plain_answer__is_one_part() -> None:
    async with world() as w:
        question = Double(number=4)
        replies = [r async for r in w.dendrite.stream(w.endpoint, question, PATIENT_S)]
        assert [r.synapse.result for r in replies] == [8]


@in_loop
async def test_stream__left_early__the_miner_stops() -> None:
    async with world() as w, counting(w) as (there, log):
        stream = w.dendrite.stream(there, Count(upto=10, pause_s=PATIENT_S), PATIENT_S)
        async for _reply in stream:
            break
        await stream.aclose()
        await until(lambda: "closed" in log)
        assert log == ["0", "closed"]
        assert (await w.dendrite.call(there, Count(upto=1), PATIENT_S)).ok


@in_loop
async def test_call__given_up__the_miner_stops() -> None:
    async with world() as w, counting(w) as (there, log):
        asking = asyncio.create_task(
            w.dendrite.query([(there, Count(upto=10, pause_s=PATIENT_S))], 1.0)
        )
        await until(lambda: log == ["0"])
        (reply,) = await asking
        assert reply.code is Code.LATE
        await until(lambda: log == ["0", "closed"])


@in_loop
async def test_stream__handler_fails_in_the_middle__parts_then_the_error() -> None:
    async with world() as w, counting(w) as (there, _):
        texts = []
        with pytest.raises(CallError) as caught:
            async for reply in w.dendrite.stream(there, Count(upto=20), PATIENT_S):
                texts.append(reply.synapse.text)
        assert caught.value.code is Code.INTERNAL
        assert texts == [str(n) for n in range(13)]


@in_loop
async def test_stream__over_the_deadline__late_between_two_parts() -> None:
    async with world() as w, counting(w) as (there, log):
        parts = 0
        with pytest.raises(CallError) as caught:
            async for _reply in w.dendrite.stream(there, Count(upto=9, pause_s=PATIENT_S), 1.0):
                parts += 1
        assert (parts, caught.value.code) == (1, Code.LATE)
        await until(lambda: log == ["0", "closed"])


@in_loop
async def test_stream__reader_that_stalls__stops_the_writer_instead_of_filling_memory() -> None:
    async with world() as w:
        axon = w.new_axon(new_hotkey())
        made = 0

        async def forward(synapse: Count) -> AsyncGenerator[Count, None]:
            nonlocal made
            synapse.text = "x" * 2**20
            while True:
                made += 1
                yield synapse

        axon.attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        stream = w.dendrite.stream(there, Count(upto=1), PATIENT_S)
        await anext(stream)
        link = w.dendrite._links[there]
        link._transport.underlying_transport.pause_reading()
        stalled = 0
        while made != stalled:  # an endless writer that nothing stops never stands still
            stalled = made
            await asyncio.sleep(0.5)
        assert stalled < 40
        await stream.aclose()
        link.close("test")
        await until(lambda: not axon._jobs.running)
        await axon.close()


STREAM_LIES = {
    "over the byte cap": lambda n, _b: (encode_head([Part(n, 700)] * 2), [bytes(1_400)]),
    "over the part cap": lambda n, _b: (encode_head([Part(n, 0)] * 11), []),
    "parts and a body": lambda n, _b: (encode_head([Part(n, 1), Answer(n, 1)]), [b"\x80\x80"]),
    "part of nothing asked": lambda n, _b: (encode_head([Part(n + 1, 0)]), []),
    "part that is no answer": lambda n, _b: (encode_head([Part(n, 1)]), [b"\xc1"]),
}


@pytest.mark.parametrize("name", STREAM_LIES)
def test_I7_stream__hostile__costs_the_liar_its_own_answer(name: str) -> None:
    @in_loop
    async def run() -> None:
        liar, limits = new_hotkey(), patient(parts=10, stream_bytes=1_000)
        async with (
            world(limits) as w,
            lying_miner(liar, lambda keys: Liar(keys, STREAM_LIES[name])) as port,
        ):
            there = Endpoint(liar.address, "127.0.0.1", port)
            with pytest.raises(CallError) as caught:
                async for _reply in w.dendrite.stream(there, Count(upto=1), PATIENT_S):
                    pass
            assert caught.value.code in (Code.CLOSED, Code.BAD_ANSWER)
            assert (await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)).ok

    run()
