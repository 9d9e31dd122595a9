# SPDX-License-Identifier: Apache-2.0
"""I8, FI-32 to FI-37: foreign models run to nobody's harm; what misbehaves is refused or killed."""

import os
import struct
import time
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import miners.sandbox as sandbox
from miners.checks import check_content
from miners.errors import ModelError, SandboxError
from miners.providers import open_session
from miners.reexecute import reexecute
from miners.sandbox import SandboxLimits, standing_walls
from miners.untrusted import run_untrusted
from miners.walls import ALL, LANDLOCK, LIMITS, NAMESPACES, SECCOMP, filter_program
from offchain.subnets import vision
from offchain.subnets.vision import MODEL
from offchain.wire import Tensor
from tests.miners.test_checks import CANARY, EXTERNAL, REFUSED, flat
from tests.miners.worlds import vision_model

FEED = {"images": np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)}
QUICK = SandboxLimits(cpu_s=4, wall_s=200.0)
value = helper.make_tensor_value_info


def weights(**extra: np.ndarray) -> list[onnx.TensorProto]:
    w = np.ones((64, 10), dtype=np.float32)
    return [flat(), numpy_helper.from_array(w, "w")] + [
        numpy_helper.from_array(array, name) for name, array in extra.items()
    ]


def four_terabytes() -> onnx.ModelProto:
    return greedy(2**20, 2**20)


def greedy(rows: int, columns: int) -> onnx.ModelProto:
    """A model that makes a tensor of so many floats."""
    size = np.array([rows, columns], dtype=np.int64)
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
    with pytest.raises(ModelError, match=reason):
        run_untrusted(content, MODEL, [FEED], QUICK)


def test_FI_35_memory__over_the_limit_though_the_machine_has_it__refused() -> None:
    """Without the limit these 2 GiB would be given, and the model would answer."""
    limits = SandboxLimits(memory_bytes=2 * 2**30, cpu_s=30, wall_s=200.0)
    assert run_untrusted(vision_model().SerializeToString(), MODEL, [FEED], limits)
    with pytest.raises(ModelError, match=r"fails|memory|ended"):
        run_untrusted(greedy(2**14, 2**15).SerializeToString(), MODEL, [FEED], limits)


def test_FI_36_cpu_limit__over__ends_long_before_the_wall_clock() -> None:
    with pytest.raises(ModelError, match="ended with -"):
        run_untrusted(
            endless_loop().SerializeToString(), MODEL, [FEED], SandboxLimits(cpu_s=2, wall_s=200.0)
        )


def test_FI_36_wall_clock__over__killed_though_it_uses_no_cpu_limit() -> None:
    began = time.perf_counter()
    run_untrusted(vision_model().SerializeToString(), MODEL, [FEED])
    wall_s = 2.0 + 4 * (time.perf_counter() - began)  # enough for its process to come up
    with pytest.raises(ModelError, match="killed after"):
        run_untrusted(
            endless_loop().SerializeToString(),
            MODEL,
            [FEED],
            SandboxLimits(cpu_s=1_000, wall_s=wall_s),
        )


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


ATTEMPTS = """
import os, socket, sys
import numpy, onnxruntime
import miners.untrusted as untrusted
from miners.errors import ModelError
def attempts():
    yield "environment", lambda: os.environ["EVMTENSOR_PASSWORD"]
    yield "list", lambda: os.listdir()
    yield "open", lambda: open("/etc/passwd")
    yield "socket", lambda: socket.socket()
    yield "write", lambda: open("x", "w").write("x")
    yield "fork", lambda: os.fork() or os._exit(0)
    yield "kill", lambda: os.kill(os.getppid(), 0)
    yield "trace", lambda: open(f"/proc/{os.getppid()}/environ", "rb").read()
def execute(raw):
    found = []
    for name, attempt in attempts():
        try:
            attempt()
        except (OSError, ValueError, KeyError):
            continue
        found.append(name)
    raise ModelError("found " + ",".join(found))
untrusted.execute = execute
"""


