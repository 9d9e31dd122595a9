# SPDX-License-Identifier: Apache-2.0
"""A subnet with two miners and a validator; the validator's coldkey has staked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import boa
import pytest

from tests.contracts import life
from tests.contracts.deployment import RAO, World
from tests.contracts.Rewards.payroll import Payroll, open_payroll

MINER, OTHER_MINER, VALIDATOR = 0, 1, 2


@pytest.fixture(scope="module")
def payroll_once(world: World) -> Iterator[Payroll]:
    with boa.env.anchor():
        payroll = open_payroll(world, ["miner", "other miner", "validator"])
        life.stake(world, "validator", 100 * RAO)
        yield payroll


@pytest.fixture
def payroll(payroll_once: Payroll) -> Payroll:
    """A copy whose books start empty, as the chain's do after each test."""
    return replace(payroll_once, trees={}, pays={})
