# SPDX-License-Identifier: Apache-2.0
"""From a file, a module or a function to a serving miner; nothing half-sent when it is wrong."""

import asyncio
import inspect
import os
import signal
import socket
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miners import Engine, Miner, MinerError, ModelError, Settings
from miners.checks import model_hash
from miners.engine_model import LoadedModel
from miners.profile import profile_here
from offchain.protocol.errors import ChainError, ConfigError
from offchain.subnets import vision
from offchain.subnets.base import score_safely, task_seed
from offchain.wire import (
    Code,
    Domain,
    LocalHotkey,
    Synapse,
    Tensor,
    WireConfigError,
    check_evidence,
)
from tests.miners.worlds import FakeChain, endpoint_of, here, new_validator, vision_model
from tests.wire.worlds import PATIENT_S, in_loop, until

ROOT = Path(__file__).parents[2]
HERE = here(refresh_s=0.02)


def a_file(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(vision_model().SerializeToString())
    return path


def hotkey() -> LocalHotkey:
    return LocalHotkey(os.urandom(32))


async def mean_score(chain: FakeChain, key: LocalHotkey, rounds: int = 12) -> float:
    _, dendrite = new_validator(chain)
    tasks = vision.tasks(task_seed(b"e", os.urandom(32)), range(rounds))
    there = endpoint_of(chain, key)
    scores = []
    for task in tasks:
        (reply,) = await dendrite.query([(there, task.synapse)], PATIENT_S)
        scores.append(score_safely(vision, task, reply.synapse, min(reply.latency_s, 0.1)))
    await dendrite.close()
    return float(np.mean(scores))


def test_miners__of_different_quality__score_in_that_order(models: Path) -> None:
    scores = {}

    @in_loop
    async def run() -> None:
        for name in ("cnn", "mlp", "linear"):
            chain, key = FakeChain(), hotkey()
            miner = await Miner.from_onnx(models / f"{name}.onnx").start(chain, key, HERE)
            scores[name] = await mean_score(chain, key)
            await miner.close()

    run()
    assert scores["cnn"] > 1.3 * scores["mlp"] > 1.3 * scores["linear"] * 1.3
    assert scores["linear"] > 0.1


@in_loop
async def test_start__order__register_commit_then_publish() -> None:
    chain, key = FakeChain(uid=None), hotkey()
    content = vision_model().SerializeToString()
    settings = here(max_burn_rao=10, refresh_s=0.02)
    miner = await Miner.from_bytes(content).start(chain, key, settings)
    assert chain.sent == ["register", "commit_model", "serve_axon"]
    assert chain.model == model_hash(content)
    assert chain.refreshed >= 1
    await until(lambda: chain.refreshed >= 3)
    await miner.close()


@in_loop
async def test_start__same_model_committed_before__sends_no_second_commit() -> None:
    content = vision_model().SerializeToString()
    profile = profile_here("CPUExecutionProvider", content).hash
    chain = FakeChain(model=model_hash(content), profile=profile)
    miner = await Miner.from_bytes(content).start(chain, hotkey(), HERE)
    assert chain.sent == ["serve_axon"]
    await miner.close()


@in_loop
async def test_start__unregistered_without_a_burn__sends_nothing() -> None:
    chain = FakeChain(uid=None)
    with pytest.raises(MinerError, match="not registered") as caught:
        await Miner.from_bytes(vision_model().SerializeToString()).start(chain, hotkey(), HERE)
    assert caught.value.next_step
    assert chain.sent == []


@in_loop
async def test_start__burn_too_high__sends_nothing() -> None:
    chain = FakeChain(uid=None, burn_rao=100)
    settings = here(max_burn_rao=99)
    with pytest.raises(ConfigError, match="burn is 100"):
        await Miner.from_bytes(vision_model().SerializeToString()).start(chain, hotkey(), settings)
    assert chain.sent == []


@in_loop
async def test_start__port_taken__sends_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        chain = FakeChain(uid=None)
        settings = here(port=taken.getsockname()[1], max_burn_rao=99)
        with pytest.raises(WireConfigError, match="cannot open") as told:
            await Miner.from_bytes(vision_model().SerializeToString()).start(
                chain, hotkey(), settings
            )
        assert told.value.next_step == "Choose a free port."
        assert chain.sent == []


@in_loop
async def test_start__address_that_nobody_reaches__sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = FakeChain(uid=None)
    monkeypatch.setattr(chain, "domain", lambda: Domain(10, "0x" + "11" * 20))
    miner = Miner.from_bytes(vision_model().SerializeToString())
    with pytest.raises(ConfigError, match="validators cannot reach"):
        await miner.start(chain, hotkey(), Settings(max_burn_rao=99))
    assert chain.sent == []


@in_loop
async def test_start__address_of_another_machine__sends_nothing() -> None:
    chain = FakeChain(uid=None)
    miner = Miner.from_bytes(vision_model().SerializeToString())
    with pytest.raises(WireConfigError, match="cannot open") as told:
        await miner.start(chain, hotkey(), Settings(host="203.0.113.5", max_burn_rao=99))
    assert told.value.next_step == "Name an address of this machine."
    assert chain.sent == []


@in_loop
async def test_serving__chain_unreachable_for_a_while__goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain, key = FakeChain(), hotkey()
    miner = await Miner.from_bytes(vision_model().SerializeToString()).start(chain, key, HERE)
    failures = 0

    def refuse() -> None:
        nonlocal failures
        failures += 1
        raise ChainError("node down")

    monkeypatch.setattr(chain, "refresh", refuse)
    await until(lambda: failures > 3)
    assert await mean_score(chain, key, rounds=2) >= 0.0
    assert miner.axon is not None
    assert miner.axon.served == 2
    await miner.close()


@in_loop
async def test_swap__loading_takes_long__answers_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chain, key, path = FakeChain(), hotkey(), tmp_path / "model.onnx"
    path.write_bytes(vision_model().SerializeToString())
    miner = await Miner.from_onnx(path).start(chain, key, HERE)
    _, dendrite = new_validator(chain)
    loaded, entered, going_on = Engine.swap, threading.Event(), threading.Event()

    def slowly(self: Engine, content: bytes) -> bytes:
        entered.set()
        assert going_on.wait(PATIENT_S), "nobody was answered while the model was loaded"
        return loaded(self, content)

    monkeypatch.setattr(Engine, "swap", slowly)
    swapping = asyncio.create_task(miner.swap(path))
    await until(entered.is_set)
    task = vision.tasks(bytes(32), [0])[0]
    reply = await dendrite.call(endpoint_of(chain, key), task.synapse, PATIENT_S)
    assert reply.ok
    going_on.set()
    await swapping
    await dendrite.close()
    await miner.close()


@in_loop
async def test_swap__better_model__hash_committed_before_its_first_answer() -> None:
    chain, key = FakeChain(), hotkey()
    first, second = vision_model(), vision_model()
    second.graph.initializer[1].name = "v"
    second.graph.node[1].input[1] = "v"
    miner = await Miner.from_bytes(first.SerializeToString()).start(chain, key, HERE)
    _, dendrite = new_validator(chain)
    task = vision.tasks(bytes(32), [0])[0]
    there = endpoint_of(chain, key)
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"swap-{os.getpid()}.onnx"
    path.write_bytes(second.SerializeToString())
    replies, stop = [], False

    async def keep_asking() -> None:
        while not stop:
            replies.append(await dendrite.call(there, task.synapse, PATIENT_S))

    asking = [asyncio.create_task(keep_asking()) for _ in range(8)]
    await until(lambda: len(replies) > 20)
    new_hash = await miner.swap(path)
    path.unlink()
    assert chain.model == new_hash
    count = len(replies)
    await until(lambda: len(replies) > count + 20)
    stop = True
    await asyncio.gather(*asking)
    await until(lambda: all(r.evidence() for r in replies))
    models = [r.evidence().model for r in replies]
    for reply in replies:
        check_evidence(reply.evidence())
    assert set(models) == {model_hash(first.SerializeToString()), new_hash}
    await dendrite.close()
    await miner.close()


def test_from_onnx__not_onnx__one_sentence_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not an ONNX model") as caught:
        Miner.from_onnx(path)
    assert caught.value.next_step


def test_from_torch__untrained_module__serves_what_torch_computes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from miners.models import linear

    torch.manual_seed(0)
    module = linear()
    miner = Miner.from_torch(module, "vision", tmp_path / "linear.onnx")
    assert miner.report is not None
    assert miner.report.is_batch_invariant
    images = torch.rand(5, 8, 8)

    @in_loop
    async def run() -> None:
        chain, key = FakeChain(), hotkey()
        await miner.start(chain, key, HERE)
        _, dendrite = new_validator(chain)
        question = vision.Vision(images=Tensor.of(images.numpy()))
        reply = await dendrite.call(endpoint_of(chain, key), question, PATIENT_S)
        want = module(images).detach().numpy()
        assert np.allclose(reply.synapse.probabilities.numpy(), want, atol=1e-5)
        await dendrite.close()
        await miner.close()

    run()


def test_from_torch__module_with_another_output__refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 11))
    with pytest.raises(ModelError):
        Miner.from_torch(module, "vision", tmp_path / "bad.onnx")
    assert not (tmp_path / "bad.onnx").exists()


