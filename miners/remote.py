# SPDX-License-Identifier: Apache-2.0
"""The same miner in front of an inference server elsewhere: any that speaks the Open Inference
Protocol v2 (Triton, KServe, and others).

The server batches; this side limits how much is under way, sets a deadline, and trusts nothing
that comes back: names, types, shapes and finite values are checked as if a stranger had sent them.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec
import numpy as np

from miners.engine import Arrays, Then
from miners.errors import EngineAway, ModelError
from offchain.subnets.base import ModelInterface, TensorSpec
from offchain.wire import Busy

_DATATYPES = {
    "float32": "FP32", "float64": "FP64", "float16": "FP16", "int8": "INT8", "int16": "INT16",
    "int32": "INT32", "int64": "INT64", "uint8": "UINT8", "uint16": "UINT16", "bool": "BOOL",
}  # fmt: skip
MAX_ANSWER_BYTES = 64 * 2**20


class _Output(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float | int | bool]


class _Answer(msgspec.Struct):
    outputs: list[_Output]


_DECODER = msgspec.json.Decoder(_Answer)


class OipEngine:
    """A model behind `url` (http://host:port), in the place of an `Engine`.

    `model_hash` is what the miner commits to: SHA-256 of the ONNX file that the server runs.
    """

    def __init__(
        self,
        url: str,
        model: str,
        interface: ModelInterface,
        model_hash: bytes,
        *,
        max_under_way: int = 256,
        timeout_s: float = 10.0,
    ) -> None:
        self._url = f"{url.rstrip('/')}/v2/models/{model}"
        self._interface = interface
        self.model_hash = model_hash
        self.provider = f"{url} (Open Inference Protocol)"
        self._max_under_way = max_under_way
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._client: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.rows_waiting = self.batches = self.rows = 0

    async def check(self) -> None:
        """ModelError unless the server is ready and its model takes and returns our tensors."""
        try:
            async with self._session().get(self._url, allow_redirects=False) as response:
                about = await response.json() if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ModelError(
                f"engine: {self._url} does not answer ({type(error).__name__})",
                next_step="Start the inference server first.",
            ) from error
        if not isinstance(about, dict):
            raise ModelError(
                f"engine: {self._url} is no model",
                next_step="Name one of the server's with --model.",
            )
        for kind, wanted in (
            ("inputs", self._interface.inputs),
            ("outputs", self._interface.outputs),
        ):
            given = {t.get("name"): t.get("datatype") for t in about.get(kind, [])}
            want = {name: _DATATYPES[spec.dtype] for name, spec in wanted.items()}
            if given != want:
                raise ModelError(
                    f"engine: {kind} of {self._url} are {given}, wanted {want}",
                    next_step="Name another model with --model, or another --subnet.",
                )

    async def run(self, feed: Arrays) -> tuple[dict[str, Any], bytes]:
        """As `Engine.run`."""
        result: tuple[dict[str, Any], bytes] = await self.submit(feed, lambda *both: both)
        return result

    def submit(self, feed: Arrays, then: Then) -> "asyncio.Future[Any]":
        """As `Engine.submit`. Raises Busy beyond `max_under_way` requests."""
        if len(self._tasks) >= self._max_under_way:
            raise Busy
        task = asyncio.get_running_loop().create_task(self._ask(feed, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def swap(self, content: bytes) -> bytes:
        """Not here: models are exchanged at the server."""
        raise ModelError("engine: exchange the model at the inference server and start anew")

    def close(self) -> None:
        """Give up what is under way, and the connections."""
        for task in self._tasks:
            task.cancel()
        if self._client is not None:
            client, self._client = self._client, None
            with suppress(RuntimeError):  # no loop: nothing is open any more
                asyncio.get_running_loop().create_task(client.close())

    async def _ask(self, feed: Arrays, then: Then) -> Any:
        rows = len(next(iter(feed.values())))
        self.rows_waiting += rows
        try:
            body = msgspec.json.encode({"inputs": [_input(n, a) for n, a in feed.items()]})
            async with self._session().post(
                f"{self._url}/infer",
                data=body,
                headers={"content-type": "application/json"},
                allow_redirects=False,
            ) as response:
                if response.status in (429, 503):
                    raise Busy
                if response.status in (502, 504):  # of a proxy before it
                    raise EngineAway(f"engine: status {response.status}")
                if response.status != 200:
                    raise ModelError(f"engine: status {response.status}")
                raw = await response.content.read(MAX_ANSWER_BYTES + 1)
                while len(raw) <= MAX_ANSWER_BYTES:
                    more = await response.content.read(2**20)
                    if not more:
                        break
                    raw += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EngineAway(f"engine: {type(error).__name__}") from error
        finally:
            self.rows_waiting -= rows
        if len(raw) > MAX_ANSWER_BYTES:
            raise ModelError(f"engine: an answer over {MAX_ANSWER_BYTES} bytes")
        self.batches += 1
        self.rows += rows
        return then(_outputs(raw, self._interface.outputs, rows), self.model_hash)

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            connector = aiohttp.TCPConnector(limit=self._max_under_way)
            self._client = aiohttp.ClientSession(timeout=self._timeout, connector=connector)
        return self._client


def _input(name: str, array: Any) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(array.shape),
        "datatype": _DATATYPES[array.dtype.name],
        "data": array.ravel().tolist(),
    }


def _outputs(raw: bytes, wanted: Mapping[str, TensorSpec], rows: int) -> dict[str, Any]:
    try:
        given = {output.name: output for output in _DECODER.decode(raw).outputs}
    except (msgspec.MsgspecError, ValueError) as error:
        raise ModelError("engine: the answer is not one of the protocol") from error
    arrays = {}
    for name, spec in wanted.items():
        output = given.get(name)
        shape = [rows if size is None else size for size in spec.shape]
        if output is None or output.shape != shape or output.datatype != _DATATYPES[spec.dtype]:
            raise ModelError(f"engine: output {name} is missing or has another type or shape")
        if len(output.data) != int(np.prod(shape)):
            raise ModelError(f"engine: output {name} has {len(output.data)} values")
        array = np.asarray(output.data, dtype=spec.dtype).reshape(shape)
        if not np.isfinite(array).all():
            raise ModelError(f"engine: output {name} has values that are not finite")
        arrays[name] = array
    return arrays
