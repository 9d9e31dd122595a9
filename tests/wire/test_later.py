# SPDX-License-Identifier: Apache-2.0
"""`Later`: one outcome, one listener, nobody's fault spreads."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextlib import suppress

import pytest

from offchain.wire import Busy, Code, Endpoint
from offchain.wire.later import Later
from tests.wire.worlds import PATIENT_S, Double, in_loop, until, world


def heard(later: Later) -> list[Later]:
    got: list[Later] = []
    later.listen(got.extend)
    return got


def test_later__value__told_at_once_and_once() -> None:
    later = Later()
    got = heard(later)
    later.set_result(7)
    later.set_result(8)
    later.set_exception(ValueError())
    assert got == [later]
    assert (later.result(), later.error, later.cancel()) == (7, None, False)
    assert heard(later) == [later]  # a late listener too


def test_later__cancelled__nothing_comes_any_more() -> None:
    later = Later()
    got = heard(later)
    assert later.cancel()
    later.set_result(7)
    assert (got, later.is_cancelled, later.done()) == ([later], True, True)


def test_later__listener_fails__whoever_delivers_goes_on() -> None:
    later = Later()
    later.listen(lambda _done: 1 / 0)
    later.set_result(1)
    assert later.result() == 1


@in_loop
async def test_later__awaited__value_error_or_cancellation() -> None:
    one, other, third = Later(), Later(), Later()
    asyncio.get_running_loop().call_soon(one.set_result, 5)
    assert await one == 5
    assert await one == 5
    other.set_exception(Busy())
    with pytest.raises(Busy):
        await other
    third.cancel()
    with pytest.raises(asyncio.CancelledError):
        await third


@in_loop
async def test_later__awaited_and_failed__is_gone_without_the_cycle_collector() -> None:
    gc.disable()
    try:
        for end in (lambda later: later.set_exception(ValueError("no")), Later.cancel):
            made: list[weakref.ref[Later]] = []
            with suppress(ValueError, asyncio.CancelledError):
                await ended(end, made)
            assert made[0]() is None
    finally:
        gc.enable()


class Seen(Later):
    __slots__ = ("__weakref__",)


def ended(end: Callable[[Later], object], made: list[weakref.ref[Later]]) -> Later:
    """One that nobody else holds, and that ends so in the next turn of the loop."""
    later = Seen()
    made.append(weakref.ref(later))
    asyncio.get_running_loop().call_soon(end, later)
    return later


@in_loop
async def test_later__waiter_cancelled__it_is_too() -> None:
    later = Later()
    task = asyncio.ensure_future(asyncio.wait_for(_wait(later), 0.05))
    with pytest.raises(TimeoutError):
        await task
    assert later.is_cancelled


async def _wait(later: Later) -> object:
    return await later


@in_loop
async def test_forward__returns_a_later__answered_refused_and_expired() -> None:
    async with world() as w:
        made: list[Later] = []

        def forward(synapse: Double) -> Later:
            later = Later()
            made.append(later)
            if synapse.number == 1:
                synapse.result = 2
                later.set_result(synapse)
            elif synapse.number == 2:
                later.set_exception(Busy())
            return later

        axon = w.new_axon().attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        good, busy = await w.dendrite.query([(there, Double(number=n)) for n in (1, 2)], PATIENT_S)
        asking = asyncio.create_task(w.dendrite.query([(there, Double(number=3))], 1.0))
        await until(lambda: len(made) == 3)
        (late,) = await asking
        assert good.synapse is not None
        assert good.synapse.result == 2
        assert (busy.code, late.code) == (Code.BUSY, Code.LATE)
        await until(lambda: made[2].is_cancelled)  # the miner stops too
        await axon.close()


@in_loop
async def test_query__given_up__its_questions_are_cancelled_and_nothing_is_left() -> None:
    async with world() as w:
        started: list[int] = []

        async def forward(synapse: Double) -> Double:
            started.append(synapse.number)
            await asyncio.sleep(30 * PATIENT_S)
            return synapse

        axon = w.new_axon().attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        questions = [(there, Double(number=n)) for n in range(8)]
        asking = asyncio.create_task(w.dendrite.query(questions, 30 * PATIENT_S))
        await until(lambda: len(started) == 8)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: not axon._jobs.running)
        assert len(started) == 8
        await axon.close()
