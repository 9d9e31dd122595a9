# SPDX-License-Identifier: Apache-2.0
"""One child process: started in a group of its own, never left behind.

The group lets `stop` reach grandchildren. On Linux the kernel also kills the child when its parent
dies in whatever way, SIGKILL included (`PR_SET_PDEATHSIG`); elsewhere an exit handler does what it
can. The kernel ties that signal to the *thread* that started the child, so start children from a
thread that lives as long as they shall.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from offchain.localnet.errors import MissingProgram

STOP_GRACE_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Child:
    """A running or ended child process with its log file."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self._popen = popen
        self._stopping = threading.Lock()
        _RUNNING.add(self)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that ended it."""
        return self._popen.poll()

    def is_running(self) -> bool:
        return self.exit_code is None

    def wait(self, timeout_seconds: float | None = None) -> int | None:
        """Exit code, or None when the time is over first."""
        try:
            return self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """SIGKILL to the whole group, as a crash would; returns once the child is gone."""
        _signal_group(self.pid, signal.SIGKILL)
        self._popen.wait()
        _RUNNING.discard(self)

    def ask_to_stop(self) -> None:
        """SIGTERM to the group; returns at once."""
        if self.is_running():
            _signal_group(self.pid, signal.SIGTERM)

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> int:
        """SIGTERM, and SIGKILL after the grace; its exit code. Grandchildren go with it."""
        with self._stopping:
            self.ask_to_stop()
            self.wait(grace_seconds)
            _signal_group(self.pid, signal.SIGKILL)
            _RUNNING.discard(self)
            return self._popen.wait()

    def log_tail(self, lines: int = 20) -> str:
        """Last lines of its log, for an error message."""
        return tail(self.log_file, lines)


def start(
    name: str,
    command: Sequence[str],
    log_file: Path,
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    log_stdout: bool = True,
) -> Child:
    """Start `command`; what it prints is appended to `log_file`.

    Secrets belong in `environment` or files. log_stdout: False for a program that prints keys
    there; its stderr is logged all the same.

    Raises `MissingProgram` when the first word of the command cannot be executed.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        try:
            popen = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log if log_stdout else subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **(environment or {})},
                cwd=directory,
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()),
            )
        except (FileNotFoundError, PermissionError) as error:
            raise MissingProgram(
                f"{name}: {command[0]} cannot be executed ({error.strerror})",
                next_step="Run `make setup`, then try again.",
            ) from error
    return Child(name, popen, log_file)


def tail(file: Path, lines: int = 20) -> str:
    """Last lines of a log file that may be large; empty when it does not exist."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - 64 * 1024))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """What the child does between fork and exec on Linux: only calls that are safe there."""
    if sys.platform != "linux":
        return None
    prctl = _LIBC.prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)

    return ask_kernel


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


_RUNNING: set[Child] = set()


@atexit.register
def _kill_what_is_left() -> None:
    for child in list(_RUNNING):
        if child.is_running():
            child.kill()
