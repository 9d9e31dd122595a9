# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP edge beside the wire for curl and load balancers: health, metrics, one JSON call.

    GET  /health     {"status": "ok", "subnet": ..., "model": ..., "provider": ...}
    GET  /metrics    Prometheus text
    POST /v1/infer   {"images": [[[...]]]} -> {"probabilities": [[...]], "model": ...}
    and for text, OpenAI's interface in the place of the last (see `openai_edge`)

It knows no hotkeys and signs no receipts, so it listens on loopback unless told otherwise, and
wants `Authorization: Bearer TOKEN` for inference as soon as a token is set.
"""

from collections.abc import Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from aiohttp import web

from miners.errors import EngineAway, MinerError, ModelError
from miners.llm.engine import TextEngine, is_text
from miners.openai_edge import OpenAiRoutes
from miners.profile import describe
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
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> "Edge":
        """Listen; port 0 takes a free one. MinerError if the port is taken."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics)
        if is_text(self._miner.engine):
            OpenAiRoutes(self._text_engine, self._miner.subnet.NAME, self._permits).add_to(app)
        else:
            app.router.add_post("/v1/infer", self._infer)
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=5, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise MinerError(
                f"edge: cannot open {host}:{port}: {error.strerror}",
                next_step="Choose a free port.",
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    def _text_engine(self) -> TextEngine:
        engine = self._miner.engine
        assert is_text(engine)  # a decoder is exchanged for decoders only
        return engine

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        engine, profile = self._miner.engine, self._miner.profile
        return _json(
            200,
            {
                "status": "ok",
                "subnet": self._miner.subnet.NAME,
                "model": self._miner.model_hash.hex(),
                "provider": engine.provider if engine else "function",
                "profile": describe(profile) if profile else None,
            },
        )

    async def _metrics(self, _request: web.Request) -> web.Response:
        axon, engine = self._miner.axon, self._miner.engine
        found: list[tuple[str, str, int]] = []
        if axon is not None:
            found += [("answers_total", "counter", axon.served)]
            found += [("refusals_total", "counter", axon.refused)]
        if engine is not None:
            found += [("batches_total", "counter", engine.batches)]
            found += [("rows_total", "counter", engine.rows)]
            found += [("waiting_rows", "gauge", engine.rows_waiting)]
        payday = self._miner.payday
        if payday is not None:
            found += [("claimed_rao_total", "counter", payday.claimed_rao)]
            found += [("claims_total", "counter", payday.claims)]
            found += [("claim_failures_total", "counter", payday.failures)]
            found += [("unclaimed_rao", "gauge", payday.owed_rao)]
        lines = [
            f"# TYPE evmtensor_miner_{name} {kind}\nevmtensor_miner_{name} {value}\n"
            for name, kind, value in found
        ]
        return web.Response(text="".join(lines), content_type="text/plain")

    async def _infer(self, request: web.Request) -> web.Response:
        try:
            self._authorise(request)
            return _json(200, await self._answer(await request.read()))
        except Refused as refusal:
            return _json(refusal.status, {"error": str(refusal)})

    def _permits(self, request: web.Request) -> bool:
        given = request.headers.get("authorization", "")
        wanted = f"Bearer {self._token}"
        return not self._token or compare_digest(given.encode(), wanted.encode())

    def _authorise(self, request: web.Request) -> None:
        if not self._permits(request):
            raise Refused(401, "a bearer token is wanted")

    async def _answer(self, body: bytes) -> dict[str, Any]:
        engine = self._miner.engine
        if engine is None or is_text(engine):
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
        except EngineAway:
            raise Refused(503, "the engine does not answer") from None
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


def _json(status: int, content: dict[str, Any]) -> web.Response:
    body = msgspec.json.encode(content)
    return web.Response(status=status, body=body, content_type="application/json")


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
