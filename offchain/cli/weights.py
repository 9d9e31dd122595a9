# SPDX-License-Identifier: Apache-2.0
"""Weights: who committed and revealed what."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli.options import NetuidArgument, tao
from offchain.cli.output import show_table
from offchain.cli.session import Session

app = typer.Typer(name="weights", help="Weights: show.", no_args_is_help=True)


@app.command("show")
def show_weights(
    context: typer.Context,
    netuid: NetuidArgument,
    epoch: Annotated[int, typer.Option(help="The epoch; the last one by default.")] = -1,
) -> None:
    """Show who committed and revealed, and the revealed rows.

    evmtensor weights show 1
    """
    from offchain.chain.hotkey import revealed_rows
    from offchain.protocol.rows import unpack_row

    session: Session = context.obj
    network = session.network
    wanted = epoch if epoch >= 0 else max(network.subnets.running_epoch(netuid) - 1, 0)
    rows = {event.seat: event for event in revealed_rows(network, netuid, wanted)}
    table, value = [], []
    for seat in range(network.subnets.max_validators(netuid)):
        committed = network.weights.commit_of(netuid, wanted, seat)
        row = rows.get(seat)
        if committed is None and row is None:
            continue
        shares = _shares(unpack_row(row.row)) if row else {}
        text = ", ".join(f"{uid}: {share:.3f}" for uid, share in shares.items())
        table.append(
            (seat, "yes" if committed or row else "no", tao(row.stake_rao) if row else None, text)
        )
        value.append({"seat": seat, "committed": committed, "revealed": row})
    columns = ("seat", "committed", "stake TAO", "weights")
    title = f"weights of subnet {netuid}, epoch {wanted}"
    show_table(session.flags.json, title, columns, table, value)


def _shares(weights: list[int]) -> dict[int, float]:
    total = sum(weights)
    return {uid: weight / total for uid, weight in enumerate(weights) if weight}
