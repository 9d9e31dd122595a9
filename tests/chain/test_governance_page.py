# SPDX-License-Identifier: Apache-2.0
"""docs/governance.md says the numbers that networks start with, and the bounds of the contract."""

from __future__ import annotations

import re
from pathlib import Path

from offchain.chain.presets import LOCALNET, MAINNET

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "governance.md").read_text(encoding="utf-8")
SOURCE = (ROOT / "contracts" / "modules" / "vote_terms.vy").read_text(encoding="utf-8")
DAY_SECONDS = 86_400


def row(name: str) -> list[str]:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name}")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def percent(share_ppm: int) -> str:
    return f"{share_ppm / 10_000:g} %"


def constant(name: str) -> int:
    found = re.search(rf"^{name}: public\(constant\(uint256\)\) = ([\d_]+)$", SOURCE, re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_page__ticks__are_the_presets() -> None:
    for name, field in (
        ("`votingDelay`", "voting_delay_ticks"),
        ("`votingPeriod`", "voting_period_ticks"),
    ):
        ticks = getattr(MAINNET, field)
        days = ticks * MAINNET.tick_seconds // DAY_SECONDS
        mainnet, localnet, _ = row(name)
        assert mainnet == f"{ticks:,} ticks ({days} day{'s' if days > 1 else ''})"
        assert localnet == f"{getattr(LOCALNET, field)} ticks"


def test_page__shares__are_the_presets_and_the_contracts_bounds() -> None:
    for name, field in (("threshold", "threshold"), ("quorum", "quorum")):
        mainnet, localnet, bounds = row(f"{name}, share")
        assert mainnet == percent(getattr(MAINNET, f"{field}_ppm"))
        assert localnet == percent(getattr(LOCALNET, f"{field}_ppm"))
        least, most = (constant(f"{end}_{name.upper()}_PPM") for end in ("MIN", "MAX"))
        assert bounds == f"{percent(least)} to {percent(most)}"


def test_page__timelock__waits_longer_than_an_unbonding() -> None:
    mainnet, localnet, _ = row("the timelock's delay")
    assert mainnet == f"{MAINNET.minimum_delay_seconds // DAY_SECONDS} days"
    assert localnet == f"{LOCALNET.minimum_delay_seconds} seconds"
    assert MAINNET.minimum_delay_seconds > MAINNET.unbonding_ticks * MAINNET.tick_seconds
    assert f"an unbonding ({MAINNET.unbonding_ticks:,} ticks)" in PAGE
