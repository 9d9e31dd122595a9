# SPDX-License-Identifier: Apache-2.0
"""The batcher: every caller gets its own rows, nobody waits for a timer, too much is "busy"."""

import asyncio
import os
from threading import Event, Thread, current_thread, main_thread
from typing import Any

import numpy as np
import pytest
from onnx import helper

from miners import Engine, ModelError
from miners.engine import INLINE_S, LONE_S
from miners.engine_model import SMALL_BATCH, LoadedModel
from miners.engine_port import Arrays
from offchain.wire import Busy, TensorError
from tests.miners.worlds import tensors, vision_model
from tests.wire.worlds import PATIENT_S, in_loop, until

CONTENT = vision_model().SerializeToString()


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 8, 8)).astype(np.float32)


@in_loop
async def test_run__many_callers_of_different_sizes__each_gets_its_rows() -> None:
    engine = Engine(CONTENT, max_batch=64)
    alone = Engine(CONTENT)
    feeds = [images(1 + n % 7, n) for n in range(200)]
    results = await asyncio.gather(*[engine.run({"images": feed}) for feed in feeds])
    assert engine.rows == sum(len(feed) for feed in feeds)
    assert engine.batches < 60  # they were put together
    for feed, (outputs, model) in zip(feeds, results, strict=True):
        (want, _) = await alone.run({"images": feed})
        assert np.array_equal(outputs["probabilities"], want["probabilities"])
        assert model == engine.model_hash
    engine.close()
    alone.close()


@in_loop
async def test_run__one_caller__does_not_wait_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(CONTENT)
    loop = asyncio.get_running_loop()

    def timer(*_: object, **__: object) -> None:
        raise AssertionError("the engine waits for a timer")

    monkeypatch.setattr(loop, "call_later", timer)
    monkeypatch.setattr(loop, "call_at", timer)
    for _ in range(50):
        await engine.run({"images": images(1)})
    assert engine.batches == 50
    engine.close()


def noted(monkeypatch: pytest.MonkeyPatch, row_s: float) -> list[Thread]:
    """Let engines believe that a row takes so long; returns where each batch ran, as it does."""
    places: list[Thread] = []
    run = LoadedModel.run

    def run_noted(self: LoadedModel, feed: Arrays) -> list[Any]:
        self.row_s = row_s
        places.append(current_thread())
        return run(self, feed)

    monkeypatch.setattr(LoadedModel, "run", run_noted)
    monkeypatch.setattr(LoadedModel, "learn", lambda *_: None)
    return places


@in_loop
async def test_run__one_caller_of_a_model_of_some_ms__no_other_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = noted(monkeypatch, (INLINE_S + LONE_S) / 2)
    engine = Engine(CONTENT)
    for _ in range(20):
        await engine.run({"images": images(1)})
    assert set(places[1:]) == {main_thread()}  # of the first nobody knows whether it is alone
    await engine.run({"images": images(2)})
    assert places[-1] is not main_thread()  # longer than the loop may stand still
    engine.close()


