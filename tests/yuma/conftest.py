# SPDX-License-Identifier: Apache-2.0
"""How much is drawn at random: a sample by default, everything under `make fuzz`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "epoch_vectors.json"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The file of expected bits."""
    return VECTORS


@pytest.fixture(scope="session")
def is_full_run(pytestconfig: pytest.Config) -> bool:
    """Whether this is `make fuzz`: hypothesis' nightly profile, by environment or by flag."""
    chosen = pytestconfig.getoption("--hypothesis-profile", default=None)
    return "nightly" in (chosen, os.environ.get("HYPOTHESIS_PROFILE"))
