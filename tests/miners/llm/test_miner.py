# SPDX-License-Identifier: Apache-2.0
"""Text over the wire: a real decoder behind a real miner, asked by a real validator."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3

from miners import Miner, MinerError
from miners.engines import EngineChoice, EngineName, make_miner
from miners.llm import Sampling, open_decoder
from miners.llm.engine import DecoderEngine
from miners.llm.folder import folder_hash
from offchain.subnets import text
from offchain.subnets.base import score_safely
from offchain.subnets.text import Complete, Turn
from offchain.wire import CallError, Code, Dendrite, Endpoint, Limits, check_evidence
from tests.miners.llm.test_engine import slow_down
from tests.miners.worlds import FakeChain, endpoint_of, here, new_validator, vision_model
from tests.wire.worlds import PATIENT_S, in_loop, new_hotkey, patient, until

PROMPT = "The assert statement is a convenient way to "


@asynccontextmanager
async def asked(
    decoder: Path, limits: Limits | None = None, **options: Any
) -> AsyncIterator[tuple[Miner, Dendrite, Endpoint]]:
    chain, key = FakeChain(), new_hotkey()
    miner = Miner.from_engine(open_decoder(decoder, **options), "text")
    await miner.start(chain, key, here(limits=limits or patient()))
    assert chain.model == folder_hash(decoder)
    _, dendrite = new_validator(chain)
    try:
        yield miner, dendrite, endpoint_of(chain, key)
    finally:
        await dendrite.close()
        await miner.close()


async def local(decoder: Path, prompt: Any, **sampling: Any) -> str:
    engine = open_decoder(decoder)
    pieces = [piece.text async for piece in engine.generate(prompt, Sampling(**sampling))]
    engine.close()
    return "".join(pieces)


@in_loop
async def test_stream__parts__make_up_the_answer_and_the_last_repeats_it_whole(
    decoder: Path,
) -> None:
    async with asked(decoder) as (_miner, dendrite, there):
        question = Complete(prompts=(PROMPT,), max_tokens=120, stream=True)
        replies = [reply async for reply in dendrite.stream(there, question, PATIENT_S)]
        *parts, last = [reply.synapse for reply in replies]
        assert len(parts) > 5
        assert "".join(part.texts[0] for part in parts) == last.texts[0]
        assert last.texts == [await local(decoder, PROMPT, max_tokens=120)]
        assert (last.finish, last.tokens, last.prompt_tokens) == (["length"], 120, len(PROMPT))
        assert not any(part.finish for part in parts)


@in_loop
async def test_stream__receipt__signs_the_whole_answer(decoder: Path) -> None:
    async with asked(decoder, patient(receipt_ms=20)) as (miner, dendrite, there):
        question = Complete(prompts=(PROMPT,), max_tokens=30, stream=True)
        replies = [reply async for reply in dendrite.stream(there, question, PATIENT_S)]
        await until(lambda: replies[-1].evidence() is not None)
        evidence = replies[0].evidence()
        check_evidence(evidence)
        assert evidence.model == miner.model_hash
        bodies = [
            msgspec.msgpack.encode(
                {n: v for n in Complete.ANSWERS if (v := getattr(r.synapse, n)) is not None}
            )
            for r in replies
        ]
        hashes = b"".join(blake3(body).digest() for body in bodies)
        assert evidence.answer == blake3(b"stream" + hashes).digest()


@in_loop
async def test_call__without_stream__gets_all_texts_at_once(decoder: Path) -> None:
    async with asked(decoder) as (_miner, dendrite, there):
        prompts = (PROMPT, "The for statement", "A class definition")
        question = Complete(prompts=prompts, max_tokens=25)
        reply = await dendrite.call(there, question, PATIENT_S)
        want = [await local(decoder, prompt, max_tokens=25) for prompt in prompts]
        assert reply.synapse.texts == want
        assert reply.synapse.tokens == 75


@in_loop
async def test_validator__real_tasks__are_scored(decoder: Path) -> None:
    async with asked(decoder) as (_miner, dendrite, there):
        (task,) = text.tasks(b"seed", [4])
        (reply,) = await dendrite.query([(there, task.synapse)], PATIENT_S)
        assert 0.05 < score_safely(text, task, reply.synapse, 0.1) < 1.0
        assert score_safely(text, task, reply.synapse, text.DEADLINE_S + 1) == 0.0


@in_loop
async def test_stream__left_early__the_decoder_stops(decoder: Path) -> None:
    async with asked(decoder) as (miner, dendrite, there):
        assert isinstance(miner.engine, DecoderEngine)
        slow_down(miner.engine)
        question = Complete(prompts=(PROMPT,), max_tokens=400, stream=True)
        stream = dendrite.stream(there, question, PATIENT_S)
        await anext(stream)
        await stream.aclose()
        await until(lambda: not miner.engine._running)
        assert miner.engine.rows < 380


@in_loop
async def test_stream__deadline__late_and_the_decoder_stops(decoder: Path) -> None:
    async with asked(decoder) as (miner, dendrite, there):
        slow_down(miner.engine)  # type: ignore[arg-type]
        question = Complete(prompts=(PROMPT,) * 16, max_tokens=450)
        with pytest.raises(CallError) as caught:
            await dendrite.call(there, question, 0.5)
        assert caught.value.code is Code.LATE
        await until(lambda: not miner.engine._running)  # type: ignore[union-attr]


@in_loop
async def test_miner__too_much_asked__an_honest_busy_and_the_rest_is_answered(
    decoder: Path,
) -> None:
    async with asked(decoder, max_running=2, max_waiting=4) as (_miner, dendrite, there):
        question = Complete(prompts=(PROMPT,), max_tokens=60)
        replies = await dendrite.query([(there, question)] * 24, PATIENT_S)
        codes = [reply.code for reply in replies]
        assert set(codes) == {None, Code.BUSY}
        assert codes.count(None) >= 4


@pytest.mark.parametrize(
    "question",
    [
        Complete(),
        Complete(prompts=("",)),
        Complete(prompts=("x",), turns=(Turn("user", "x"),)),
        Complete(prompts=("x" * 5_000,)),
        Complete(prompts=("x",), stop=("",)),
    ],
)
def test_I7_miner__question_without_a_meaning__bad_request_and_it_goes_on(
    decoder: Path, question: Complete
) -> None:
    @in_loop
    async def run() -> None:
        async with asked(decoder) as (_miner, dendrite, there):
            (reply,) = await dendrite.query([(there, question)], PATIENT_S)
            assert reply.code is Code.BAD_REQUEST
            assert (
                await dendrite.call(there, Complete(prompts=("x",), max_tokens=2), PATIENT_S)
            ).ok

    run()


@in_loop
async def test_miner__question_that_claims_an_answer__does_not_get_it_back(decoder: Path) -> None:
    async with asked(decoder) as (_miner, dendrite, there):
        question = Complete(
            prompts=("x",), max_tokens=2, stream=True, texts=["forged"], finish=["stop"], tokens=9
        )
        replies = [reply.synapse async for reply in dendrite.stream(there, question, PATIENT_S)]
        assert [part.finish for part in replies[:-1]] == [None] * (len(replies) - 1)
        assert all("forged" not in part.texts for part in replies)


@in_loop
async def test_callers__many_streams__are_written_in_one_batch(decoder: Path) -> None:
    async with asked(decoder) as (miner, dendrite, there):
        question = Complete(prompts=(PROMPT,), max_tokens=100, stream=True)

        async def read() -> str:
            parts = [r.synapse.texts[0] async for r in dendrite.stream(there, question, PATIENT_S)]
            return parts[-1]

        answers = await asyncio.gather(*[read() for _ in range(12)])
        assert len(set(answers)) == 1
        assert miner.engine.batches < 12 * 100 / 3  # type: ignore[union-attr]


def test_miner__engine_and_subnet_that_do_not_fit__refused(decoder: Path, tmp_path: Path) -> None:
    engine = open_decoder(decoder)
    with pytest.raises(MinerError, match="vision wants tensors"):
        Miner.from_engine(engine, "vision")
    engine.close()
    model = tmp_path / "model.onnx"
    model.write_bytes(vision_model().SerializeToString())
    with pytest.raises(MinerError, match="the subnet wants"):
        make_miner(EngineChoice(model), "text")


def test_make_miner__by_what_the_path_holds(decoder: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(vision_model().SerializeToString())
    for path, subnet in ((decoder, "text"), (model, "vision")):
        miner = make_miner(EngineChoice(path))
        assert subnet == miner.subnet.NAME
        assert miner.engine is not None
        miner.engine.close()


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (EngineChoice(None), "no model named"),
        (EngineChoice(None, url="http://x"), "which kind"),
        (EngineChoice(None, EngineName.OPENAI, model="x"), "the server's address"),
        (EngineChoice(None, EngineName.OPENAI, "http://x", "m"), "what is committed"),
        (EngineChoice(None, EngineName.OIP, "http://x", "m", "0x12"), "what is committed"),
        (EngineChoice(Path("nowhere"), EngineName.OPENAI, "http://x", "m"), "cannot be read"),
    ],
)
def test_make_miner__something_missing__one_sentence_and_the_next_step(
    choice: EngineChoice, sentence: str
) -> None:
    with pytest.raises(MinerError, match=sentence):
        make_miner(choice)


def test_tasks__same_seed__same_passages__and_no_two_miners_share_one() -> None:
    tasks = text.tasks(b"seed", range(8))
    assert tasks == text.tasks(b"seed", range(8))
    assert tasks != text.tasks(b"other", range(8))
    prompts = [set(task.synapse.prompts) for task in tasks]
    assert all(not a & b for a, b in itertools.combinations(prompts, 2))
    held_out = "\0".join(text.passages(held_out=True))
    trained_on = "\0".join(text.passages(held_out=False))
    for task in tasks:
        for prompt, true in zip(task.synapse.prompts, task.truth, strict=True):
            assert prompt + true in held_out
            assert len(true) == text.AHEAD
    seen = sum(p in trained_on for task in tasks for p in task.synapse.prompts)
    assert seen < 8  # of 128: short phrases that several paragraphs have


@pytest.mark.parametrize(
    ("answers", "score"),
    [
        (["abcd", "wxyz"], 1.0), (["abcdefg", "wxyz..."], 1.0), (["ab__", "____"], 0.25),
        (["", ""], 0.0), (["_bcd", "_xyz"], 0.0),
    ],
)  # fmt: skip
def test_quality__right_up_to_the_first_wrong_character(answers: list[str], score: float) -> None:
    assert text.quality(answers, ["abcd", "wxyz"]) == score


@pytest.mark.parametrize("texts", [None, [], ["x"] * 15, ["x"] * 17])
def test_I7_score__answer_of_another_shape__is_nothing(texts: list[str] | None) -> None:
    (task,) = text.tasks(b"seed", [0])
    answer = msgspec.structs.replace(task.synapse, texts=texts)
    assert score_safely(text, task, answer, 0.1) == 0.0


@in_loop
async def test_swap__while_answers_are_written__none_is_lost_and_each_names_its_decoder(
    decoder: Path, small_decoder: Path
) -> None:
    async with asked(decoder, patient(receipt_ms=20)) as (miner, dendrite, there):
        miner._folder = decoder
        old = miner.engine
        first, second = folder_hash(decoder), folder_hash(small_decoder)
        want = {
            first: await local(decoder, PROMPT, max_tokens=100),
            second: await local(small_decoder, PROMPT, max_tokens=100),
        }
        question = Complete(prompts=(PROMPT,), max_tokens=100)
        running = asyncio.create_task(dendrite.query([(there, question)] * 12, PATIENT_S))
        await until(lambda: bool(old._running))  # type: ignore[union-attr]
        assert await miner.swap(small_decoder) == second
        assert miner._chain.model == second  # type: ignore[union-attr]
        later = await dendrite.query([(there, question)] * 4, PATIENT_S)
        replies = [*await running, *later]
        assert all(reply.ok for reply in replies)
        await until(lambda: all(reply.evidence() is not None for reply in replies))
        named = [reply.evidence().model for reply in replies]
        assert [want[model] for model in named] == [reply.synapse.texts[0] for reply in replies]
        assert named[0] == first  # it was being written when the other took over
        assert named[12:] == [second] * 4
        await until(lambda: old._is_closed)  # type: ignore[union-attr]


@in_loop
async def test_close__right_after_a_swap__the_old_decoder_ends_too(
    decoder: Path, small_decoder: Path
) -> None:
    """Its task is cancelled before its first step."""
    miner = Miner.from_decoder(decoder)
    await miner.start(FakeChain(), new_hotkey(), here(claim=None))
    old = miner.engine
    await miner.swap(small_decoder)
    await miner.close()
    await until(lambda: old._is_closed)  # type: ignore[union-attr]


@in_loop
async def test_swap__folder_that_is_none__the_old_decoder_answers_on(
    decoder: Path, tmp_path: Path
) -> None:
    async with asked(decoder) as (miner, dendrite, there):
        miner._folder = tmp_path
        await miner.reload()
        assert miner._chain.model == folder_hash(decoder)  # type: ignore[union-attr]
        assert (await dendrite.call(there, Complete(prompts=("x",), max_tokens=2), PATIENT_S)).ok


@in_loop
async def test_swap__published_decoder__both_are_given_away(
    decoder: Path, small_decoder: Path
) -> None:
    chain, key = FakeChain(), new_hotkey()
    miner = Miner.from_decoder(decoder)
    await miner.start(chain, key, here(publish=True, claim=None))
    await miner.swap(small_decoder)
    assert {folder_hash(decoder), folder_hash(small_decoder)} <= set(miner._shelf.files)
    await miner.close()
