# SPDX-License-Identifier: Apache-2.0
"""The same miner in front of replicas on a Ray cluster: `pip install 'evmtensor[ray]'`.

Every replica is an `Engine` of its own, one ONNX Runtime session that batches what reaches it, on
a core (or a GPU) that Ray reserves for it. This process keeps the wire and the receipts. Without
an address Ray starts on this machine and ends with the miner.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any

from miners.checks import first_line, model_hash
from miners.engine import Engine
from miners.engine_port import Arrays, Feed, Then, run_arrays
from miners.errors import EngineAway, ModelError
from offchain.wire import Busy, Tensor

START_S = 120.0


class RayEngine:
    """A model on `replicas` replicas (0: one per core of the cluster), in the place of an
    `Engine`.

    `address` is that of a running cluster ("auto", "ray://head:10001"); empty starts one here.
    Beyond `max_under_way` requests a caller is told "busy"; `timeout_s` bounds each.
    """

    def __init__(
        self,
        content: bytes,
        *,
        address: str = "",
        replicas: int = 0,
        gpus: float = 0.0,
        max_under_way: int = 1_024,
        timeout_s: float = 10.0,
    ) -> None:
        """ModelError if the package is missing."""
        self._ray, self._serve = _packages()
        self._content, self.model_hash = content, model_hash(content)
        self._address, self._replicas, self._gpus = address, replicas, gpus
        self._max_under_way, self._timeout_s = max_under_way, timeout_s
        self._app = f"evmtensor-{token_hex(4)}"  # a cluster may serve several miners
        self._handle: Any = None
        self._owns_cluster = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self.provider = "ray"
        self.rows_waiting = self.batches = self.rows = 0

    async def check(self) -> None:
        """Start the replicas; ModelError if the cluster or a replica does not come up."""
        if self._handle is None:
            try:
                self._handle = await asyncio.to_thread(self._start)
            except Exception as error:  # ray's errors have no common base
                self.close()
                raise ModelError(
                    f"engine: Ray does not serve the model: {first_line(error)}",
                    next_step="Look at the cluster with `ray status`.",
                ) from error

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
        """Not here: replicas change one after the other, and a receipt names one model."""
        raise ModelError("engine: a model on Ray is exchanged by starting the miner anew")

    def close(self) -> None:
        """Give up what is under way and end the replicas, and the cluster if it began here."""
        for task in self._tasks:
            task.cancel()
        with suppress(Exception):  # the cluster may have gone before us
            self._serve.delete(self._app, _blocking=False)
        if self._owns_cluster:
            self._ray.shutdown()
            self._owns_cluster = False
        self._handle = None

    def _start(self) -> Any:
        ray, serve = self._ray, self._serve
        if not ray.is_initialized():
            # "local": without it Ray would join a cluster that runs here, and we would end it
            options: dict[str, Any] = {"address": "local", "include_dashboard": False}
            if self._address:
                options = {"address": self._address}
            ray.init(**options, log_to_driver=False)
            self._owns_cluster = not self._address
        cores = int(ray.cluster_resources().get("CPU", 1))
        count = self._replicas or max(1, cores)
        share = min(1.0, cores / (count + 1))  # of a core: Ray's own controller and proxy need some
        deployment = serve.deployment(
            name="engine",
            num_replicas=count,
            max_ongoing_requests=256,
            ray_actor_options={"num_cpus": share, "num_gpus": self._gpus},
        )(Replica)
        serve.start(proxy_location="Disabled")  # nothing but this miner asks the replicas
        handle = serve.run(deployment.bind(self._content), name=self._app, route_prefix=None)
        provider = handle.provider.remote().result(timeout_s=START_S)
        self.provider = f"ray, {count} replicas, {provider}"
        return handle

    async def _ask(self, feed: Feed, then: Then) -> Any:
        if self._handle is None:
            raise Busy
        arrays = {name: tensor.numpy() for name, tensor in feed.items()}
        rows = next(iter(feed.values())).shape[0]
        self.rows_waiting += rows
        try:
            async with asyncio.timeout(self._timeout_s):
                outputs = await self._handle.infer.remote(arrays)
        except TimeoutError as error:
            raise EngineAway(f"engine: no answer in {self._timeout_s} s") from error
        except Exception as error:  # ray wraps what a replica raised
            if "Busy" in type(error).__name__ or "BackPressure" in type(error).__name__:
                raise Busy from error
            raise ModelError(f"engine: {type(error).__name__}") from error
        finally:
            self.rows_waiting -= rows
        self.batches += 1
        self.rows += rows
        return then({n: Tensor.of(array) for n, array in outputs.items()}, self.model_hash)


class Replica:
    """One session on one worker of the cluster."""

    def __init__(self, content: bytes) -> None:
        self._engine = Engine(content, threads=1)  # there is a replica for every core

    async def infer(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name; concurrent calls make one batch."""
        outputs, _ = await self._engine.run(feed)
        return outputs

    async def provider(self) -> str:
        """The execution provider in use."""
        return self._engine.provider


def _packages() -> tuple[Any, Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a miner reports to nobody
    # read at the import: a thread of Serve that outlives the cluster would start another one
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise ModelError(
            "engine: Ray Serve is not installed", next_step="Run `pip install 'evmtensor[ray]'`."
        ) from error
    return ray, serve
