# SPDX-License-Identifier: Apache-2.0
"""FI-26: clocks that jump or differ. Deadlines are monotonic, freshness is the chain's."""

import asyncio
import time

import pytest

from offchain.wire import Code, Endpoint
from tests.wire.worlds import PATIENT_S, START, Double, in_loop, world

PAUSE_S = 0.15


@pytest.mark.parametrize("jump_s", [-3_600, -1, 1, 3_600])
@in_loop
async def test_FI_26_wall_clock__jumps__deadlines_and_answers_unmoved(
    jump_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world() as w:

        async def slow(synapse: Double) -> Double:
            await asyncio.sleep(PAUSE_S if synapse.number == 1 else 30 * PATIENT_S)
            synapse.result = 2 * synapse.number
            return synapse

        axon = w.new_axon().attach(slow)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        real, began = time.time, time.monotonic()
        asking = asyncio.gather(
            w.dendrite.query([(there, Double(number=1))], PATIENT_S),
            w.dendrite.query([(there, Double(number=2))], 0.6),
        )
        await asyncio.sleep(0.05)
        monkeypatch.setattr(time, "time", lambda: real() + jump_s)
        (answered,), (late,) = await asking
        assert answered.synapse is not None
        assert answered.synapse.result == 2
        assert PAUSE_S <= answered.latency_s <= time.monotonic() - began  # whatever the jump was
        assert late.code is Code.LATE
        assert time.monotonic() - began >= 0.6
        await axon.close()


@pytest.mark.parametrize("apart_s", [-120, 120])
@in_loop
async def test_FI_26_miner_clock__far_off__its_own_answer_is_lost_and_says_why(
    apart_s: int,
) -> None:
    async with world() as w:
        other = w.new_axon()
        other._node.chain_time = lambda: START + apart_s
        other.attach(_double)
        await other.serve("127.0.0.1")
        off = Endpoint(w.miner.address, "127.0.0.1", other.port)
        skewed, fine = await w.dendrite.query(
            [(off, Double(number=1)), (w.endpoint, Double(number=2))], 5.0
        )
        assert skewed.code is Code.CLOCK_SKEW
        assert fine.ok
        await other.close()


@in_loop
async def test_FI_26_chain_time__goes_back__open_connections_serve_on() -> None:
    async with world() as w:
        assert (await w.dendrite.query([(w.endpoint, Double(number=1))], PATIENT_S))[0].ok
        w.chain.time -= 600  # a reorganisation, or another node
        assert (await w.dendrite.query([(w.endpoint, Double(number=2))], PATIENT_S))[0].ok


async def _double(synapse: Double) -> Double:
    synapse.result = 2 * synapse.number
    return synapse
