# SPDX-License-Identifier: Apache-2.0
"""What waits in Settlement for an account, and the guardian's one power."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli.options import Key, Netuid, tao
from offchain.cli.output import progress, show
from offchain.cli.session import Session

app = typer.Typer(name="guardian", help="The guardian: show, cancel.", no_args_is_help=True)


@app.command("show")
def show_guardian(context: typer.Context) -> None:
    """Say who the guardian is; a vote names it once.

    evmtensor guardian show
    """
    from offchain.chain.guardian import ZERO

    session: Session = context.obj
    guardian = session.network.settlement.guardian()
    named = None if guardian == ZERO else guardian
    text = f"the guardian is {named}" if named else "no guardian is named"
    show(session.flags.json, {"guardian": named}, text)


@app.command()
def cancel(
    context: typer.Context,
    netuid: Netuid,
    epoch: Annotated[int, typer.Option("--epoch", "-e", min=0, help="A closed epoch.")],
    key: Key = "",
) -> None:
    """Cancel an epoch's unproven proposal, once per epoch; its bond goes back.

    evmtensor guardian cancel --netuid 1 --epoch 7 --key alice
    """
    from offchain.chain.guardian import Guardian

    session: Session = context.obj
    sender = session.sender(session.signer(session.coldkey_name(key)))
    with progress("cancelling"):
        done = Guardian(session.network, sender).cancel(netuid, epoch)
    value = {"netuid": netuid, "epoch": epoch, "proposal_id": done.proposal_id}
    text = f"the proposal of epoch {epoch} of subnet {netuid} is cancelled; anybody may propose"
    show(session.flags.json, value, text)


def withdraw(
    context: typer.Context,
    account: Annotated[
        str, typer.Argument(help="Who is paid: a name or an address; without it, --key's.")
    ] = "",
    key: Key = "",
) -> None:
    """Pay out what waits in Settlement: the owner's cut, bonds, pay for proposing.

    Anybody may do it for anybody.

    evmtensor withdraw --key alice
    """
    session: Session = context.obj
    settlement = session.network.settlement
    name = session.coldkey_name(key)
    address = session.address_of(account or name)
    amount = settlement.withdrawable_rao(address)
    if amount:
        with progress("withdrawing"):
            session.sender(session.signer(name)).send(settlement.withdraw(address))
    text = f"{address} got {tao(amount)} TAO" if amount else f"nothing waits for {address}"
    show(session.flags.json, {"account": address, "withdrawn_rao": amount}, text)
