# SPDX-License-Identifier: Apache-2.0
"""Is this file a model that the subnet can use, and that is safe to load?

Refused before a runtime sees the file: anything over the subnet's size, tensors kept in other
files (onnxruntime loads them relative to the working directory: security FI-33), operators
outside the standard domains (FI-34), graphs with an absurd number of nodes (FI-37). Then the
model runs: shapes, finite values, and whether a row's answer depends on its neighbours in the
batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from miners.errors import ModelError
from offchain.subnets.base import ModelInterface, TensorSpec

MAX_NODES = 100_000
NAME_A_MODEL = "Name an ONNX file that this account may read."
_SMALLER = "Make it smaller: `evmtensor miner quantize` does."
_TRY_IT = "Run it with onnxruntime on inputs of the subnet's shape."
SAFE_DOMAINS = frozenset(("", "ai.onnx", "ai.onnx.ml", "com.microsoft"))
BATCHES = (1, 7, 32)
TOLERANCE = 1e-4  # between the same row alone and in a batch
_ELEM_TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7,
    "bool": 9, "float16": 10, "float64": 11,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What the checks found out."""

    model_hash: bytes  # SHA-256 of the file: what is committed on chain
    size_bytes: int
    provider: str
    is_batch_invariant: bool  # to the bit, on this machine
    max_difference: float  # between a row alone and in a batch
    latency_ms: float  # median of a batch of 32, one thread


def model_hash(content: bytes) -> bytes:
    """What names a model on chain and in receipts."""
    return sha256(content).digest()


def first_line(error: BaseException) -> str:
    """One line of a foreign error, for people."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def read_model(path: Path, interface: ModelInterface) -> bytes:
    """The bytes of a model file that is safe to load and takes and returns the subnet's tensors,
    or ModelError.
    """
    if interface.is_folder:
        raise ModelError(
            f"{path}: the subnet wants a decoder's folder, not a file",
            next_step="`python -m miners.llm.train --out decoder` makes a small one.",
        )
    if path.is_dir():
        raise ModelError(f"{path}: is a folder, wanted a file", next_step="Name an ONNX file.")
    try:
        size = path.stat().st_size
        if size > interface.max_bytes:
            raise ModelError(
                f"{path}: {size} bytes, the subnet takes at most {interface.max_bytes}",
                next_step=_SMALLER,
            )
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror})", next_step=NAME_A_MODEL
        ) from error
    check_content(content, interface, str(path))
    return content


def check_content(content: bytes, interface: ModelInterface, name: str = "model") -> None:
    """ModelError unless the bytes are a safe ONNX model with the subnet's inputs and outputs."""
    if len(content) > interface.max_bytes:
        raise ModelError(
            f"{name}: {len(content)} bytes, wanted at most {interface.max_bytes}",
            next_step=_SMALLER,
        )
    model = check_safety(content, name)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    _check_tensors(name, "input", inputs, interface.inputs)
    _check_tensors(name, "output", list(model.graph.output), interface.outputs)


def check_safety(content: bytes, name: str = "model") -> Any:
    """The parsed ONNX model; ModelError unless it is one, and is safe to load."""
    import onnx
    from google.protobuf.message import DecodeError

    export = "Export it with `torch.onnx.export`."
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError, RecursionError) as error:
        raise ModelError(f"{name}: not an ONNX model", next_step=export) from error
    if not model.graph.node:
        raise ModelError(f"{name}: not an ONNX model, or an empty one", next_step=export)
    _check_nodes(model, name)
    return model


def self_test(content: bytes, interface: ModelInterface, *, seed: int = 0) -> ModelReport:
    """Run the model alone and in batches; ModelError if it fails, or if a row depends on its
    neighbours.
    """
    from miners.providers import open_session

    session, provider = open_session(content)
    rng = np.random.default_rng(seed)
    feed = {name: _sample(spec, max(BATCHES), rng) for name, spec in interface.inputs.items()}
    names = list(interface.outputs)
    try:
        alone = [session.run(names, _rows(feed, i, i + 1)) for i in range(max(BATCHES))]
        worst = 0.0
        for batch in BATCHES:
            together = session.run(names, _rows(feed, 0, batch))
            for index, name in enumerate(names):
                single = np.concatenate([alone[i][index] for i in range(batch)])
                _check_output(name, together[index], batch, interface.outputs[name])
                worst = max(worst, _difference(name, single, together[index]))
        latency_ms = _median_ms(lambda: session.run(names, feed))
    except ModelError:
        raise
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelError(
            f"model: fails on a batch of the subnet's shape: {first_line(error)}",
            next_step=_TRY_IT,
        ) from error
    if worst > TOLERANCE:
        raise ModelError(
            f"model: a row's answer moves by {worst:.1e} with its neighbours in the batch, "
            f"wanted at most {TOLERANCE}",
            next_step="Export in eval mode, without dynamic quantisation.",
        )
    return ModelReport(model_hash(content), len(content), provider, worst == 0.0, worst, latency_ms)


