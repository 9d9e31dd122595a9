# SPDX-License-Identifier: Apache-2.0
"""An engine or a function behind a subnet's message, as an axon attaches it."""

import asyncio
import inspect
from collections.abc import Callable
from hashlib import sha256
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

from miners.engine_port import AnyEngine
from offchain.wire import CallError, Code, Synapse, Tensor
from offchain.wire.later import Later
from offchain.wire.receipts import NO_MODEL

Forward = Callable[[Any], Any]


def model_handler(engine: AnyEngine, subnet: ModuleType) -> Forward:
    """Message fields are the model's inputs and outputs by name. Questions that came together are
    taken together.
    """
    inputs, outputs = subnet.MODEL.inputs, tuple(subnet.MODEL.outputs)

    def submit(synapse: Synapse) -> "asyncio.Future[Synapse] | Later":
        feed = {name: getattr(synapse, name) for name in inputs}
        for name, spec in inputs.items():
            feed[name].check(dtype=spec.dtype, shape=spec.shape)
        if len(feed) > 1 and len({tensor.shape[0] for tensor in feed.values()}) > 1:
            raise CallError(Code.BAD_REQUEST, "inputs of different lengths")

        def fill(results: dict[str, Tensor], model: bytes) -> Synapse:
            for name in outputs:
                setattr(synapse, name, results[name])
            synapse.model_hash = model  # type: ignore[attr-defined]  # the one that really answered
            return synapse

        return engine.submit(feed, fill)

    def forward(questions: list[Synapse]) -> list[Any]:
        results: list[Any] = []
        for synapse in questions:
            try:
                results.append(submit(synapse))
            except Exception as error:  # of this question: its neighbours are answered
                results.append(error)
        return results

    return annotated(forward, subnet.SYNAPSE)


def argument_of(function: Forward, default: type[Synapse]) -> tuple[Any, bool]:
    """The message that a function takes, and whether it takes a list of them; the default where
    nothing is written down.
    """
    names = list(inspect.signature(function).parameters)
    kind = get_type_hints(function).get(names[0], default) if names else default
    return (get_args(kind)[0], True) if get_origin(kind) is list else (kind, False)


def annotated(function: Forward, kind: type[Synapse]) -> Forward:
    """The function with the message that it takes written down."""
    # The axon routes by annotation; a function of a single-message subnet need not repeat it.
    taken: Any = list[kind] if argument_of(function, kind)[1] else kind  # type: ignore[valid-type]
    if asyncio.iscoroutinefunction(function):

        async def forward(synapse):  # type: ignore[no-untyped-def]
            return await function(synapse)
    else:

        def forward(synapse):  # type: ignore[no-untyped-def,misc]
            return function(synapse)

    forward.__annotations__ = {"synapse": taken, "return": taken}
    return forward


def function_hash(function: Forward) -> bytes:
    """What a function commits to: the SHA-256 of its source; `NO_MODEL` where that is gone."""
    try:
        return sha256(inspect.getsource(function).encode()).digest()
    except (OSError, TypeError):  # typed at a prompt, or an object that can be called
        return NO_MODEL
