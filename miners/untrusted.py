# SPDX-License-Identifier: Apache-2.0
"""Somebody else's model of tensors, run in the sandbox."""

from dataclasses import dataclass
from typing import Any

import msgspec

from miners.errors import ModelError
from miners.sandbox import SandboxLimits, in_sandbox
from offchain.subnets.base import ModelInterface, TensorSpec
from offchain.wire import Tensor, TensorError

TASK = __name__


class _Spec(msgspec.Struct):
    dtype: str
    shape: tuple[int | None, ...]


class _Order(msgspec.Struct):
    content: memoryview
    inputs: dict[str, _Spec]
    outputs: dict[str, _Spec]
    max_bytes: int
    feeds: list[dict[str, Tensor]]


class _Result(msgspec.Struct):
    answers: list[dict[str, Tensor]] = []
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """What came out: outputs per feed, and whether the model's operators are exact everywhere."""

    answers: list[dict[str, Any]]
    is_exact: bool


def run_untrusted(
    content: bytes,
    interface: ModelInterface,
    feeds: list[dict[str, Any]],
    limits: SandboxLimits | None = None,
) -> list[dict[str, Any]]:
    """Outputs of a foreign model for every feed; ModelError as `execute_untrusted`."""
    return execute_untrusted(content, interface, feeds, limits).answers


def execute_untrusted(
    content: bytes,
    interface: ModelInterface,
    feeds: list[dict[str, Any]],
    limits: SandboxLimits | None = None,
) -> Run:
    """Runs a foreign model on every feed (name -> array), each alone.

    Raises ModelError if the model is refused, fails, is killed for what it used, or answers with
    anything but finite arrays of the subnet's types; SandboxError if it never got that far.
    """
    if len(content) > interface.max_bytes:
        raise ModelError(f"sandbox: {len(content)} bytes, wanted at most {interface.max_bytes}")
    order = _Order(
        memoryview(content),
        {name: _Spec(s.dtype, s.shape) for name, s in interface.inputs.items()},
        {name: _Spec(s.dtype, s.shape) for name, s in interface.outputs.items()},
        interface.max_bytes,
        [{name: Tensor.of(array) for name, array in feed.items()} for feed in feeds],
    )
    raw = in_sandbox(TASK, msgspec.msgpack.encode(order), limits)
    try:
        result = msgspec.msgpack.decode(raw, type=_Result)
        answers = [_checked(a, f, interface) for a, f in zip(result.answers, feeds, strict=True)]
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ModelError("sandbox: answers are missing, or are none") from error
    except (TensorError, KeyError) as error:
        raise ModelError(f"sandbox: {error}") from error
    return Run(answers, result.is_exact)


def prepare() -> None:
    """What `execute` needs, while files can be read."""
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401

    import miners.checks
    import miners.providers
    import miners.quantize  # noqa: F401


def execute(raw: bytes) -> bytes:
    """The order's feeds through its model; ModelError if it cannot be run."""
    from miners.checks import check_content, first_line
    from miners.providers import open_session
    from miners.quantize import float_operators

    order = msgspec.msgpack.decode(raw, type=_Order)
    interface = ModelInterface(
        {name: TensorSpec(s.dtype, s.shape) for name, s in order.inputs.items()},
        {name: TensorSpec(s.dtype, s.shape) for name, s in order.outputs.items()},
        order.max_bytes,
    )
    content = bytes(order.content)
    check_content(content, interface)
    session, _ = open_session(content, ["CPUExecutionProvider"])
    names = list(order.outputs)
    answers = []
    for feed in order.feeds:
        try:
            outputs = session.run(names, {name: t.numpy() for name, t in feed.items()})
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"the model fails: {first_line(error)}") from error
        answers.append({name: Tensor.of(array) for name, array in zip(names, outputs, strict=True)})
    return msgspec.msgpack.encode(_Result(answers, not float_operators(content)))


def _checked(
    answer: dict[str, Tensor], feed: dict[str, Any], interface: ModelInterface
) -> dict[str, Any]:
    rows = len(next(iter(feed.values())))
    arrays = {}
    for name, spec in interface.outputs.items():
        shape = tuple(rows if size is None else size for size in spec.shape)
        arrays[name] = answer[name].numpy(dtype=spec.dtype, shape=shape)
    return arrays
