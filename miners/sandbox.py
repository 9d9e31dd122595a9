# SPDX-License-Identifier: Apache-2.0
"""A process in which somebody else's model may run: nothing to read and little to use up.

What the child has: an order (the model and the question, as bytes on a pipe), an empty directory,
no environment, no descriptors, the walls that this kernel permits (`walls.py`; `standing_walls`
tells which), and a parent that kills it. The order is a task's, one of the modules that

    TASK                 their own name, for `in_sandbox`
    prepare()            import what they need, before the walls stand
    execute(order)       do it, behind them: bytes, or ModelError

`untrusted.py` runs models of tensors, `llm/untrusted.py` decoders. The model is parsed there too:
a parser that a file crashes is not ours.

What it has not: protection against a hole in the kernel. Run validators of untrusted models under
a user without secrets.
"""

import os
import resource
import struct
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from miners.errors import ModelError, RequestError, SandboxError
from miners.walls import ALL, Walls
from offchain.wire import TensorError

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


class _Outcome(msgspec.Struct):
    error: str = ""
    answer: bytes = b""


def in_sandbox(task: str, order: bytes, limits: SandboxLimits | None = None) -> bytes:
    """What the module `task` makes of the order.

    Raises ModelError if the model is refused, fails, or is killed for what it used; SandboxError if
    it never got that far.
    """
    raw = _run_child(task, order, limits or SandboxLimits())
    try:
        outcome = msgspec.msgpack.decode(raw, type=_Outcome)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ModelError("sandbox: the child's answer is not one") from error
    if outcome.error:
        raise ModelError(f"sandbox: {outcome.error}")
    return outcome.answer


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


def _run_child(task: str, order: bytes, limits: SandboxLimits) -> bytes:
    words = [str(_WALLS), str(_ROOT), ",".join(limits.walls), task]
    command = [sys.executable, "-I", "-c", _CHILD, *words, *map(str, _numbers(limits))]
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
child_main(walls, sys.argv[4], *map(int, sys.argv[5:]))
"""


def child_main(walls: Walls, task: str, memory_bytes: int, cpu_s: int, answer_bytes: int) -> None:
    """The child's whole life."""
    module = import_module(task)
    module.prepare()  # everything is imported before the doors close
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
        outcome = _Outcome(answer=module.execute(sys.stdin.buffer.read(size)))
    except (ModelError, RequestError, TensorError) as error:
        outcome = _Outcome(error=str(error))
    except MemoryError:
        outcome = _Outcome(error="out of memory")
    if len(outcome.answer) > answer_bytes:
        outcome = _Outcome(error="answers over the size")
    sys.stdout.buffer.write(msgspec.msgpack.encode(outcome))
    sys.stdout.buffer.flush()
    os._exit(0)
