# SPDX-License-Identifier: Apache-2.0
"""FI-30, I6: permitted callers that ask and do not read, and what they leave behind."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from offchain.wire import CallError, Code, Endpoint, Synapse
from offchain.wire.later import Later
from offchain.wire.link import Link
from offchain.wire.synapse import codec
from tests.wire.worlds import (
    PATIENT_S,
    Double,
    World,
    in_loop,
    new_hotkey,
    patient,
    until,
    without_collector,
    world,
)

BLOB = bytes(2**20)


class Big(Synapse):
    ANSWERS: ClassVar[tuple[str, ...]] = ("content",)

    number: int
    content: bytes | None = None


def big(question: Big) -> Big:
    question.content = BLOB
    return question


async def tell(question: Big) -> AsyncGenerator[Big, None]:
    for _ in range(question.number):
        question.content = bytes(60_000)
        yield question


async def deaf(w: World, there: Endpoint) -> Link:
    """A connection of a caller that reads nothing any more."""
    link = await w.dendrite._connect(there, PATIENT_S)
    await until(lambda: link.authentic)
    assert link._transport is not None
    link._transport.underlying_transport.pause_reading()
    return link


@in_loop
async def test_FI_30_streams_that_nobody_reads__give_their_places_back() -> None:
    places = 4
    async with world() as w:
        honest = new_hotkey()
        w.chain.seats.add(honest.address)
        limits = patient(running=places, stall_s=0.3)
        axon = w.new_axon(limits=limits).attach(tell)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        link = await deaf(w, there)
        body = codec(Big).encode_question(Big(number=40))
        for _ in range(places):
            link.ask("Big", body, 30 * PATIENT_S)
        await until(lambda: len(axon._jobs.running) == places)
        dendrite = w.new_dendrite(honest)
        parts = [reply async for reply in dendrite.stream(there, Big(number=1), PATIENT_S)]
        assert len(parts) == 1
        await dendrite.close()
        await axon.close()


@pytest.mark.parametrize("goodbye", ["garbage", "replaced"])
@in_loop
async def test_I6_closed_with_much_unread__nothing_of_it_is_kept(goodbye: str) -> None:
    async with world() as w:
        axon = w.new_axon().attach(big)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        link = await deaf(w, there)
        body = codec(Big).encode_question(Big(number=1))
        for _ in range(14):
            link.ask("Big", body, PATIENT_S)
        await until(lambda: axon.served == 14)
        (served,) = axon._door.all_links()
        assert served._transport is not None
        transport = served._transport.underlying_transport
        assert transport.get_write_buffer_size() > 2**20
        if goodbye == "garbage":
            assert link._transport is not None
            link._transport.send(2, b"garbage" * 10)
        else:
            served.close("replaced by a newer connection of the same hotkey")
        await until(lambda: served.closed)
        assert transport.get_write_buffer_size() == 0
        await axon.close()


@in_loop
async def test_finish__what_is_due_is_still_read() -> None:
    async with world() as w:
        axon = w.new_axon().attach(big)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        link = await w.dendrite._connect(there, PATIENT_S)
        body = codec(Big).encode_question(Big(number=1))
        asked = [link.ask("Big", body, PATIENT_S)[1] for _ in range(8)]
        await until(lambda: axon.served == 8)
        await axon.close()
        answers = await asyncio.gather(*[each.future for each in asked])
        assert [len(answer) > len(BLOB) for answer in answers] == [True] * 8
        await until(lambda: link.closed)
        assert all(each.batch is not None for each in asked)  # the receipt came before the goodbye


@in_loop
async def test_cancel__of_a_question_that_waits__it_never_runs() -> None:
    ran: list[int] = []
    gate = asyncio.Event()

    async def slowly(question: Double) -> Double:
        ran.append(question.number)
        await gate.wait()
        question.result = question.number
        return question

    async with world() as w:
        axon = w.new_axon(limits=patient(running=1)).attach(slowly)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        link = await w.dendrite._connect(there, PATIENT_S)
        asked = []
        for number in range(3):
            body = codec(Double).encode_question(Double(number=number))
            asked.append(link.ask("Double", body, PATIENT_S))
        await until(lambda: len(axon._jobs._queue) == 2)
        link.cancel(asked[1][0])
        await asyncio.sleep(0.05)
        gate.set()
        await until(lambda: all(each.future.done() for _, each in asked))
        error = asked[1][1].future.exception()
        assert isinstance(error, CallError)
        assert error.code == Code.LATE
        assert ran == [0, 2]
        await axon.close()


@dataclass(frozen=True)
class Frozen(Exception):
    """One that nothing can be set on."""

    reason: str


@in_loop
async def test_forward__raises_what_cannot_be_changed__frees_its_place() -> None:
    def raising(question: Double) -> Double:
        raise Frozen("no")

    async with world() as w:
        axon = w.new_axon().attach(raising)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        replies = await w.dendrite.query([(there, Double(number=n)) for n in range(4)], PATIENT_S)
        assert [reply.code for reply in replies] == [Code.INTERNAL] * 4
        assert not axon._jobs.running
        await axon.close()


async def raises(question: Double) -> Double:
    raise ValueError("no")


async def stream_raises(question: Double) -> AsyncGenerator[Double, None]:
    yield question
    raise ValueError("no")


async def awaits_an_error(question: Double) -> Double:
    later = Later()
    asyncio.get_running_loop().call_soon(later.set_exception, ValueError("no"))
    await later
    return question


@pytest.mark.parametrize(
    ("handler", "blacklist"),
    [(raises, None), (stream_raises, None), (awaits_an_error, None), (raises, lambda _: True)],
    ids=["coroutine", "stream", "later", "blacklisted"],
)
@in_loop
async def test_I7_refused__nothing_of_it_waits_for_the_cycle_collector(
    handler: Any, blacklist: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_collector(monkeypatch) as jobs:
        await refused(handler, blacklist)
        await asyncio.sleep(0)
        assert len(jobs) == 4
        assert not [job for job in jobs if job()]


async def refused(handler: Any, blacklist: Any) -> None:
    async with world() as w:
        axon = w.new_axon().attach(handler, blacklist)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        questions = [(there, Double(number=n)) for n in range(4)]
        replies = await w.dendrite.query(questions, PATIENT_S)
        assert not any(reply.ok for reply in replies)
        await until(lambda: not axon._jobs.running)
        await axon.close()
