# SPDX-License-Identifier: Apache-2.0
"""Runs steps in order, skips what is done, shows what happens, and logs what programs say."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tools.bootstrap.failure import SetupError, explain, explain_os_error

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
LOG = CACHE / "setup.log"
STAMPS = VENV / "evmtensor-setup.json"

_HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Step:
    """A piece of set-up.

    fingerprint: text that changes when the work must be done again. done: a last look whether the
    result is really there. disk_mib: free space that the work needs.
    """

    name: str
    title: str
    fingerprint: Callable[[], str]
    run: Callable[[], None]
    done: Callable[[], bool]
    disk_mib: int = 50


def run_steps(steps: Sequence[Step]) -> None:
    """Do what is not done yet; raises `SetupError` with the step's name in its fact."""
    CACHE.mkdir(exist_ok=True)
    with _only_one_at_a_time():
        pending = [step for step in steps if not _is_done(step)]
        if not pending:
            return
        _check_disk(pending)
        LOG.write_text("")
        if len(pending) == len(steps):
            print(
                f"Setting up this checkout, once: {len(steps)} steps, a few minutes, some GB, all "
                f"of it\nin {VENV.name} and {CACHE.name}. Ctrl-C or a failure costs one step.",
                flush=True,
            )
        for number, step in enumerate(pending, 1):
            label = f"[{number}/{len(pending)}] {step.title}"
            print(f"{label} ...", flush=True)
            started = time.monotonic()
            try:
                step.run()
            except SetupError as error:
                raise SetupError(f"{step.title}: {error.fact}", error.next_step) from error
            except OSError as error:
                cause = explain_os_error(error)
                raise SetupError(f"{step.title}: {cause.fact}", cause.next_step) from error
            _stamp(step)
            print(f"{label}: {time.monotonic() - started:.0f} s", flush=True)


def _is_done(step: Step) -> bool:
    return _stamps().get(step.name) == step.fingerprint() and step.done()


def _stamps() -> dict[str, str]:
    try:
        read = json.loads(STAMPS.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _stamp(step: Step) -> None:
    draft = STAMPS.with_suffix(".tmp")
    draft.write_text(json.dumps({**_stamps(), step.name: step.fingerprint()}, indent=1) + "\n")
    draft.replace(STAMPS)


def _check_disk(pending: Sequence[Step]) -> None:
    need = sum(step.disk_mib for step in pending)
    free = shutil.disk_usage(ROOT).free // 2**20
    if free < need:
        raise SetupError(
            f"{free} MiB are free in {ROOT}, and the set-up needs about {need} MiB",
            "free some space and run the same command again",
        )


@contextlib.contextmanager
def _only_one_at_a_time() -> Iterator[None]:
    with (CACHE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up of this checkout to end ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def call(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> str:
    """Run a program with its output in the log; that output. Raises `SetupError` when it fails."""
    words = [str(word) for word in command]
    lines: list[str] = []
    with LOG.open("a") as log:
        log.write(f"$ {' '.join(words)}\n")
        try:
            program = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=directory or ROOT,
                env={**os.environ, **(environment or {})},
            )
        except FileNotFoundError as error:
            raise SetupError(f"{words[0]} is missing", "run `make clean` and try again") from error
        with program, _heartbeat(lines, f"{Path(words[0]).name} has said nothing yet"):
            assert program.stdout
            for line in program.stdout:
                log.write(line)
                lines.append(line)
    output = "".join(lines)
    if program.returncode:
        raise explain(output)
    return output


@contextlib.contextmanager
def _heartbeat(lines: list[str], silence: str) -> Iterator[None]:
    """Now and then the newest line of a program, also while it says nothing."""
    over = threading.Event()

    def beat() -> None:
        started = time.monotonic()
        while not over.wait(_HEARTBEAT_SECONDS):
            newest = next((line for line in lines[:-9:-1] if line.strip()), silence)
            line = f"      {time.monotonic() - started:3.0f} s  {' '.join(newest.split())}"
            print(line[: shutil.get_terminal_size().columns - 1].rstrip(), flush=True)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def hash_of(*patterns: str) -> str:
    """Hash over names and contents of the repository's files that match."""
    digest = sha256()
    for file in sorted({f for p in patterns for f in ROOT.glob(p) if f.is_file()}):
        digest.update(f"{file.relative_to(ROOT)}\n".encode())
        digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def python_here() -> str:
    """Version and prefix of the Python that runs this."""
    return f"{sys.version_info[0]}.{sys.version_info[1]} {sys.base_prefix}"
