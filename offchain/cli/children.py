# SPDX-License-Identifier: Apache-2.0
"""Child hotkeys: lend weight of your own stake in a subnet, and share the dividends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from offchain.cli.options import HotkeyAddress, Key, Netuid, share_u16
from offchain.cli.output import progress, show, show_table
from offchain.cli.session import Session
from offchain.protocol.errors import ConfigError

if TYPE_CHECKING:
    from offchain.chain.stakes import Family

app = typer.Typer(
    name="children",
    help="Child hotkeys: show, set, revoke, take, admit, dismiss.",
    no_args_is_help=True,
)
Parent = Annotated[str, typer.Option("--parent", help="The lending hotkey: an address or a name.")]


@app.command("show")
def show_children(context: typer.Context, netuid: Netuid, hotkey: HotkeyAddress = "") -> None:
    """Show whom a hotkey lends to in a subnet, and who may lend to it.

    evmtensor stake children show --netuid 1 --hotkey alice-hot
    """
    from offchain.chain.stakes import family

    session: Session = context.obj
    address = session.hotkey_address(hotkey)
    found = family(session.network, address, netuid)
    rows = list(_rows(found))
    title = f"{address} in subnet {netuid}; keeps {percent(found.take_u16)} of its parents' part"
    show_table(session.flags.json, title, ("is", "hotkey", "share", "from tick"), rows, found)


@app.command("set")
def set_children(
    context: typer.Context,
    children: Annotated[
        list[str], typer.Argument(metavar="HOTKEY=SHARE", help="e.g. bob-hot=0.25, up to five.")
    ],
    netuid: Netuid,
    hotkey: HotkeyAddress = "",
    key: Key = "",
) -> None:
    """Lend shares of a hotkey's own stake to up to five others, one unbonding period from now.

    evmtensor stake children set bob-hot=0.25 eve-hot=0.5 -n 1 -H al-hot -k al
    """
    session: Session = context.obj
    shares: dict[str, int] = {}
    for address, share in (_child(session, text) for text in children):
        if address in shares:
            raise ConfigError(
                f"{address} is named twice as a child", next_step="Name each child once."
            )
        shares[address] = share
    _set(session, hotkey, netuid, shares, key)


@app.command()
def revoke(
    context: typer.Context, netuid: Netuid, hotkey: HotkeyAddress = "", key: Key = ""
) -> None:
    """End all loans of a hotkey in a subnet, one unbonding period from now.

    evmtensor stake children revoke --netuid 1 --hotkey alice-hot --key alice
    """
    _set(context.obj, hotkey, netuid, {}, key)


@app.command()
def take(
    context: typer.Context,
    share: Annotated[str, typer.Argument(help="Share of its parents' part, e.g. 0.05.")],
    netuid: Netuid,
    hotkey: HotkeyAddress = "",
    key: Key = "",
) -> None:
    """Set what a hotkey keeps of its parents' dividends in a subnet: at most 0.18.

    evmtensor stake children take 0.05 --netuid 1 --hotkey bob-hot --key bob
    """
    session: Session = context.obj
    wanted = share_u16(share)
    coldkey = session.coldkey(key)
    with progress("setting the child's take"):
        done = coldkey.set_child_take(session.hotkey_address(hotkey), netuid, wanted)
    show(session.flags.json, done, f"keeps {percent(done.take_u16)} from tick {done.from_tick}")


@app.command()
def admit(
    context: typer.Context,
    parent: Parent,
    netuid: Netuid,
    hotkey: HotkeyAddress = "",
    key: Key = "",
) -> None:
    """Let somebody else's hotkey lend to yours in a subnet; five may.

    evmtensor stake children admit --parent alice-hot -n 1 -H bob-hot -k bob
    """
    session: Session = context.obj
    addresses = session.hotkey_address(hotkey), session.address_of(parent)
    coldkey = session.coldkey(key)
    with progress("admitting the parent"):
        receipt = coldkey.admit_parent(addresses[0], netuid, addresses[1])
    done = {"transaction": receipt.transaction_hash, "parent": addresses[1]}
    show(session.flags.json, done, f"{addresses[1]} may lend to {addresses[0]}")


@app.command()
def dismiss(
    context: typer.Context,
    parent: Parent,
    netuid: Netuid,
    hotkey: HotkeyAddress = "",
    key: Key = "",
) -> None:
    """Free the place of a hotkey that has lent nothing for one unbonding period.

    evmtensor stake children dismiss --parent alice-hot -n 1 -H bob-hot -k bob
    """
    session: Session = context.obj
    addresses = session.hotkey_address(hotkey), session.address_of(parent)
    coldkey = session.coldkey(key)
    with progress("dismissing the parent"):
        receipt = coldkey.dismiss_parent(addresses[0], netuid, addresses[1])
    done = {"transaction": receipt.transaction_hash, "parent": addresses[1]}
    show(session.flags.json, done, f"{addresses[1]} may not lend any more")


def percent(u16: int) -> str:
    """A share of 65,535 for people."""
    return f"{100 * u16 / 65_535:.2f} %"


def _set(session: Session, hotkey: str, netuid: int, shares: dict[str, int], key: str) -> None:
    coldkey = session.coldkey(key)
    with progress("setting children"):
        done = coldkey.set_children(session.hotkey_address(hotkey), netuid, shares)
    lent = ", ".join(f"{percent(share)} to {child}" for child, share in shares.items())
    show(session.flags.json, done, f"lends {lent or 'nothing'} from tick {done.from_tick}")


def _child(session: Session, text: str) -> tuple[str, int]:
    name, equals, share = text.rpartition("=")
    if not equals:
        raise ConfigError(f"{text!r} is not HOTKEY=SHARE", next_step="Write it like bob-hot=0.25.")
    return session.address_of(name), share_u16(share)


def _rows(found: Family) -> list[tuple[str, str, str, object]]:
    rows: list[tuple[str, str, str, object]] = []
    for kind, loans in (("child", found.children), ("announced", found.announced)):
        rows += [(kind, x.hotkey, percent(x.share_u16), x.from_tick or "") for x in loans]
    if found.ends_tick and not found.announced:
        rows.append(("announced", "nobody", percent(0), found.ends_tick))
    rows += [("parent", loan.hotkey, percent(loan.share_u16), "") for loan in found.parents]
    return rows
