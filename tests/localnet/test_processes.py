# SPDX-License-Identifier: Apache-2.0
"""No child is ever left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offchain.localnet import processes
from offchain.localnet.errors import MissingProgram

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);"
    "time.sleep(600)",
)
WITH_CHILD = (
    sys.executable,
    "-c",
    "import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', 'import time;"
    "time.sleep(600)']); print(c.pid, flush=True); c.wait()",
)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has reaped yet does not count."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def read_when_written(log: Path) -> str:
    wait_for(lambda: log.exists() and log.read_text().endswith("\n"))
    return log.read_text()


def test_stop__ordinary_child__ends_by_sigterm(tmp_path):
    child = processes.start("sleeper", SLEEPER, tmp_path / "log")
    read_when_written(tmp_path / "log")

    assert child.stop() == -signal.SIGTERM
    assert not is_alive(child.pid)


def test_stop__child_ignores_sigterm__is_killed_after_grace(tmp_path):
    child = processes.start("stubborn", STUBBORN, tmp_path / "log")
    read_when_written(tmp_path / "log")

    started = time.monotonic()
    assert child.stop(grace_seconds=0.3) == -signal.SIGKILL
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_stop__child_has_children__they_go_too(tmp_path, way):
    child = processes.start("parent", WITH_CHILD, tmp_path / "log")
    grandchild = int(read_when_written(tmp_path / "log"))
    assert is_alive(grandchild)

    getattr(child, way)()
    wait_for(lambda: not is_alive(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_start__parent_is_killed__child_dies(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from offchain.localnet import processes;"
        f"c = processes.start('s', {SLEEPER!r}, Path(sys.argv[1])); print(c.pid, flush=True);"
        "time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    child = int(parent.stdout.readline())
    assert is_alive(child)

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not is_alive(child))


def test_start__parent_ends_by_itself__child_dies(tmp_path):
    program = (
        "import sys; from pathlib import Path; from offchain.localnet import processes;"
        f"print(processes.start('s', {SLEEPER!r}, Path(sys.argv[1])).pid)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        capture_output=True,
        cwd=ROOT,
        text=True,
        check=True,
    )
    wait_for(lambda: not is_alive(int(ended.stdout)))


def test_start__program_missing__says_so(tmp_path):
    with pytest.raises(MissingProgram, match=r"oracle: /no/such/program cannot be executed"):
        processes.start("oracle", ["/no/such/program"], tmp_path / "log")


def test_start__environment__reaches_the_child_and_not_its_arguments(tmp_path):
    command = (sys.executable, "-c", "import os; print(os.environ['SECRET_OF_TEST'])")
    child = processes.start("env", command, tmp_path / "log", environment={"SECRET_OF_TEST": "x7"})
    assert child.wait(120) == 0
    assert child.log_tail() == "x7"


def test_log_tail__long_log__gives_the_last_lines(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {i}\n" for i in range(100_000)))
    assert processes.tail(log, 2) == "line 99998\nline 99999"
    assert processes.tail(tmp_path / "none") == ""
