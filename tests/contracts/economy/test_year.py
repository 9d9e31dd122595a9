# SPDX-License-Identifier: Apache-2.0
"""The scripted year: a month of it in every run, all of it in `make soundness`, `make year`."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts.economy.year import YEAR_TICKS, Year


def balanced(books: dict[str, Any]) -> None:
    """Every rao that came is somewhere, and every contract holds what it owes."""
    assert books["issuance_rao"] == (
        books["genesis_rao"] + books["accrued_rao"] - books["recycled_rao"]
    )
    made = books["genesis_rao"] + books["minted_rao"] + books["bonus_rao"]
    assert books["supply_rao"] == made - books["burned_rao"]
    assert books["supply_rao"] == books["people_rao"] + sum(books["contracts_rao"].values())
    for name, owed in books["owed"].items():
        assert books["contracts_rao"][name] == owed, name
    # everybody has left: what is there was lost by somebody who sent it there
    assert books["owed"]["Staking"] == books["lost"]["Staking"]
    assert books["owed"]["Rewards"] == books["lost"]["Rewards"]
    idle = set(books["contracts_rao"]) - set(books["owed"])
    assert all(books["contracts_rao"][name] == 0 for name in idle)


def test_year__its_first_month__balances() -> None:
    with boa.env.anchor():
        books = Year(seed=2, months=1).run()
    balanced(books)
    assert books["counts"]["epochs final"] >= 10


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_year__all_of_it__balances_to_the_rao() -> None:
    with boa.env.anchor():
        books = Year(seed=1).run()
    balanced(books)
    assert books["ticks"] >= YEAR_TICKS
    assert books["halvings"] == 1
    counts = books["counts"]
    for what in ("subnets evicted", "epochs void", "lies struck", "proposals", "keys swapped"):
        assert counts[what] >= 1, what
    assert counts["epochs final"] > 100
