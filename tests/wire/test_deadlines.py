# SPDX-License-Identifier: Apache-2.0
"""`Deadlines`: each rings at its own time, and what was dropped never does."""

import asyncio

from offchain.wire.deadlines import Deadlines
from tests.wire.worlds import in_loop, until


@in_loop
async def test_deadlines__of_many_lengths__ring_in_their_order() -> None:
    deadlines, rung = Deadlines(), []
    for length in (5, 1, 3, 2, 4):
        deadlines.add(length / 50, lambda length=length: rung.append(length))
    await until(lambda: len(rung) == 5)
    assert rung == [1, 2, 3, 4, 5]


@in_loop
async def test_deadlines__never_early() -> None:
    loop, rung = asyncio.get_running_loop(), []
    deadlines, start = Deadlines(), loop.time()
    first = deadlines.add(0.01, lambda: rung.append(0.0))
    deadlines.add(0.1, lambda: rung.append(loop.time() - start))
    deadlines.drop(first)  # its timer rings all the same, for nobody
    await until(lambda: bool(rung))
    assert len(rung) == 1
    assert rung[0] >= 0.1


@in_loop
async def test_deadlines__dropped__silent_and_closed__at_once() -> None:
    deadlines, rung = Deadlines(), []
    dropped = deadlines.add(0.01, lambda: rung.append("dropped"))
    deadlines.drop(dropped)
    deadlines.drop(dropped)  # twice is no fault
    deadlines.add(0.03, lambda: rung.append("kept"))
    await until(lambda: bool(rung))
    deadlines.add(0.01, lambda: rung.append("closed"))
    deadlines.close()
    assert rung == ["kept", "closed"]
    await asyncio.sleep(0.05)
    assert rung == ["kept", "closed"]


@in_loop
async def test_deadlines__added_by_one_that_rings__rings_too() -> None:
    deadlines, rung = Deadlines(), []

    def again() -> None:
        rung.append(len(rung))
        if len(rung) < 3:
            deadlines.add(0.01, again)

    deadlines.add(0.01, again)
    await until(lambda: len(rung) == 3)
    assert rung == [0, 1, 2]


@in_loop
async def test_deadlines__one_fails__the_others_ring() -> None:
    deadlines, rung = Deadlines(), []
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    deadlines.add(0.01, lambda: 1 / 0)
    deadlines.add(0.01, lambda: rung.append("same time"))
    deadlines.add(0.05, lambda: rung.append("later"))
    await until(lambda: len(rung) == 2)
    assert rung == ["same time", "later"]
    assert len(complaints) == 1


def test_deadlines__in_a_second_loop__ring_there() -> None:
    deadlines, rung = Deadlines(), []

    async def add(seconds: float, name: str) -> None:
        deadlines.add(seconds, lambda: rung.append(name))

    async def wait() -> None:
        deadlines.add(0.02, lambda: rung.append("second"))
        await until(lambda: bool(rung))

    asyncio.run(add(0.01, "first"))
    asyncio.run(wait())
    assert rung == ["second"]
