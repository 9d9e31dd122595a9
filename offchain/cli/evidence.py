# SPDX-License-Identifier: Apache-2.0
"""What signed answers prove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offchain.cli.output import show
from offchain.cli.session import Session
from offchain.protocol.errors import ConfigError

app = typer.Typer(name="evidence", help="Signed answers: check.", no_args_is_help=True)


@app.callback()
def evidence() -> None:
    """Check what miners have signed."""


@app.command()
def check(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="One answer, or two to the same request.")],
) -> None:
    """Say whether one answer is a miner's, or two answers prove equivocation.

    evmtensor evidence check answer.evidence

    evmtensor evidence check first.evidence second.evidence
    """
    from offchain.wire.evidence import verdict

    session: Session = context.obj
    if len(files) > 2:
        raise ConfigError(f"{len(files)} files, wanted one or two", next_step="Name one or two.")
    found = verdict(files)
    show(session.flags.json, {"verdict": found}, found)
