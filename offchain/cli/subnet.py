# SPDX-License-Identifier: Apache-2.0
"""Subnets: create, start, look at, set, hand over."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli.options import HotkeyName, Key, NetuidArgument, check_text, rao, tao
from offchain.cli.output import progress, shortened, show, show_table, visible
from offchain.cli.session import Session

app = typer.Typer(
    name="subnet", help="Subnets: create, start, list, show, set, hand over.", no_args_is_help=True
)
MAX_NETUID = 128
ZERO = "0x" + "00" * 20


@app.command()
def create(
    context: typer.Context,
    hotkey: HotkeyName = "",
    key: Key = "",
    max_cost: Annotated[str, typer.Option(help="Most that it may cost, in TAO.")] = "",
    max_uids: Annotated[int, typer.Option(help="A power of two, 16 to 1024.")] = 256,
    max_validators: Annotated[int, typer.Option(help="Seats, 1 to 64.")] = 64,
) -> None:
    """Buy a subnet.

    evmtensor subnet create --key alice --hotkey alice-hot --max-cost 1000
    """
    session: Session = context.obj
    owner = session.signer(session.hotkey_name(hotkey))
    coldkey = session.coldkey(key)
    most = rao(max_cost) if max_cost else session.network.subnets.cost_rao()
    with progress("creating the subnet"):
        made = coldkey.create_subnet(owner, max_uids, max_validators, most)
    text = f"subnet {made.netuid} is yours for {tao(made.cost_rao)} TAO"
    if made.incarnation > 1:
        text += f" (it is the {made.incarnation}. one with this number)"
    show(session.flags.json, made, f"{text}; start it with `evmtensor subnet start {made.netuid}`")


@app.command()
def cost(context: typer.Context) -> None:
    """Show what a subnet costs now, and which one it would push out.

    evmtensor subnet cost
    """
    session: Session = context.obj
    subnets = session.network.subnets
    price, count = subnets.cost_rao(), subnets.subnet_count()
    evicted = subnets.weakest() if count >= MAX_NETUID else None
    value = {"cost_tao": tao(price), "subnets": count, "evicts": evicted}
    text = f"a subnet costs {tao(price)} TAO now"
    if count >= MAX_NETUID:
        text += (
            "; every number is taken, and all subnets are immune"
            if evicted is None
            else f"; every number is taken, so subnet {evicted} would be evicted"
        )
    show(session.flags.json, value, text)


@app.command()
def start(
    context: typer.Context,
    netuid: NetuidArgument,
    key: Key = "",
    in_ticks: Annotated[int, typer.Option(min=1, help="Epoch 0 begins so many ticks on.")] = 10,
) -> None:
    """Start a subnet that you own.

    evmtensor subnet start 1 --key alice
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("starting the subnet"):
        started = coldkey.start_subnet(netuid, session.network.clock.estimated_tick() + in_ticks)
    show(
        session.flags.json,
        started,
        f"the first epoch of subnet {netuid} begins at tick {started.start_tick}",
    )


@app.command()
def identity(
    context: typer.Context,
    netuid: NetuidArgument,
    name: Annotated[str, typer.Option(help="At most 64 bytes.")],
    site: Annotated[str, typer.Option(help="Its page, at most 256 bytes.")] = "",
    key: Key = "",
) -> None:
    """Say what a subnet that you own is called.

    evmtensor subnet identity 1 --name digits --site https://example.org -k alice
    """
    session: Session = context.obj
    for what, text, most in (("name", name, 64), ("site", site, 256)):
        check_text(what, text, most)
    coldkey = session.coldkey(key)
    with progress("setting the identity"):
        receipt = coldkey.set_identity(netuid, name, site)
    done = {"transaction": receipt.transaction_hash, "netuid": netuid, "name": name, "url": site}
    show(session.flags.json, done, f"subnet {netuid} is called {visible(name)}")


