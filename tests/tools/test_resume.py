# SPDX-License-Identifier: Apache-2.0
"""A long run that stopped goes on behind what passed, until a source changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
from pathlib import Path

def test_good():
    pass

def test_once_bad():
    assert Path("mended").exists()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_two.py").write_text(TESTS)
    return tmp_path


def run(project: Path, *flags: str) -> str:
    """The last line that pytest says, less the time that it took."""
    command = (*(sys.executable, "-m", "pytest", "-p", "tests.resume"), "--resume", "long", *flags)
    path = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=project, env=path, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return f"{done.returncode}: {done.stdout.splitlines()[-1].strip('= ').partition(' in ')[0]}"


@pytest.mark.parametrize("flags", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "workers"])
def test_resume__after_a_failure__only_what_did_not_pass_runs(
    project: Path, flags: tuple[str, ...]
) -> None:
    assert run(project, *flags) == "1: 1 failed, 1 passed"
    (project / "mended").touch()
    assert run(project, *flags).startswith("0: 1 passed")
    assert run(project, *flags).startswith("0: ")
    assert run(project, "--again", *flags) == "0: 2 passed"


def test_resume__source_changed__begins_anew(project: Path) -> None:
    (project / "mended").touch()
    assert run(project) == "0: 2 passed"
    (project / "contracts").mkdir()
    (project / "contracts" / "Tao.vy").write_text("# new")
    assert run(project) == "0: 2 passed"
    assert len(list((project / ".cache").iterdir())) == 1, "old notes are of no use"
