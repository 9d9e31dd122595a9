# SPDX-License-Identifier: Apache-2.0
"""Integer models: what quantising costs, and which answers may be compared by hash."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from miners.errors import ModelError
from miners.exact_softmax import STEPS, with_exact_softmax
from miners.quantize import Exactness, agree, exactness_of, float_operators, quantize
from offchain.cli.app import run as command
from offchain.subnets import vision
from tests.miners.worlds import vision_model

X = {"p": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)}


def run(content: bytes, images: np.ndarray, level: ort.GraphOptimizationLevel) -> np.ndarray:
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 4
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"images": images})
    return out


def test_quantize__no_folder_for_the_result__said_before_the_work(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(vision_model().SerializeToString())
    with pytest.raises(ModelError, match="there is no folder"):
        quantize(model, vision, tmp_path / "nowhere" / "exact.onnx")


def test_quantize__command__says_what_the_class_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tmp_path / "model.onnx", tmp_path / "exact.onnx"
    model.write_bytes(vision_model().SerializeToString())
    assert command(["miner", "quantize", str(model), "--out", str(out)]) == 0
    assert "exact.onnx is exact: the same bytes on every machine" in capsys.readouterr().out


def test_quantize__trained_models__keep_their_quality_and_become_exact(
    models: Path, tmp_path: Path
) -> None:
    for name in ("cnn", "mlp"):
        done = quantize(models / f"{name}.onnx", vision, tmp_path / f"{name}.onnx", rounds=32)
        assert done.after.score > done.before.score - 0.03
        assert done.after.report.size_bytes < 0.6 * done.before.report.size_bytes
        assert done.after.report.is_batch_invariant
        assert done.float_operators == ()
        assert done.exactness is Exactness.EXACT


def test_quantize__exact_model__survives_other_optimisation_and_other_batches(
    models: Path, tmp_path: Path
) -> None:
    quantize(models / "cnn.onnx", vision, tmp_path / "q.onnx", rounds=2)
    exact, floats = (tmp_path / "q.onnx").read_bytes(), (models / "cnn.onnx").read_bytes()
    assert exactness_of(exact) is Exactness.EXACT
    assert exactness_of(floats) is Exactness.SAME_BUILD
    images = vision.tasks(bytes(32), [0])[0].synapse.images.numpy()
    levels = ort.GraphOptimizationLevel
    fast, slow = levels.ORT_ENABLE_ALL, levels.ORT_DISABLE_ALL
    assert run(exact, images, fast).tobytes() == run(exact, images, slow).tobytes()
    alone = np.concatenate([run(exact, image[None], fast) for image in images])
    assert alone.tobytes() == run(exact, images, fast).tobytes()
    # the control: the float model does differ, so the comparison above is one that can fail
    assert run(floats, images, fast).tobytes() != run(floats, images, slow).tobytes()


def test_quantize__other_float_operators__softmax_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = vision_model(
        [
            helper.make_node("Reshape", ["images", "flat"], ["x"]),
            helper.make_node("MatMul", ["x", "w"], ["a"]),
            helper.make_node("Erf", ["a"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    done = quantize(path, vision, tmp_path / "q.onnx", rounds=2)
    assert done.float_operators == ("Erf", "Softmax")
    assert done.exactness is Exactness.SAME_BUILD
    line = ["miner", "quantize", str(path), "--out", str(tmp_path / "q.onnx")]
    assert command(line) == 0
    assert "same-build: sums of Erf, Softmax round differently" in capsys.readouterr().out


@pytest.mark.parametrize("place", [".", "sub"])
def test_quantize__out_is_a_folder__one_sentence_and_nothing_left(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "model.onnx"
    path.write_bytes(vision_model().SerializeToString())
    assert command(["miner", "quantize", str(path), "--out", str(tmp_path / place)]) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "is a folder" in said
    assert "Name a file" in said
    assert {p.name for p in tmp_path.iterdir()} == {"sub", "model.onnx"}


def test_quantize__file_system_says_no__one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(vision_model().SerializeToString())
    (tmp_path / "q.part").mkdir()
    with pytest.raises(ModelError, match="cannot be written"):
        quantize(path, vision, tmp_path / "q.onnx", rounds=2)


def test_quantize__quantised_already__refused(models: Path, tmp_path: Path) -> None:
    quantize(models / "linear.onnx", vision, tmp_path / "q.onnx", rounds=2)
    with pytest.raises(ModelError, match="quantised already"):
        quantize(tmp_path / "q.onnx", vision, tmp_path / "again.onnx", rounds=2)


def softmax_model(opset: int, axis: int) -> bytes:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["images"], ["p"], axis=axis)],
        "softmax",
        [value("images", TensorProto.FLOAT, ["batch", 5, 6])],
        [value("p", TensorProto.FLOAT, ["batch", 5, 6])],
    )
    opsets = [helper.make_opsetid("", opset)]
    made: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return made


@pytest.mark.parametrize("opset", [13, 17, 18, 20])
@pytest.mark.parametrize("axis", [-1, 1])
def test_exact_softmax__any_axis_and_opset__is_softmax_within_a_step(opset: int, axis: int) -> None:
    model = softmax_model(opset, axis)
    exact = with_exact_softmax(model)
    onnx.checker.check_model(onnx.load_model_from_string(exact), full_check=True)
    x = np.random.default_rng(0).normal(size=(7, 5, 6)).astype(np.float32) * 5
    level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    ours, theirs = run(exact, x, level), run(model, x, level)
    assert np.abs(ours - theirs).max() < 1 / STEPS
    assert np.allclose(ours.sum(axis=axis), 1.0, atol=1e-6)
    assert float_operators(exact) == ()
    assert float_operators(model) == ("Softmax",)


def test_exact_softmax__before_opset_13__stays_as_it_is() -> None:
    assert with_exact_softmax(softmax_model(12, 1)) == softmax_model(12, 1)


def test_float_operators__sum_of_floats__is_named() -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["x"], ["y"])],
        "sum",
        [value("x", TensorProto.FLOAT, [3])],
        [value("y", TensorProto.FLOAT, [1])],
    )
    assert float_operators(helper.make_model(graph).SerializeToString()) == ("ReduceSum",)


def test_quantize__not_a_model_or_unfit__refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelError):
        quantize(path, vision, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_float_operators__names_what_rounds() -> None:
    assert float_operators(vision_model().SerializeToString()) == ("MatMul", "Softmax")


@pytest.mark.parametrize("exactness", Exactness)
def test_agree__equal_answers__agree(exactness: Exactness) -> None:
    assert agree(exactness, X, {"p": X["p"].copy()})


@pytest.mark.parametrize("exactness", Exactness)
@pytest.mark.parametrize(
    "other",
    [
        {},
        {"q": X["p"]},
        {"p": X["p"].reshape(4, 3)},
        {"p": X["p"].astype(np.float64)},
        {"p": X["p"] + np.float32(1e-3)},
        {"p": X["p"] * np.float32(np.nan)},
    ],
)
def test_agree__other_answers__do_not(exactness: Exactness, other: dict[str, np.ndarray]) -> None:
    assert not agree(exactness, X, other)


def test_agree__last_bit__only_within_a_tolerance() -> None:
    other = {"p": np.nextafter(X["p"], np.float32(2))}
    assert agree(Exactness.TOLERANCE, X, other)
    assert not agree(Exactness.SAME_BUILD, X, other)
    assert not agree(Exactness.EXACT, X, other)
