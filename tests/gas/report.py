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
    """The most that an operation may use; what a dear one is made of, and what was tried on it."""

    most: int
    made_of: str = ""


BUDGETS = {
    "commit": Budget(66_000),
    "reveal of 256 uids": Budget(130_000),
    "close 64 x 256": Budget(
        620_000,
        "180,000 are Neurons (48 cold slots: 16 of seats, 32 of generations), 101,000 Weights (33"
        " cold slots), 97,000 Examiner's work, 110,000 Settlement (four slots 54,000, the event"
        " 29,000), 79,000 the drain of the emission, 12,000 the replaced uids. Tried: folding all"
        " rows of an epoch into one word at their reveals and keeping two seats' records in a word"
        " took 272,000 off; asking once for seats that have not changed 80,000; four seats to a"
        " word and one view that compares generations in memory, with Examiner's sums in static"
        " lists, another 188,000; one word for all that an accrual changes, and no write of a"
        " bonus or an excess that is zero, 16,500. Not built: a generation of 24 bits, ten to a"
        " word, would save 12,600.",
    ),
    "propose 64 x 256": Budget(220_000),
    "challenge a block": Budget(1_100_000),
    "challenge the sums": Budget(400_000),
    "prove all blocks in 1": Budget(7_000_000),
    "prove all blocks in 4, sum": Budget(9_500_000),
    "finalize": Budget(
        900_000,
        "450,000 are the pay of 256 uids, their cumulative vector and its tree, 134,000"
        " Settlement (its slots 62,000, the event 37,000), 125,000 calldata, 98,000 the pruning"
        " scores (16 slots in Neurons), 30,000 the root and its cap. Tried: row hashes out of the"
        " calldata took 45,000 off, leaves and nodes hashed in place 38,000, the root's branch in"
        " the frame of `finalize` 59,000: memory costs by its square, and a function's frame lies"
        " above those of all that it calls. Gains that lie where the cumulatives will, and hashes"
        " with one copy less, took 13,500 off; shifts instead of checked divisions in the loops"
        " over seats and ranks 31,000.",
    ),
    "first claim of a miner": Budget(95_000),
    "later claim of a miner": Budget(
        66_000,
        "21,000 for the transaction, 5,300 for its calldata (a path of 8), 23,000 for the token's"
        " transfer and the two books, 5,000 to ask Staking who speaks for the account, 2,000 for"
        " the event. The account, which outlives every swap of its hotkey and coldkey, is kept"
        " beside what it was paid; so a later claim does not ask Neurons for the hotkey and"
        " Staking for its owner, 7,800. A validator's part has a slot of its own for it, which"
        " costs its later claims 4,800. Tried: one slot for both caps and a root that is found by"
        " its depth took 2,700 off; a coldkey remembered in Rewards would pay who owned the hotkey"
        " then.",
    ),
    "first claim of a validator into its pool": Budget(
        161_000,
        "21,000 for the transaction, 5,300 for its calldata, 66,300 for three slots that were not"
        " there: its record in Rewards, and the checkpoints of its pool and of all stake that it"
        " puts away; 30,000 for six that change (the subnet's books, two balances, the pool, what"
        " vests, all stake), 8,400 for four that are read, 8,000 for the calls of three contracts,"
        " 5,400 for three events, 15,700 for hashes and arithmetic. It was 187,300, and 215,400 for"
        " a validator that also mines. Tried: the owner's take in the word of what vests took"
        " 19,200 off, one slot less for every pool; what vests and the take stored at once 3,700; a"
        " pool whose hotkey is the one that was named 2,200; no look at a miner's record 2,200."
        " 140,000 would need one of the three slots less. Not built: all stake without a past,"
        " 137,200, but the governor's quorum is of the stake at a past tick, and a past that is"
        " kept only while somebody asks for it costs the same then; two checkpoints of it to a"
        " slot, 137,600 at every second claim and no less at the others; a slot that is written at"
        " registration would only be paid there.",
    ),
    "later claim of a validator into its pool": Budget(
        140_000,
        "as the first, but two new slots: every change of stake in a tick of its own puts a"
        " checkpoint of the pool and one of all stake away, 44,200. Earlier pages had 119,100,"
        " which was a second claim in the same tick; in a tick of its own that was 163,700, with a"
        " miner's part, and 153,400 without. Tried, beside what the first claim has: the hotkey"
        " kept beside what was paid took 5,300 off, a call of Neurons.",
    ),
    "first claim of a validator that also mines": Budget(191_500),
    "later claim of a validator that also mines": Budget(
        151_500,
        "a validator's claim and a transfer to its coldkey: 5,000 for the miner's record (22,100"
        " the first time) and 7,700 for the token.",
    ),
    "ten later claims in 1": Budget(350_000),
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
    parts = [
        f"- **{name}**: {budget.made_of}" for name, budget in BUDGETS.items() if budget.made_of
    ]
    return "\n".join(
        [
            "<!-- SPDX-License-Identifier: Apache-2.0 -->",
            "# Gas",
            "",
            "Receipts of a real Anvil (`--hardfork osaka`, so with EIP-7623's floor for calldata),",
            "cancun bytecode, one subnet of 256 uids and 64 validators, three epochs deep, no",
            "weight and no vote missing; a validator's claims are in ticks of their own. Every",
            "transaction stays below 2^24 gas and 128 KiB of calldata. `make gas` measures again;",
            "`pytest -m gas --update` rewrites this page.",
            "",
            table(measured),
            "",
            "A first claim needs 17,100 more if the coldkey holds no token yet; a seat's first two",
            "reveals begin words that all later ones use again, and so does the first strike of a",
            "network, which lets Emission take what is recycled. The kernel itself",
            "uses 295 gas a cell: 302,000 for a block of 16 columns and 64 validators.",
            "",
            "What the dearest of them are made of, and what was tried:",
            "",
            *parts,
            "",
        ]
    )


def readme(measured: Mapping[str, int]) -> str:
    """README.md with its table brought up to date."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(measured)}\n\n{END}{after}"
