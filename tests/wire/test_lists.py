# SPDX-License-Identifier: Apache-2.0
"""Handlers that take what came together as a list."""

import asyncio
from typing import Any, ClassVar

import pytest

from offchain.wire import (
    Busy,
    CallError,
    Code,
    Endpoint,
    Reply,
    Synapse,
    TensorError,
    WireConfigError,
)
from offchain.wire.later import Later, settle
from offchain.wire.synapse import codec
from tests.wire.worlds import (
    PATIENT_S,
    Double,
    Echo,
    World,
    in_loop,
    ones,
    patient,
    until,
    without_collector,
    world,
)

ALL = 8  # as many questions fit one message


def doubled(question: Double) -> Double:
    question.result = 2 * question.number
    return question


async def ask(
    w: World, handler: Any, running: int = 256, blacklist: Any = None
) -> list[Reply[Double]]:
    """Replies to ALL questions, asked in one turn of the loop of a miner with this handler."""
    axon = w.new_axon(limits=patient(running=running)).attach(handler, blacklist)
    await axon.serve("127.0.0.1")
    there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
    await w.dendrite.call(there, Double(number=100), PATIENT_S)  # connected from here on
    replies = await w.dendrite.query([(there, Double(number=n)) for n in range(ALL)], PATIENT_S)
    await axon.close()
    return replies


def results(replies: list[Reply[Double]]) -> list[int | None]:
    return [None if r.synapse is None else r.synapse.result for r in replies]


@in_loop
async def test_list__what_came_in_one_message__is_handed_over_together() -> None:
    sizes: list[int] = []

    def together(questions: list[Double]) -> list[Double]:
        sizes.append(len(questions))
        return [doubled(question) for question in questions]

    async with world() as w:
        replies = await ask(w, together)
    assert results(replies) == [2 * n for n in range(ALL)]
    assert sizes == [1, ALL]


@in_loop
async def test_list__answers_of_every_kind__each_reaches_its_question() -> None:
    async def slowly(question: Double) -> Double:
        await asyncio.sleep(0.01)
        return doubled(question)

    def mixed(questions: list[Double]) -> list[Any]:
        if len(questions) == 1:
            return [doubled(questions[0])]
        later, future = Later(), asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, future.set_result, doubled(questions[2]))
        later.set_result(doubled(questions[1]))
        return [
            doubled(questions[0]), later, future, slowly(questions[3]), Busy(), ValueError("no"),
            doubled(questions[6]), None,
        ]  # fmt: skip

    async with world() as w:
        replies = await ask(w, mixed)
    assert results(replies) == [0, 2, 4, 6, None, None, 12, None]
    refused = [replies[n].code for n in (4, 5, 7)]
    assert refused == [Code.BUSY, Code.INTERNAL, Code.INTERNAL]


@in_loop
async def test_list__laters_that_end_together__are_all_sent() -> None:
    def put_off(questions: list[Double]) -> list[Later]:
        laters = [Later() for _ in questions]
        outcomes: list[Any] = [doubled(question) for question in questions]
        outcomes[-1] = Busy() if len(questions) > 1 else outcomes[-1]
        ends = list(zip(laters, outcomes, strict=True))
        asyncio.get_running_loop().call_later(0.01, settle, ends)
        return laters

    async with world() as w:
        replies = await ask(w, put_off)
    assert results(replies) == [*[2 * n for n in range(ALL - 1)], None]
    assert replies[-1].code == Code.BUSY


@in_loop
async def test_list__handler_raises_or_returns_too_few__all_are_told_and_the_next_answered() -> (
    None
):
    def broken(questions: list[Double]) -> list[Double]:
        if any(question.number == 5 for question in questions):
            raise ValueError("five")
        if any(question.number == 50 for question in questions):
            return []
        return [doubled(question) for question in questions]

    async with world() as w:
        axon = w.new_axon().attach(broken)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        await w.dendrite.call(there, Double(number=1), PATIENT_S)
        for numbers in ((4, 5, 6), (49, 50)):
            questions = [(there, Double(number=n)) for n in numbers]
            replies = await w.dendrite.query(questions, PATIENT_S)
            assert {reply.code for reply in replies} == {Code.INTERNAL}
        assert (await w.dendrite.call(there, Double(number=7), PATIENT_S)).ok
        await axon.close()


@in_loop
async def test_list__handler_empties_its_list__answered_as_it_says() -> None:
    def popping(questions: list[Double]) -> list[Double]:
        answers = []
        while questions:
            answers.append(doubled(questions.pop(0)))
        return answers

    async with world() as w:
        replies = await ask(w, popping, running=3)
    assert results(replies) == [2 * n for n in range(ALL)]


@in_loop
async def test_list__one_names_no_model__its_neighbours_are_answered() -> None:
    def together(questions: list[Double]) -> list[Double]:
        for question in questions:
            question.model_hash = b"short" if question.number == 3 else bytes(32)  # type: ignore[attr-defined]
        return [doubled(question) for question in questions]

    async with world() as w:
        replies = await ask(w, together)
    assert results(replies) == [0, 2, 4, None, 8, 10, 12, 14]
    assert replies[3].code == Code.INTERNAL


class Positive(Synapse):
    ANSWERS: ClassVar[tuple[str, ...]] = ("result",)

    number: int
    result: int | None = None

    def __post_init__(self) -> None:
        if self.number < 0:
            raise KeyError("negative")


