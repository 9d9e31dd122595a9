# SPDX-License-Identifier: Apache-2.0
"""What a full network costs a chain: 128 subnets of 256 neurons and 64 validators.

    python -m offchain.lab.capacity [--check]

Computes docs/capacity.md from what was measured on a real Anvil (tests/gas/gas.json: gas;
tests/gas/footprint.json: bytes and storage slots; tests/e2e/many_subnets.json: a run of 32 subnets
at once) and from the assumptions below. Nothing on the page is typed by hand but them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offchain.protocol.errors import ConfigError, EvmtensorError

REPOSITORY = Path(__file__).resolve().parents[2]
GAS = REPOSITORY / "tests" / "gas" / "gas.json"
FOOTPRINT = REPOSITORY / "tests" / "gas" / "footprint.json"
MANY = REPOSITORY / "tests" / "e2e" / "many_subnets.json"
PAGE = REPOSITORY / "docs" / "capacity.md"

SUBNETS, NEURONS, VALIDATORS = 128, 256, 64
TEMPO_TICKS, REVEAL_TICKS = 360, 100
MINERS = NEURONS - VALIDATORS
DAY_SECONDS, DAYS_A_YEAR = 86_400, 365
CLAIMS_IN_ONE = 10
# a slot in a node's database: key and value; what a trie adds is the node's affair
SLOT_BYTES = 64
GWEI_A_COIN = 10**9

Measured = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as assumed, and the network's tick on it."""

    name: str
    block_seconds: int
    block_gas: int
    tick_seconds: int
    gas_prices_gwei: tuple[float, ...]
    # what a byte that the chain publishes costs beside its gas; 0 where it publishes nothing
    byte_price_gwei: float

    @property
    def epochs_a_day(self) -> float:
        return DAY_SECONDS / (TEMPO_TICKS * self.tick_seconds)

    @property
    def gas_a_day(self) -> float:
        """What the chain has to give."""
        return self.block_gas * DAY_SECONDS / self.block_seconds


CHAINS = (
    Chain("Ethereum", 12, 60_000_000, 12, (0.5, 2.0, 10.0), 0.0),
    Chain("rollup, 12 s ticks", 2, 60_000_000, 12, (0.001, 0.01, 0.1), 1.0),
    Chain("rollup, 2 s ticks", 2, 60_000_000, 2, (0.001, 0.01, 0.1), 1.0),
)


@dataclass(frozen=True, slots=True)
class Load:
    """What one epoch of one subnet takes, and one day of its claims: gas, or bytes."""

    reveal: int
    row: int  # one validator: commit and reveal
    settling: int  # one settler: close, propose, finalize
    claims_a_day: float

    @property
    def epoch(self) -> int:
        return VALIDATORS * self.row + self.settling

    def day(self, chain: Chain) -> float:
        """A day of the whole network."""
        return SUBNETS * (self.epoch * chain.epochs_a_day + self.claims_a_day)


def load_of(measured: Measured) -> Load:
    """From measured operations; everybody claims once a day, miners ten at a time."""
    try:
        return Load(
            reveal=measured["reveal of 256 uids"],
            row=measured["commit"] + measured["reveal of 256 uids"],
            settling=sum(measured[n] for n in ("close 64 x 256", "propose 64 x 256", "finalize")),
            claims_a_day=MINERS * measured["ten later claims in 1"] / CLAIMS_IN_ONE
            + VALIDATORS * measured["later claim of a validator into its pool"],
        )
    except KeyError as error:
        raise ConfigError(f"the measurements lack {error}", next_step="Run `make gas`.") from error


def page(
    gas: Measured, footprint: Mapping[str, Measured], many: Mapping[str, float] | None = None
) -> str:
    """docs/capacity.md. many: the record of the run of 32 subnets, as committed without."""
    many = _read(MANY) if many is None else many
    load, data = load_of(gas), load_of(footprint["bytes"])
    slots = footprint["slots"]["an epoch"]
    parts = [
        _HEAD,
        _table("", [chain.name for chain in CHAINS], _load_rows(load, data)),
        "\n## What it costs\n",
        _COST,
        "\n\n".join(_cost_table(chain, load, data) for chain in CHAINS),
        "\n## What it leaves behind\n",
        _STORAGE.format(slots=slots, claim=footprint["slots"]["ten later claims"]),
        _table("", [chain.name for chain in CHAINS], _storage_rows(slots)),
        "\n## 32 subnets at once\n",
        _MANY.format(**many, a_second=many["transactions"] / many["seconds"]),
        _table("", ["gas"], [(_act(name), [f"{many[name]:,}"]) for name in many if _act(name)]),
        "\n## Assumptions\n",
        _assumptions(),
    ]
    return "\n".join(parts)


def _act(name: str) -> str:
    """What gas was used for, of a row's name; nothing for other rows."""
    return name.removeprefix("gas of ") if name.startswith("gas of ") else ""


def _load_rows(load: Load, data: Load) -> list[tuple[str, list[str]]]:
    in_a_burst = SUBNETS * VALIDATORS * load.reveal
    return [
        ("epochs a day, each subnet", [f"{c.epochs_a_day:,.0f}" for c in CHAINS]),
        ("gas a day", [_billions(load.day(c)) for c in CHAINS]),
        ("of it claims", [_percent(SUBNETS * load.claims_a_day / load.day(c)) for c in CHAINS]),
        ("share of all blocks", [_percent(load.day(c) / c.gas_a_day) for c in CHAINS]),
        (
            "share while all subnets reveal at once",
            [_percent(in_a_burst / _gas_in(c, REVEAL_TICKS)) for c in CHAINS],
        ),
        ("transaction bytes a day", [_mebibytes(data.day(c)) for c in CHAINS]),
        ("subnets that would fill the chain", [_fill(load, c) for c in CHAINS]),
    ]


