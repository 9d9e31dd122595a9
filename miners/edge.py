# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP edge beside the wire for curl and load balancers: health, metrics, one JSON call.

    GET  /health     {"status": "ok", "subnet": ..., "model": ..., "provider": ...}
    GET  /metrics    Prometheus text
    POST /v1/infer   {"images": [[[...]]]} -> {"probabilities": [[...]], "model": ...}

It knows no hotkeys and signs no receipts, so it listens on loopback unless told otherwise, and
wants `Authorization: Bearer TOKEN` for inference as soon as a token is set.
"""

import asyncio
from collections.abc import Iterator, Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from miners.errors import MinerError, ModelError
from offchain.subnets.base import TensorSpec
from offchain.wire import Busy

if TYPE_CHECKING:
    from miners.miner import Miner

MAX_BODY_BYTES = 4 * 2**20


class Refused(Exception):
    """A request that gets a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Edge:
    """The HTTP edge of one miner that serves a model."""

    def __init__(self, miner: "Miner", token: str = "") -> None:
        self._miner, self._token = miner, token
        self._decoder = _decoder(miner.subnet.MODEL.inputs)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/metrics", self._metrics),
                Route("/v1/infer", self._infer, methods=["POST"]),
            ]
        )
        self._server: Any = None
        self._serving: asyncio.Task[None] | None = None
        self.port = 0

    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> "Edge":
        """Listen; port 0 takes a free one. MinerError if the port is taken."""
        import uvicorn

        config = uvicorn.Config(
            self.app,
            host=host,
            port=port,
            log_level="error",
            access_log=False,
            lifespan="off",
            limit_concurrency=256,
            timeout_keep_alive=5,
        )
        try:
            sock = config.bind_socket()
        except SystemExit as error:  # uvicorn's way to say that the port is taken
            raise MinerError(
                f"edge: cannot open {host}:{port}", next_step="Choose a free port."
            ) from error
        sock.listen(256)
        self.port = sock.getsockname()[1]
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve([sock]))
        return self

    async def close(self) -> None:
        """Stop listening."""
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving

    def collect(self) -> Iterator[Metric]:
        """Prometheus calls this at every scrape."""
        axon, engine = self._miner.axon, self._miner.engine
        counts = {"batches": engine.batches, "rows": engine.rows} if engine else {}
        if axon is not None:
            counts |= {"answers": axon.served, "refusals": axon.refused}
        for name, value in counts.items():
            yield CounterMetricFamily(f"evmtensor_miner_{name}", f"{name} so far", value=value)
        if engine:
            waiting = GaugeMetricFamily("evmtensor_miner_waiting_rows", "rows queued for a batch")
            waiting.add_metric([], engine.rows_waiting)
            yield waiting

    async def _health(self, _request: Request) -> Response:
        engine = self._miner.engine
        return JSONResponse(
            {
                "status": "ok",
                "subnet": self._miner.subnet.NAME,
                "model": self._miner.model_hash.hex(),
                "provider": engine.provider if engine else "function",
            }
        )

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self._registry), media_type="text/plain; version=0.0.4")

    async def _infer(self, request: Request) -> Response:
        try:
            self._authorise(request)
            return JSONResponse(await self._answer(await _body(request)))
        except Refused as refusal:
            return JSONResponse({"error": str(refusal)}, status_code=refusal.status)

    def _authorise(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if self._token and not compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise Refused(401, "a bearer token is wanted")

    async def _answer(self, body: bytes) -> dict[str, Any]:
        engine = self._miner.engine
        if engine is None:
            raise Refused(501, "this miner serves no model")
        inputs = self._miner.subnet.MODEL.inputs
        try:
            fields = self._decoder.decode(body)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise Refused(400, f"the body does not fit: {str(error)[:200]}") from None
        feed = {name: _array(name, getattr(fields, name), spec) for name, spec in inputs.items()}
        if len({len(array) for array in feed.values()}) != 1:
            raise Refused(400, "inputs of different lengths")
        try:
            outputs, model = await engine.run(feed)
        except Busy:
            raise Refused(503, "busy") from None
        except ModelError:
            raise Refused(500, "the model failed on this input") from None
        return {name: array.tolist() for name, array in outputs.items()} | {"model": model.hex()}


def _decoder(inputs: Mapping[str, TensorSpec]) -> msgspec.json.Decoder[Any]:
    """Decodes exactly arrays of the wanted depth: a body cannot nest deeper than its type, so no
    recursion limit, which any library may have raised, stands between it and the C stack.
    """
    fields = []
    for name, spec in inputs.items():
        kind: Any = float if spec.dtype.startswith("float") else int
        for _ in spec.shape:
            kind = list[kind]
        fields.append((name, kind))
    return msgspec.json.Decoder(msgspec.defstruct("Inputs", fields, forbid_unknown_fields=True))


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, f"more than {MAX_BODY_BYTES} bytes")
    return body


def _array(name: str, values: list[Any], spec: TensorSpec) -> Any:
    try:
        array = np.asarray(values, dtype=spec.dtype)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Refused(400, f"{name} is no array of {spec.dtype}") from None
    fits = array.ndim == len(spec.shape) and all(
        want is None or got == want for got, want in zip(array.shape, spec.shape, strict=True)
    )
    if not fits or not len(array):
        raise Refused(400, f"{name} has shape {array.shape}, wanted {spec.shape} (null: any)")
    if not np.isfinite(array).all():
        raise Refused(400, f"{name} has values that are not finite")
    return array
