# SPDX-License-Identifier: Apache-2.0
"""A miner in front of MLServer, a server of the protocol that is not ours: `make test-oip`."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest

from miners import Miner, ModelError
from miners.checks import model_hash
from miners.engines import EngineChoice, EngineName, make_miner
from miners.errors import EngineAway
from miners.remote import OipEngine
from offchain.localnet.chain_process import free_port
from offchain.subnets import vision
from tests.miners.real_server import RealServer
from tests.miners.worlds import FakeChain, endpoint_of, here, new_validator
from tests.wire.worlds import PATIENT_S, in_loop, new_hotkey

# an environment of its own: MLServer wants other versions than the project
MLSERVER = Path(__file__).parents[2] / ".build" / "oip" / "bin" / "mlserver"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not MLSERVER.exists(), reason="make test-oip installs MLServer and runs this"
    ),
]
RUNTIME = """
import asyncio, onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

class Onnx(MLModel):
    async def load(self):
        about = self.settings.parameters
        await asyncio.sleep(about.extra["load_s"])
        self.session = onnxruntime.InferenceSession(about.uri)
        return True

    async def predict(self, payload):
        feed = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        outputs = []
        for about, array in zip(self.session.get_outputs(), self.session.run(None, feed)):
            output = NumpyCodec.encode_output(about.name, array)
            if self.name == "nested":
                output.data = array.tolist()
            outputs.append(output)
        return InferenceResponse(model_name=self.name, outputs=outputs)
"""
TENSORS = {
    "inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 8, 8]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
}


@dataclass(kw_only=True)
class Server(RealServer):
    """MLServer with one model under three names: `vision`, `nested` in its answers, and `bare`,
    which declares no tensors.
    """

    model: Path

    def start(self, load_s: float = 0.0) -> None:
        self._write("settings.json", {
            "host": "127.0.0.1", "http_port": self.port, "grpc_port": free_port(),
            "metrics_endpoint": None, "parallel_workers": 0,
        })  # fmt: skip
        (self.folder / "onnx_runtime.py").write_text(RUNTIME)
        parameters = {"uri": str(self.model), "extra": {"load_s": load_s}}
        for name in ("vision", "nested", "bare"):
            about = {"name": name, "implementation": "onnx_runtime.Onnx", "parameters": parameters}
            self._write(f"{name}/model-settings.json", about | (TENSORS if name != "bare" else {}))
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        self.run([MLSERVER, "start", self.folder], environment)

    def wait(self, path: str = "/v2/models/vision/ready") -> None:
        self.wait_for(path)

    def engine(self, name: str = "vision") -> OipEngine:
        return OipEngine(self.url, name, vision.MODEL, model_hash(self.model.read_bytes()))

    def _write(self, name: str, content: dict[str, Any]) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(folder=tmp_path_factory.mktemp("mlserver"), model=models / "cnn.onnx")
    made.start()
    try:
        made.wait()
        yield made
    finally:
        made.kill()


def _images(rows: int) -> dict[str, Any]:
    return {"images": np.random.default_rng(rows).random((rows, 8, 8)).astype(np.float32)}


def test_oip_server__whole_miner__bits_of_onnxruntime_here(server: Server) -> None:
    @in_loop
    async def run() -> None:
        chain, key = FakeChain(), new_hotkey()
        choice = EngineChoice(server.model, EngineName.OIP, url=server.url, model="vision")
        miner = await make_miner(choice).start(chain, key, here())
        assert chain.model == model_hash(server.model.read_bytes())
        _, dendrite = new_validator(chain)
        tasks = vision.tasks(bytes(32), range(40))
        questions = [(endpoint_of(chain, key), task.synapse) for task in tasks]
        replies = await dendrite.query(questions, PATIENT_S)
        local = onnxruntime.InferenceSession(server.model)
        for task, reply in zip(tasks, replies, strict=True):
            assert reply.ok, reply.detail
            (want,) = local.run(None, {"images": task.synapse.images.numpy()})
            assert np.array_equal(reply.synapse.probabilities.numpy(), want)
        await dendrite.close()
        await miner.close()

    run()


@pytest.mark.parametrize("name", ["vision", "nested"])
def test_oip_server__batches__bits_of_onnxruntime_here(server: Server, name: str) -> None:
    @in_loop
    async def run() -> None:
        engine = server.engine(name)
        await engine.check()
        local = onnxruntime.InferenceSession(server.model)
        feeds = [_images(rows) for rows in (1, 3, 256)]
        answers = await asyncio.gather(*[engine.run(feed) for feed in feeds])
        for feed, (outputs, _) in zip(feeds, answers, strict=True):
            assert np.array_equal(outputs["probabilities"], local.run(None, feed)[0])
        engine.close()

    run()


@pytest.mark.parametrize(
    ("name", "says", "next_step"), [("bare", "are {}", "Declare"), ("other", "no model", "Name")]
)
def test_oip_server__model_missing_or_undeclared__one_sentence_and_the_next_step(
    server: Server, name: str, says: str, next_step: str
) -> None:
    @in_loop
    async def run() -> None:
        engine = server.engine(name)
        with pytest.raises(ModelError, match=says) as caught:
            await engine.check()
        assert next_step in caught.value.next_step
        engine.close()

    run()


def test_oip_server__bad_input__fails_alone_and_a_missing_model_blames_nobody(
    server: Server,
) -> None:
    @in_loop
    async def run() -> None:
        engine = server.engine()
        wrong = {"images": np.zeros((3, 7, 7), dtype=np.float32)}
        bad, good = await asyncio.gather(
            engine.run(wrong), engine.run(_images(3)), return_exceptions=True
        )
        assert type(bad) is ModelError
        assert good[0]["probabilities"].shape == (3, 10)
        engine.close()
        gone = server.engine("other")
        with pytest.raises(EngineAway, match="404"):  # as if taken off the server meanwhile
            await gone.run(_images(3))
        gone.close()

    run()


def test_oip_server__killed_and_loading_again__edge_says_503_and_comes_back(
    server: Server,
) -> None:
    @in_loop
    async def run() -> None:
        settings = here(http_port=0)
        miner = Miner.from_engine(server.engine())
        await miner.start(FakeChain(), new_hotkey(), settings)
        assert miner.edge is not None
        there = f"http://127.0.0.1:{miner.edge.port}/v1/infer"
        body = {"images": _images(3)["images"].tolist()}
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENT_S) as client:

            async def ask() -> tuple[int, str]:
                response = await client.post(there, json=body)
                return response.status_code, response.text

            assert (await ask())[0] == 200
            under_way = [asyncio.create_task(ask()) for _ in range(20)]
            await asyncio.sleep(0.01)
            server.kill()
            statuses = {status for status, _ in await asyncio.gather(*under_way)}
            assert statuses <= {200, 503}
            assert await ask() == (503, '{"error":"the engine does not answer"}')
            server.start(load_s=5.0)
            await asyncio.to_thread(server.wait, "/v2/models/vision")  # listens, and has no model
            assert server.status("/v2/models/vision/ready") == 400
            assert await ask() == (503, '{"error":"the engine does not answer"}')
            await asyncio.to_thread(server.wait)
            assert (await ask())[0] == 200
        await miner.close()

    run()
