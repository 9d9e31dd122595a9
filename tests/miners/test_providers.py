# SPDX-License-Identifier: Apache-2.0
"""Where a model runs: the choice is tested everywhere, the GPU itself only where there is one.

What a GPU adds is tested here as far as a CPU can: the bound path is the same code on another
device.
"""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from miners import Engine, ModelError, engine_bound, providers
from miners.engine_bound import BoundModel, open_bound
from miners.providers import CPU, CUDA, TENSORRT, choose, missing, open_session, options_of
from tests.miners.worlds import vision_model
from tests.wire.worlds import in_loop

CONTENT = vision_model().SerializeToString()
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        ([CPU], [CPU]),
        (["AzureExecutionProvider", CPU], [CPU]),
        ([CPU, CUDA], [CUDA, CPU]),
        ([CPU, CUDA, TENSORRT], [TENSORRT, CUDA, CPU]),
    ],
)
def test_choose__by_itself__tensorrt_before_cuda_before_cpu(
    available: list[str], chosen: list[str]
) -> None:
    assert choose(available) == chosen


def test_choose__wanted_but_not_built_in__says_what_to_install() -> None:
    assert choose([CPU, CUDA], [CPU]) == [CPU]
    with pytest.raises(ModelError, match="has no CUDA") as caught:
        choose([CPU], [CUDA])
    assert "onnxruntime-gpu" in caught.value.next_step


def test_open_session__here__takes_the_first_that_onnxruntime_has() -> None:
    _, provider = open_session(CONTENT)
    assert provider == choose(ort.get_available_providers())[0]


def test_missing__library_that_did_not_load__one_sentence() -> None:
    assert missing([CUDA, CPU], [CUDA, CPU]) == ""
    sentence = missing([TENSORRT, CUDA, CPU], [CUDA, CPU])
    assert "TensorRT (`pip install tensorrt`) did not load" in sentence
    assert f"{CUDA} is used" in sentence


def test_open_session__provider_falls_out__it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """onnxruntime-gpu without CUDA's libraries: it lists the provider and silently drops it."""
    real = ort.InferenceSession

    def session(content: bytes, options: Any, providers: list[Any]) -> Any:
        assert [name for name, _ in providers] == [CUDA, CPU]
        return real(content, options, providers=[CPU])

    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(ort, "InferenceSession", session)
    _, provider = open_session(CONTENT)
    assert provider == CPU
    assert "the CUDA runtime and cuDNN did not load" in capsys.readouterr().out


def test_options__recording__only_where_asked() -> None:
    assert options_of(CUDA, capture=True)["enable_cuda_graph"] == "1"
    assert "enable_cuda_graph" not in options_of(CUDA)
    assert options_of(TENSORRT, capture=True) == {"trt_cuda_graph_enable": "1"}
    assert options_of(CPU, capture=True) == {}


def wide_model() -> Any:
    """Takes images of any height."""
    value = helper.make_tensor_value_info
    return vision_model(inputs=[value("images", TensorProto.FLOAT, ["batch", "n", 8])])


def images(rows: int) -> dict[str, Any]:
    return {"images": RNG.random((rows, 8, 8)).astype(np.float32)}


@pytest.mark.parametrize("rows", [1, 2, 8, 31, 32, 33, 256, 257, 600])
def test_bound__any_number_of_rows__is_what_a_plain_run_says(rows: int) -> None:
    session, _ = open_session(CONTENT, [CPU])
    bound = BoundModel(session, "cpu")
    for _ in range(2):  # the second time the buffers hold something else
        feed = images(rows)
        (want,) = session.run(None, feed)
        (got,) = bound.run(feed)
        assert np.array_equal(got, want)


def test_bound__results__are_not_overwritten_by_the_next_batch() -> None:
    session, _ = open_session(CONTENT, [CPU])
    bound = BoundModel(session, "cpu")
    (first,) = bound.run(images(4))
    before = first.copy()
    bound.run(images(4))
    assert np.array_equal(first, before)


def test_bound__input_of_another_shape_or_type__is_refused_not_stretched() -> None:
    session, _ = open_session(CONTENT, [CPU])
    bound = BoundModel(session, "cpu")
    for array in (np.zeros((2, 1, 8), np.float32), np.zeros((2, 8, 8), np.float64)):
        with pytest.raises(ModelError, match="images is"):
            bound.run({"images": array})


def test_bound__tensor_without_one_free_axis__is_not_bound() -> None:
    model = wide_model()
    session, _ = open_session(model.SerializeToString(), [CPU])
    with pytest.raises(ModelError, match="wanted one free axis"):
        BoundModel(session, "cpu")


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU under the name of a device: what is decided for a GPU is then decided here."""
    monkeypatch.setitem(providers.DEVICES, CPU, "cpu")
    assert engine_bound.DEVICES is providers.DEVICES


@in_loop
async def test_engine__on_a_device__is_bound_and_answers_the_same(pretended_gpu: None) -> None:
    engine = Engine(CONTENT)
    assert engine._model.bound is not None
    assert len(engine._model.bound._bound) == len(engine_bound.BUCKETS)  # nobody waits for a first
    feed = images(5)
    outputs, _ = await engine.run(feed)
    (want,) = open_session(CONTENT)[0].run(None, feed)
    assert np.array_equal(outputs["probabilities"], want)
    engine.close()


def test_open_bound__model_that_cannot_be_bound__runs_plainly(pretended_gpu: None) -> None:
    model = wide_model()
    session, provider, bound = open_bound(model.SerializeToString())
    assert bound is None
    assert provider == session.get_providers()[0]


@pytest.mark.skipif(
    CUDA not in ort.get_available_providers(), reason="needs onnxruntime-gpu and a CUDA device"
)
def test_gpu__recorded_kernels__answer_as_the_cpu_does() -> None:
    _, provider, bound = open_bound(CONTENT)
    assert provider in (CUDA, TENSORRT)
    cpu, _ = open_session(CONTENT, [CPU])
    for rows in (1, 5, 256, 300):
        feed = images(rows)
        assert np.allclose(bound.run(feed)[0], cpu.run(None, feed)[0], atol=1e-4)
