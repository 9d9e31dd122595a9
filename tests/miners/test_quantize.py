# SPDX-License-Identifier: Apache-2.0
"""Integer models: what quantising costs, and which answers may be compared by hash."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from miners.errors import ModelError
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
    assert "same-build: sums of Softmax round differently" in capsys.readouterr().out


def logits_of(content: bytes) -> bytes:
    """The same model, cut before the last float function."""
    import onnx

    model = onnx.load_model_from_string(content)
    last = next(node for node in model.graph.node if node.op_type == "Softmax")
    model.graph.node.remove(last)
    del model.graph.output[:]
    model.graph.output.append(
        helper.make_tensor_value_info(last.input[0], TensorProto.FLOAT, ["batch", 10])
    )
    return model.SerializeToString()


def test_quantize__trained_models__keep_their_quality(models: Path, tmp_path: Path) -> None:
    for name in ("cnn", "mlp"):
        done = quantize(models / f"{name}.onnx", vision, tmp_path / f"{name}.onnx", rounds=32)
        assert done.after.score > done.before.score - 0.03
        assert done.after.report.size_bytes < 0.6 * done.before.report.size_bytes
        assert done.after.report.is_batch_invariant
        assert done.float_operators == ("Softmax",)
        assert done.exactness is Exactness.SAME_BUILD


def test_quantize__without_the_softmax__is_exact_and_survives_other_optimisation(
    models: Path, tmp_path: Path
) -> None:
    quantize(models / "cnn.onnx", vision, tmp_path / "q.onnx", rounds=2)
    exact = logits_of((tmp_path / "q.onnx").read_bytes())
    floats = logits_of((models / "cnn.onnx").read_bytes())
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
