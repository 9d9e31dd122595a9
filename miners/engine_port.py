# SPDX-License-Identifier: Apache-2.0
"""What a miner needs of whatever computes its answers: an `Engine` here, or one elsewhere.

Engines are asked with the tensors that came and answer with tensors: where the arrays are made, and
when, is theirs.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from offchain.wire import Tensor
from offchain.wire.later import Later

Feed = Mapping[str, Tensor]
Then = Callable[[dict[str, Tensor], bytes], Any]
Arrays = Mapping[str, Any]


class AnyEngine(Protocol):
    """What a miner needs of whatever computes its answers: `Engine` here, `remote` elsewhere."""

    batches: int
    rows: int

    @property
    def provider(self) -> str: ...

    @property
    def model_hash(self) -> bytes: ...

    @property
    def rows_waiting(self) -> int: ...

    async def check(self) -> None: ...

    async def run(self, arrays: Arrays) -> tuple[dict[str, Any], bytes]: ...

    def submit(self, feed: Feed, then: Then) -> "asyncio.Future[Any] | Later": ...

    def swap(self, content: bytes) -> bytes: ...

    def close(self) -> None: ...


async def run_arrays(engine: AnyEngine, arrays: Arrays) -> tuple[dict[str, Any], bytes]:
    """Output arrays for one request's arrays (first axis: rows), and the hash of the model that
    made them. Raises Busy if too much is waiting, ModelError if the model fails on this,
    TensorError for what cannot travel or is not finite.
    """
    feed = {name: Tensor.of(array) for name, array in arrays.items()}
    outputs, model = await engine.submit(feed, lambda *both: both)
    return {name: tensor.numpy(finite=False) for name, tensor in outputs.items()}, model
