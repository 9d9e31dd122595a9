# SPDX-License-Identifier: Apache-2.0
"""Stake: add, unbond, cancel, remove, move, transfer, list, take, children, show."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli import children
from offchain.cli.options import Amount, HotkeyAddress, Key, rao, share_u16, tao
from offchain.cli.output import brief, progress, show, show_table, visible
from offchain.cli.session import Session

app = typer.Typer(
    name="stake",
    help="Stake: add, unbond, cancel, remove, move, transfer, list, take, children, show.",
    no_args_is_help=True,
)
app.add_typer(children.app)
All = Annotated[str, typer.Option("--amount", help="In TAO; all of it without.")]
UnbondingId = Annotated[int, typer.Argument(help="Number of the unbonding.")]


@app.command()
def add(context: typer.Context, amount: Amount, hotkey: HotkeyAddress = "", key: Key = "") -> None:
    """Put TAO behind a hotkey.

    evmtensor stake add 100 --hotkey alice-hot --key alice
    """
    session: Session = context.obj
    to, value = session.hotkey_address(hotkey), rao(amount)
    coldkey = session.coldkey(key)
    with progress("adding stake"):
        added = coldkey.add_stake(to, value)
    show(session.flags.json, added, f"{tao(added.amount_rao)} TAO behind {to}")


@app.command()
def unbond(
    context: typer.Context,
    hotkey: HotkeyAddress = "",
    amount: All = "",
    key: Key = "",
) -> None:
    """Begin to take stake back; the TAO can be removed when the unbonding is over.

    evmtensor stake unbond --hotkey alice-hot --amount 50 --key alice
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("unbonding"):
        begun = coldkey.unbond(session.hotkey_address(hotkey), rao(amount) if amount else None)
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
    amount: All = "",
    key: Key = "",
) -> None:
    """Move your stake from one hotkey to another.

    evmtensor stake move --from alice-hot --to bob-hot --amount 10 --key alice
    """
    session: Session = context.obj
    source, target = session.address_of(from_hotkey), session.address_of(to_hotkey)
    coldkey = session.coldkey(key)
    with progress("moving stake"):
        done = coldkey.move_stake(source, target, rao(amount) if amount else None)
    show(session.flags.json, done, f"{tao(done.amount_rao)} TAO from {source} to {target}")


@app.command()
def transfer(
    context: typer.Context,
    to_coldkey: Annotated[str, typer.Argument(help="Coldkey that gets it: an address or a name.")],
    hotkey: HotkeyAddress = "",
    amount: All = "",
    key: Key = "",
) -> None:
    """Give your stake behind a hotkey to another coldkey; it stays staked.

    evmtensor stake transfer bob --hotkey alice-hot --amount 10 --key alice
    """
    session: Session = context.obj
    target = session.address_of(to_coldkey)
    coldkey = session.coldkey(key)
    with progress("transferring stake"):
        done = coldkey.transfer_stake(
            session.hotkey_address(hotkey), target, rao(amount) if amount else None
        )
    show(session.flags.json, done, f"{tao(done.amount_rao)} TAO of stake are {target}'s")


@app.command("list")
def list_stakes(
    context: typer.Context,
    coldkey: Annotated[str, typer.Argument(help="A coldkey: an address or a name.")] = "",
) -> None:
    """Show where a coldkey has stake, what is unbonding, and a swap that is announced.

    evmtensor stake list alice
    """
    from offchain.chain.stakes import positions, waiting

    session: Session = context.obj
    address = session.address_of(session.coldkey_name(coldkey))
    held, going = positions(session.network, address), waiting(session.network, address)
    swap = session.network.keys.coldkey_swap_of(address)
    rows: list[tuple[str, str, str, str, object]] = [
        ("own hotkey" if p.is_owner else "delegated", p.hotkey, brief(p.name), tao(p.value_rao), "")
        for p in held
    ]
    rows += [
        (f"unbonding {w.unbonding_id}", w.hotkey, "", tao(w.amount_rao), f"from tick {w.ripe_tick}")
        for w in going
    ]
    if swap:
        rows.append(("swap announced", swap.new_coldkey, "", "", f"from tick {swap.ripe_tick}"))
    value = {"coldkey": address, "stakes": held, "unbondings": going, "swap": swap}
    columns = ("is", "key", "name", "TAO", "when")
    show_table(session.flags.json, f"stake of {address}", columns, rows, value)


@app.command()
def take(
    context: typer.Context,
    share: Annotated[str, typer.Argument(help="Share of dividends, e.g. 0.09; at most 0.18.")],
    hotkey: HotkeyAddress = "",
    key: Key = "",
) -> None:
    """Set what you keep of your hotkey's dividends, before its delegators.

    evmtensor stake take 0.09 --hotkey alice-hot --key alice
    """
    session: Session = context.obj
    wanted = share_u16(share)
    coldkey = session.coldkey(key)
    with progress("setting the take"):
        done = coldkey.set_take(session.hotkey_address(hotkey), wanted)
    text = f"keeps {children.percent(done.take_u16)} from tick {done.from_tick}"
    show(session.flags.json, done, text)


@app.command()
def gather(context: typer.Context, hotkey: HotkeyAddress = "", key: Key = "") -> None:
    """Join the new coldkey's own stake to what it took over, after `wallet swap-coldkey`.

    evmtensor stake gather --hotkey bob-hot --key alice-new
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("gathering stake"):
        done = coldkey.gather_stake(session.hotkey_address(hotkey))
    show(session.flags.json, done, f"{tao(done.amount_rao)} TAO joined")


@app.command("show")
def show_stake(context: typer.Context, hotkey: HotkeyAddress = "", key: Key = "") -> None:
    """Show a hotkey's pool, and your part of it.

    evmtensor stake show --hotkey alice-hot --key alice
    """
    session: Session = context.obj
    staking = session.network.staking
    address = session.hotkey_address(hotkey)
    pool = staking.pool_of(address)
    mine = key or session.environment.key
    value_rao = staking.value_of(address, session.address_of(mine)) if mine else None
    owner = staking.owner_of(address)
    identity = session.network.keys.identity_of(owner)
    value = {"hotkey": address, "owner": owner, "identity": identity, "pool": pool}
    called = f" ({visible(identity.name)})" if identity and identity.name else ""
    text = f"{address}{called}: {tao(pool.assets_rao)} TAO, take {pool.take_u16 / 655.35:.1f} %"
    if value_rao is not None:
        value["yours_rao"] = value_rao
        text += f", yours {tao(value_rao)} TAO"
    show(session.flags.json, value, text)
