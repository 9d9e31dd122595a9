# SPDX-License-Identifier: Apache-2.0
"""For all tests: ape's build cache, the profiles of hypothesis, and committed snapshots.

ape's cache is dropped when any Vyper source changed, because ape looks only at the top files.
"""

import os
import signal
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
STAMP = BUILD / "sources.sha256"

# The same examples in every run: a red run is the change's fault. `make fuzz` looks further.
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("nightly", deadline=None, print_blob=True, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the committed snapshots")


@pytest.fixture
def update_snapshots(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares text with a committed file; with `--update` it writes the file instead."""

    def compare(path: Path, content: str) -> None:
        if request.config.getoption("--update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        assert path.exists(), f"{path} is missing; look at it with --update, then commit it"
        assert content == path.read_text(encoding="utf-8"), f"{path} differs; --update rewrites it"

    return compare


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT as in a terminal, for this process and its children; a shell that runs tests in the
    background has it ignored.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Full sets and proofs run when they are asked for: `make soundness`, `make symbolic`."""
    asked = config.option.markexpr
    left_out = []
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        is_full_set = {"soundness", "slow"} <= marks and "soundness" not in asked
        if is_full_set or ("symbolic" in marks and "symbolic" not in asked):
            left_out.append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _sources_hash() -> str:
    files = sorted((ROOT / "contracts").rglob("*.vy*"))
    return sha256(b"".join(str(f).encode() + f.read_bytes() for f in files)).hexdigest()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # the controller of a parallel run has done it
    current = _sources_hash()
    if not STAMP.exists() or STAMP.read_text() != current:
        (BUILD / "__local__.json").unlink(missing_ok=True)
        BUILD.mkdir(exist_ok=True)
        STAMP.write_text(current)