@in_loop
async def test_run__several_callers_of_a_model_of_some_ms__the_loop_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also while one of them is the only one that waits: the others read their answers then."""
    places = noted(monkeypatch, (INLINE_S + LONE_S) / 2)
    engine = Engine(CONTENT, threads=1)
    for _ in range(20):
        await asyncio.gather(*[engine.run({"images": images(1)}) for _ in range(3)])
        await engine.run({"images": images(1)})
    assert engine.batches == 40
    assert main_thread() not in places
    engine.close()


@in_loop
async def test_run__one_caller__is_answered_in_its_own_turn_of_the_loop() -> None:
    engine = Engine(CONTENT)
    for _ in range(4):
        await engine.run({"images": images(1)})
    assert engine.submit(tensors({"images": images(1)}), lambda *both: both).done()
    engine.close()


@in_loop
async def test_run__several_callers_after_one__all_but_the_first_are_put_together() -> None:
    engine = Engine(CONTENT, threads=1)  # two would share them where the machine is slow
    for _ in range(4):
        await engine.run({"images": images(1)})
    before = engine.batches
    await asyncio.gather(*[engine.run({"images": images(1)}) for _ in range(16)])
    assert engine.batches == before + 2
    await asyncio.gather(*[engine.run({"images": images(1)}) for _ in range(16)])
    assert engine.batches == before + 3  # it knows now that there are several
    engine.close()


@in_loop
async def test_run__queue_full__busy_at_once() -> None:
    engine = Engine(CONTENT, max_queue=100)
    tasks = [asyncio.create_task(engine.run({"images": images(10)})) for _ in range(20)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [r for r in results if isinstance(r, Busy)]
    assert 0 < len(refused) < 20
    assert len(refused) + sum(isinstance(r, tuple) for r in results) == 20
    engine.close()


def rows_run(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each run of a model, as it runs."""
    runs: list[int] = []
    run = LoadedModel.run

    def run_noted(self: LoadedModel, feed: Arrays) -> list[Any]:
        runs.append(len(feed["images"]))
        return run(self, feed)

    monkeypatch.setattr(LoadedModel, "run", run_noted)
    return runs


@in_loop
async def test_I7_run__one_is_not_finite__the_others_still_make_one_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one caller could make the model run row by row for all."""
    runs = rows_run(monkeypatch)
    engine = Engine(CONTENT, threads=1)
    bad = np.full((2, 8, 8), np.nan, dtype=np.float32)
    results = await asyncio.gather(
        *[engine.run({"images": images(1, n)}) for n in range(5)],
        engine.run({"images": bad}),
        *[engine.run({"images": images(1, n)}) for n in range(5)],
        return_exceptions=True,
    )
    assert isinstance(results[5], TensorError)
    assert all(isinstance(r, tuple) for r in results[:5] + results[6:])
    assert runs == [10]
    engine.close()


@in_loop
async def test_run__of_several_shapes__each_shape_makes_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = rows_run(monkeypatch)
    engine = Engine(CONTENT, threads=1)
    other = images(1).reshape(1, 8, 8, 1)
    feeds = [images(1), other, images(2), other, images(3)]
    results = await asyncio.gather(
        *[engine.run({"images": feed}) for feed in feeds], return_exceptions=True
    )
    assert [isinstance(result, ModelError) for result in results] == [False, True] * 2 + [False]
    assert runs == [6, 2, 1, 1]  # what the model refuses, it refuses of each
    engine.close()


@in_loop
async def test_run__of_other_names__spoils_only_itself() -> None:
    engine = Engine(CONTENT, threads=1)
    feeds = [{"images": images(1)}, {"pictures": images(1)}, {"images": images(2)}]
    for order in (feeds, feeds[1:] + feeds[:1]):
        asked = [engine.run(feed) for feed in order]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(result, ModelError) for result in results] == [
            "pictures" in feed for feed in order
        ]
    engine.close()


@in_loop
async def test_run__no_rows_or_too_few_come_back__an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(CONTENT)
    with pytest.raises(TensorError):
        await engine.run({"images": images(0)})
    monkeypatch.setattr(LoadedModel, "run", lambda *_: [images(1)])
    results = await asyncio.gather(
        *[engine.run({"images": images(2)}) for _ in range(2)], return_exceptions=True
    )
    assert all(isinstance(result, ModelError) for result in results)
    engine.close()


@in_loop
async def test_run__one_bad_request_in_a_batch__spoils_only_itself() -> None:
    engine = Engine(CONTENT)
    bad = images(1).reshape(1, 8, 8, 1)
    results = await asyncio.gather(
        *[engine.run({"images": images(2, n)}) for n in range(5)],
        engine.run({"images": bad}),
        *[engine.run({"images": images(2, n)}) for n in range(5)],
        return_exceptions=True,
    )
    assert isinstance(results[5], ModelError)
    assert all(isinstance(r, tuple) for r in results[:5] + results[6:])
    engine.close()


@in_loop
async def test_run__caller_gives_up__its_rows_are_not_computed() -> None:
    engine = Engine(CONTENT, threads=1)
    first = asyncio.create_task(engine.run({"images": images(1)}))
    await asyncio.sleep(0)
    second = asyncio.create_task(engine.run({"images": images(1)}))
    await asyncio.sleep(0)
    second.cancel()
    await first
    await asyncio.sleep(0.05)
    assert engine.rows == 1
    engine.close()


@in_loop
async def test_swap__under_load__drops_nothing_and_every_answer_names_its_model() -> None:
    other = vision_model()
    other.graph.node[2].op_type = "LogSoftmax"
    engine = Engine(CONTENT, max_batch=8)
    feed = {"images": images(4)}
    old, old_hash = await engine.run(feed)
    running = [asyncio.create_task(engine.run(feed)) for _ in range(100)]
    await asyncio.sleep(0.002)
    new_hash = engine.swap(other.SerializeToString())
    running += [asyncio.create_task(engine.run(feed)) for _ in range(100)]
    results = await asyncio.gather(*running)
    hashes = [model for _, model in results]
    assert set(hashes) == {old_hash, new_hash}
    assert hashes == sorted(hashes, key=[old_hash, new_hash].index)  # in order, no way back
    for outputs, model in results:
        is_old = np.array_equal(outputs["probabilities"], old["probabilities"])
        assert is_old == (model == old_hash)
    engine.close()


@in_loop
async def test_swap__broken_model__the_old_one_stays() -> None:
    engine = Engine(CONTENT)
    with pytest.raises(ModelError):
        engine.swap(b"no model")
    outputs, _ = await engine.run({"images": images(1)})
    assert outputs["probabilities"].shape == (1, 10)
    engine.close()


@in_loop
async def test_I7_cancelled_while_it_waits__its_room_is_free_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else whoever asks and cancels while a long batch runs would keep all others out."""
    go, run = Event(), LoadedModel.run

    def run_later(self: LoadedModel, feed: Arrays) -> list[Any]:
        go.wait(PATIENT_S)
        return run(self, feed)

    monkeypatch.setattr(LoadedModel, "run", run_later)
    engine = Engine(CONTENT, threads=1, max_queue=8)
    first = engine.submit(tensors({"images": images(1)}), lambda *both: both)
    await until(lambda: engine._busy == 1)
    for _ in range(3):
        waiting = engine.submit(tensors({"images": images(8)}), lambda *both: both)
        assert engine.rows_waiting == 8
        assert waiting.cancel()
        assert not waiting.cancel()
        assert engine.rows_waiting == 0
    honest = engine.submit(tensors({"images": images(8)}), lambda *both: both)
    first.cancel()  # it runs: its rows are no longer of those that wait
    assert engine.rows_waiting == 8
    go.set()
    outputs, _ = await honest
    assert outputs["probabilities"].shape == (8, 10)
    assert engine.rows_waiting == 0
    engine.close()