def found_inside(monkeypatch: pytest.MonkeyPatch, walls: tuple[str, ...]) -> str:
    """What foreign code could do behind these walls."""
    start = "child_main(walls"
    child = sandbox._CHILD.replace(start, ATTEMPTS + start)
    monkeypatch.setattr(sandbox, "_CHILD", child)
    monkeypatch.setenv("EVMTENSOR_PASSWORD", "secret")
    with pytest.raises(ModelError) as caught:
        run_untrusted(vision_model().SerializeToString(), MODEL, [FEED], SandboxLimits(walls=walls))
    assert os.environ["EVMTENSOR_PASSWORD"] == "secret"
    return str(caught.value).removeprefix("sandbox: found ").strip()


def test_I8_child__behind_all_walls__can_only_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found_inside(monkeypatch, ALL) == ""


@pytest.mark.parametrize(
    ("walls", "found"),
    [
        # without any, the attempts succeed: the test above would notice a missing wall
        ((), {"list", "open", "socket", "write", "fork", "kill", "trace"}),
        ((LIMITS,), {"kill"} | ({"fork"} if os.geteuid() == 0 else set())),  # root forks on
        ((SECCOMP,), set()),
        ((LANDLOCK,), {"socket", "fork"}),
        ((NAMESPACES,), {"list", "socket", "write", "fork", "kill"}),  # in an empty world
    ],
    ids=lambda v: "+".join(sorted(v)) or "none",
)
def test_I8_child__behind_one_wall__what_it_alone_prevents(
    monkeypatch: pytest.MonkeyPatch, walls: tuple[str, ...], found: set[str]
) -> None:
    if not set(walls) <= set(standing_walls()):
        walls, found = ALL, set()  # this kernel refuses that wall: the others must do
    assert set(found_inside(monkeypatch, walls).split(",")) - {""} == found


def test_I8_walls__of_this_kernel__are_told() -> None:
    assert LIMITS in standing_walls()


def test_I8_filter__runs_like_the_kernel_would__passes_only_the_allowed() -> None:
    allowed = [0, 1, 231]
    program = filter_program(0xC000003E, allowed)
    for number in [*range(400), 0x40000000, 0x40000001, 0xFFFFFFFF]:
        want = 0x7FFF0000 if number in allowed else 0x00050001
        assert run_filter(program, 0xC000003E, number) == want
    assert run_filter(program, 0x40000003, 0) == 0x80000000  # 32-bit x86: other numbers


def run_filter(program: bytes, architecture: int, number: int) -> int:
    """Interprets classic BPF: an independent reading of what `filter_program` writes."""
    lines = list(struct.iter_unpack("=HBBI", program))
    accumulator = at = 0
    while True:
        code, yes, no, k = lines[at]
        at += 1
        if code == 0x20:
            accumulator = {0: number, 4: architecture}[k]
        elif code == 0x06:
            return int(k)
        else:
            taken = accumulator == k if code == 0x15 else accumulator >= k
            at += yes if taken else no


@pytest.mark.parametrize(
    "fault",
    ["raise SystemExit(1)", "import nothing_of_this_name", "import time; time.sleep(60)"],
)
def test_sandbox__does_not_come_up__nobody_blames_the_model(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_CHILD", fault)
    content = vision_model().SerializeToString()
    with pytest.raises(SandboxError, match="did not come up"):
        run_untrusted(content, MODEL, [FEED], SandboxLimits(wall_s=2.0))
    monkeypatch.setattr(sandbox, "SandboxLimits", lambda: SandboxLimits(wall_s=2.0))
    (task,) = vision.tasks(bytes(32), [0])
    answer = msgspec.structs.replace(
        task.synapse, probabilities=Tensor.of(np.zeros((32, 10), "f4"))
    )
    assert reexecute({"": content}, vision, task.synapse, answer) is None
