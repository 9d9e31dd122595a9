# SPDX-License-Identifier: Apache-2.0
"""The token: schedule, balances, transfers."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli.options import Amount, Key, rao, tao
from offchain.cli.output import progress, show, show_table
from offchain.cli.session import Session

app = typer.Typer(
    name="token", help="The token: schedule, balance, transfer.", no_args_is_help=True
)


@app.command()
def schedule(context: typer.Context) -> None:
    """Show supply, issuance, and what a tick pays now.

    evmtensor token schedule
    """
    session: Session = context.obj
    emission = session.network.emission
    value = {
        "issuance_rao": emission.issuance_rao(),
        "supply_rao": session.network.tao.total_supply(),
        "rate_rao_per_tick": emission.rate_rao(),
        "accrued_rao": emission.accrued_rao(),
        "recycled_rao": emission.recycled_rao(),
        "genesis_rao": emission.genesis_rao(),
    }
    rows = [(name, tao(amount)) for name, amount in value.items()]
    show_table(session.flags.json, "schedule", ("what", "TAO"), rows, value)


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
