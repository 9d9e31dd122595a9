# SPDX-License-Identifier: Apache-2.0
"""Puts the groups together, takes flags from anywhere, and turns errors into words."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from offchain.cli import (
    chain,
    demo,
    evidence,
    gov,
    lab,
    localnet,
    metagraph,
    miner,
    neuron,
    root,
    settlement,
    stake,
    subnet,
    token,
    validator,
    wallet,
    watcher,
    weights,
)
from offchain.cli.help import complete_help
from offchain.cli.os_errors import explain
from offchain.cli.output import show_error
from offchain.cli.session import Flags, Session
from offchain.protocol.errors import EvmtensorError

FAILURE, USAGE, INTERRUPTED = 1, 2, 130
_EPILOG = (
    "Anywhere on the line: --json, -v (tracebacks), --url URL[,URL], --deployment FILE, "
    "--password-file FILE."
)
_SWITCHES = {"--json": "json", "-v": "verbose", "--verbose": "verbose"}
_VALUES = {"--url": "url", "--deployment": "deployment", "--password-file": "password_file"}

app = typer.Typer(
    name="evmtensor",
    help="Bittensor's incentive network on any EVM chain.\n\n\b\n"
    "evmtensor demo                          the whole economy in one command\n"
    "evmtensor localnet up                   a chain with contracts to play with\n"
    "evmtensor miner run model.onnx -n 1     serve a model\n"
    "evmtensor validator run -n 1            score miners\n"
    "evmtensor watcher run --key alice       strike false results\n"
    "evmtensor metagraph 1                   who earns what",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_GROUPS = (
    wallet,
    subnet,
    neuron,
    stake,
    weights,
    root,
    miner,
    validator,
    watcher,
    evidence,
    token,
    gov,
    settlement,
    lab,
    localnet,
    chain,
)
for group in _GROUPS:
    app.add_typer(group.app)
app.command("register", hidden=True, epilog=_EPILOG)(neuron.register)
app.command("metagraph", epilog=_EPILOG)(metagraph.metagraph)
app.command("claim", epilog=_EPILOG)(metagraph.claim)
app.command("withdraw", epilog=_EPILOG)(settlement.withdraw)
app.command("verify-epoch", epilog=_EPILOG)(watcher.verify_epoch)
app.command("demo", epilog=_EPILOG)(demo.demo)
complete_help(app)


def run(arguments: Sequence[str]) -> int:
    """One command; its exit code."""
    flags, rest = take_flags(arguments)
    session = Session(flags)
    try:
        result = app(list(rest), standalone_mode=False, obj=session)
        if result == INTERRUPTED:  # typer makes this of Ctrl-C
            raise KeyboardInterrupt
    except EvmtensorError as error:
        show_error(error, flags.verbose, flags.json)
        return FAILURE
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("evmtensor: interrupted", file=sys.stderr)
        return INTERRUPTED
    except typer.TyperException as error:
        print(f"evmtensor: {_usage(error)}", file=sys.stderr)
        return USAGE
    except OSError as error:
        told = explain(error)
        told.__cause__ = error
        show_error(told, flags.verbose, flags.json)
        return FAILURE
    return result if isinstance(result, int) else 0


def _usage(error: Exception) -> str:
    """What is wrong with the line, in one sentence with the next step."""
    format_message = getattr(error, "format_message", None)
    message = " ".join(str(format_message() if format_message else error).split())
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "evmtensor"
    return f"{message.rstrip('.')}. Run `{path} --help`."


def take_flags(arguments: Sequence[str]) -> tuple[Flags, list[str]]:
    """Split off the flags that may stand anywhere; `demo --json FILE` keeps its own."""
    flags, rest = Flags(), list[str]()
    waiting = iter(arguments)
    for word in waiting:
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *waiting]
        elif name == "--json" and rest[:1] == ["demo"]:
            rest.append(word)
        elif word in _SWITCHES:
            setattr(flags, _SWITCHES[word], True)
        elif name in _VALUES:
            setattr(flags, _VALUES[name], value if equals else next(waiting, ""))
        else:
            rest.append(word)
    return flags, rest
