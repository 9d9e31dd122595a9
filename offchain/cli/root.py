# SPDX-License-Identifier: Apache-2.0
"""The root, netuid 0: who weighs the subnets, how, and what they get."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from offchain.cli.options import HotkeyAddress, HotkeyName, Key, tao
from offchain.cli.output import brief, log_to_stderr, progress, show, show_table
from offchain.cli.seats import take_seat
from offchain.cli.session import SERVICE_ATTEMPTS, Session

app = typer.Typer(
    name="root", help="The root: start, show, seats, poke, weights.", no_args_is_help=True
)
weights = typer.Typer(name="weights", help="Weights of the root: set, show.", no_args_is_help=True)
app.add_typer(weights)
START_IN_TICKS = 10


@app.command()
def start(
    context: typer.Context,
    key: Key = "",
    in_ticks: Annotated[
        int, typer.Option(min=1, help="Epoch 0 begins so many ticks on.")
    ] = START_IN_TICKS,
) -> None:
    """Start the root. Nobody owns it, so anybody may, once.

    evmtensor root start --key alice
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    with progress("starting the root"):
        started = coldkey.start_subnet(0, session.network.clock.estimated_tick() + in_ticks)
    text = f"epoch 0 of the root begins at tick {started.start_tick}"
    show(session.flags.json, started, text)


@app.command("show")
def show_root(context: typer.Context) -> None:
    """Show what share of the emission every subnet gets.

    evmtensor root show
    """
    from offchain.chain.root import columns

    session: Session = context.obj
    network = session.network
    found = columns(network)
    spoken = network.emission.has_shares()
    title = "shares by the root's last word" if spoken else "equal shares: the root has not spoken"
    shares = network.emission.shares()
    rows = [
        (c.netuid, c.name, c.incarnation, f"{c.share:.4%}", shares[c.netuid - 1]) for c in found
    ]
    columns_ = ("netuid", "name", "incarnation", "share", "share, exact")
    value = {"has_spoken": spoken, "columns": found, "shares": shares}
    show_table(session.flags.json, title, columns_, rows, value)


@app.command("seats")
def show_seats(context: typer.Context) -> None:
    """Show who sits on the root.

    evmtensor root seats
    """
    from offchain.chain.root import ROOT_NETUID, root_seats

    session: Session = context.obj
    network = session.network
    epoch = network.subnets.running_epoch(ROOT_NETUID)
    following = network.subnets.next_epoch(ROOT_NETUID)
    now = root_seats(network, epoch)
    later = {s.seat: s.hotkey for s in root_seats(network, following)}
    rows = [
        (
            s.seat,
            s.hotkey,
            brief(s.name),
            s.coldkey,
            tao(s.stake_rao),
            s.since_epoch,
            "" if later.pop(s.seat, None) == s.hotkey else "leaves",
        )
        for s in now
    ]
    rows += [(seat, hotkey, "", "", "", following, "comes") for seat, hotkey in later.items()]
    columns = ("seat", "hotkey", "name", "coldkey", "stake TAO", "since epoch", "next epoch")
    show_table(session.flags.json, f"seats of the root in epoch {epoch}", columns, rows)


@app.command()
def poke(
    context: typer.Context,
    hotkey: HotkeyAddress = "",
    seat: Annotated[int, typer.Option(help="The seat; the best one by default.")] = -1,
    key: Annotated[str, typer.Option("--key", "-k", help="Who pays the gas.")] = "",
) -> None:
    """Give a seat of the root to a hotkey with more stake, from the next epoch on.

    evmtensor root poke --hotkey alice-hot --key alice
    """
    from offchain.chain.root import RootMember

    session: Session = context.obj
    coldkey = session.coldkey(key)
    address = session.hotkey_address(hotkey)
    member = RootMember(session.network, coldkey.sender, address)
    take_seat(session, member, seat, "the root", "See `evmtensor root seats`.")


@weights.command("set")
def set_weights(
    context: typer.Context,
    pairs: Annotated[list[str], typer.Argument(metavar="NETUID=WEIGHT...", help="1=0.7 2=0.3")],
    hotkey: HotkeyName = "",
) -> None:
    """Weigh subnets once: commit near the end of the epoch, reveal in the next one.

    May be killed and started again: the journal opens what was committed. It also settles what
    is due on the root meanwhile. To weigh every epoch, run the service: `evmtensor validator run
    --netuid 0 --weights FILE`.

    evmtensor root weights set 1=0.7 2=0.3 --hotkey alice-hot
    """
    from offchain.validator.root import RootSettings, parse_weights
    from offchain.validator.root import set_weights as run_until_revealed

    session: Session = context.obj
    session.attempts = SERVICE_ATTEMPTS
    log_to_stderr()
    chosen = parse_weights(pairs)
    sender = session.sender(session.signer(session.hotkey_name(hotkey)))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = RootSettings(session.network, sender, session.environment.home, lambda: chosen)
    with progress("waiting for the reveal"):
        epoch = run_until_revealed(settings, stop)
    if epoch is None:
        raise KeyboardInterrupt
    done = {"epoch": epoch, "weights": {netuid: str(w) for netuid, w in chosen.items()}}
    show(session.flags.json, done, f"weights of the root's epoch {epoch} are revealed")


@weights.command("show")
def show_weights(
    context: typer.Context,
    epoch: Annotated[int, typer.Option(help="The epoch; the last one by default.")] = -1,
) -> None:
    """Show the revealed rows of the root, by netuid.

    evmtensor root weights show
    """
    from offchain.chain.hotkey import revealed_rows
    from offchain.chain.root import ROOT_NETUID
    from offchain.protocol.rows import unpack_row

    session: Session = context.obj
    network = session.network
    wanted = epoch if epoch >= 0 else max(network.subnets.running_epoch(ROOT_NETUID) - 1, 0)
    rows, value = [], []
    for event in revealed_rows(network, ROOT_NETUID, wanted):
        row = {column + 1: weight for column, weight in enumerate(unpack_row(event.row)) if weight}
        total = sum(row.values())
        hotkey = network.neurons.hotkey_of(event.registration_id)
        text = ", ".join(f"{netuid}: {weight / total:.3f}" for netuid, weight in row.items())
        rows.append((event.seat, hotkey, tao(event.stake_rao), text))
        value.append(
            {"seat": event.seat, "hotkey": hotkey, "stake_rao": event.stake_rao, "weights": row}
        )
    title = f"weights of the root, epoch {wanted}"
    show_table(session.flags.json, title, ("seat", "hotkey", "stake TAO", "weights"), rows, value)