@in_loop
async def test_list__a_question_that_its_own_class_refuses__only_that() -> None:
    def together(questions: list[Positive]) -> list[Positive]:
        for question in questions:
            question.result = question.number
        return questions

    async with world() as w:
        axon = w.new_axon().attach(together)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        await w.dendrite.call(there, Positive(number=1), PATIENT_S)
        questions = [Positive(number=n) for n in range(ALL)]
        questions[5].number = -5
        replies = await w.dendrite.query([(there, q) for q in questions], PATIENT_S)
        assert [reply.code for reply in replies] == [None] * 5 + [Code.BAD_REQUEST] + [None] * 2
        assert axon._door.quota(w.validator.address).inflight == 0
        await axon.close()


@in_loop
async def test_I7_answered__nothing_of_it_waits_for_the_cycle_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def together(questions: list[Double]) -> list[Any]:
        laters = [Later() for _ in questions]
        ends = [doubled(q) if q.number % 3 else TensorError("no") for q in questions]
        asyncio.get_running_loop().call_soon(settle, list(zip(laters, ends, strict=True)))
        return laters

    def raising(question: Double) -> Double:
        if question.number % 2:
            raise ValueError("odd")
        return doubled(question)

    with without_collector(monkeypatch) as jobs:
        async with world() as w:
            await ask(w, together)
            await ask(w, raising)
        assert len(jobs) == 2 * (ALL + 1)
        assert not [job for job in jobs if job()]


@in_loop
async def test_I7_small_question_in_a_large_message__does_not_keep_the_message() -> None:
    kept: list[Echo] = []

    def forward(question: Echo) -> Echo:
        kept.append(question)
        question.y = ones()
        return question

    limits = patient(bundle_bytes=8 * 2**20)  # the caller's: it may put together what it likes
    async with world(limits) as w:
        axon = w.new_axon().attach(forward)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        await w.dendrite.call(there, Echo(x=ones()), PATIENT_S)
        (link,) = w.dendrite._links.values()
        _, refused = link.ask("Unknown", bytes(2**20), PATIENT_S)
        body = codec(Echo).encode_question(Echo(x=ones()))
        _, answered = link.ask("Echo", body, PATIENT_S)
        await answered.future
        assert isinstance(refused.future.exception(), CallError)
        assert len(kept) == 2
        assert len(kept[1].x.data.obj) < 1_000
        await axon.close()


@in_loop
async def test_list__blacklist__judges_each_alone() -> None:
    def together(questions: list[Double]) -> list[Double]:
        return [doubled(question) for question in questions]

    def odd(question: Double) -> bool:
        return question.number % 2 == 1

    async with world() as w:
        replies = await ask(w, together, blacklist=odd)
    assert results(replies) == [0, None, 4, None, 8, None, 12, None]
    assert {reply.code for reply in replies if not reply.ok} == {Code.DENIED}


@in_loop
async def test_list__more_than_may_run__the_rest_waits_and_is_answered() -> None:
    sizes: list[int] = []

    def together(questions: list[Double]) -> list[Later]:
        sizes.append(len(questions))
        laters = [Later() for _ in questions]
        ends = [(later, doubled(q)) for later, q in zip(laters, questions, strict=True)]
        asyncio.get_running_loop().call_later(0.01, settle, ends)
        return laters

    async with world() as w:
        replies = await ask(w, together, running=3)
    assert results(replies) == [2 * n for n in range(ALL)]
    assert sizes == [1, 3, 3, 2]


@in_loop
async def test_list__handlers_that_answer_at_once__free_their_place_for_the_rest() -> None:
    async with world() as w:
        replies = await ask(w, doubled, running=3)
    assert results(replies) == [2 * n for n in range(ALL)]


@in_loop
async def test_list__asynchronous_or_of_something_else__refused_when_attached() -> None:
    async def coroutine(questions: list[Double]) -> list[Double]:
        return questions

    def numbers(questions: list[int]) -> list[int]:
        return questions

    async with world() as w:
        with pytest.raises(WireConfigError, match="asynchronous") as error:
            w.new_axon().attach(coroutine)
        assert "list of coroutines" in error.value.next_step
        with pytest.raises(WireConfigError, match="list of one"):
            w.new_axon().attach(numbers)


@in_loop
async def test_FI_30_cancel__in_the_message_of_its_question__frees_its_place() -> None:
    """A task that is cancelled before its first step cannot tell so itself."""
    places = 4

    async def slowly(question: Double) -> Double:
        if question.number:
            await asyncio.sleep(30 * PATIENT_S)
        return doubled(question)

    async with world() as w:
        axon = w.new_axon(limits=patient(running=places, queued=1)).attach(slowly)
        await axon.serve("127.0.0.1")
        there = Endpoint(w.miner.address, "127.0.0.1", axon.port)
        await w.dendrite.call(there, Double(number=0), PATIENT_S)
        (link,) = w.dendrite._links.values()
        body = codec(Double).encode_question(Double(number=1))
        for _ in range(2 * places):
            number, asked = link.ask("Double", body, PATIENT_S)
            link.cancel(number)
            await until(asked.future.done)
            error = asked.future.exception()
            assert isinstance(error, CallError)
            assert error.code == Code.LATE
        assert not axon._jobs.running
        assert (await w.dendrite.call(there, Double(number=0), PATIENT_S)).ok
        await axon.close()
