# SPDX-License-Identifier: Apache-2.0
"""I8, FI-32 to FI-37: what is not a safe, fitting model is refused before a runtime sees it."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from miners.checks import check_content, model_hash, read_model, self_test
from miners.errors import ModelError
from offchain.subnets.vision import MODEL
from tests.miners.worlds import vision_model

value = helper.make_tensor_value_info
CANARY = b"canary bytes of a secret file that must never appear anywhere"


def external(location: str, data_type: int = TensorProto.FLOAT) -> onnx.TensorProto:
    tensor = onnx.TensorProto(name="w", data_type=data_type, dims=[64, 10])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def flat() -> onnx.TensorProto:
    return numpy_helper.from_array(np.array([-1, 64], dtype=np.int64), "flat")


def subgraph_with(tensor: onnx.TensorProto) -> onnx.NodeProto:
    branch = helper.make_graph([], "branch", [], [value("w", 1, [64, 10])], [tensor])
    return helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)


def constant_with(tensor: onnx.TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["w"], value=tensor)


def function_with(node: onnx.NodeProto) -> onnx.FunctionProto:
    return helper.make_function("local", "F", [], ["w"], [node], [helper.make_opsetid("", 20)])


def sparse_with(tensor: onnx.TensorProto) -> onnx.ModelProto:
    model = vision_model()
    indices = numpy_helper.from_array(np.zeros(1, dtype=np.int64), "i")
    sparse = onnx.SparseTensorProto(values=tensor, indices=indices, dims=[640])
    model.graph.sparse_initializer.append(sparse)
    return model


def nodes(*extra: onnx.NodeProto) -> list[onnx.NodeProto]:
    return [*extra, *vision_model().graph.node]


EXTERNAL = {
    "traversal": vision_model(initializers=[flat(), external("../../etc/passwd")]),
    "absolute": vision_model(initializers=[flat(), external("/etc/passwd")]),
    "in the working directory": vision_model(initializers=[flat(), external("canary.bin")]),
    "in a subgraph": vision_model(nodes(subgraph_with(external("canary.bin")))),
    "in a constant": vision_model(nodes(constant_with(external("canary.bin")))),
    "in a function": vision_model(functions=[function_with(constant_with(external("x")))]),
    "in a sparse tensor": sparse_with(external("canary.bin")),
    "named but not marked": vision_model(
        initializers=[
            flat(),
            onnx.TensorProto(
                name="w", data_type=1, dims=[64, 10],
                external_data=[onnx.StringStringEntryProto(key="location", value="x")],
            ),
        ]
    ),
}  # fmt: skip

REFUSED = {
    "custom operator": (
        vision_model(
            nodes(helper.make_node("Evil", ["images"], ["z"], domain="com.evil")),
            opsets=[helper.make_opsetid("", 20), helper.make_opsetid("com.evil", 1)],
        ),
        "not a standard one",
    ),
    "custom operator in a function": (
        vision_model(functions=[function_with(helper.make_node("E", [], ["w"], domain="evil"))]),
        "not a standard one",
    ),
    "another input name": (
        vision_model(inputs=[value("pixels", 1, ["batch", 8, 8])]),
        r"inputs are \['pixels'\], the subnet wants \['images'\]",
    ),
    "two inputs": (
        vision_model(inputs=[value("images", 1, ["b", 8, 8]), value("more", 1, [1])]),
        "inputs are",
    ),
    "another output name": (
        vision_model(
            [helper.make_node("Identity", ["images"], ["logits"])],
            outputs=[value("logits", 1, ["b", 10])],
        ),
        "outputs are",
    ),
    "fixed batch": (vision_model(inputs=[value("images", 1, [1, 8, 8])]), "any batch"),
    "larger images": (vision_model(inputs=[value("images", 1, ["b", 16, 16])]), "wants float32"),
    "float64": (vision_model(inputs=[value("images", 11, ["b", 8, 8])]), "type 11"),
    "three dimensions out": (
        vision_model(outputs=[value("probabilities", 1, ["b", 10, 1])]),
        "output probabilities",
    ),
}


def test_check__the_fitting_model__passes_and_works() -> None:
    content = vision_model().SerializeToString()
    check_content(content, MODEL)
    report = self_test(content, MODEL)
    assert report.is_batch_invariant
    assert report.model_hash == model_hash(content)
    assert report.latency_ms < 100


@pytest.mark.parametrize("name", EXTERNAL)
def test_FI_33_external_data__anywhere__refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "canary.bin").write_bytes(CANARY * 100)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="another file") as caught:
        check_content(EXTERNAL[name].SerializeToString(), MODEL)
    assert CANARY.decode() not in str(caught.value)


@pytest.mark.parametrize("kind", ["traversal", "absolute", "symlink"])
def test_FI_32_external_data__file_or_bytes__refused_before_it_is_read(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.frombuffer(CANARY * 640, dtype="u1")[: 64 * 10 * 4].tobytes())
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(secret)
    where = {"traversal": "../secret.bin", "absolute": str(secret), "symlink": "link.bin"}[kind]
    content = vision_model(initializers=[flat(), external(where)]).SerializeToString()
    path = folder / "model.onnx"
    path.write_bytes(content)
    monkeypatch.chdir(folder)
    opened: list[str] = []
    is_watching = True

    def watch(event: str, args: tuple[object, ...]) -> None:
        if is_watching and event == "open":  # a hook stays for ever
            opened.append(str(args[0]))

    sys.addaudithook(watch)
    for refuse in (lambda: read_model(path, MODEL), lambda: check_content(content, MODEL)):
        with pytest.raises(ModelError, match="another file") as caught:
            refuse()
        assert CANARY.decode() not in str(caught.value)
    is_watching = False
    assert str(path) in opened  # the hook sees what is opened
    assert not [name for name in opened if "secret.bin" in name or "link.bin" in name]


@pytest.mark.parametrize("name", REFUSED)
def test_FI_34_model__unfit__refused_with_the_reason(name: str) -> None:
    model, reason = REFUSED[name]
    with pytest.raises(ModelError, match=reason) as caught:
        check_content(model.SerializeToString(), MODEL)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", b"\x08" + b"\xff" * 100, b"\x3a" * 10_000, b"PK\x03\x04" * 50,
     b"\x0a\xff\xff\xff\xff\x0f", onnx.ModelProto(ir_version=10).SerializeToString()],
    ids=["empty", "text", "varint bomb", "nested", "zip", "length lie", "no graph"],
)  # fmt: skip
def test_FI_37_bytes__no_model__refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="not an ONNX model"):
        check_content(content, MODEL)


def test_FI_37_file__over_the_size__refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "big.onnx"
    with path.open("wb") as file:
        file.truncate(2**32)  # sparse: four gigabytes of nothing
    with pytest.raises(ModelError, match="at most"):
        read_model(path, MODEL)


def test_FI_37_model__a_hundred_thousand_nodes__refused() -> None:
    chain = [helper.make_node("Neg", [f"n{i}"], [f"n{i + 1}"]) for i in range(100_001)]
    with pytest.raises(ModelError, match="nodes"):
        check_content(vision_model(nodes(*chain)).SerializeToString(), MODEL)


def test_file__missing_or_a_folder__one_sentence(tmp_path: Path) -> None:
    for path, sentence in (
        (tmp_path / "none.onnx", "cannot be read"),
        (tmp_path, "is a folder, wanted a file"),
    ):
        with pytest.raises(ModelError, match=sentence):
            read_model(path, MODEL)


def test_self_test__row_depends_on_its_neighbours__refused() -> None:
    leaky = vision_model(
        [
            helper.make_node("ReduceMean", ["images"], ["m"], keepdims=0),  # over the batch too
            helper.make_node("Reshape", ["images", "flat"], ["x"]),
            helper.make_node("MatMul", ["x", "w"], ["l"]),
            helper.make_node("Mul", ["l", "m"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
    )
    content = leaky.SerializeToString()
    check_content(content, MODEL)
    with pytest.raises(ModelError, match="neighbours"):
        self_test(content, MODEL)


def test_self_test__not_finite__refused() -> None:
    model = vision_model(
        [
            helper.make_node("Reshape", ["images", "flat"], ["x"]),
            helper.make_node("MatMul", ["x", "w"], ["l"]),
            helper.make_node("Sub", ["l", "l"], ["zero"]),
            helper.make_node("Div", ["l", "zero"], ["probabilities"]),
        ]
    )
    with pytest.raises(ModelError, match="not finite"):
        self_test(model.SerializeToString(), MODEL)


def test_self_test__other_shape_than_promised__refused() -> None:
    weights = numpy_helper.from_array(np.ones((64, 11), dtype=np.float32), "w")
    model = vision_model(
        initializers=[flat(), weights], outputs=[value("probabilities", 1, ["b", None])]
    )
    content = model.SerializeToString()
    check_content(content, MODEL)
    with pytest.raises(ModelError, match=r"float32 \(1, 11\)"):
        self_test(content, MODEL)


def test_self_test__fails_at_run_time__refused_in_one_sentence() -> None:
    bad = numpy_helper.from_array(np.array([7, 7], dtype=np.int64), "flat")
    w = numpy_helper.from_array(np.ones((64, 10), dtype=np.float32), "w")
    with pytest.raises(ModelError, match=r"fails|refuses") as caught:
        self_test(vision_model(initializers=[bad, w]).SerializeToString(), MODEL)
    assert "\n" not in str(caught.value)
