# SPDX-License-Identifier: Apache-2.0
"""Questions and answers over real sockets."""

import asyncio
from typing import Any, ClassVar

import numpy as np
import pytest

from offchain.wire import (
    Busy,
    CallError,
    Code,
    Domain,
    Egress,
    Endpoint,
    Synapse,
    Tensor,
    WireConfigError,
)
from offchain.wire.synapse import codec
from tests.wire.worlds import (
    PATIENT_S,
    Double,
    Echo,
    echo,
    in_loop,
    new_hotkey,
    ones,
    patient,
    until,
    world,
)


@in_loop
async def test_call__answered__fills_the_answer_only() -> None:
    async with world() as w:
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        reply = await w.dendrite.call(w.endpoint, Echo(x=Tensor.of(x)), PATIENT_S)
        assert reply.synapse is not None
        assert (reply.synapse.y.numpy(dtype="float32", shape=(None, 3)) == x).all()
        assert 0 < reply.latency_s < 5.0


@in_loop
async def test_call__many_at_once__each_gets_its_own_answer() -> None:
    async with world() as w:
        questions = [(w.endpoint, Double(number=n)) for n in range(200)]
        replies = await w.dendrite.query(questions, PATIENT_S)
        assert [r.synapse.result for r in replies if r.synapse] == [2 * n for n in range(200)]


@in_loop
async def test_call__megabytes__arrive_whole_without_copies() -> None:
    async with world() as w:
        x = np.random.default_rng(0).random(2**18).astype(np.float32)  # 1 MiB
        reply = await w.dendrite.call(w.endpoint, Echo(x=Tensor.of(x)), PATIENT_S)
        assert reply.synapse is not None
        y = reply.synapse.y.numpy()
        assert (y == x).all()
        assert not y.flags.owndata  # a view of the message
        assert not y.flags.writeable


@in_loop
async def test_call__no_seat__denied_before_any_frame() -> None:
    async with world() as w:
        stranger = w.new_dendrite(new_hotkey())
        with pytest.raises(CallError) as caught:
            await stranger.call(w.endpoint, Double(number=1), PATIENT_S)
        assert caught.value.code is Code.DENIED
        assert w.axon.served == w.axon.refused == 0


@in_loop
async def test_call__seat_lost_while_connected__denied() -> None:
    async with world() as w:
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        w.chain.seats.clear()
        w.axon._seats.clear()  # the cache lives one second
        (reply,) = await w.dendrite.query([(w.endpoint, Double(number=1))], PATIENT_S)
        assert reply.code is Code.DENIED


@in_loop
async def test_call__another_deployment__refused() -> None:
    async with world() as w:
        for domain in (Domain(1, "0x" + "11" * 20), Domain(31_337, "0x" + "22" * 20)):
            foreign = w.new_dendrite(domain=domain)
            (reply,) = await foreign.query([(w.endpoint, Double(number=1))], PATIENT_S)
            assert reply.code is Code.UNAUTHENTIC


@in_loop
async def test_call__unknown_route_or_bad_fields__refused_by_number() -> None:
    async with world() as w:
        bare = w.new_axon(new_hotkey()).attach(echo)
        await bare.serve("127.0.0.1")
        there = Endpoint(bare.hotkey, "127.0.0.1", bare.port)
        (reply,) = await w.dendrite.query([(there, Double(number=1))], PATIENT_S)
        assert reply.code is Code.NO_ROUTE
        lie = Double(number="not a number")  # type: ignore[arg-type]
        (reply,) = await w.dendrite.query([(w.endpoint, lie)], PATIENT_S)
        assert reply.code is Code.BAD_REQUEST
        await bare.close()


@in_loop
async def test_call__over_the_message_cap__never_sent_and_never_decoded() -> None:
    async with world() as w:
        with pytest.raises(CallError) as caught:
            await w.dendrite.call(w.endpoint, Double(number=1, text="x" * 2_000), PATIENT_S)
        assert caught.value.code is Code.TOO_LARGE
        Double.MAX_BYTES, saved = 1_000, Double.MAX_BYTES
        link = w.dendrite._links
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        _, asked = link[w.endpoint].ask(
            "Double", b"\x81\xa4text\xda\x07\xd0" + b"x" * 2_000, PATIENT_S
        )
        with pytest.raises(CallError) as caught:
            await asked.future
        assert caught.value.code is Code.TOO_LARGE
        Double.MAX_BYTES = saved