def _check_nodes(model: Any, name: str) -> None:
    functions = {(function.domain, function.name) for function in model.functions}
    nodes = 0
    for node, tensors in _walk(model):
        for tensor in tensors:
            if tensor.data_location == 1 or tensor.external_data:
                raise ModelError(
                    f"{name}: keeps weights in another file, which is refused",
                    next_step="Save the model as one file.",
                )
        if node is None:
            continue
        nodes += 1
        if nodes > MAX_NODES:
            raise ModelError(f"{name}: more than {MAX_NODES} nodes", next_step=_SMALLER)
        if node.domain not in SAFE_DOMAINS and (node.domain, node.op_type) not in functions:
            raise ModelError(
                f"{name}: operator {node.domain}::{node.op_type} is not a standard one",
                next_step="Export it with ONNX's own operators.",
            )


def _walk(model: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Every node with the tensors in its attributes, and every graph's tensors, subgraphs and
    functions included.
    """
    graphs, bodies = [model.graph], [function.node for function in model.functions]
    while graphs or bodies:
        if graphs:
            graph = graphs.pop()
            sparse = [t for s in graph.sparse_initializer for t in (s.values, s.indices)]
            yield None, [*graph.initializer, *sparse]
            bodies.append(graph.node)
        for node in bodies.pop():
            tensors = []
            for attribute in node.attribute:
                tensors += [attribute.t, *attribute.tensors]
                for s in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    tensors += [s.values, s.indices]
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
                graphs += attribute.graphs
            yield node, tensors


def _check_tensors(name: str, kind: str, got: list[Any], want: Any) -> None:
    if {value.name for value in got} != set(want):
        raise ModelError(
            f"{name}: {kind}s are {sorted(v.name for v in got)}, the subnet wants {sorted(want)}",
            next_step=f"Export with {kind}_names={sorted(want)}.",
        )
    for value in got:
        spec = want[value.name]
        tensor = value.type.tensor_type
        shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
        fits = len(shape) == len(spec.shape) and all(
            g == w or (kind == "output" and g is None)
            for g, w in zip(shape, spec.shape, strict=True)
        )
        if tensor.elem_type != _ELEM_TYPES[spec.dtype] or not fits:
            raise ModelError(
                f"{name}: {kind} {value.name} has type {tensor.elem_type} and shape {shape}, "
                f"the subnet wants {spec.dtype} {spec.shape} (None: any batch)",
                next_step="Export with a dynamic batch axis.",
            )


def _sample(spec: TensorSpec, batch: int, rng: np.random.Generator) -> Any:
    shape = [batch if size is None else size for size in spec.shape]
    return rng.random(shape).astype(spec.dtype)


def _rows(feed: dict[str, Any], start: int, stop: int) -> dict[str, Any]:
    return {name: array[start:stop] for name, array in feed.items()}


def _check_output(name: str, array: Any, batch: int, spec: TensorSpec) -> None:
    want = tuple(batch if size is None else size for size in spec.shape)
    if array.shape != want or array.dtype.name != spec.dtype:
        raise ModelError(
            f"model: output {name} is {array.dtype.name} {array.shape} for {batch} rows, "
            f"the subnet wants {spec.dtype} {want}",
            next_step=_TRY_IT,
        )


def _difference(name: str, single: Any, together: Any) -> float:
    if single.shape != together.shape:
        raise ModelError(
            f"model: output {name} has shape {together.shape}, wanted {single.shape}",
            next_step=_TRY_IT,
        )
    if not (np.isfinite(single).all() and np.isfinite(together).all()):
        raise ModelError(
            f"model: output {name} has values that are not finite",
            next_step="Look for overflow and for divisions by 0.",
        )
    return float(np.abs(single.astype(np.float64) - together.astype(np.float64)).max(initial=0.0))


def _median_ms(run: Any, rounds: int = 9) -> float:
    times = []
    for _ in range(rounds):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return sorted(times)[rounds // 2] * 1_000
