# SPDX-License-Identifier: Apache-2.0
"""One assembly for the tests of a file; each test's doings are undone after it."""

from __future__ import annotations

import pytest

from tests.contracts.Governor.assembly import Assembly, assemble


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return assemble()