@in_loop
async def test_close__callers_waiting__are_told_busy() -> None:
    engine = Engine(CONTENT, max_batch=1)
    tasks = [asyncio.create_task(engine.run({"images": images(1)})) for _ in range(50)]
    await asyncio.sleep(0)
    engine.close()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENT_S)
    assert sum(isinstance(r, Busy) for r in results) >= 48


def test_engine__opset_from_the_future__refused_in_one_sentence() -> None:
    model = vision_model(opsets=[helper.make_opsetid("", 9_999)])
    with pytest.raises(ModelError, match="onnxruntime refuses"):
        Engine(model.SerializeToString())


@pytest.mark.parametrize(
    ("small_row_s", "large_row_s", "rows"),
    [
        (0.0, 0.0, 256),
        (0.0, 1.0, 256),
        (1.0, 1.0, SMALL_BATCH),
        (1.0, 0.2, 256),
        (0.5, 1.0, SMALL_BATCH),
    ],
)
def test_batch_size__by_what_rows_cost__small_only_where_large_gains_nothing(
    small_row_s: float, large_row_s: float, rows: int
) -> None:
    engine = Engine(vision_model().SerializeToString())
    model = engine._model
    for batch, row_s in ((SMALL_BATCH, small_row_s), (64, large_row_s)):
        if row_s:
            model.learn(batch, batch * row_s)
    assert model.best_rows(7, 256) == rows
    assert model.best_rows(7, 8) == 8
    sizes = [model.best_rows(number, 256) for number in range(1_024)]
    assert {256, SMALL_BATCH} <= set(sizes)  # both are tried again and again
    assert sizes.count(rows) >= 1_020


