# SPDX-License-Identifier: Apache-2.0
"""The same miner in front of an inference server elsewhere: any that speaks the Open Inference
Protocol v2 (Triton, KServe, MLServer, and others).

The server batches; this side limits how much is under way, sets a deadline, and trusts nothing
that comes back: names, types, shapes and finite values are checked as if a stranger had sent them.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import aiohttp
import msgspec
import numpy as np

from miners.engine_port import Arrays, Feed, Then, run_arrays
from miners.errors import EngineAway, ModelError
from offchain.subnets.base import ModelInterface, TensorSpec
from offchain.wire import Busy, Tensor

_DATATYPES = {
    "float32": "FP32", "float64": "FP64", "float16": "FP16", "int8": "INT8", "int16": "INT16",
    "int32": "INT32", "int64": "INT64", "uint8": "UINT8", "uint16": "UINT16", "bool": "BOOL",
}  # fmt: skip
MAX_ANSWER_BYTES = 64 * 2**20


class _Tensor(msgspec.Struct):
    name: str
    datatype: str


class _About(msgspec.Struct):
    inputs: list[_Tensor] = []
    outputs: list[_Tensor] = []


class _Output(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw  # flat or nested, as the server likes


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
            status, raw = await self._get("")
            is_ready = status == 200 and await self._is_ready()
            about = msgspec.json.decode(raw, type=_About) if status == 200 else None
        except (aiohttp.ClientError, TimeoutError, RecursionError, ValueError) as error:
            raise ModelError(
                f"engine: {self._url} does not answer ({type(error).__name__})",
                next_step="Start the inference server first.",
            ) from error
        if about is None:
            raise ModelError(
                f"engine: {self._url} is no model",
                next_step="Name one of the server's with --model.",
            )
        if not is_ready:
            raise ModelError(
                f"engine: {self._url} is not ready",
                next_step="Wait until the server has loaded it.",
            )
        for kind, tensors, wanted in (
            ("inputs", about.inputs, self._interface.inputs),
            ("outputs", about.outputs, self._interface.outputs),
        ):
            given = {t.name: t.datatype for t in tensors}
            want = {name: _DATATYPES[spec.dtype] for name, spec in wanted.items()}
            if given != want:
                raise ModelError(
                    f"engine: {kind} of {self._url} are {given}, wanted {want}",
                    next_step="Name another model with --model, or another --subnet."
                    if given
                    else f"Declare the model's {kind} in its settings at the server.",
                )

    async def run(self, arrays: Arrays) -> tuple[dict[str, Any], bytes]:
        """As `run_arrays`."""
        return await run_arrays(self, arrays)

    def submit(self, feed: Feed, then: Then) -> "asyncio.Future[Any]":
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

    async def _ask(self, feed: Feed, then: Then) -> Any:
        rows = next(iter(feed.values())).shape[0]
        inputs = [_input(name, tensor.numpy()) for name, tensor in feed.items()]
        self.rows_waiting += rows
        try:
            body = msgspec.json.encode({"inputs": inputs})
            async with self._session().post(
                f"{self._url}/infer",
                data=body,
                headers={"content-type": "application/json"},
                allow_redirects=False,
            ) as response:
                status = response.status
                raw = await _read(response) if status == 200 else b""
            if status != 200:
                raise await self._refusal(status)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EngineAway(f"engine: {type(error).__name__}") from error
        finally:
            self.rows_waiting -= rows
        self.batches += 1
        self.rows += rows
        outputs = _outputs(raw, self._interface.outputs, rows)
        return then({n: Tensor.of(array) for n, array in outputs.items()}, self.model_hash)

    async def _refusal(self, status: int) -> Exception:
        """What a status says about the question. A good one gets 400 from MLServer that still loads
        the model, and 404 from Triton that has none: the model's own readiness decides.
        """
        if status in (429, 503):
            return Busy()
        if status in (502, 504) or not await self._is_ready():  # of a proxy, or nobody is there
            return EngineAway(f"engine: status {status}")
        return ModelError(f"engine: status {status}")

    async def _is_ready(self) -> bool:
        status, _ = await self._get("/ready")
        return status == 200

    async def _get(self, path: str) -> tuple[int, bytes]:
        async with self._session().get(self._url + path, allow_redirects=False) as response:
            return response.status, await _read(response)

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


async def _read(response: aiohttp.ClientResponse) -> bytes:
    raw = await response.content.read(MAX_ANSWER_BYTES + 1)
    while len(raw) <= MAX_ANSWER_BYTES:
        more = await response.content.read(2**20)
        if not more:
            return raw
        raw += more
    raise ModelError(f"engine: an answer over {MAX_ANSWER_BYTES} bytes")


def _outputs(raw: bytes, wanted: Mapping[str, TensorSpec], rows: int) -> dict[str, Any]:
    try:
        given = {output.name: output for output in _DECODER.decode(raw).outputs}
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ModelError("engine: the answer is not one of the protocol") from error
    arrays = {}
    for name, spec in wanted.items():
        output = given.get(name)
        shape = tuple(rows if size is None else size for size in spec.shape)
        if (
            output is None
            or tuple(output.shape) != shape
            or output.datatype != _DATATYPES[spec.dtype]
        ):
            raise ModelError(f"engine: output {name} is missing or has another type or shape")
        array = _array(output, spec)
        if array.shape not in (shape, (int(np.prod(shape)),)):
            raise ModelError(f"engine: output {name} has values of shape {array.shape}")
        if not np.isfinite(array).all():
            raise ModelError(f"engine: output {name} has values that are not finite")
        arrays[name] = array.reshape(shape)
    return arrays


def _array(output: _Output, spec: TensorSpec) -> Any:
    """The values as they came, in one row or nested as deep as the tensor: the protocol allows
    both.
    """
    try:
        try:
            values = _values_decoder(1).decode(output.data)
        except msgspec.ValidationError:
            values = _values_decoder(len(spec.shape)).decode(output.data)
        return np.asarray(values, dtype=spec.dtype)
    except (msgspec.MsgspecError, OverflowError, ValueError) as error:
        raise ModelError(f"engine: output {output.name} has values of another kind") from error


@cache
def _values_decoder(depth: int) -> msgspec.json.Decoder[Any]:
    kind: Any = float | int | bool
    for _ in range(depth):
        kind = list[kind]
    return msgspec.json.Decoder(kind)
