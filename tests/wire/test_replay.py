# SPDX-License-Identifier: Apache-2.0
"""I1, FI-25: what was recorded on the wire is worth nothing, also after a restart of the miner."""

import asyncio
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import pytest

from offchain.wire import Axon, Endpoint, LocalHotkey
from tests.wire.shims import Recorder, tcp_server
from tests.wire.worlds import DOMAIN, PATIENT_S, START, Double, in_loop, until, world


async def replay(port: int, recorded: bytes) -> bytes:
    """Send recorded bytes and return all that comes back until the other side hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(recorded)
    got = b""
    try:
        while data := await asyncio.wait_for(reader.read(65_536), PATIENT_S):
            got += data
    except ConnectionError:
        pass  # hung up in the middle of what was sent: what came before counts
    writer.close()
    return got


@in_loop
async def test_I1_whole_connection__replayed_to_the_same_miner__401_and_no_model_call() -> None:
    async with world() as w:
        recorder = Recorder(w.axon.port)
        async with tcp_server(recorder) as port:
            there = Endpoint(w.miner.address, "127.0.0.1", port)
            assert (await w.dendrite.query([(there, Double(number=1))], PATIENT_S))[0].ok
        served = w.axon.served
        assert served == 1
        assert b"401" in await replay(w.axon.port, recorder.sent)
        assert w.axon.served == served


def _miner_process(key: bytes, validator: str, time: int, pipe: Connection) -> None:
    async def serve() -> None:
        calls = 0

        async def forward(synapse: Double) -> Double:
            nonlocal calls
            calls += 1
            synapse.result = calls
            return synapse

        axon = Axon(
            LocalHotkey(key),
            DOMAIN,
            has_seat={validator}.__contains__,
            stake_of=lambda _h: 0,
            chain_time=lambda: time,
        )
        axon.attach(forward)
        axon.http("/calls", lambda: str(calls).encode())
        await axon.serve("127.0.0.1")
        pipe.send(axon.port)
        await asyncio.Event().wait()

    asyncio.run(serve())


def _start_miner(key: bytes, validator: str, time: int) -> tuple[BaseProcess, int]:
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")  # other tests of this process left threads
    process = context.Process(target=_miner_process, args=(key, validator, time, theirs))
    process.start()
    return process, ours.recv()


@pytest.mark.parametrize("later", [0, 1, 29])
def test_I1_whole_connection__replayed_after_kill_and_restart__no_model_call(later: int) -> None:
    """Also in the very same second of chain time, which no watermark tells apart from before."""
    key, validator = os.urandom(32), LocalHotkey(os.urandom(32))
    process, port = _start_miner(key, validator.address, START)
    recorded = b""

    @in_loop
    async def record() -> None:
        nonlocal recorded
        async with world() as w:
            recorder = Recorder(port)
            async with tcp_server(recorder) as proxy:
                dendrite = w.new_dendrite(validator)
                there = Endpoint(LocalHotkey(key).address, "127.0.0.1", proxy)
                replies = await dendrite.query(
                    [(there, Double(number=n)) for n in range(3)], PATIENT_S
                )
                assert all(r.ok for r in replies)
                recorded = recorder.sent

    record()
    assert len(recorded) > 500
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    process, port = _start_miner(key, validator.address, START + later)

    @in_loop
    async def attack() -> None:
        answer = await replay(port, recorded)
        status = answer.split(b"\r\n")[0]
        assert b"409" in status if later else b"101" in status
        calls = await replay(port, b"GET /calls HTTP/1.1\r\nHost: x\r\n\r\n")
        assert calls.endswith(b"\r\n0")

    try:
        attack()
    finally:
        process.kill()
        process.join()


@in_loop
async def test_I1_message__injected_into_a_live_connection__ends_it_without_a_call() -> None:
    async with world() as w:
        reply = await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        assert reply.ok
        ours = w.dendrite._links[w.endpoint]
        sealed = ours.session.seal(b"\x90", [], b"")
        theirs = w.axon._door.all_links()[0]
        theirs._receive(sealed)  # a wrong tail hash: the MAC does not fit
        assert theirs.closed
        assert "MAC" in theirs.why
        await until(lambda: ours.closed)
        again = await w.dendrite.call(
            w.endpoint, Double(number=1), PATIENT_S
        )  # a new connection heals
        assert again.ok
