# SPDX-License-Identifier: Apache-2.0
"""One subnet with three seated validators, the last of them the owner, at the start of epoch 0."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts.deployment import World
from tests.contracts.Weights.voting import Voting, open_voting


@pytest.fixture(scope="module")
def voting(world: World) -> Iterator[Voting]:
    with boa.env.anchor():
        yield open_voting(world)
