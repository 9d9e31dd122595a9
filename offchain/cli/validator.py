# SPDX-License-Identifier: Apache-2.0
"""A validator as a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from offchain.cli.options import HotkeyName, Netuid
from offchain.cli.session import SERVICE_ATTEMPTS, Session

if TYPE_CHECKING:
    from offchain.validator.audit import Reexecute

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
) -> int:
    """Score miners and settle epochs, until Ctrl-C; may be killed and started at any moment.

    evmtensor validator run --netuid 1 --hotkey alice-hot

    evmtensor validator run --netuid 1 --no-reexecute
    """
    from offchain.validator.service import ValidatorSettings
    from offchain.validator.service import run as run_validator

    session: Session = context.obj
    session.attempts = SERVICE_ATTEMPTS
    signer = session.signer(session.hotkey_name(hotkey))
    sender = session.sender(signer)
    code: int = run_validator(
        ValidatorSettings(
            network=session.network,
            signer=signer,
            sender=sender,
            netuid=netuid,
            home=session.environment.home,
            subnet=subnet,
            reexecute=_reexecution() if reexecute else None,
        )
    )
    return code


def _reexecution() -> Reexecute:
    """The sandbox, after saying which walls this kernel puts around it."""
    import structlog

    from miners.reexecute import reexecute
    from miners.sandbox import standing_walls

    structlog.get_logger("evmtensor.validator").info("sandbox", walls=" ".join(standing_walls()))
    return reexecute
