# SPDX-License-Identifier: Apache-2.0
"""A model on replicas of Ray Serve; needs the extra `evmtensor[ray]`: `make test-ray`."""

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from miners import Engine, Miner, ModelError
from miners.engines import EngineChoice, EngineName, make_miner
from miners.ray_engine import RayEngine
from offchain.subnets import vision
from offchain.wire import Busy
from tests.miners.worlds import FakeChain, endpoint_of, here, new_validator, tensors, vision_model
from tests.wire.worlds import PATIENT_S, new_hotkey

CONTENT = vision_model().SerializeToString()
FEED = {"images": np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)}
HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="make test-ray installs Ray Serve and runs this")


ENDS = """
import asyncio, sys, time
from miners.ray_engine import RayEngine
engine = RayEngine(open(sys.argv[1], "rb").read(), replicas=1)
asyncio.run(engine.check())
engine.close()
time.sleep(5)  # what Serve leaves running would have started another cluster by now
import ray
sys.exit(ray.is_initialized())
"""


@pytest.mark.slow
@needs_ray
def test_ray__closed__its_process_ends_and_no_cluster_is_left(tmp_path: Path) -> None:
    """First in this file: a process that drives a cluster had better not fork."""
    model = tmp_path / "model.onnx"
    model.write_bytes(CONTENT)
    command = [sys.executable, "-c", ENDS, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    """Two replicas on this machine; starting them takes a while."""
    made = RayEngine(CONTENT, replicas=2)
    asyncio.run(made.check())
    yield made
    made.close()


@pytest.mark.slow
@needs_ray
def test_ray__same_model__same_answers_through_the_whole_miner(engine: RayEngine) -> None:
    async def run() -> None:
        chain, key = FakeChain(), new_hotkey()
        miner = await Miner.from_engine(engine).start(chain, key, here())
        assert chain.model == engine.model_hash
        _, dendrite = new_validator(chain)
        tasks = vision.tasks(bytes(32), range(40))
        questions = [(endpoint_of(chain, key), task.synapse) for task in tasks]
        replies = await dendrite.query(questions, PATIENT_S)
        local = Engine(CONTENT)
        for task, reply in zip(tasks, replies, strict=True):
            assert reply.ok, reply.detail
            want, _ = await local.run({"images": task.synapse.images.numpy()})
            got = reply.synapse.probabilities.numpy()
            assert np.allclose(got, want["probabilities"], atol=1e-6)
        local.close()
        await dendrite.close()
        assert miner.axon is not None
        await miner.axon.close()  # the engine serves the next test

    asyncio.run(run())
    assert "2 replicas, CPUExecutionProvider" in engine.provider


@pytest.mark.slow
@needs_ray
def test_ray__bad_input__fails_alone_and_beyond_the_cap_is_busy(engine: RayEngine) -> None:
    async def run() -> None:
        wrong = {"images": np.zeros((3, 7, 7), dtype=np.float32)}
        bad, good = (
            engine.submit(tensors(wrong), lambda *b: b),
            engine.submit(tensors(FEED), lambda *b: b),
        )
        results = await asyncio.gather(bad, good, return_exceptions=True)
        assert isinstance(results[0], ModelError)
        assert results[1][0]["probabilities"].shape == (3, 10)
        engine._max_under_way = 1
        first = engine.submit(tensors(FEED), lambda *b: b)
        with pytest.raises(Busy):
            engine.submit(tensors(FEED), lambda *b: b)
        await first
        engine._max_under_way = 1_024
        assert engine.rows_waiting == 0

    asyncio.run(run())


@pytest.mark.skipif(HAS_RAY, reason="Ray Serve is installed here")
def test_ray__not_installed__one_sentence_and_the_next_step(tmp_path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(CONTENT)
    with pytest.raises(ModelError, match="not installed") as caught:
        make_miner(EngineChoice(model, EngineName.RAY))
    assert "evmtensor[ray]" in caught.value.next_step
