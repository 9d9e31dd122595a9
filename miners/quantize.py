# SPDX-License-Identifier: Apache-2.0
"""From float to integers: a model whose answers are the same to the bit on other machines.

Static int8 in QOperator form with 7-bit weights (`reduce_range`) came out bit-exact over batches,
threads, instruction sets and two runtime versions; float models and dynamic quantisation did not
(`onnx-benchmarks.md`, sections 3 to 5). A softmax at its end becomes a table of integers
(`exact_softmax`). So a model is in one of these classes:

    exact        all sums are sums of integers: answers may be compared by hash on any machine
    same-build   some float operators round differently elsewhere (`float_operators` names them):
                 by hash only between equal runtime versions, options and instruction sets, else
                 within a tolerance
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np

from miners.checks import check_content, first_line, read_model
from miners.errors import ModelError
from miners.exact_softmax import with_exact_softmax
from miners.exam import Exam, examine
from offchain.subnets.base import load, task_seed

CALIBRATION_TASKS = 16
TOLERANCE = 1e-5  # of the largest output: what instruction sets were seen to differ by, and more

# Operators that move or compare numbers, and single operations that IEEE 754 rounds the same way
# everywhere. Sums of many floats and functions like exp are not among them.
_SAFE = frozenset(
    ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Slice", "Gather",
     "Identity", "Shape", "Constant", "ConstantOfShape", "Expand", "Pad", "MaxPool", "Cast",
     "QuantizeLinear", "DequantizeLinear", "QGemm",
     "Add", "Sub", "Mul", "Div", "Neg", "Abs", "Relu", "Clip", "Min", "Max", "ReduceMax",
     "ReduceMin")
)  # fmt: skip

_QUANTIZED = frozenset(("QuantizeLinear", "DequantizeLinear", "QGemm"))


class Exactness(Enum):
    """How two runs of one model may be compared."""

    EXACT = "exact"
    SAME_BUILD = "same-build"
    TOLERANCE = "tolerance"


@dataclass(frozen=True, slots=True)
class Quantized:
    """What quantising did: scores of both on the same tasks, sizes, and the class reached."""

    before: Exam
    after: Exam
    exactness: Exactness
    float_operators: tuple[str, ...]


def float_operators(content: bytes) -> tuple[str, ...]:
    """Operators whose float results depend on the machine, sorted; none in an exact model."""
    import onnx

    graph = onnx.load_model_from_string(content).graph
    integers = _integers(graph)
    kinds = {
        node.op_type
        for node in graph.node
        if not (node.op_type == "ReduceSum" and node.input[0] in integers)
    }
    return tuple(sorted(k for k in kinds - _SAFE if not k.startswith("QLinear")))


def _integers(graph: Any) -> frozenset[str]:
    """What was made an int64: its sums are exact in any order."""
    from onnx import TensorProto

    made = [n for n in graph.node if n.op_type == "Cast" and n.attribute[0].i == TensorProto.INT64]
    return frozenset(node.output[0] for node in made)


def exactness_of(content: bytes) -> Exactness:
    """The class that the operators allow; the start-up self-test may only lower it."""
    return Exactness.SAME_BUILD if float_operators(content) else Exactness.EXACT


def agree(
    exactness: Exactness,
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    tolerance: float = TOLERANCE,
) -> bool:
    """Whether two runs of one model on one input count as the same answer.

    EXACT and SAME_BUILD compare bytes: call the latter only between equal builds. `tolerance` is a
    share of the largest output, at least 1.
    """
    if ours.keys() != theirs.keys():
        return False
    for name, array in ours.items():
        other = theirs[name]
        if array.shape != other.shape or array.dtype != other.dtype:
            return False
        if exactness is not Exactness.TOLERANCE:
            if array.tobytes() != other.tobytes():
                return False
            continue
        scale = float(np.abs(array).max(initial=0.0))
        if not np.allclose(array, other, rtol=0.0, atol=tolerance * max(scale, 1.0)):
            return False
    return True


def quantize(path: Path, subnet: ModuleType, out: Path, rounds: int = 64) -> Quantized:
    """Write the integer form of a model to `out` and report what it costs.

    Calibrated on tasks as validators ask them, without their answers. Raises ModelError if the
    model cannot be quantised or does not fit the subnet afterwards.
    """
    content = read_model(path, subnet.MODEL)
    if out.is_dir():
        raise ModelError(
            f"{out}: is a folder", next_step=f"Name a file, e.g. {out / 'exact.onnx'}."
        )
    if not out.parent.is_dir():
        raise ModelError(f"{out}: there is no folder {out.parent}", next_step="Make it first.")
    _check_floats(content, path)
    made = _quantize(content, list(_calibration(subnet)))
    if float_operators(made) == ("Softmax",):
        made = with_exact_softmax(made)
    check_content(made, subnet.MODEL, out.name)
    _write(made, out)
    seed = task_seed(b"quantize", bytes(32))  # the same tasks for both
    return Quantized(
        before=examine(path, subnet, rounds, seed),
        after=examine(out, subnet, rounds, seed),
        exactness=exactness_of(made),
        float_operators=float_operators(made),
    )


def _write(content: bytes, out: Path) -> None:
    temporary = out.with_suffix(".part")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, out)
    except OSError as error:
        raise ModelError(
            f"{out}: cannot be written: {error.strerror}", next_step="Choose another place."
        ) from error


def _check_floats(content: bytes, path: Path) -> None:
    import onnx

    kinds = {node.op_type for node in onnx.load_model_from_string(content).graph.node}
    if any(kind in _QUANTIZED or kind.startswith("QLinear") for kind in kinds):
        raise ModelError(f"{path}: is quantised already", next_step="Name the model of floats.")


def _calibration(subnet: ModuleType) -> Iterator[dict[str, Any]]:
    for task in subnet.tasks(task_seed(b"calibration", bytes(32)), range(CALIBRATION_TASKS)):
        yield {name: getattr(task.synapse, name).numpy() for name in subnet.MODEL.inputs}


def _quantize(content: bytes, feeds: list[dict[str, Any]]) -> bytes:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._feeds = iter(feeds)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._feeds, None)

    with TemporaryDirectory() as folder:
        source, prepared, made = (Path(folder) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        source.write_bytes(content)
        try:
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(made),
                Reader(),
                quant_format=QuantFormat.QOperator,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                reduce_range=True,  # AVX2 saturates 16-bit sums of full-range products
                op_types_to_quantize=["Conv", "MatMul", "Gemm", "Add", "MaxPool", "Relu"],
            )
        except Exception as error:  # the library raises whatever its parts raise
            raise ModelError(
                f"quantize: {first_line(error)}",
                next_step="Serve the model as it is: it need not be exact.",
            ) from error
        return made.read_bytes()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Make the exact integer form of a model")
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--subnet", default="vision")
    options = parser.parse_args()
    try:
        done = quantize(options.model, load(options.subnet), options.out)
    except ModelError as error:
        raise SystemExit(f"{error} {error.next_step}".strip()) from None
    before, after = done.before, done.after
    print(f"score   {before.score:.3f} -> {after.score:.3f} (same {after.rounds} tasks)")
    print(f"bytes   {before.report.size_bytes} -> {after.report.size_bytes}")
    print(f"ms      {before.latency_ms:.2f} -> {after.latency_ms:.2f} per task")
    floats = f"; float operators: {', '.join(done.float_operators)}" if done.float_operators else ""
    print(f"class   {done.exactness.value}{floats}")


if __name__ == "__main__":
    main()