@in_loop
async def test_forward__raises__internal_for_that_request_only() -> None:
    async with world() as w:
        axon = w.new_axon(new_hotkey())

        async def forward(synapse: Double) -> Double:
            if synapse.number == 13:
                raise RuntimeError("a bug")
            if synapse.number == 14:
                raise Busy
            synapse.result = 0
            return synapse

        axon.attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        replies = await w.dendrite.query(
            [(there, Double(number=n)) for n in (12, 13, 14, 15)], PATIENT_S
        )
        assert [r.code for r in replies] == [None, Code.INTERNAL, Code.BUSY, None]
        await axon.close()


@in_loop
async def test_forward__hangs__both_sides_give_up_at_the_deadline() -> None:
    async with world() as w:
        axon = w.new_axon(new_hotkey())
        began, ended = asyncio.Event(), asyncio.Event()

        async def forward(synapse: Double) -> Double:
            began.set()
            try:
                await asyncio.sleep(30 * PATIENT_S)
            finally:
                ended.set()
            return synapse

        axon.attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        asking = asyncio.create_task(w.dendrite.query([(there, Double(number=1))], 1.0))
        await until(began.is_set)
        (reply,) = await asking
        assert reply.code is Code.LATE
        await until(ended.is_set)  # the axon does not go on computing
        await until(lambda: not axon._jobs.running)
        await axon.close()


@in_loop
async def test_blacklist__says_yes__denied() -> None:
    async with world() as w:
        axon = w.new_axon(new_hotkey())
        seen = []

        def blacklist(synapse: Double) -> tuple[bool, str]:
            seen.append(synapse.dendrite.hotkey)
            return synapse.number < 0, "negative"

        async def forward(synapse: Double) -> Double:
            synapse.result = 1
            return synapse

        axon.attach(forward, blacklist)
        await axon.serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        replies = await w.dendrite.query([(there, Double(number=n)) for n in (-1, 1)], PATIENT_S)
        assert [r.code for r in replies] == [Code.DENIED, None]
        assert set(seen) == {w.validator.address}
        await axon.close()


@in_loop
async def test_priority__when_full__the_lowest_are_told_busy_and_the_highest_go_first() -> None:
    async with world() as w:
        axon = w.new_axon(new_hotkey(), limits=patient(running=1, queued=2))
        order, gate = [], asyncio.Event()

        async def forward(synapse: Double) -> Double:
            order.append(synapse.number)
            await gate.wait()
            synapse.result = 0
            return synapse

        axon.attach(forward, priority=lambda synapse: synapse.number)
        await axon.serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        asking = asyncio.create_task(
            w.dendrite.query([(there, Double(number=n)) for n in (5, 1, 3, 2, 4)], PATIENT_S)
        )
        await until(lambda: axon.refused == 2)
        gate.set()
        replies = await asking
        assert [r.code for r in replies] == [None, Code.BUSY, None, Code.BUSY, None]
        assert order == [5, 4, 3]
        await axon.close()


@in_loop
async def test_session__older_than_its_life__renewed_without_losing_a_request() -> None:
    async with world() as w:
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        first = w.dendrite._links[w.endpoint]
        w.chain.time += w.dendrite.limits.session_s + 1
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        assert w.dendrite._links[w.endpoint] is not first


@in_loop
async def test_dial_out__miner_behind_a_firewall__is_called_by_its_hotkey() -> None:
    async with world() as w:
        miner = w.new_axon(new_hotkey())
        miner.attach(echo)
        await w.dendrite.listen("127.0.0.1", 0, {miner.hotkey}.__contains__)
        hub = Endpoint(w.validator.address, "127.0.0.1", w.dendrite.port)
        miner.dial_out(hub, Egress(localnet=True))
        await until(lambda: w.dendrite.is_connected(miner.hotkey))
        nowhere = Endpoint(miner.hotkey, "0.0.0.0", 1)
        reply = await w.dendrite.call(nowhere, Echo(x=ones()), PATIENT_S)
        assert reply.ok
        w.dendrite._incoming[miner.hotkey].close("test")
        await until(lambda: w.dendrite.is_connected(miner.hotkey))  # it comes back by itself
        await miner.close()


