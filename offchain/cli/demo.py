# SPDX-License-Identifier: Apache-2.0
"""The whole economy in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    context: typer.Context,
    chain: Annotated[str, typer.Option(help="anvil or ganache.")] = "anvil",
    epochs: Annotated[int, typer.Option(min=3, help="Epochs to settle.")] = 3,
    json: Annotated[Path | None, typer.Option("--json", help="Write everything there.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the network running.")] = False,
) -> int:
    """Play the whole economy, cheats included, and check who earned what.

    evmtensor demo

    evmtensor demo --chain ganache --epochs 5 --json result.json
    """
    from offchain.localnet.demo import DemoSettings, run

    return run(DemoSettings(chain=chain, epochs=epochs, json_path=json, keep=keep))
