# SPDX-License-Identifier: Apache-2.0
"""Subnets that live at once: the run behind docs/capacity.md, small, and its committed record."""

from __future__ import annotations

import json

import pytest

from offchain.lab.capacity import MANY
from tests.e2e.many_subnets import measure

ACTS = ("commit", "reveal", "close", "propose", "finalize", "claim")


@pytest.mark.slow
@pytest.mark.chain
@pytest.mark.timeout(900)
def test_many_subnets__three_at_once__all_final_and_paid_and_balanced() -> None:
    """The checks are `many_subnets.check`'s; here only that the numbers are those of the run."""
    used = measure(3, 2)
    # per subnet and epoch: 4 commits, 4 reveals, close, give and propose, finalize, two claims
    assert used["transactions"] == 3 * 2 * (4 + 4 + 1 + 3 + 1 + 2)
    assert sum(used[f"gas of {act}"] for act in ACTS) == used["gas"]
    assert 2 * 360 < used["ticks"] < 4 * 360


def test_record__of_the_large_run__is_one_of_32_subnets() -> None:
    record = json.loads(MANY.read_text())
    assert (record["subnets"], record["epochs_each"]) == (32, 3)
    assert record["transactions"] == 32 * 3 * 15
    assert sum(record[f"gas of {act}"] for act in ACTS) == record["gas"]
