# SPDX-License-Identifier: Apache-2.0
"""Long runs go on where they stopped: `python -m pytest -p tests.resume --resume NAME ...`.

What passed is noted in `.cache/NAME-DIGEST.passed`, one test a line, as soon as it passed. The next
run leaves those out. The digest covers contracts, Python sources and tests: whoever changes one of
them begins anew, and so does `--again`.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

FOLDERS = ("contracts", "offchain", "miners", "tests")
SOURCES = {".vy", ".vyi", ".py", ".yaml", ".json", ".sol"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("resume")
    group.addoption("--resume", metavar="NAME", help="leave out what passed in a run of this name")
    group.addoption("--again", action="store_true", help="begin anew")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--resume")
    if name:
        notes = config.rootpath / ".cache" / f"{name}-{digest(config.rootpath)}.passed"
        config.pluginmanager.register(Resumed(config, notes))


def digest(root: Path) -> str:
    """Twelve hex digits of everything that a test's outcome can depend on."""
    files = sorted(
        file
        for folder in FOLDERS
        for file in (root / folder).rglob("*")
        if file.suffix in SOURCES and "artifacts" not in file.parts
    )
    parts = (f"{file.relative_to(root)}\0".encode() + file.read_bytes() for file in files)
    return sha256(b"\0".join(parts)).hexdigest()[:12]


class Resumed:
    """Workers of xdist read the notes, the process that leads them writes."""

    def __init__(self, config: pytest.Config, notes: Path) -> None:
        self.notes = notes
        self.is_leader = not hasattr(config, "workerinput")
        if self.is_leader:
            notes.parent.mkdir(exist_ok=True)
            for stale in notes.parent.glob(f"{notes.name.rpartition('-')[0]}-*.passed"):
                if stale != notes or config.getoption("--again"):
                    stale.unlink()
        self.passed = set(notes.read_text().splitlines()) if notes.exists() else set()

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        left_out = [item for item in items if item.nodeid in self.passed]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.nodeid not in self.passed]

    def pytest_report_header(self) -> str:
        return f"resume: {len(self.passed)} tests passed before, noted in {self.notes.name}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.is_leader and report.when == "call" and report.passed:
            with self.notes.open("a", encoding="utf-8") as notes:
                notes.write(f"{report.nodeid}\n")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """That nothing is left to run is no failure."""
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.passed:
            session.exitstatus = pytest.ExitCode.OK
