# SPDX-License-Identifier: Apache-2.0
"""The metagraph as a table, and claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.cli.options import HotkeyName, Key, Netuid, NetuidArgument, tao
from offchain.cli.output import brief, progress, shortened, show, show_table
from offchain.cli.session import Session

if TYPE_CHECKING:
    from offchain.chain.metagraph import Metagraph

MILLI_TAO = 10**6  # rao; the table rounds stake down to it, `--json` does not
COLUMNS = (
    "uid",
    "hotkey",
    "name",
    "stake TAO",
    "seat",
    "incentive",
    "dividends",
    "earned TAO",
    "axon",
    "model",
)


def metagraph(context: typer.Context, netuid: NetuidArgument) -> None:
    """Show every neuron of a subnet: stake, seat, incentive, dividends, pay, endpoint.

    A name is what the neuron's coldkey calls itself; nobody checked it.

    evmtensor metagraph 1
    """
    from offchain.chain.metagraph import read_metagraph

    session: Session = context.obj
    with progress("reading the metagraph"):
        graph = read_metagraph(session.network, netuid)
    show_table(session.flags.json, title(graph), COLUMNS, rows(graph), graph)


def title(graph: Metagraph) -> str:
    """One line above the table."""
    final = "none final yet" if graph.final_epoch is None else f"pay as of {graph.final_epoch}"
    return f"subnet {graph.netuid}, epoch {graph.epoch} ({final}), tick {graph.tick}"


def rows(graph: Metagraph) -> list[tuple[Any, ...]]:
    """A row per neuron, in the order of `COLUMNS`."""
    return [
        (
            neuron.uid,
            shortened(neuron.hotkey),
            brief(neuron.name),
            tao(neuron.stake_rao // MILLI_TAO * MILLI_TAO),
            neuron.seat,
            f"{neuron.incentive:.4f}",
            f"{neuron.dividends:.4f}",
            tao(neuron.server_rao + neuron.validator_rao),
            f"{neuron.axon.ip}:{neuron.axon.port}" if neuron.axon else None,
            neuron.model_hash.hex()[:8] if neuron.model_hash else None,
        )
        for neuron in graph.neurons
    ]


def claim(
    context: typer.Context,
    netuid: Netuid,
    key: Key = "",
    hotkey: HotkeyName = "",
    everybody: Annotated[bool, typer.Option("--all", help="Claim for every neuron.")] = False,
) -> None:
    """Claim what final epochs owe, also of a subnet that had this number before; anybody may claim
    for anybody.

    evmtensor claim --netuid 1 --hotkey alice-hot --key alice
    """
    from offchain.chain.claims import open_claims
    from offchain.chain.hotkey import Hotkey

    session: Session = context.obj
    network = session.network
    address = None if everybody else session.hotkey_address(hotkey)
    with progress("claiming"):
        claims = open_claims(network, netuid, address)
        paid = Hotkey(network, session.coldkey(key).sender, netuid).claim(claims)
    total = sum(c.server_rao + c.validator_rao for c in paid)
    text = f"claimed {tao(total)} TAO for {len(paid)} neurons" if paid else "nothing to claim"
    show(session.flags.json, {"claimed_rao": total, "claims": paid}, text)
