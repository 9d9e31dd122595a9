# SPDX-License-Identifier: Apache-2.0
"""Keys: create, import, list, balance, swap, identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from offchain.cli.options import HotkeyAddress, Key, check_text
from offchain.cli.output import progress, show, show_table, visible
from offchain.cli.session import Session
from offchain.protocol.errors import ConfigError

if TYPE_CHECKING:
    from offchain.chain.coldkey import Coldkey

app = typer.Typer(
    name="wallet",
    help="Keys: create, import, list, balance, swap, identity.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="What you call the key.")]
IsHotkey = Annotated[
    bool, typer.Option("--hotkey", help="A key that works online; may have no password.")
]
Said = Annotated[str | None, typer.Option(help="At most 256 bytes.")]
LongSaid = Annotated[str | None, typer.Option(help="At most 1,024 bytes.")]
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
    """Store a private key, read from a prompt or standard input, never from the line.

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
    context: typer.Context,
    key: Annotated[
        str, typer.Argument(help="A name or an address; without it, EVMTENSOR_KEY's.")
    ] = "",
) -> None:
    """Show TAO and the chain's own coin of a key or address.

    evmtensor wallet balance alice
    """
    from offchain.cli.token import show_balance

    session: Session = context.obj
    show_balance(session, session.coldkey_name(key))


@app.command("swap-hotkey")
def swap_hotkey(
    context: typer.Context,
    new_hotkey: Annotated[str, typer.Argument(help="A key that never was a hotkey: its name.")],
    hotkey: HotkeyAddress,
    key: Key = "",
) -> None:
    """Put a new hotkey in the place of a lost or stolen one, at once; its coldkey signs.

    evmtensor wallet swap-hotkey alice-hot-2 --hotkey alice-hot --key alice
    """
    session: Session = context.obj
    old, signer = session.address_of(hotkey), session.signer(new_hotkey)
    coldkey = session.coldkey(key)
    with progress("swapping the hotkey"):
        done = coldkey.swap_hotkey(old, signer)
    text = (
        f"{signer.address} is in the place of {old}, which can do nothing any more. Restart its "
        "miner or validator with the new key; as a subnet's owner's hotkey without a uid there it "
        "is named anew with `evmtensor subnet set-hotkey`."
    )
    show(session.flags.json, done, text)


@app.command("swap-coldkey")
def swap_coldkey(
    context: typer.Context,
    action: Annotated[str, typer.Argument(help="announce, cancel or finish.")],
    other: Annotated[
        str, typer.Argument(help="announce: the new coldkey; finish: the old one.")
    ] = "",
    key: Key = "",
) -> None:
    """Put a new coldkey in an old one's place, one unbonding period after announcing it.

    evmtensor wallet swap-coldkey announce alice-new --key alice

    evmtensor wallet swap-coldkey cancel --key alice

    evmtensor wallet swap-coldkey finish alice --key alice-new
    """
    session: Session = context.obj
    if action not in ("announce", "cancel", "finish") or bool(other) == (action == "cancel"):
        raise ConfigError(
            f"swap-coldkey {action} {other}".rstrip() + " is not a step of a swap",
            next_step="Use `announce NEW`, `cancel` or `finish OLD`.",
        )
    address = session.address_of(other) if other else ""
    coldkey = session.coldkey(key)
    with progress(f"swap of a coldkey: {action}"):
        value, text = _swap_step(coldkey, action, address)
    show(session.flags.json, value, text)


def _swap_step(coldkey: Coldkey, action: str, other: str) -> tuple[object, str]:
    """One step; what happened for programs and for people."""
    if action == "announce":
        begun = coldkey.announce_coldkey_swap(other)
        return begun, f"{other} can finish the swap from tick {begun.ripe_tick} on"
    if action == "cancel":
        receipt = coldkey.cancel_coldkey_swap()
        return {"transaction": receipt.transaction_hash}, "the announcement is taken back"
    done = coldkey.swap_coldkey(other)
    return done, (
        f"all stake, unbondings and hotkeys of {other} are {coldkey.address}'s. Its TAO and its "
        "subnets stay: use `evmtensor token transfer` and `evmtensor subnet offer`."
    )


@app.command("set-identity")
def set_identity(
    context: typer.Context,
    name: Said = None,
    site: Annotated[str | None, typer.Option(help="Your page, at most 256 bytes.")] = None,
    github: Said = None,
    image: LongSaid = None,
    discord: Said = None,
    description: LongSaid = None,
    additional: LongSaid = None,
    remove: Annotated[bool, typer.Option("--remove", help="Say nothing any more.")] = False,
    key: Key = "",
) -> None:
    """Say who a coldkey is: shown for its hotkeys, and kept when the coldkey is swapped.

    What is not named stays as it is; an empty text removes one part. The coldkey must own a hotkey
    that was registered once.

    evmtensor wallet set-identity --name Acme --site https://acme.example -k alice

    evmtensor wallet set-identity --remove --key alice
    """
    from dataclasses import asdict, replace

    from offchain.chain.keys import IDENTITY_BYTES, Identity

    session: Session = context.obj
    said = {
        "name": name,
        "url": site,
        "github": github,
        "image": image,
        "discord": discord,
        "description": description,
        "additional": additional,
    }
    changed = {part: text for part, text in said.items() if text is not None}
    if bool(changed) == remove:
        raise ConfigError(
            "something is said and removed at once" if remove else "nothing is said",
            next_step="Give some of --name, --site, --description and so on, or --remove alone.",
        )
    coldkey = session.coldkey(key)
    before = session.network.keys.identity_of(coldkey.address)
    identity = Identity() if remove else replace(before or Identity(), **changed)
    for part, text in asdict(identity).items():
        check_text("site" if part == "url" else part, text, IDENTITY_BYTES[part])
    with progress("setting the identity"):
        receipt = coldkey.set_own_identity(identity)
    done = {
        "transaction": receipt.transaction_hash,
        "coldkey": coldkey.address,
        "identity": None if identity == Identity() else identity,
    }
    called = f"is called {visible(identity.name)}" if identity.name else "has no name"
    called = "says nothing any more" if remove else called
    show(session.flags.json, done, f"{coldkey.address} {called}")


@app.command("get-identity")
def get_identity(
    context: typer.Context,
    who: Annotated[
        str, typer.Argument(help="A coldkey, or a hotkey of it; else EVMTENSOR_KEY.")
    ] = "",
) -> None:
    """Show what a coldkey says of itself. Nobody checked it, and anybody may say the same.

    evmtensor wallet get-identity alice

    evmtensor wallet get-identity 0xC5eC032b5b564b38a7b37d6b32a0AF05aC85eD8E
    """
    from dataclasses import asdict

    session: Session = context.obj
    keys, staking = session.network.keys, session.network.staking
    coldkey = session.address_of(session.coldkey_name(who))
    identity = keys.identity_of(coldkey)
    owner = staking.owner_of(coldkey)
    if identity is None and int(owner, 16):
        coldkey, identity = owner, keys.identity_of(owner)
    said = asdict(identity) if identity else {}
    lines = [f"{part}: {visible(text)}" for part, text in said.items() if text]
    text = "\n".join([f"coldkey: {coldkey}", *lines] if lines else [f"{coldkey} says nothing"])
    show(session.flags.json, {"coldkey": coldkey, "identity": identity}, text)


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
