# SPDX-License-Identifier: Apache-2.0
"""What the log says of code that fails: where it was, and nothing of what it held."""

import asyncio
import gc
from typing import Any

import pytest

from miners.errors import ModelError
from miners.llm.sampling import Sampling
from miners.openai_engine import OpenAiEngine
from offchain.wire import CallError, Code, Endpoint, dendrite
from tests.wire.worlds import PATIENT_S, Echo, in_loop, ones, world

SECRET = "sk-never-to-be-seen"  # of nobody


def held() -> str:
    """Not written where it is used: a traceback shows the source."""
    return SECRET


@in_loop
async def test_I10_forward_fails__log_says_where_and_shows_no_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def forward(synapse: Echo) -> Echo:
        token = held()
        raise KeyError(len(token))

    async with world() as w:
        axon = w.new_axon().attach(forward)
        await axon.serve("127.0.0.1")
        there = w.endpoint.__class__(w.miner.address, "127.0.0.1", axon.port)
        (reply,) = await w.dendrite.query([(there, Echo(x=ones()))], PATIENT_S)
        await axon.close()
    assert reply.code is Code.INTERNAL
    said = "".join(capsys.readouterr())
    assert "forward failed" in said
    assert "raise KeyError(len(token))" in said
    assert SECRET not in said


@in_loop
async def test_I10_server_down__one_line_without_its_token(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = OpenAiEngine("http://127.0.0.1:1", "m", bytes(32), token=held())

    async def forward(synapse: Echo) -> Echo:
        async for _ in engine.generate("hello", Sampling(max_tokens=1)):
            pass
        return synapse

    async with world() as w:
        axon = w.new_axon().attach(forward)
        await axon.serve("127.0.0.1")
        there = w.endpoint.__class__(w.miner.address, "127.0.0.1", axon.port)
        replies = await w.dendrite.query([(there, Echo(x=ones()))] * 3, PATIENT_S)
        await axon.close()
    engine.close()
    assert [reply.code for reply in replies] == [Code.INTERNAL] * 3
    said = "".join(capsys.readouterr())
    assert SECRET not in said
    assert len(said.strip().splitlines()) == 3
    assert said.count("forward failed") == 3
    assert ModelError.__name__ not in said  # a sentence, not a class


@in_loop
async def test_dial_fails__nobody_waits_any_more__nothing_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """asyncio complains of a task whose exception nobody has seen."""
    begun, may_fail = asyncio.Event(), asyncio.Event()

    async def dial(*_: object, **__: object) -> None:
        begun.set()
        await may_fail.wait()
        raise ConnectionRefusedError("nobody there")

    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    async with world() as w:
        monkeypatch.setattr(dendrite, "dial", dial)
        nowhere = Endpoint(w.miner.address, "127.0.0.1", 1)
        caller = asyncio.create_task(w.dendrite.call(nowhere, Echo(x=ones()), PATIENT_S))
        await begun.wait()
        caller.cancel()
        with pytest.raises((asyncio.CancelledError, CallError)):
            await caller
        may_fail.set()
        while w.dendrite._dialling:
            await asyncio.sleep(0)
        gc.collect()
    assert complaints == []