@in_loop
async def test_hang_up__caller_that_was_dialled__loses_the_miner_and_nobody_else_does() -> None:
    async with world() as w:
        miner, stays = w.new_axon(new_hotkey()), w.new_axon(new_hotkey())
        await w.dendrite.listen("127.0.0.1", 0, {miner.hotkey, stays.hotkey}.__contains__)
        hub = Endpoint(w.validator.address, "127.0.0.1", w.dendrite.port)
        for axon in (miner, miner, stays):
            axon.dial_out(hub, Egress(localnet=True))
        assert miner.dialling == {hub}
        await until(lambda: all(map(w.dendrite.is_connected, (miner.hotkey, stays.hotkey))))
        miner.hang_up(hub)
        assert not miner.dialling
        await until(lambda: not w.dendrite.is_connected(miner.hotkey))
        assert w.dendrite.is_connected(stays.hotkey)
        await miner.close()
        await stays.close()


@in_loop
async def test_dial_out__refused_at_first__keeps_trying() -> None:
    async with world() as w:
        miner = w.new_axon(new_hotkey())
        miner.attach(echo)
        welcome: set[str] = set()
        await w.dendrite.listen("127.0.0.1", 0, welcome.__contains__)
        hub = Endpoint(w.validator.address, "127.0.0.1", w.dendrite.port)
        miner.dial_out(hub, Egress(localnet=True))
        await asyncio.sleep(0.3)
        assert not w.dendrite.is_connected(miner.hotkey)
        welcome.add(miner.hotkey)
        await until(lambda: w.dendrite.is_connected(miner.hotkey))
        await miner.close()


@in_loop
async def test_forward__returns_a_future_or_nothing_of_use__handled() -> None:
    async with world() as w:
        axon = w.new_axon(new_hotkey())

        def forward(synapse: Double) -> object:
            future = asyncio.get_running_loop().create_future()
            if synapse.number == 1:
                synapse.result = 7
                future.set_result(synapse)
            elif synapse.number == 2:
                future.set_exception(ValueError("a bug"))
            elif synapse.number == 3:
                future.cancel()
            elif synapse.number == 4:
                return None
            return future  # of 5 nothing ever comes

        axon.attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        at_once = [(there, Double(number=n)) for n in (1, 2, 4)]
        replies = await w.dendrite.query(at_once, PATIENT_S)
        assert [r.code for r in replies] == [None, Code.INTERNAL, Code.INTERNAL]
        replies = await w.dendrite.query([(there, Double(number=n)) for n in (3, 5)], 0.5)
        assert [r.code for r in replies] == [Code.LATE, Code.LATE]
        await until(lambda: not axon._jobs.running)
        assert axon._door.quota(w.validator.address).inflight == 0
        await axon.close()


@in_loop
async def test_queue__of_handlers_that_answer_at_once__does_not_nest() -> None:
    async with world() as w:
        axon = w.new_axon(new_hotkey(), limits=patient(running=1, queued=5_000))
        gate = asyncio.get_running_loop().create_future()

        def forward(synapse: Double) -> object:
            synapse.result = 0
            return gate if synapse.number == 0 else synapse

        axon.attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
        limits = patient(inflight_per_hotkey=5_000)
        axon.limits = limits
        questions = [(there, Double(number=n)) for n in range(2_000)]
        asking = asyncio.create_task(w.dendrite.query(questions, PATIENT_S))
        await until(lambda: len(axon._jobs._queue) == 1_999)
        gate.set_result(Double(number=0, result=0))
        assert all(r.ok for r in await asking)
        await axon.close()


@in_loop
async def test_http__health_and_unknown_paths() -> None:
    async with world() as w:
        w.axon.http("/metrics", lambda: b"served 1\n")
        assert b"200" in await _get(w.axon.port, "/health")
        assert (await _get(w.axon.port, "/metrics")).endswith(b"served 1\n")
        assert b" 404 " in await _get(w.axon.port, "/etc/passwd")


async def _get(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    data = await asyncio.wait_for(reader.read(), PATIENT_S)
    writer.close()
    return data


def test_message__that_could_nest_without_end__refused_at_the_start() -> None:
    class Open(Synapse):
        ANSWERS: ClassVar[tuple[str, ...]] = ("y",)

        x: list[dict[str, Any]]
        y: int | None = None

    class Free(Synapse):
        ANSWERS: ClassVar[tuple[str, ...]] = ("y",)

        x: int
        y: list | None = None  # type: ignore[type-arg]

    for kind in (Open, Free):
        with pytest.raises(WireConfigError, match="nest"):
            codec(kind)
    assert codec(Echo).route == "Echo"
