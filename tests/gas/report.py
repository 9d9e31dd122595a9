# SPDX-License-Identifier: Apache-2.0
"""The budgets of gas, and the pages that quote what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.repository.files import ROOT

SNAPSHOT = Path(__file__).with_name("gas.json")
PAGE = ROOT / "docs" / "gas.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- gas: pytest -m gas --update -->", "<!-- /gas -->"


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that an operation may use; `missed` says why one uses more, and what was tried."""

    most: int
    missed: str = ""


BUDGETS = {
    "commit": Budget(66_000),
    "reveal of 256 uids": Budget(130_000),
    "close 64 x 256": Budget(
        620_000,
        "490,000 are cold reads of other contracts' storage (two slots of each revealed row, 64"
        " seats, the generations of 256 uids), 128,000 the drain of the emission, 46,000 the event,"
        " 62,000 the three slots it writes. The study behind the budget read seats and stake from"
        " two packed slots of its own and drained nothing. Asking once for seats that have not"
        " changed took 80,000 off.",
    ),
    "propose 64 x 256": Budget(220_000),
    "challenge a block": Budget(1_100_000),
    "challenge the sums": Budget(
        400_000,
        "Adding up costs what `prove the sums` costs; paying the challenger, recycling the rest and"
        " opening the slot again cost 100,000 more.",
    ),
    "prove all blocks in 1": Budget(7_000_000),
    "prove all blocks in 4, sum": Budget(9_500_000),
    "finalize": Budget(
        900_000,
        "518,000 are the pay of 256 uids, their cumulative vector and its tree, 96,000 the pruning"
        " scores (16 slots in Neurons), 47,000 the root and its cap, 37,000 the event.",
    ),
    "first claim of a miner": Budget(95_000),
    "later claim of a miner": Budget(
        66_000,
        "21,000 for the transaction, 5,300 for its calldata (a path of 8), 25,000 for the"
        " token's transfer and the two books, 10,000 to ask Neurons for the hotkey and Staking for"
        " its owner at claim time, 2,400 for the event. One slot for both caps and a root that is"
        " found by its depth took 2,700 off; a payee remembered in Rewards would bring 64,000, but"
        " a first claim 111,000, and would pay who owned the hotkey then.",
    ),
    "ten later claims in 1": Budget(350_000),
    "later claim of a validator into its pool": Budget(140_000),
}


def over_budget(measured: Mapping[str, int]) -> set[str]:
    """Operations that use more than they may."""
    return {name for name, budget in BUDGETS.items() if measured[name] > budget.most}


def table(measured: Mapping[str, int]) -> str:
    """Everything that was measured, beside its budget, as markdown."""
    lines = ["| operation | gas | budget |", "|---|---|---|"]
    for name, gas in measured.items():
        budget = BUDGETS.get(name)
        most = f"{budget.most:,}" if budget else ""
        lines.append(f"| {name} | {gas:,} | {most}{' (missed)' if _is_over(gas, budget) else ''} |")
    return "\n".join(lines)


def _is_over(gas: int, budget: Budget | None) -> bool:
    return budget is not None and gas > budget.most


def page(measured: Mapping[str, int]) -> str:
    """docs/gas.md."""
    missed = [f"- **{name}**: {BUDGETS[name].missed}" for name in BUDGETS if BUDGETS[name].missed]
    return "\n".join(
        [
            "<!-- SPDX-License-Identifier: Apache-2.0 -->",
            "# Gas",
            "",
            "Receipts of a real Anvil (`--hardfork osaka`, so with EIP-7623's floor for calldata),",
            "cancun bytecode, one subnet of 256 uids and 64 validators, two epochs deep, no weight",
            "and no vote missing. Every transaction stays below 2^24 gas and 128 KiB of calldata.",
            "`make gas` measures again; `pytest -m gas --update` rewrites this page.",
            "",
            table(measured),
            "",
            "A first claim needs 17,100 more if the coldkey holds no token yet. The kernel itself",
            "uses 295 gas a cell: 302,000 for a block of 16 columns and 64 validators.",
            "",
            *(["Missed budgets:", "", *missed, ""] if missed else []),
        ]
    )


def readme(measured: Mapping[str, int]) -> str:
    """README.md with its table brought up to date."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(measured)}\n\n{END}{after}"