@app.command()
def offer(
    context: typer.Context,
    netuid: NetuidArgument,
    to: Annotated[str, typer.Option(help="Coldkey: an address, a name, or dev:N; none: nobody.")],
    key: Key = "",
) -> None:
    """Offer a subnet that you own to another coldkey, or take the offer back.

    evmtensor subnet offer 1 --to bob --key alice
    """
    session: Session = context.obj
    heir = ZERO if to == "none" else session.address_of(to)
    coldkey = session.coldkey(key)
    with progress("offering the subnet"):
        receipt = coldkey.offer_subnet(netuid, heir)
    done = {"transaction": receipt.transaction_hash, "netuid": netuid, "offered_to": heir}
    text = f"{heir} may take subnet {netuid} with `evmtensor subnet accept {netuid}`"
    show(session.flags.json, done, "nobody may take it" if heir == ZERO else text)


@app.command()
def accept(context: typer.Context, netuid: NetuidArgument, key: Key = "") -> None:
    """Become the owner of a subnet that was offered to you.

    evmtensor subnet accept 1 --key bob
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("accepting the subnet"):
        changed = coldkey.accept_subnet(netuid)
    show(session.flags.json, changed, f"subnet {netuid} is yours; it was {changed.previous}'s")


@app.command("set-hotkey")
def set_hotkey(
    context: typer.Context, netuid: NetuidArgument, hotkey: HotkeyName = "", key: Key = ""
) -> None:
    """Name another owner's hotkey, once in 50,400 ticks; its neuron cannot be pushed out.

    evmtensor subnet set-hotkey 1 --hotkey alice-hot2 --key alice
    """
    session: Session = context.obj
    signer = session.signer(session.hotkey_name(hotkey))
    coldkey = session.coldkey(key)
    with progress("setting the owner's hotkey"):
        done = coldkey.set_owner_hotkey(netuid, signer)
    text = f"{done.owner_hotkey} is the owner's hotkey of subnet {netuid}"
    show(session.flags.json, done, f"{text} from epoch {done.from_epoch} on")


@app.command("list")
def list_subnets(context: typer.Context) -> None:
    """Show every subnet; the root has `evmtensor root show`.

    evmtensor subnet list
    """
    from offchain.chain.contract import read_all
    from offchain.chain.subnets import Subnets

    session: Session = context.obj
    subnets: Subnets = session.network.subnets
    exist = read_all(
        session.connection, [subnets.exists_query(netuid) for netuid in range(1, MAX_NETUID + 1)]
    )
    rows = []
    for netuid in (n for n, there in enumerate(exist, 1) if there):
        start_ticks = subnets.start_ticks(netuid)
        rows.append(
            (
                netuid,
                subnets.identity_of(netuid)[0],
                subnets.owner_of(netuid),
                session.network.neurons.read("uid_count", netuid),
                subnets.max_uids(netuid),
                subnets.max_validators(netuid),
                start_ticks.start_tick,
                subnets.incarnation_of(netuid),
                subnets.immune_until(netuid),
            )
        )
    columns = (
        *("netuid", "name", "owner", "neurons", "max uids", "seats", "start tick"),
        *("life", "immune until tick"),
    )
    value = [dict(zip(columns, row, strict=True)) for row in rows]
    if not rows and not session.flags.json:
        show(False, None, "there is no subnet yet; make one: evmtensor subnet create --help")
        return
    short = [(n, name, shortened(owner), *rest) for n, name, owner, *rest in rows]
    show_table(session.flags.json, "subnets", columns, short, value)


@app.command("show")
def show_subnet(context: typer.Context, netuid: NetuidArgument) -> None:
    """Show one subnet: its epoch, price and parameters.

    evmtensor subnet show 1
    """
    from offchain.cli.status import subnet_status

    session: Session = context.obj
    value = subnet_status(session.network, netuid)
    rows = [(name, item) for name, item in value.items()]
    show_table(session.flags.json, f"subnet {netuid}", ("what", "value"), rows, value)


@app.command("parameters", hidden=True)
@app.command()
def hyperparameters(context: typer.Context, netuid: NetuidArgument) -> None:
    """Show every hyperparameter, now and as of the epoch that a change made now would hold from.

    evmtensor subnet hyperparameters 1   (or: evmtensor subnet parameters 1)
    """
    from offchain.chain.contract import read_all
    from offchain.protocol.eras import FREEZE_PART, FREEZE_TICKS
    from offchain.protocol.hyperparameters import (
        DELAY_EPOCHS,
        HYPERPARAMETERS,
        RATE_LIMIT_EPOCHS,
        Authority,
    )

    session: Session = context.obj
    subnets = session.network.subnets
    epoch = subnets.running_epoch(netuid)
    now, following = (
        read_all(session.connection, list(subnets.parameters_at(netuid, e).values()))
        for e in (epoch, epoch + DELAY_EPOCHS)
    )
    columns = ("id", "name", "now", "soon", "default", "least", "most", "owner's most", "set by")
    columns += ("freeze", "what it is")
    rows = [
        (
            row.id,
            row.name,
            value,
            later if later != value else "",
            row.default,
            row.least,
            row.most,
            row.owner_most if row.authority is Authority.OWNER else "",
            row.authority.value,
            "yes" if row.has_freeze else "no",
            row.meaning,
        )
        for row, value, later in zip(HYPERPARAMETERS, now, following, strict=True)
    ]
    value_rows = [dict(zip(columns, row, strict=True)) for row in rows]
    # for people the owner's own bound stands in brackets, where it is another
    texts = [
        (*row[:6], f"{row[6]} ({row[7]})" if row[7] not in ("", row[6]) else row[6], *row[8:])
        for row in rows
    ]
    title = f"hyperparameters of subnet {netuid}"
    show_table(session.flags.json, title, (*columns[:7], *columns[8:]), texts, value_rows)
    if not session.flags.json:
        print(
            f"A change holds from the {DELAY_EPOCHS}nd epoch after this one on, the next one of "
            f"the same from the {RATE_LIMIT_EPOCHS}th;\nthose with a freeze cannot be set in the "
            f"last {FREEZE_TICKS} ticks of an epoch (of a short one, in its last 1/{FREEZE_PART})."
        )


@app.command("set")
def set_parameter(
    context: typer.Context,
    netuid: NetuidArgument,
    name: Annotated[str, typer.Argument(help="Name of a hyperparameter.")],
    value: Annotated[int, typer.Argument(help="In the unit that ends the name.")],
    key: Key = "",
) -> None:
    """Set a hyperparameter; it takes effect at the boundary after the next.

    evmtensor subnet set 1 immunity_ticks 7200 --key alice
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("setting the parameter"):
        receipt = coldkey.set_parameter(netuid, name, value)
    done = {"transaction": receipt.transaction_hash, "netuid": netuid, name: value}
    show(session.flags.json, done, f"{name} of subnet {netuid} will be {value}")


@app.command("set-schedule")
def set_schedule(
    context: typer.Context,
    netuid: NetuidArgument,
    tempo: Annotated[int, typer.Option(help="Ticks of an epoch.")],
    reveal: Annotated[int, typer.Option(help="Ticks to reveal in.")],
    window: Annotated[int, typer.Option(help="Ticks to challenge in; the default or more.")],
    key: Key = "",
) -> None:
    """Set tempo, reveal and challenge window together.

    evmtensor subnet set-schedule 1 --tempo 360 --reveal 100 --window 150 -k alice
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("setting the schedule"):
        receipt = coldkey.set_schedule(netuid, tempo, reveal, window)
    done = {"transaction": receipt.transaction_hash, "netuid": netuid}
    show(session.flags.json, done, f"subnet {netuid} gets a new era at the boundary after the next")