class Held:
    """Runs of a model that last until they are let go; counts how many are at work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, engine: Engine, row_s: float) -> None:
        self.go_on, self.running, self.rows = Event(), 0, []
        run = LoadedModel.run

        def hold(model: LoadedModel, feed: Arrays) -> list[Any]:
            self.rows.append(len(feed["images"]))
            self.running += 1
            assert self.go_on.wait(PATIENT_S)
            self.running -= 1
            return run(model, feed)

        engine._model.row_s = row_s
        monkeypatch.setattr(LoadedModel, "learn", lambda *_: None)
        monkeypatch.setattr(LoadedModel, "run", hold)


@in_loop
async def test_threads__of_a_slow_model__share_what_waits_and_run_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, alone = Engine(CONTENT, threads=3), Engine(CONTENT, threads=1)
    want = [(await alone.run({"images": images(1, n)}))[0] for n in range(9)]
    held = Held(monkeypatch, engine, LONE_S)
    asked = [asyncio.create_task(engine.run({"images": images(1, n)})) for n in range(9)]
    await until(lambda: held.running == 3)
    assert held.rows == [3, 3, 3]
    assert engine.rows_waiting == 0
    held.go_on.set()
    for task, outputs in zip(asked, want, strict=True):
        assert np.array_equal((await task)[0]["probabilities"], outputs["probabilities"])
    engine.close()
    alone.close()


@in_loop
async def test_threads__all_at_work__what_comes_waits_and_makes_the_next_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(CONTENT, threads=2)
    held = Held(monkeypatch, engine, LONE_S)
    first = [asyncio.create_task(engine.run({"images": images(1)})) for _ in range(2)]
    await until(lambda: held.running == 2)
    later = [asyncio.create_task(engine.run({"images": images(1)})) for _ in range(4)]
    await until(lambda: engine.rows_waiting == 4)
    await asyncio.sleep(0.05)
    assert held.rows == [1, 1]  # a third thread would be one too many
    held.go_on.set()
    await asyncio.gather(*first, *later)
    assert sum(held.rows) == 6
    assert len(engine._threads) == 2
    engine.close()


@in_loop
async def test_threads__of_a_fast_model__batches_are_not_split(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = noted(monkeypatch, INLINE_S / 100)
    engine = Engine(CONTENT, threads=4)
    await engine.run({"images": images(1)})
    await asyncio.gather(*[engine.run({"images": images(1)}) for _ in range(16)])
    assert engine.batches == 2
    assert set(places[1:]) == {main_thread()}
    engine.close()


@in_loop
async def test_threads__one_at_work__who_comes_then_does_not_stop_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = noted(monkeypatch, (INLINE_S + LONE_S) / 2)
    engine = Engine(CONTENT, threads=2)
    for _ in range(4):
        await engine.run({"images": images(1)})
    assert places[-1] is main_thread()
    engine._busy = 1
    await engine.run({"images": images(1)})
    assert places[-1] is not main_thread()
    engine.close()


@in_loop
async def test_threads__model_on_a_gpu__one(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(CONTENT, threads=4)
    held = Held(monkeypatch, engine, LONE_S)
    engine._model.provider = "CUDAExecutionProvider"
    asked = [asyncio.create_task(engine.run({"images": images(1)})) for _ in range(8)]
    await until(lambda: held.running == 1)
    assert held.rows == [8]
    held.go_on.set()
    await asyncio.gather(*asked)
    engine.close()


def test_threads__unless_said__one_per_core_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 3, 5})
    assert Engine(CONTENT)._free == 3
    assert Engine(CONTENT, threads=2)._free == 2
