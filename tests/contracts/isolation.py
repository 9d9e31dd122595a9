# SPDX-License-Identifier: Apache-2.0
"""A chain for every file, and no trace of a test in the next one; for the conftest of a folder."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts.deployment import chain_of_its_own


@pytest.fixture(scope="module", autouse=True)
def chain() -> Iterator[None]:
    """What other files did, and in what order, cannot be seen."""
    with chain_of_its_own():
        yield


@pytest.fixture(autouse=True)
def isolation(chain: None) -> Iterator[None]:
    """What a test does to the chain, its clock included, is gone after it."""
    with boa.env.anchor():
        yield
