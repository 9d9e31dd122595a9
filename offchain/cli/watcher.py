# SPDX-License-Identifier: Apache-2.0
"""A watcher as a process, and the check of one epoch."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli.options import Key, Netuid
from offchain.cli.output import progress, show
from offchain.cli.session import Session

app = typer.Typer(name="watcher", help="A watcher: run.", no_args_is_help=True)


@app.callback()
def watcher() -> None:
    """Check every proposal and strike what is false."""


@app.command()
def run(
    context: typer.Context,
    key: Key = "",
    netuid: Annotated[
        list[int] | None, typer.Option("--netuid", "-n", help="Only these; all without it.")
    ] = None,
    prove: Annotated[
        bool, typer.Option(help="Prove true proposals, so that they need not wait.")
    ] = False,
    settle: Annotated[
        bool, typer.Option(help="Close, propose, finalize, void when nobody else does.")
    ] = False,
    confirmations: Annotated[int, typer.Option(min=0, help="Blocks on top of a log.")] = 0,
) -> int:
    """Check every proposal, strike what is false, until Ctrl-C.

    evmtensor watcher run --key alice

    evmtensor watcher run --key alice --netuid 1 --settle --prove
    """
    from offchain.watcher.plan import Mandate
    from offchain.watcher.service import WatcherSettings
    from offchain.watcher.service import run as run_watcher

    session: Session = context.obj
    signer = session.signer(session.coldkey_name(key))
    return run_watcher(
        WatcherSettings(
            network=session.network,
            sender=session.sender(signer),
            home=session.environment.home,
            netuids=frozenset(netuid) if netuid else None,
            mandate=Mandate(prove=prove, settle=settle),
            confirmations=confirmations,
        )
    )


def verify_epoch(
    context: typer.Context,
    netuid: Netuid,
    epoch: Annotated[int, typer.Option("--epoch", "-e", min=0, help="A closed epoch.")],
) -> int:
    """Say whether the chain's root of an epoch is right, from logs alone; exit code 1 if not.

    evmtensor verify-epoch --netuid 1 --epoch 7
    """
    from offchain.watcher.verify import verify_epoch as verify

    session: Session = context.obj
    with progress("reading logs and recomputing"):
        found = verify(session.network, netuid, epoch)
    show(session.flags.json, found, found.sentence)
    return 0 if found.is_right else 1
