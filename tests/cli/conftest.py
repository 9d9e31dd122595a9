# SPDX-License-Identifier: Apache-2.0
"""The command line in this process, in a home of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from offchain.cli.app import run
from tests.chain.conftest import anvil  # noqa: F401  # the same chain as in tests/chain


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: exit code and what it wrote."""

    code: int
    out: str
    error: str

    def sentence(self) -> str:
        """The one line of a failure; a traceback or a second line is a failure of its own."""
        assert self.code != 0, self.out
        lines = self.error.strip().splitlines()
        assert len(lines) == 1, self.error
        assert "Traceback" not in self.error
        assert self.out == ""
        return lines[0]


Command = Callable[..., Outcome]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a terminal at which nobody sits."""
    for name in ("RPC", "DEPLOYMENT", "PASSWORD", "PASSWORD_FILE", "KEY", "HOTKEY"):
        monkeypatch.delenv(f"EVMTENSOR_{name}", raising=False)
    monkeypatch.delenv("APE_FOUNDRY_HOST", raising=False)
    monkeypatch.setenv("EVMTENSOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def evmtensor(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*words: object) -> Outcome:
        capsys.readouterr()
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return command
