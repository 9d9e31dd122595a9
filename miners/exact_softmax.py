# SPDX-License-Identifier: Apache-2.0
"""A softmax whose answer is the same to the bit on every machine.

exp is computed here, once, into a table of integers that travels with the model; what is left at
run time is comparing, subtracting, looking up, adding integers and one division, which IEEE 754
rounds the same way everywhere:

    d = max(x) - x;  n = table[int(min(d * STEPS + 1/2, LAST))];  p = n / sum(n)

An exponent is rounded to a step of 1/STEPS, so the ratio of two probabilities is wrong by at most
1/STEPS, less than what eight bits leave of a logit; RANGE below the largest logit it is 0.
"""

from typing import Any

import numpy as np

STEPS = 64  # per unit of a logit
RANGE = 16  # logits further below the largest have a probability under 2e-7
_ONE = 1 << 24  # exact as a float32, and 2^38 of them fit an int64
AXES_AS_INPUT = 18  # of ReduceMax; ReduceSum has it since 13


def with_exact_softmax(content: bytes) -> bytes:
    """The same ONNX model with every float32 `Softmax` of its main graph in that form; the bytes
    as they are, if its operators are older than opset 13.
    """
    import onnx

    model = onnx.load_model_from_string(content)
    opset = max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset < 13:  # softmax meant something else
        return content
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for number, node in enumerate(nodes):
        found = _softmax(node, f"exact_softmax_{number}", opset)
        model.graph.node.extend(found or [node])
    if len(model.graph.node) > len(nodes):
        model.graph.initializer.extend(_constants())
    return bytes(model.SerializeToString())


def _softmax(node: Any, name: str, opset: int) -> list[Any]:
    """The nodes that take its place; none if it is another operator."""
    from onnx import TensorProto, helper

    if node.op_type != "Softmax" or node.domain not in ("", "ai.onnx"):
        return []
    axis = next((a.i for a in node.attribute if a.name == "axis"), -1)
    (x,), (y,) = node.input, node.output
    made = []

    def add(kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        out = out or f"{name}_{len(made)}"
        made.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    axes = add("Constant", value_ints=[axis])
    if opset >= AXES_AS_INPUT:
        largest = add("ReduceMax", x, axes, keepdims=1)
    else:
        largest = add("ReduceMax", x, axes=[axis], keepdims=1)
    steps = add("Mul", add("Sub", largest, x), "exact_softmax_steps")
    rounded = add("Min", add("Add", steps, "exact_softmax_half"), "exact_softmax_last")
    place = add("Cast", rounded, to=TensorProto.INT64)
    entry = add("Gather", "exact_softmax_table", place, axis=0)
    count = add("Cast", entry, to=TensorProto.INT64)  # the table is in 32 bits, half as large
    total = add("ReduceSum", count, axes, keepdims=1)
    floats = [add("Cast", n, to=TensorProto.FLOAT) for n in (count, total)]
    add("Div", *floats, out=y)
    return made


def _constants() -> list[Any]:
    from onnx import numpy_helper

    exponents = -np.arange(STEPS * RANGE, dtype=np.float64) / STEPS
    table = np.rint(np.exp(exponents) * _ONE).astype(np.int32)
    return [
        numpy_helper.from_array(np.append(table, np.int32(0)), "exact_softmax_table"),
        numpy_helper.from_array(np.float32(0.5), "exact_softmax_half"),
        numpy_helper.from_array(np.float32(STEPS), "exact_softmax_steps"),
        numpy_helper.from_array(np.float32(STEPS * RANGE), "exact_softmax_last"),
    ]
