# SPDX-License-Identifier: Apache-2.0
"""I8, FI-32 to FI-37: foreign models run to nobody's harm; what misbehaves is refused or killed."""

import os
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from miners.checks import check_content
from miners.engine import open_session
from miners.errors import ModelError
from miners.sandbox import SandboxLimits, run_untrusted
from offchain.subnets.vision import MODEL
from tests.miners.test_checks import CANARY, EXTERNAL, REFUSED, flat
from tests.miners.worlds import vision_model

FEED = {"images": np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)}
QUICK = SandboxLimits(cpu_s=4, wall_s=20.0)
value = helper.make_tensor_value_info


def weights(**extra: np.ndarray) -> list[onnx.TensorProto]:
    w = np.ones((64, 10), dtype=np.float32)
    return [flat(), numpy_helper.from_array(w, "w")] + [
        numpy_helper.from_array(array, name) for name, array in extra.items()
    ]


def four_terabytes() -> onnx.ModelProto:
    size = np.array([2**20, 2**20], dtype=np.int64)
    return vision_model(
        [
            helper.make_node("ConstantOfShape", ["size"], ["huge"]),
            helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
            helper.make_node("Reshape", ["images", "flat"], ["x"]),
            helper.make_node("MatMul", ["x", "w"], ["l"]),
            helper.make_node("Add", ["l", "sum"], ["probabilities"]),
        ],
        initializers=weights(size=size),
    )


def endless_loop() -> onnx.ModelProto:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Neg", ["state"], ["next"]),
        ],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("state", 1, None),
        ],
        [value("go_on", TensorProto.BOOL, []), value("next", 1, None)],
    )
    return vision_model(
        [
            helper.make_node("Reshape", ["images", "flat"], ["x"]),
            helper.make_node("MatMul", ["x", "w"], ["l"]),
            helper.make_node("Loop", ["", "yes", "l"], ["probabilities"], body=body),
        ],
        initializers=weights(yes=np.array(True)),
    )


def not_finite() -> onnx.ModelProto:
    return vision_model(
        [
            helper.make_node("Reshape", ["images", "flat"], ["x"]),
            helper.make_node("MatMul", ["x", "w"], ["l"]),
            helper.make_node("Sub", ["l", "l"], ["z"]),
            helper.make_node("Div", ["l", "z"], ["probabilities"]),
        ]
    )


def too_few_rows() -> onnx.ModelProto:
    return vision_model(
        [
            helper.make_node("Reshape", ["images", "flat"], ["x"]),
            helper.make_node("MatMul", ["x", "w"], ["l"]),
            helper.make_node("ReduceMean", ["l", "axis"], ["probabilities"], keepdims=1),
        ],
        initializers=weights(axis=np.array([0], dtype=np.int64)),
    )


HOSTILE = {
    "4 TB tensor": (four_terabytes(), "fails|memory|ended"),
    "endless loop": (endless_loop(), "killed|ended with -"),
    "not finite": (not_finite(), "NaN"),
    "too few rows": (too_few_rows(), "shape"),
}


def test_sandbox__honest_model__answers_as_outside() -> None:
    content = vision_model().SerializeToString()
    (inside, again) = run_untrusted(content, MODEL, [FEED, FEED])
    session, _ = open_session(content)
    (outside,) = session.run(["probabilities"], FEED)
    assert np.array_equal(inside["probabilities"], outside)
    assert np.array_equal(again["probabilities"], outside)


@pytest.mark.parametrize("name", HOSTILE)
def test_FI_35_FI_36_model__greedy_or_endless__ends_within_the_limits(name: str) -> None:
    model, reason = HOSTILE[name]
    content = model.SerializeToString()
    check_content(content, MODEL)  # it looks harmless: only running it tells
    start = time.perf_counter()
    with pytest.raises(ModelError, match=reason):
        run_untrusted(content, MODEL, [FEED], QUICK)
    assert time.perf_counter() - start < 30


def test_FI_36_cpu_limit__over__ends_long_before_the_wall_clock() -> None:
    with pytest.raises(ModelError, match="ended with -"):
        run_untrusted(
            endless_loop().SerializeToString(), MODEL, [FEED], SandboxLimits(cpu_s=2, wall_s=15.0)
        )


def test_FI_36_wall_clock__over__killed_though_it_uses_no_cpu_limit() -> None:
    start = time.perf_counter()
    with pytest.raises(ModelError, match="killed after"):
        run_untrusted(
            endless_loop().SerializeToString(),
            MODEL,
            [FEED],
            SandboxLimits(cpu_s=1_000, wall_s=4.0),
        )
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("name", ["in the working directory", "absolute", "in a subgraph"])
def test_FI_33_external_data__canary__never_in_any_output(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "canary.bin").write_bytes(CANARY * 100)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="another file") as caught:
        run_untrusted(EXTERNAL[name].SerializeToString(), MODEL, [FEED])
    assert "canary" not in str(caught.value).replace("canary.bin", "")


@pytest.mark.parametrize("name", ["custom operator", "another input name", "fixed batch"])
def test_FI_34_model__unfit__refused_inside(name: str) -> None:
    with pytest.raises(ModelError, match="sandbox"):
        run_untrusted(REFUSED[name][0].SerializeToString(), MODEL, [FEED])


@pytest.mark.parametrize("content", [b"", b"\x08" + b"\xff" * 1_000, b"\x3a\x02" * 100_000])
def test_FI_37_bytes__that_are_no_model__refused(content: bytes) -> None:
    with pytest.raises(ModelError):
        run_untrusted(content, MODEL, [FEED], QUICK)


def test_sandbox__child__has_no_environment_and_opens_no_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EVMTENSOR_PASSWORD", "secret")
    monkeypatch.setattr(
        "miners.sandbox._CHILD",
        """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
import miners.sandbox as sandbox
from miners.sandbox import _Result
def execute(raw):
    found = ["environment"] if "EVMTENSOR_PASSWORD" in os.environ else []
    for name, attempt in (
        ("list", lambda: os.listdir()),
        ("open", lambda: open("/etc/hostname")),
        ("socket", lambda: socket.socket()),
        ("write", lambda: open("x", "w")),
        ("limits", lambda: sandbox.resource.setrlimit(sandbox.resource.RLIMIT_NOFILE, (99, 99))),
    ):
        try:
            attempt()
        except (OSError, ValueError):
            continue
        if name != "limits" or os.geteuid() != 0:
            found.append(name)
    return _Result(error="found " + ",".join(found))
sandbox._execute = execute
sandbox.child_main(*map(int, sys.argv[2:]))
""",
    )
    with pytest.raises(ModelError, match=r"sandbox: found $"):
        run_untrusted(vision_model().SerializeToString(), MODEL, [FEED])
    assert os.environ["EVMTENSOR_PASSWORD"] == "secret"
