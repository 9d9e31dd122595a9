# SPDX-License-Identifier: Apache-2.0
"""Run somebody else's model: in a process of its own, with nothing to read and little to use up.

What the child has: the model's and the inputs' bytes on a pipe, an empty directory, no
environment, no descriptors, the walls that this kernel permits (`walls.py`; `standing_walls` tells
which), and a parent that kills it. The model is parsed there too: a parser that a file crashes is
not ours.

What it has not: protection against a hole in the kernel. Run validators of untrusted models under
a user without secrets.
"""

import os
import resource
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from miners.errors import ModelError, SandboxError
from miners.walls import ALL, Walls
from offchain.subnets.base import ModelInterface
from offchain.wire import Tensor, TensorError

_ROOT = Path(__file__).resolve().parents[1]
_WALLS = Path(__file__).resolve().with_name("walls.py")
_LENGTH = struct.Struct(">Q")
_READY = b"\1"  # the child's first byte: the walls stand, what follows is about the model


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a foreign model may use."""

    memory_bytes: int = 4 * 2**30  # address space; onnxruntime alone maps more than one GiB
    cpu_s: int = 20
    wall_s: float = 30.0
    answer_bytes: int = 64 * 2**20
    walls: tuple[str, ...] = ALL  # to be raised if the kernel permits it


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
    error: str = ""
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
    limits = limits or SandboxLimits()
    if len(content) > interface.max_bytes:
        raise ModelError(f"sandbox: {len(content)} bytes, wanted at most {interface.max_bytes}")
    order = _Order(
        memoryview(content),
        {name: _Spec(s.dtype, s.shape) for name, s in interface.inputs.items()},
        {name: _Spec(s.dtype, s.shape) for name, s in interface.outputs.items()},
        interface.max_bytes,
        [{name: Tensor.of(array) for name, array in feed.items()} for feed in feeds],
    )
    raw = _run_child(msgspec.msgpack.encode(order), limits)
    try:
        result = msgspec.msgpack.decode(raw, type=_Result)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ModelError("sandbox: the child's answer is not one") from error
    if result.error:
        raise ModelError(f"sandbox: {result.error}")
    if len(result.answers) != len(feeds):
        raise ModelError("sandbox: answers are missing")
    try:
        answers = [_checked(a, f, interface) for a, f in zip(result.answers, feeds, strict=True)]
    except (TensorError, KeyError) as error:
        raise ModelError(f"sandbox: {error}") from error
    return Run(answers, result.is_exact)


def standing_walls() -> tuple[str, ...]:
    """Names of the walls that stand around a model on this machine, found out by raising them."""
    with TemporaryDirectory(prefix="sandbox-") as empty:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROBE, str(_WALLS)],
            cwd=empty, env={}, capture_output=True, timeout=30.0, check=False, text=True,
        )  # fmt: skip
    if done.returncode != 0:
        raise SandboxError(
            f"sandbox: its process ended with {done.returncode}",
            next_step="Run without re-execution, or on another kernel.",
        )
    return tuple(done.stdout.split())


def _checked(
    answer: dict[str, Tensor], feed: dict[str, Any], interface: ModelInterface
) -> dict[str, Any]:
    rows = len(next(iter(feed.values())))
    arrays = {}
    for name, spec in interface.outputs.items():
        shape = tuple(rows if size is None else size for size in spec.shape)
        arrays[name] = answer[name].numpy(dtype=spec.dtype, shape=shape)
    return arrays


def _run_child(order: bytes, limits: SandboxLimits) -> bytes:
    command = [sys.executable, "-I", "-c", _CHILD, str(_WALLS), str(_ROOT), ",".join(limits.walls)]
    command += map(str, _numbers(limits))
    with TemporaryDirectory(prefix="sandbox-") as empty:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=empty,
            env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
        try:
            raw, _ = child.communicate(_LENGTH.pack(len(order)) + order, timeout=limits.wall_s)
        except subprocess.TimeoutExpired as error:
            _check_ready(error.output or b"", f"{limits.wall_s} s")
            raise ModelError(f"sandbox: killed after {limits.wall_s} s") from error
        finally:
            child.kill()
            child.wait()
    _check_ready(raw, f"its end with {child.returncode}")
    if child.returncode != 0:
        raise ModelError(f"sandbox: the model's process ended with {child.returncode}")
    return raw[len(_READY) :]


def _check_ready(raw: bytes, until: str) -> None:
    if not raw.startswith(_READY):
        raise SandboxError(
            f"sandbox: its process did not come up until {until}",
            next_step="Look for memory, descriptors and a broken installation.",
        )


def _numbers(limits: SandboxLimits) -> tuple[int, int, int]:
    return limits.memory_bytes, limits.cpu_s, limits.answer_bytes


# `walls.py` is loaded by its path: the package would load libraries that start threads, and a
# process with threads enters no namespace.
_LOAD_WALLS = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("walls", sys.argv[1])
module = module_from_spec(spec)
spec.loader.exec_module(module)
"""
_PROBE = f"""{_LOAD_WALLS}
walls = module.Walls()
walls.before_imports()
print(*walls.after_imports(".", {{}}), flush=True)
"""
# Everything foreign is read after the walls stand, and no wall can be taken down again.
_CHILD = f"""{_LOAD_WALLS}
walls = module.Walls(tuple(sys.argv[3].split(",")))
walls.before_imports()
sys.path.insert(0, sys.argv[2])
from miners.sandbox import child_main
child_main(walls, *map(int, sys.argv[4:]))
"""


def child_main(walls: Walls, memory_bytes: int, cpu_s: int, answer_bytes: int) -> None:
    """The child's whole life."""
    import onnx  # noqa: F401  # everything is imported before the doors close
    import onnxruntime  # noqa: F401

    import miners.providers
    import miners.quantize  # noqa: F401

    walls.after_imports(
        Path(),
        {
            resource.RLIMIT_AS: memory_bytes,
            resource.RLIMIT_CPU: cpu_s,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_NOFILE: 3,  # the three that are open: no file, no socket
            resource.RLIMIT_NPROC: 0,
        },
    )
    sys.stdout.buffer.write(_READY)
    sys.stdout.buffer.flush()
    (size,) = _LENGTH.unpack(sys.stdin.buffer.read(_LENGTH.size))
    try:
        result = _execute(sys.stdin.buffer.read(size))
    except (ModelError, TensorError) as error:
        result = _Result(error=str(error))
    except MemoryError:
        result = _Result(error="out of memory")
    raw = msgspec.msgpack.encode(result)
    if len(raw) > answer_bytes:
        raw = msgspec.msgpack.encode(_Result(error="answers over the size"))
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()
    os._exit(0)


def _execute(raw: bytes) -> _Result:
    from miners.checks import check_content, first_line
    from miners.providers import open_session
    from miners.quantize import float_operators
    from offchain.subnets.base import TensorSpec

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
            return _Result(error=f"the model fails: {first_line(error)}")
        answers.append({name: Tensor.of(array) for name, array in zip(names, outputs, strict=True)})
    return _Result(answers=answers, is_exact=not float_operators(content))
