# SPDX-License-Identifier: Apache-2.0
"""A chain on this machine with everything deployed: up, down, status, fund."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from offchain.cli.options import Amount, rao, tao
from offchain.cli.output import progress, show
from offchain.cli.session import Session

app = typer.Typer(
    name="localnet", help="A chain on this machine: up, down, status, fund.", no_args_is_help=False
)
FOLDER = Path(".localnet")
Chain = Annotated[str, typer.Option(help="anvil or ganache.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")]
Preset = Annotated[str, typer.Option(help="localnet or minimal.")]


@app.callback(invoke_without_command=True)
def localnet(
    context: typer.Context, chain: Chain = "anvil", port: Port = 8545, preset: Preset = "localnet"
) -> None:
    """A chain on this machine: up, down, status, fund. Without a word: up."""
    if context.invoked_subcommand is None:
        up(context, chain, port, preset, foreground=False, with_pid=0)


@app.command()
def up(
    context: typer.Context,
    chain: Chain = "anvil",
    port: Port = 8545,
    preset: Preset = "localnet",
    foreground: Annotated[bool, typer.Option(help="Stay until Ctrl-C.")] = False,
    with_pid: Annotated[int, typer.Option(help="End when this process ends.")] = 0,
) -> None:
    """Start a chain, deploy everything, and say how to point ape at it.

    evmtensor localnet up

    evmtensor localnet up --chain ganache --port 8546
    """
    from offchain.localnet import daemon

    session: Session = context.obj
    settings = daemon.Settings(
        chain=chain, port=port, preset=preset, folder=FOLDER, with_pid=with_pid
    )
    if foreground:
        daemon.serve(settings, session.deployment_folder(), announce=print)
        return
    with progress("starting the chain and deploying"):
        state = daemon.start(settings, session.deployment_folder())
    _show_state(session, state)


@app.command()
def down(context: typer.Context) -> None:
    """Stop the chain that `up` started; what was on it is gone.

    evmtensor localnet down
    """
    from offchain.localnet import daemon

    session: Session = context.obj
    stopped = daemon.stop(FOLDER)
    show(session.flags.json, {"stopped": stopped}, "stopped" if stopped else "nothing is running")


@app.command()
def status(context: typer.Context) -> None:
    """Say whether the chain runs, and where.

    evmtensor localnet status
    """
    from offchain.localnet import daemon

    session: Session = context.obj
    _show_state(session, daemon.running(FOLDER))


@app.command()
def fund(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="A name or an address.")],
    amount: Amount = "1000",
) -> None:
    """Give an account TAO and gas from the chain's test account.

    evmtensor localnet fund alice 1000
    """
    from offchain.chain.contract import Call
    from offchain.chain.transactions import TRANSFER_GAS

    session: Session = context.obj
    to, value = session.address_of(account), rao(amount)
    faucet = session.coldkey("dev:0")
    faucet.check_balance(value, "fund")
    gas = Call(to, "0x", "give gas", gas=TRANSFER_GAS, value_wei=10**18)
    with progress("waiting for the next block"):
        faucet.sender.send_all([gas, session.network.tao.transfer(to, value)])
    show(
        session.flags.json, {"to": to, "amount_rao": value}, f"{to} got {tao(value)} TAO and 1 ETH"
    )


def shortest(path: Path) -> Path:
    """The path as seen from here, if it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _show_state(session: Session, state: Any) -> None:
    if state is None:
        show(
            session.flags.json, None, "no local chain is running; start one: evmtensor localnet up"
        )
        return
    text = (
        f"{state.chain} with all contracts runs at {state.url}, until `evmtensor localnet down`.\n"
        f"Their addresses: {shortest(Path(state.deployment))}\n"
        "This line points ape and evmtensor at it:\n"
        f"export APE_FOUNDRY_HOST={state.url}"
    )
    show(session.flags.json, state, text)
