# SPDX-License-Identifier: Apache-2.0
"""The token: schedule, supply, balances, transfers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.cli.options import Amount, Key, rao, tao
from offchain.cli.output import progress, show, show_table
from offchain.cli.session import Session

if TYPE_CHECKING:
    from offchain.chain.network import Network

app = typer.Typer(
    name="token", help="The token: schedule, supply, balance, transfer.", no_args_is_help=True
)


@app.command()
def schedule(
    context: typer.Context,
    plot: Annotated[
        str, typer.Option(metavar="FILE", help="Also write FILE.png, FILE.svg and FILE.json.")
    ] = "",
) -> None:
    """Show all 30 halvings, past and future, and what a tick pays.

    evmtensor token schedule --plot schedule
    """
    from dataclasses import asdict

    from offchain.chain.supply import halvings

    session: Session = context.obj
    network = session.network
    with progress("reading the schedule"):
        rows = halvings(network)
    issuance = network.emission.issuance_rao()
    value = {
        "issuance_rao": issuance,
        "rate_rao_per_tick": network.emission.rate_rao(),
        "tick": network.clock.tick(),
        "halvings": [asdict(row) for row in rows],
    }
    if plot:
        value["files"] = _plot(network, plot, value)
    table = [
        (
            row.number,
            tao(row.issuance_rao),
            tao(row.rate_rao),
            "past" if row.is_past else "to come",
            row.tick,
            _date(row.timestamp),
        )
        for row in rows
    ]
    title = f"schedule at an issuance of {tao(issuance)} TAO; what is to come without recycling"
    columns = ("halving", "from issuance TAO", "TAO a tick", "", "tick", "UTC")
    show_table(session.flags.json, title, columns, table, value)


@app.command()
def supply(context: typer.Context) -> None:
    """Show where all tokens are from and where they went: recycled ones and burned ones apart.

    evmtensor token supply
    """
    from dataclasses import asdict

    from offchain.chain.supply import supply_of

    session: Session = context.obj
    books = asdict(supply_of(session.network))
    rows = [(name, tao(books[f"{name}_rao"]), meaning) for name, meaning in _MEANING.items()]
    show_table(session.flags.json, "supply", ("what", "TAO", ""), rows, books)


_MEANING = {
    "supply": "tokens that exist",
    "issuance": "genesis + accrued - recycled; the halvings go by it",
    "genesis": "allocated at genesis",
    "accrued": "paid by the schedule, minted or not",
    "minted": "minted out of it",
    "bonus": "minted for demand, at most half of the burned fees",
    "pending": "accrued for subnets and not minted yet",
    "recycled": "back in the schedule, to be emitted again",
    "withheld": "of that: never minted",
    "burned_fees": "consumers' fees, burned for good",
    "burned_by_holders": "burned for good by holders",
}


def _date(timestamp: int | None) -> str:
    """A moment for people; nothing for one that never comes."""
    from datetime import UTC, datetime

    if timestamp is None:
        return ""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError):
        return "after the year 9999"


def _plot(network: Network, name: str, value: dict[str, Any]) -> list[str]:
    """Pictures of the course of issuance, and the numbers beside them; their paths."""
    from offchain.chain.supply import course, past
    from offchain.cli.output import to_json
    from offchain.lab.plots import schedule_plot

    base = Path(name).with_suffix("") if Path(name).suffix in (".png", ".svg") else Path(name)
    at = network.clock.timestamp_of
    lines = [[(at(tick), rao) for tick, rao in line] for line in (past(network), course(network))]
    pictures = schedule_plot(base, "Issuance", *lines)
    numbers = base.with_name(f"{base.name}.json")
    numbers.write_text(to_json(value) + "\n", encoding="utf-8")
    return [str(path) for path in (*pictures, numbers)]


@app.command()
def balance(
    context: typer.Context, account: Annotated[str, typer.Argument(help="A name or an address.")]
) -> None:
    """Show what an account holds.

    evmtensor token balance alice
    """
    show_balance(context.obj, account)


@app.command()
def transfer(
    context: typer.Context,
    receiver: Annotated[str, typer.Argument(help="A name or an address.")],
    amount: Amount,
    key: Key = "",
) -> None:
    """Send TAO.

    evmtensor token transfer bob 12.5 --key alice
    """
    session: Session = context.obj
    to, value = session.address_of(receiver), rao(amount)
    with progress("waiting for the transfer's block"):
        receipt = session.coldkey(key).transfer(to, value)
    done = {"transaction": receipt.transaction_hash, "to": to, "amount_rao": value}
    show(session.flags.json, done, f"sent {tao(value)} TAO to {to}")


def show_balance(session: Session, account: str) -> None:
    """TAO, and the chain's own coin for gas."""
    address = session.address_of(account)
    held = session.network.tao.balance_of(address)
    wei = session.connection.balance_wei(address)
    value = {"address": address, "balance_rao": held, "gas_wei": wei}
    show(session.flags.json, value, f"{address}: {tao(held)} TAO, {wei / 10**18:.6f} ETH for gas")
