# SPDX-License-Identifier: Apache-2.0
"""Drops ape's build cache when any Vyper source changed: ape looks only at the top files."""

from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
STAMP = BUILD / "sources.sha256"


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
