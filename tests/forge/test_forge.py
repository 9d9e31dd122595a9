# SPDX-License-Identifier: Apache-2.0
"""forge's invariants: the world that it is given, a short run, and bugs that it has to find.

The runs fetch forge and solc from npm, so they belong to `make soundness`; 400,000 calls are
`make forge`.
"""

from __future__ import annotations

import pytest

from tests.contracts.deployment import CONSTRUCTORS
from tests.contracts.economy.test_seeded_bugs import BUGS
from tests.forge.harness import HERE, run, world

FOUND_BY_FORGE = (
    "recycling burns nothing",
    "a cancelled unbonding is paid again",
    "a part of sold shares stays in the sum",
    "buying rounds up",
    "a part of the burn stays",
    "claims are not noted",
)


def test_world__every_contract__has_an_address_and_init_code() -> None:
    made = world()
    assert made["names"] == list(CONSTRUCTORS) == list(made["code"]) == list(made["address"])
    assert len(set(made["address"].values())) == len(CONSTRUCTORS)
    assert all(len(code) > 1_000 for code in made["code"].values())


def test_handler__names_every_invariant_that_the_page_gives_to_forge() -> None:
    page = (HERE.parents[1] / "docs" / "invariants.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| I-") and ", forge" in line]
    handler = (HERE / "Economy.t.sol").read_text(encoding="utf-8")
    missing = [row[2:6] for row in rows if f'"{row[2:6]} ' not in handler]
    assert len(rows) > 12
    assert missing == []


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_forge__a_few_thousand_calls__hold() -> None:
    held, made, said = run(5_000)
    assert held, said[-3_000:]
    assert made >= 5_000


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("what", FOUND_BY_FORGE)
def test_forge__seeded_bug__is_found(what: str) -> None:
    bug = BUGS[what]
    held, _, said = run(20_000, bugs=[(bug.file, bug.right, bug.wrong)], contract=bug.contract)
    assert not held, "forge found nothing"
    assert "I-" in said, said[-2_000:]
