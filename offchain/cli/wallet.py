# SPDX-License-Identifier: Apache-2.0
"""Keys: create, import, list, balance."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli.output import progress, show, show_table
from offchain.cli.session import Session

app = typer.Typer(name="wallet", help="Keys: create, import, list, balance.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="What you call the key.")]
IsHotkey = Annotated[
    bool, typer.Option("--hotkey", help="A key that works online; may have no password.")
]
NoPassword = Annotated[bool, typer.Option("--no-password", help="For a hotkey: open file.")]


@app.command()
def create(
    context: typer.Context, name: Name, hotkey: IsHotkey = False, no_password: NoPassword = False
) -> None:
    """Make a new key.

    evmtensor wallet create alice

    evmtensor wallet create alice-hot --hotkey --no-password
    """
    session: Session = context.obj
    password = "" if no_password and hotkey else _new_password(session, name)
    with progress("encrypting the key"):
        info = session.keys.create(name, "hotkey" if hotkey else "coldkey", password)
    show(session.flags.json, info, f"{info.kind} {info.name}: {info.address}\n{info.path}")


@app.command("import")
def import_key(
    context: typer.Context, name: Name, hotkey: IsHotkey = False, no_password: NoPassword = False
) -> None:
    """Store a private key that is read from a prompt or standard input, never from the line.

    evmtensor wallet import alice
    """
    import getpass
    import sys

    from offchain.keys import KeyDamaged, Signer

    session: Session = context.obj
    prompt = sys.stdin.isatty()
    text = getpass.getpass("Private key (hexadecimal): ") if prompt else sys.stdin.readline()
    try:
        secret = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise KeyDamaged(
            "what was typed is not a hexadecimal number", next_step="Nothing was stored; try again."
        ) from None
    signer = Signer(secret, name)
    password = "" if no_password and hotkey else _new_password(session, name)
    info = session.keys.add(signer, name, "hotkey" if hotkey else "coldkey", password)
    show(session.flags.json, info, f"{info.kind} {info.name}: {info.address}")


@app.command("list")
def list_keys(context: typer.Context) -> None:
    """Show every key: name, kind, address.

    evmtensor wallet list
    """
    session: Session = context.obj
    infos = session.keys.list()
    rows = [
        (info.name, info.kind, info.address, "yes" if info.has_password else "no") for info in infos
    ]
    show_table(
        session.flags.json,
        f"keys in {session.keys.folder}",
        ("name", "kind", "address", "password"),
        rows,
    )


@app.command()
def balance(
    context: typer.Context, key: Annotated[str, typer.Argument(help="A name or an address.")]
) -> None:
    """Show TAO and the chain's own coin of a key or address.

    evmtensor wallet balance alice
    """
    from offchain.cli.token import show_balance

    show_balance(context.obj, key)


def _new_password(session: Session, name: str) -> str:
    """From file or environment, else typed twice."""
    import getpass
    import sys
    from pathlib import Path

    from offchain.keys import KeyLocked
    from offchain.keys.passwords import password_source

    def prompt_twice(text: str) -> str:
        first = getpass.getpass("New " + text[0].lower() + text[1:])
        if getpass.getpass("Once more: ") != first:
            raise KeyLocked("the two passwords differ", next_step="Try again.")
        return first

    file = Path(session.flags.password_file) if session.flags.password_file else None
    ask = password_source(
        file=file or session.environment.password_file,
        value=session.environment.password,
        can_prompt=sys.stdin.isatty,
        prompt=prompt_twice,
    )
    return ask(name)
