# SPDX-License-Identifier: Apache-2.0
"""A miner as a process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offchain.cli.options import HotkeyName, Key, Netuid, rao
from offchain.cli.session import SERVICE_ATTEMPTS, Session

app = typer.Typer(name="miner", help="A miner: run.", no_args_is_help=True)


@app.command()
def run(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="An ONNX file.")],
    netuid: Netuid,
    hotkey: HotkeyName = "",
    key: Key = "",
    subnet: Annotated[str, typer.Option(help="The incentive mechanism.")] = "vision",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8091,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "0.0.0.0",
    external_ip: Annotated[str, typer.Option(help="What the chain is told.")] = "",
    max_burn: Annotated[str, typer.Option(help="Register for at most this many TAO.")] = "0",
) -> None:
    """Serve a model to the validators of a subnet, until Ctrl-C.

    evmtensor miner run model.onnx --netuid 1 --hotkey alice-hot

    evmtensor miner run model.onnx --netuid 1 --hotkey alice-hot --key alice --max-burn 2
    """
    from miners import Miner, Settings
    from offchain.chain.miner_port import MinerPort
    from offchain.wire import Domain

    session: Session = context.obj
    session.attempts = SERVICE_ATTEMPTS
    burn = rao(max_burn)
    made = Miner.from_onnx(model, subnet)  # a model that does not fit costs nothing
    signer = session.signer(session.hotkey_name(hotkey))
    network = session.network
    coldkey = session.coldkey(key) if key or session.environment.key else None
    chain = MinerPort(
        network,
        netuid,
        signer,
        session.sender(signer),
        Domain(network.deployment.chain_id, network.neurons.address),
        coldkey,
    )
    settings = Settings(host=host, port=port, public_host=external_ip, max_burn_rao=burn)
    made.run(chain, signer, settings)
