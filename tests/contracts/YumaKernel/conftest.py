# SPDX-License-Identifier: Apache-2.0
"""The kernel, which has no state: one for a file."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.deployment import compiled


@pytest.fixture(scope="module")
def kernel() -> Any:
    return compiled("YumaKernel").deploy()
