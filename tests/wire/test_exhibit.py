# SPDX-License-Identifier: Apache-2.0
"""Exhibits: what was asked and answered, word for word, under the miner's signature."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from offchain.wire import ReceiptError
from offchain.wire.evidence import verdict
from offchain.wire.exhibit import Exhibit, check_exhibit
from tests.wire.worlds import Double, Echo, in_loop, patient, until, world

FAST = patient(receipt_ms=20)


async def in_parts(synapse: Double) -> AsyncIterator[Double]:
    for number in (1, 2, 3):
        synapse.result = number * synapse.number
        yield synapse


async def made(streamed: bool) -> Exhibit:
    """One answered question, as its asker can show it."""
    question = Double(number=21, text="x")
    async with world(FAST) as w:
        if streamed:
            w.axon._routes.clear()
            w.axon.attach(in_parts)
        (reply,) = await w.dendrite.query([(w.endpoint, question)], 30.0)
        assert reply.exhibit(question) is None  # the receipt has yet to come
        await until(lambda: reply.evidence() is not None)
        exhibit = reply.exhibit(question)
        assert exhibit is not None
        return exhibit


@pytest.mark.parametrize("streamed", [False, True])
def test_exhibit__through_a_file__shows_question_and_answer(tmp_path: Path, streamed: bool) -> None:
    @in_loop
    async def run() -> None:
        exhibit = await made(streamed)
        check_exhibit(exhibit)
        again = Exhibit.from_json(exhibit.to_json())
        assert again == exhibit
        question, answer = again.read(Double)
        assert (question.number, question.text) == (21, "x")
        assert answer.result == (63 if streamed else 42)
        path = tmp_path / "exhibit.json"
        path.write_bytes(exhibit.to_json())
        assert "both in this file" in verdict([path])
        with pytest.raises(ReceiptError, match="no Echo"):
            again.read(Echo)

    run()


FORGERIES: dict[str, Any] = {
    "number": lambda e: {"number": e.number + 1},
    "route": lambda _: {"route": "Echo"},
    "question": lambda e: {"question": e.question + b"\0"},
    "answer": lambda e: {"answer": e.answer + b"\0"},
    "parts": lambda e: {"parts": [*e.parts, bytes(32)]},
    "signature": lambda e: {"evidence": msgspec.structs.replace(e.evidence, count=9)},
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", FORGERIES)
def test_exhibit__anything_changed__shows_nothing(name: str, streamed: bool) -> None:
    @in_loop
    async def run() -> None:
        exhibit = await made(streamed)
        with pytest.raises(ReceiptError):
            check_exhibit(msgspec.structs.replace(exhibit, **FORGERIES[name](exhibit)))

    run()


@in_loop
async def test_exhibit__of_a_stream_that_was_left__is_none() -> None:
    question = Double(number=21)
    async with world(FAST) as w:
        w.axon._routes.clear()
        w.axon.attach(in_parts)
        stream = w.dendrite.stream(w.endpoint, question, 30.0)
        reply = await anext(stream)
        await stream.aclose()
        assert reply.exhibit(question) is None
