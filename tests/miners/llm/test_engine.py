# SPDX-License-Identifier: Apache-2.0
"""A real decoder: what it says, alone and in company, and what becomes of those who leave."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Semaphore
from typing import Any

import numpy as np
import pytest

from miners.errors import ModelError, RequestError
from miners.llm import Sampling, open_decoder
from miners.llm.cached import CachedDecoder
from miners.llm.engine import DecoderEngine, Piece
from miners.llm.folder import END_OF_TEXT, DecoderFolder, folder_hash
from miners.llm.tokens import ByteTokenizer
from offchain.subnets import text
from offchain.subnets.text import Turn
from offchain.wire import Busy
from tests.wire.worlds import PATIENT_S, in_loop, until

PROMPT = "The assert statement is a convenient way to "


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[DecoderEngine]:
    engine = open_decoder(path, **options)
    try:
        yield engine
    finally:
        engine.close()


async def said(engine: Any, prompt: Any = PROMPT, **sampling: Any) -> tuple[str, Piece]:
    """The whole answer and its last piece."""
    whole, last = "", None
    async for piece in engine.generate(prompt, Sampling(**sampling)):
        whole, last = whole + piece.text, piece
    assert last is not None
    assert last.finish
    return whole, replace(last, text="")  # how pieces are cut depends on the moment


def slow_down(engine: DecoderEngine) -> None:
    """Twenty milliseconds a token, so that whoever is to interrupt an answer comes in time."""
    step = engine._backend.step

    def slowly(tokens: dict[int, int]) -> dict[int, Any]:
        time.sleep(0.02)
        return step(tokens)

    engine._backend.step = slowly  # type: ignore[method-assign]


def without_cache(path: Path, prompt: str, count: int) -> list[int]:
    """Greedy tokens, the whole text read anew for each of them."""
    backend = CachedDecoder(DecoderFolder.read(path))
    tokens = list(prompt.encode())
    for _ in range(count):
        tokens.append(int(np.argmax(backend.logits_of(tokens)[-1])))
    return tokens[len(prompt) :]


@in_loop
async def test_generate__greedy__is_what_the_graph_says_without_a_cache(decoder: Path) -> None:
    async with opened(decoder) as engine:
        answer, last = await said(engine, max_tokens=40)
        assert list(answer.encode()) == without_cache(decoder, PROMPT, 40)
        assert (last.finish, last.tokens, last.prompt_tokens) == ("length", 40, len(PROMPT))


@in_loop
async def test_generate__many_at_once__each_says_what_it_says_alone(decoder: Path) -> None:
    """Prompts and answers of all lengths, joining and leaving one batch at different times."""
    async with opened(decoder, max_running=8) as engine:
        jobs = [
            {"prompt": PROMPT[: 5 + 3 * n], "max_tokens": 3 + 5 * n, "temperature": n % 3 / 2,
             "top_p": 0.9, "seed": n}
            for n in range(12)
        ]  # fmt: skip
        alone = [(await said(engine, **job))[0] for job in jobs]
        steps = engine.batches
        together = await asyncio.gather(*[said(engine, **job) for job in jobs])
        assert [answer for answer, _ in together] == alone
        assert engine.batches - steps < sum(job["max_tokens"] for job in jobs) / 2


@in_loop
async def test_generate__pieces__come_while_the_rest_is_written(decoder: Path) -> None:
    async with opened(decoder) as engine:
        read, step = Semaphore(0), engine._backend.step

        def step_when_read(tokens: dict[int, int]) -> dict[int, Any]:
            assert read.acquire(timeout=PATIENT_S)
            return step(tokens)

        engine._backend.step = step_when_read  # type: ignore[method-assign]
        texts = []
        async for piece in engine.generate(PROMPT, Sampling(max_tokens=20)):
            texts.append(piece.text)
            read.release()  # the next token may be written
        assert len(texts) >= 20


@in_loop
async def test_generate__stop_text__ends_before_it(decoder: Path) -> None:
    async with opened(decoder) as engine:
        whole, _ = await said(engine, max_tokens=40)
        stop = whole[10:14]
        answer, last = await said(engine, max_tokens=40, stop=(stop,))
        assert answer == whole[: whole.index(stop)]
        assert last.finish == "stop"


@in_loop
async def test_generate__same_seed__same_answer__another_seed__another(decoder: Path) -> None:
    async with opened(decoder) as engine:
        answers = [
            (await said(engine, max_tokens=40, temperature=1.0, seed=seed))[0] for seed in (1, 1, 2)
        ]
        assert answers[0] == answers[1] != answers[2]


@in_loop
async def test_generate__context_full__answer_is_cut_and_a_longer_prompt_refused(
    decoder: Path,
) -> None:
    async with opened(decoder) as engine:
        context = engine.folder.context
        _, last = await said(engine, "x" * (context - 3), max_tokens=99)
        assert (last.tokens, last.finish) == (3, "length")
        with pytest.raises(RequestError, match="tokens, wanted fewer"):
            await said(engine, "x" * context)
        with pytest.raises(RequestError, match="empty"):
            await said(engine, "")


@in_loop
async def test_generate__left_early__stops_the_writing(decoder: Path) -> None:
    async with opened(decoder) as engine:
        slow_down(engine)
        async with aclosing(engine.generate(PROMPT, Sampling(max_tokens=400))) as pieces:
            await anext(pieces)
        await until(lambda: not engine._running)
        assert engine.rows < 300
        assert (await said(engine, max_tokens=5))[1].tokens == 5


@in_loop
async def test_generate__too_many__busy_beyond_the_cap_and_the_others_finish(
    decoder: Path,
) -> None:
    async with opened(decoder, max_running=1, max_waiting=2) as engine:
        answers = [asyncio.create_task(said(engine, max_tokens=60)) for _ in range(12)]
        results = await asyncio.gather(*answers, return_exceptions=True)
        refused = [r for r in results if isinstance(r, Busy)]
        assert 1 <= len(refused) <= 10
        whole = [r[0] for r in results if not isinstance(r, BaseException)]
        assert len(whole) == 12 - len(refused)
        assert len(set(whole)) == 1


@in_loop
async def test_close__with_answers_under_way__all_end(decoder: Path) -> None:
    engine = open_decoder(decoder, max_running=2)
    slow_down(engine)
    answers = [asyncio.create_task(said(engine, max_tokens=400)) for _ in range(6)]
    await until(lambda: engine.batches > 3)
    engine.close()
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert all(isinstance(r, Busy) for r in results)
    with pytest.raises(Busy):
        await said(engine)


class Flaky:
    """A graph that fails on some prompts, and at some steps."""

    provider = "none"

    def __init__(self) -> None:
        self.pause_s = 0.001
        self.slots: set[int] = set()
        self.fail_step = False

    def join(self, slot: int, tokens: list[int]) -> Any:
        if tokens[0] == ord("!"):
            raise ModelError("decoder: bad prompt")
        self.slots.add(slot)
        return np.eye(257)[ord("a")]

    def step(self, tokens: dict[int, int]) -> dict[int, Any]:
        time.sleep(self.pause_s)
        assert set(tokens) == self.slots
        if self.fail_step:
            self.fail_step = False
            raise ModelError("decoder: out of memory")
        return {slot: np.eye(257)[ord("a")] for slot in tokens}

    def drop(self, slot: int) -> None:
        self.slots.remove(slot)

    def reset(self) -> None:
        self.slots.clear()


@in_loop
async def test_generate__graph_fails__prompt_alone_then_step_for_all_then_goes_on(
    decoder: Path,
) -> None:
    backend = Flaky()
    engine = DecoderEngine(DecoderFolder.read(decoder), backend, ByteTokenizer())
    good = asyncio.create_task(said(engine, "x", max_tokens=100))
    await until(lambda: engine.batches > 2)
    with pytest.raises(ModelError, match="bad prompt"):
        await said(engine, "!")
    assert (await good)[0] == "a" * 100
    backend.pause_s = 0.02
    running = [asyncio.create_task(said(engine, "x", max_tokens=400)) for _ in range(2)]
    await until(lambda: len(engine._running) == 2)
    backend.fail_step = True
    failures = await asyncio.gather(*running, return_exceptions=True)
    assert [type(f) for f in failures] == [ModelError, ModelError]
    assert (await said(engine, "x", max_tokens=3))[0] == "aaa"
    engine.close()


@in_loop
async def test_FI_30_generate__given_up_while_it_waits__holds_no_place(decoder: Path) -> None:
    backend = Flaky()
    backend.pause_s = 0.02
    folder = DecoderFolder.read(decoder)
    engine = DecoderEngine(folder, backend, ByteTokenizer(), max_running=1, max_waiting=2)
    first = asyncio.create_task(said(engine, "x", max_tokens=400))
    await until(lambda: len(engine._running) == 1)
    for _ in range(3):
        waiting = [asyncio.create_task(said(engine, "x", max_tokens=400)) for _ in range(2)]
        await until(lambda: sum(not answer.given_up for answer in engine._waiting) == 2)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    honest = asyncio.create_task(said(engine, "x", max_tokens=3))
    await until(lambda: any(not answer.given_up for answer in engine._waiting))
    first.cancel()
    steps = engine.batches
    assert (await honest)[0] == "aaa"
    assert engine.batches < steps + 6  # nothing was written for those that had left
    engine.close()


@in_loop
async def test_genai__same_folder__same_answers(decoder: Path) -> None:
    pytest.importorskip("onnxruntime_genai", reason="the extra evmtensor[genai] is not installed")
    async with opened(decoder) as ours, opened(decoder, backend="genai") as theirs:
        for sampling in ({"max_tokens": 40}, {"max_tokens": 40, "temperature": 0.8, "seed": 5}):
            assert await said(ours, **sampling) == await said(theirs, **sampling)
        assert ours.model_hash == theirs.model_hash
        assert "genai" in theirs.provider


@in_loop
async def test_generate__conversation__is_read_as_a_transcript(decoder: Path) -> None:
    async with opened(decoder) as engine:
        turns = (Turn("user", "What is assert?"),)
        as_text = await said(engine, "user: What is assert?\nassistant:", max_tokens=20)
        assert await said(engine, turns, max_tokens=20) == as_text


@in_loop
async def test_decoder__trained__scores_well_above_one_that_knows_less(
    decoder: Path, small_decoder: Path
) -> None:
    async def score(path: Path) -> float:
        async with opened(path) as engine:
            scores = []
            for task in text.tasks(bytes(32), range(6)):
                question = task.synapse
                done = await asyncio.gather(
                    *[said(engine, p, max_tokens=question.max_tokens) for p in question.prompts]
                )
                scores.append(text.quality([answer for answer, _ in done], task.truth))
            return float(np.mean(scores))

    good, poor = await score(decoder), await score(small_decoder)
    assert good > 1.1 * poor > 0.05


def test_folder__hash__names_every_file_that_matters(decoder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(decoder, tmp_path / "copy"))
    assert folder_hash(copy) == folder_hash(decoder)
    (copy / ".hidden").write_text("x")
    assert folder_hash(copy) == folder_hash(decoder)
    (copy / "tokenizer.json").write_text("{}")
    assert folder_hash(copy) != folder_hash(decoder)


def test_folder__read__says_what_is_in_it(decoder: Path) -> None:
    folder = DecoderFolder.read(decoder)
    assert folder.ends == {END_OF_TEXT}
    assert folder.is_bytes
    assert folder.past[:2] == ("past_key_values.0.key", "past_key_values.0.value")


def _without(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def _config(change: Any) -> Any:
    def spoil(folder: Path) -> None:
        path = folder / "genai_config.json"
        config = json.loads(path.read_text())
        change(config["model"])
        path.write_text(json.dumps(config))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_without("genai_config.json"), "cannot be read"),
        (_without("model.onnx"), "has no model.onnx"),
        (_config(lambda m: m.pop("eos_token_id")), "eos_token_id"),
        (_config(lambda m: m["decoder"].update(filename="../model.onnx")), "a file beside it"),
        (_config(lambda m: m["decoder"].update(num_hidden_layers=9)), "describes"),
        (lambda folder: (folder / "genai_config.json").write_text("[" * 99_999), "genai_config"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"junk"), "not an ONNX model"),
    ],
)
def test_open_decoder__folder_that_is_none__one_sentence(
    decoder: Path, tmp_path: Path, spoil: Any, sentence: str
) -> None:
    copy = Path(shutil.copytree(decoder, tmp_path / "copy"))
    spoil(copy)
    with pytest.raises(ModelError, match=sentence):
        open_decoder(copy)
