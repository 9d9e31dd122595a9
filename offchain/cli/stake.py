# SPDX-License-Identifier: Apache-2.0
"""Stake: add, unbond, cancel, remove, move, show."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli.options import Amount, HotkeyAddress, Key, rao, tao
from offchain.cli.output import progress, show
from offchain.cli.session import Session

app = typer.Typer(
    name="stake", help="Stake: add, unbond, cancel, remove, move, show.", no_args_is_help=True
)
UnbondingId = Annotated[int, typer.Argument(help="Number of the unbonding.")]


@app.command()
def add(context: typer.Context, amount: Amount, hotkey: HotkeyAddress, key: Key = "") -> None:
    """Put TAO behind a hotkey.

    evmtensor stake add 100 --hotkey alice-hot --key alice
    """
    session: Session = context.obj
    to, value = session.address_of(hotkey), rao(amount)
    coldkey = session.coldkey(key)
    with progress("adding stake"):
        added = coldkey.add_stake(to, value)
    show(session.flags.json, added, f"{tao(added.amount_rao)} TAO behind {to}")


@app.command()
def unbond(
    context: typer.Context,
    hotkey: HotkeyAddress,
    amount: Annotated[str, typer.Option(help="In TAO; all of it without.")] = "",
    key: Key = "",
) -> None:
    """Begin to take stake back; the TAO can be removed when the unbonding is over.

    evmtensor stake unbond --hotkey alice-hot --amount 50 --key alice
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("unbonding"):
        begun = coldkey.unbond(session.address_of(hotkey), rao(amount) if amount else None)
    text = (
        f"unbonding {begun.unbonding_id}: {tao(begun.amount_rao)} TAO from tick {begun.ripe_tick}"
    )
    show(session.flags.json, begun, text)


@app.command()
def cancel(context: typer.Context, unbonding_id: UnbondingId, key: Key = "") -> None:
    """Stake again what is unbonding, at today's price.

    evmtensor stake cancel 3 --key alice
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("cancelling"):
        done = coldkey.cancel_unbonding(unbonding_id)
    show(session.flags.json, done, f"{tao(done.amount_rao)} TAO are stake again")


@app.command()
def remove(context: typer.Context, unbonding_id: UnbondingId, key: Key = "") -> None:
    """Take the TAO of an unbonding that is over.

    evmtensor stake remove 3 --key alice
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("removing stake"):
        done = coldkey.remove_stake(unbonding_id)
    show(session.flags.json, done, f"{tao(done.amount_rao)} TAO are back with {coldkey.address}")


@app.command()
def move(
    context: typer.Context,
    from_hotkey: Annotated[str, typer.Option("--from", help="Hotkey to leave.")],
    to_hotkey: Annotated[str, typer.Option("--to", help="Hotkey to go to.")],
    key: Key = "",
) -> None:
    """Move all of your stake from one hotkey to another.

    evmtensor stake move --from alice-hot --to bob-hot --key alice
    """
    from offchain.chain.errors import InsufficientFunds

    session: Session = context.obj
    source, target = session.address_of(from_hotkey), session.address_of(to_hotkey)
    coldkey = session.coldkey(key)
    shares = session.network.staking.shares_of(source, coldkey.address)
    if shares == 0:
        raise InsufficientFunds(
            f"{coldkey.address} has no stake behind {source}",
            next_step="See `evmtensor stake show`.",
        )
    with progress("moving stake"):
        receipt = coldkey.move_stake(source, target, shares)
    done = {"transaction": receipt.transaction_hash, "from": source, "to": target}
    show(session.flags.json, done, f"moved from {source} to {target}")


@app.command("show")
def show_stake(context: typer.Context, hotkey: HotkeyAddress, key: Key = "") -> None:
    """Show a hotkey's pool, and your part of it.

    evmtensor stake show --hotkey alice-hot --key alice
    """
    session: Session = context.obj
    staking = session.network.staking
    address = session.address_of(hotkey)
    pool = staking.pool_of(address)
    mine = key or session.environment.key
    value_rao = staking.value_of(address, session.address_of(mine)) if mine else None
    value = {"hotkey": address, "owner": staking.owner_of(address), "pool": pool}
    text = f"{address}: {tao(pool.assets_rao)} TAO, take {pool.take_u16 / 655.35:.1f} %"
    if value_rao is not None:
        value["yours_rao"] = value_rao
        text += f", yours {tao(value_rao)} TAO"
    show(session.flags.json, value, text)
