# SPDX-License-Identifier: Apache-2.0
"""A validator as a process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offchain.cli.miner import check_reachable
from offchain.cli.options import HotkeyName, Netuid
from offchain.cli.session import SERVICE_ATTEMPTS, Session
from offchain.protocol.errors import ConfigError

if TYPE_CHECKING:
    from offchain.chain.transactions import Sender
    from offchain.validator.audit import Reexecute

ROOT_NETUID = 0

app = typer.Typer(name="validator", help="A validator: run.", no_args_is_help=True)


@app.command()
def run(
    context: typer.Context,
    netuid: Netuid,
    hotkey: HotkeyName = "",
    subnet: Annotated[str, typer.Option(help="The incentive mechanism.")] = "vision",
    reexecute: Annotated[
        bool, typer.Option(help="Run published models in the sandbox, to check answers.")
    ] = True,
    listen_port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Let miners behind firewalls connect; 0: a free one."),
    ] = None,
    host: Annotated[str, typer.Option(help="With --listen-port: where to listen.")] = "0.0.0.0",
    external_ip: Annotated[
        str, typer.Option(help="With --listen-port: what the chain is told.")
    ] = "",
    weights: Annotated[
        Path | None, typer.Option(help="On the root (netuid 0): TOML file, [weights] 1 = 0.7")
    ] = None,
) -> int:
    """Score miners and settle epochs, until Ctrl-C; may be killed and started at any moment.

    evmtensor validator run --netuid 1 --hotkey alice-hot

    evmtensor validator run --netuid 1 --no-reexecute

    evmtensor validator run -n 1 --listen-port 8092 --external-ip 203.0.113.7

    evmtensor validator run --netuid 0 --weights root.toml
    """
    from offchain.validator.service import Listening, ValidatorSettings
    from offchain.validator.service import run as run_validator

    session: Session = context.obj
    session.attempts = SERVICE_ATTEMPTS
    signer = session.signer(session.hotkey_name(hotkey))
    sender = session.sender(signer)
    if (netuid == ROOT_NETUID) != (weights is not None):
        raise ConfigError(
            "the root, netuid 0, is weighed by a file, every other subnet by measuring",
            next_step="Give --weights FILE with --netuid 0, and with no other.",
        )
    if weights is not None:
        return _run_root(session, sender, weights)
    listening = None
    if listen_port is not None:
        public = external_ip or host
        chain_id = session.network.deployment.chain_id
        check_reachable(public, chain_id, "miners cannot reach a validator")
        listening = Listening(host, listen_port, public)
    code: int = run_validator(
        ValidatorSettings(
            network=session.network,
            signer=signer,
            sender=sender,
            netuid=netuid,
            home=session.environment.home,
            subnet=subnet,
            reexecute=_reexecution() if reexecute else None,
            listening=listening,
        )
    )
    return code


def _run_root(session: Session, sender: Sender, file: Path) -> int:
    """A validator of the root, which reads its file anew for every row."""
    from offchain.validator.root import RootSettings, read_weights
    from offchain.validator.root import run as run_root

    settings = RootSettings(
        session.network, sender, session.environment.home, lambda: read_weights(file)
    )
    code: int = run_root(settings)
    return code


def _reexecution() -> Reexecute:
    """The sandbox, after saying which walls this kernel puts around it."""
    import structlog

    from miners.reexecute import reexecute
    from miners.sandbox import standing_walls

    structlog.get_logger("evmtensor.validator").info("sandbox", walls=" ".join(standing_walls()))
    return reexecute
