# SPDX-License-Identifier: Apache-2.0
"""What signed answers prove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offchain.cli.output import progress, show
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
    model: Annotated[
        Path | None,
        typer.Option(help="The model that was committed: run it on the question again."),
    ] = None,
    subnet: Annotated[
        str, typer.Option(help="With --model: the mechanism; a decoder's is text, else vision.")
    ] = "",
) -> None:
    """Say whether one answer is a miner's, or two answers prove equivocation.

    evmtensor evidence check answer.json

    evmtensor evidence check first.json second.json

    evmtensor evidence check audits/evidence/1-2.json --model model.onnx
    """
    from offchain.wire.evidence import verdict

    session: Session = context.obj
    if len(files) > 2:
        raise ConfigError(f"{len(files)} files, wanted one or two", next_step="Name one or two.")
    found = verdict(files)
    if model is None:
        show(session.flags.json, {"verdict": found}, found)
        return
    if len(files) == 2:
        raise ConfigError("two files, wanted one", next_step="Drop one, or drop --model.")
    with progress("running the model"):
        agrees = _run_again(files[0], model, subnet or ("text" if model.is_dir() else "vision"))
    says = "gives this answer" if agrees else "gives another answer: this is proof of a cheat"
    show(
        session.flags.json,
        {"verdict": found, "model_agrees": agrees},
        f"{found}\nthe model {says}",
    )


def _run_again(path: Path, model: Path, subnet: str) -> bool:
    from miners.reexecute import reexecute
    from offchain.subnets.base import load
    from offchain.wire.evidence import read_evidence
    from offchain.wire.exhibit import Exhibit

    exhibit = read_evidence(path)
    if not isinstance(exhibit, Exhibit):
        raise ConfigError(f"{path}: has no question and answer in it", next_step="Drop --model.")
    committed, files = _files_of(model)
    if committed != exhibit.evidence.model:
        raise ConfigError(
            f"{model}: is model {committed.hex()}, the answer was signed for "
            f"{exhibit.evidence.model.hex()}",
            next_step="Name the model that was committed.",
        )
    mechanism = load(subnet)
    question, answer = exhibit.read(mechanism.SYNAPSE)
    agrees = reexecute(files, mechanism, question, answer)
    if agrees is None:
        raise ConfigError(
            "the answer could not be checked on this machine",
            next_step="Only greedy answers without stop texts can be; look above for a sandbox.",
        )
    return agrees


def _files_of(model: Path) -> tuple[bytes, dict[str, bytes]]:
    """(what is committed for the model, its files by name)."""
    from miners.checks import model_hash
    from miners.llm.folder import folder_hash

    try:
        if not model.is_dir():
            content = model.read_bytes()
            return model_hash(content), {"": content}
        files = {
            file.name: file.read_bytes()
            for file in model.iterdir()
            if file.is_file() and not file.name.startswith(".")
        }
        return folder_hash(model), files
    except OSError as error:
        raise ConfigError(
            f"{model}: cannot be read ({error.strerror})",
            next_step="Name the model that was committed.",
        ) from error