@pytest.mark.parametrize("name", ["takes", "returns", "no module", "untraceable"])
def test_from_torch__unfit_module__one_sentence_that_says_why(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")

    class Untraceable(torch.nn.Module):  # type: ignore[misc]
        def forward(self, images: Any) -> Any:
            if float(images.sum()) > 0:  # what the exporter cannot know
                return torch.zeros(len(images), 10)
            return torch.ones(len(images), 10)

    unfit, why, next_step = {
        "takes": (torch.nn.Linear(3, 3), "mat1 and mat2", "Make it take images"),
        "returns": (torch.nn.Flatten(), "wanted [(3, 10)]", "Make it take images"),
        "no module": (object(), "object is no torch module", "torch.nn.Module"),
        "untraceable": (Untraceable(), "torch cannot export this", "torch.export.export"),
    }[name]
    with pytest.raises(ModelError) as told:
        Miner.from_torch(unfit, "vision", tmp_path / "bad.onnx")
    assert why in str(told.value)
    assert "\x1b" not in str(told.value)
    assert next_step in told.value.next_step
    assert "".join(capfd.readouterr()) == ""  # torch's own tracebacks are not for this reader
    assert not (tmp_path / "bad.onnx").exists()


@in_loop
async def test_forward__a_function__serves_it() -> None:
    chain, key = FakeChain(), hotkey()
    miner = Miner("vision", model_hash=b"f" * 32)

    @miner.forward
    def answer(synapse: vision.Vision) -> vision.Vision:
        rows = synapse.images.shape[0]
        synapse.probabilities = Tensor.of(np.full((rows, 10), 0.1, dtype=np.float32))
        return synapse

    await miner.start(chain, key, HERE)
    assert chain.model == b"f" * 32
    assert await mean_score(chain, key, 3) < 0.1
    assert miner.axon is not None
    assert miner.axon.served == 3
    await miner.close()


@in_loop
async def test_forward__a_function_of_a_list__gets_what_came_together() -> None:
    chain, key, sizes = FakeChain(), hotkey(), []
    miner = Miner("vision", model_hash=b"\7" * 32)

    @miner.forward
    def guess(questions: list[vision.Vision]) -> list[vision.Vision]:
        sizes.append(len(questions))
        for question in questions:
            rows = len(question.images.numpy())
            question.probabilities = Tensor.of(np.full((rows, 10), 0.1, dtype=np.float32))
        return questions

    await miner.start(chain, key, HERE)
    _, dendrite = new_validator(chain)
    there = endpoint_of(chain, key)
    question = vision.Vision(images=Tensor.of(np.zeros((2, 8, 8), dtype=np.float32)))
    await dendrite.call(there, question, PATIENT_S)
    replies = await dendrite.query([(there, question)] * 4, PATIENT_S)
    assert all(reply.ok for reply in replies)
    assert sizes == [1, 4]
    await dendrite.close()
    await miner.close()


def test_forward__of_another_message__refused_where_it_is_written_down() -> None:
    def one(synapse: Other) -> Other:
        return synapse

    def many(synapses: list[Other]) -> list[Other]:
        return synapses

    for function in (one, many):
        with pytest.raises(MinerError, match="another message"):
            Miner("vision").forward(function)


class Other(Synapse):
    ANSWERS = ("said",)

    said: str | None = None


@in_loop
async def test_forward__no_hash_given__commits_its_source() -> None:
    """A validator scores 0 who commits to nothing."""
    chain, miner = FakeChain(), Miner("vision")

    @miner.forward
    async def answer(synapse: vision.Vision) -> vision.Vision:
        return synapse

    await miner.start(chain, hotkey(), HERE)
    assert chain.model == sha256(inspect.getsource(answer).encode()).digest()
    await miner.close()


@in_loop
async def test_forward__source_is_gone__says_that_it_earns_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chain, miner, names = FakeChain(), Miner("vision"), {}
    exec("def answer(synapse):\n    return synapse", names)
    miner.forward(names["answer"])
    await miner.start(chain, hotkey(), HERE)
    assert "commit_model" not in chain.sent
    assert "Give Miner a model_hash." in capsys.readouterr().out
    await miner.close()


@in_loop
async def test_request__wrong_tensor__bad_request_and_no_model_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain, key = FakeChain(), hotkey()
    miner = await Miner.from_bytes(vision_model().SerializeToString()).start(chain, key, HERE)
    _, dendrite = new_validator(chain)
    there = endpoint_of(chain, key)
    runs: list[object] = []
    monkeypatch.setattr(LoadedModel, "run", lambda _model, feed: runs.append(feed))
    wrong = [
        np.zeros((2, 8, 9), dtype=np.float32),
        np.zeros((2, 8, 8), dtype=np.float64),
        np.full((2, 8, 8), np.nan, dtype=np.float32),
    ]
    questions = [(there, vision.Vision(images=Tensor.of(x))) for x in wrong]
    replies = await dendrite.query(questions, PATIENT_S)
    assert [r.code for r in replies] == [Code.BAD_REQUEST] * 3
    assert not runs
    await dendrite.close()
    await miner.close()


def test_import__to_serve__needs_neither_torch_nor_ape_nor_scikit_learn() -> None:
    code = (
        "import sys, miners, miners.miner, miners.engine, offchain.subnets.vision\n"
        "bad = {'torch', 'ape', 'sklearn', 'web3'} & set(sys.modules)\n"
        "raise SystemExit(str(bad) if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@in_loop
async def test_run__hangup__swaps_to_the_better_file_and_ignores_a_broken_one(
    tmp_path: Path,
) -> None:
    chain, path = FakeChain(), a_file(tmp_path)
    miner = Miner.from_onnx(path)
    first = miner.model_hash
    running = asyncio.create_task(miner._run(chain, hotkey(), HERE))
    await until(lambda: chain.endpoint is not None)
    await until(lambda: bool(signal.getsignal(signal.SIGHUP)))

    path.write_bytes(b"not a model")
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0.1)
    assert miner.model_hash == first

    model = vision_model()
    model.doc_string = "better"
    path.write_bytes(model.SerializeToString())
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: miner.model_hash != first)
    assert chain.sent.count("commit_model") == 2
    assert chain.model == miner.model_hash == model_hash(path.read_bytes())
    os.kill(os.getpid(), signal.SIGTERM)
    await running
