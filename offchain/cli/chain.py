# SPDX-License-Identifier: Apache-2.0
"""The chain underneath: status, deploy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from offchain.cli.options import Key
from offchain.cli.output import progress, show, show_table
from offchain.cli.session import Session

app = typer.Typer(name="chain", help="The chain underneath: status, deploy.", no_args_is_help=True)


@app.command()
def status(context: typer.Context) -> None:
    """Show the node, the deployment and every started subnet's phase.

    evmtensor chain status
    """
    from offchain.cli.status import subnet_status

    session: Session = context.obj
    network = session.network
    head = network.clock.head()
    value: dict[str, Any] = {
        "url": session.urls[0],
        "client": session.connection.client,
        "chain_id": network.deployment.chain_id,
        "block": head.number,
        "tick": network.clock.ticks.tick_at(head.timestamp),
        "tick_seconds": network.deployment.tick_seconds,
        "preset": network.deployment.preset,
        "contracts": {n: c.address for n, c in network.deployment.contracts.items()},
    }
    rows = [(name, item) for name, item in value.items() if name != "contracts"]
    rows += [(n, c.address) for n, c in network.deployment.contracts.items()]
    netuid = 1
    while network.subnets.exists(netuid):
        about = subnet_status(network, netuid)
        value[f"subnet_{netuid}"] = about
        rows.append((f"subnet {netuid}", about.get("phases", "not started")))
        netuid += 1
    show_table(session.flags.json, "chain", ("what", "value"), rows, value)


@app.command()
def deploy(
    context: typer.Context,
    preset: Annotated[str, typer.Option(help="localnet, minimal or mainnet.")] = "localnet",
    key: Key = "",
) -> None:
    """Deploy all contracts, or go on deploying, and check that no key has any power.

    evmtensor chain deploy --key dev:0

    evmtensor chain deploy --preset mainnet --key alice --url https://...
    """
    import sys

    from offchain.chain.deployment import deploy as deploy_contracts
    from offchain.chain.presets import preset as find_preset

    session: Session = context.obj
    numbers = find_preset(preset)
    signer = session.signer(session.coldkey_name(key or local_deployer(session)))
    path = session.deployment_path()

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    with progress("deploying"):
        deployment = deploy_contracts(session.sender(signer), numbers, path, progress=say)
    addresses = {name: c.address for name, c in deployment.contracts.items()}
    show(session.flags.json, addresses, f"chain {deployment.chain_id}: {path}")


def local_deployer(session: Session) -> str:
    """On a local chain, the first test account deploys unless another key is named."""
    from offchain.keys.development import LOCAL_CHAIN_IDS

    if session.environment.key:
        return session.environment.key
    return "dev:0" if session.connection.chain_id in LOCAL_CHAIN_IDS else ""