def _gas_in(chain: Chain, ticks: int) -> float:
    return chain.gas_a_day * ticks * chain.tick_seconds / DAY_SECONDS


def _fill(load: Load, chain: Chain) -> str:
    return f"{int(chain.gas_a_day / (load.day(chain) / SUBNETS)):,}"


def _cost_table(chain: Chain, load: Load, data: Load) -> str:
    """Coins a day at each gas price, for everybody together and for each role."""
    each = {
        "the whole network": (load.day(chain), data.day(chain)),
        "one validator": (load.row * chain.epochs_a_day, data.row * chain.epochs_a_day),
        "the settler of one subnet": (
            load.settling * chain.epochs_a_day,
            data.settling * chain.epochs_a_day,
        ),
        "all claims of one subnet": (load.claims_a_day, data.claims_a_day),
    }
    rows = [
        (who, [_coins(gas, data_bytes, price, chain) for price in chain.gas_prices_gwei])
        for who, (gas, data_bytes) in each.items()
    ]
    columns = [f"at {price:g} gwei" for price in chain.gas_prices_gwei]
    return _table(f"{chain.name}: coins a day", columns, rows)


def _coins(gas: float, data_bytes: float, price: float, chain: Chain) -> str:
    return f"{(gas * price + data_bytes * chain.byte_price_gwei) / GWEI_A_COIN:,.4g}"


def _storage_rows(slots: int) -> list[tuple[str, list[str]]]:
    a_year = [slots * SUBNETS * chain.epochs_a_day * DAYS_A_YEAR for chain in CHAINS]
    return [
        ("new slots a day", [f"{count / DAYS_A_YEAR:,.0f}" for count in a_year]),
        ("state a year", [_gibibytes(count * SLOT_BYTES) for count in a_year]),
    ]


def _assumptions() -> str:
    rows = [
        (
            chain.name,
            [
                f"{chain.block_seconds} s",
                f"{chain.block_gas:,}",
                f"{chain.tick_seconds} s",
                f"{chain.byte_price_gwei:g} gwei" if chain.byte_price_gwei else "in the gas",
            ],
        )
        for chain in CHAINS
    ]
    return _table("chain", ["block", "gas of a block", "tick", "a published byte"], rows) + _NOTES


def _table(head: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    lines = [f"| {head} | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def _billions(value: float) -> str:
    return f"{value / 1e9:,.1f} billion"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _mebibytes(count: float) -> str:
    return f"{count / 2**20:,.0f} MiB"


def _gibibytes(count: float) -> str:
    return f"{count / 2**30:,.2f} GiB"


_HEAD = f"""<!-- SPDX-License-Identifier: Apache-2.0 -->
# Capacity

What a full network asks of a chain: {SUBNETS} subnets of {NEURONS} neurons, {VALIDATORS} of them
validators, tempo {TEMPO_TICKS} ticks, every validator voting in every epoch, everybody claiming
once a day. Computed by `python -m offchain.lab.capacity` from the receipts behind
[gas.md](gas.md); a test holds the page to the script, and `make gas` measures and writes both anew.

A tick is fixed when a network is deployed. A rollup with 2-second blocks can keep Bittensor's
12-second tick, which asks what Ethereum is asked, or count ticks of 2 seconds, which makes an
epoch of {TEMPO_TICKS} ticks last 12 minutes.
"""

_COST = """In coins of the chain, at the gas prices of the columns. A validator pays for its commit
and reveal, a settler for close, propose and finalize (and earns 0.1 % of the emission). Disputes
cost the liar: a watcher that strikes gets more than its gas back out of the bond.
"""

_STORAGE = """An epoch of one subnet leaves {slots:,} storage slots behind that were not there
before, measured between two epochs of the same subnet. A miner's claim writes over what its
earlier ones left: ten added {claim:,}; a validator's puts two checkpoints away. Rows, seats and
traces are in events, which a node can prune; a network whose nodes keep them all needs the
transaction bytes on top.
"""

_MANY = """What was run, on one Anvil, with {subnets} subnets of {validators_each} validators and
{miners_each} miners each and the mainnet's tempo: every phase of {epochs_each} epochs, the subnets
a few ticks apart, so that commits, reveals, closes and proposals of different subnets interleave.
{transactions:,} transactions in {ticks:,} ticks used {gas:,} gas, {gas_a_tick:,} a tick. All epochs
became final, everybody was paid, and the books balanced to the rao. It took {seconds:,} seconds
({a_second:.0f} transactions a second), {cpu_seconds:g} s of CPU for all actors together and
{anvil_cpu_seconds:g} s for Anvil (its set-up included), on two busy cores, with at most
{most_memory_mib:,} MiB for the actors. `python -m tests.e2e.many_subnets` runs it again.
"""

_NOTES = """

- No dispute, no registration, no stake that moves: none of them grows with the number of epochs.
- A published byte on the rollup is a byte of a blob, uncompressed, at a blob gas price of 1 gwei.
- On Ethereum calldata is in the gas, with the floor of EIP-7623.
- A slot is counted as 64 bytes, key and value.
"""


def written() -> str:
    """The page from the committed files; raises `ConfigError` when one is missing."""
    return page(_read(GAS), _read(FOOTPRINT))


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}", next_step="Run `make gas`.") from error


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m offchain.lab.capacity", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 if it differs")
    options = parser.parse_args(arguments)
    try:
        text = written()
    except EvmtensorError as error:
        print(f"{error}. {error.next_step}", file=sys.stderr)
        return 1
    if options.check:
        is_same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print(f"{PAGE.name} is {'as' if is_same else 'not as'} computed")
        return 0 if is_same else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
