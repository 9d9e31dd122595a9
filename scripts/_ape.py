# SPDX-License-Identifier: Apache-2.0
"""What the scripts share: `ape run NAME ...` is `evmtensor ...` on ape's network."""

from __future__ import annotations

import sys

import click

_SETTINGS = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": ["--ape-help"],
}


def command(words: tuple[str, ...], doc: str) -> click.Command:
    """A click command that hands its line to the command line `evmtensor <words>`."""

    @click.command(context_settings=_SETTINGS, help=doc)
    @click.option("--network", default=None, help="An ape network, e.g. ethereum:local:foundry.")
    @click.pass_context
    def cli(context: click.Context, network: str | None) -> None:
        from offchain.cli.app import run

        if network is None:
            sys.exit(run([*words, *context.args]))
        from ape import networks

        with networks.parse_network_choice(network) as provider:
            sys.exit(run([*words, *context.args, "--url", _url(provider)]))

    return cli


def _url(provider: object) -> str:
    """Where ape's provider talks to; a node that ape started ends with this command."""
    for name in ("uri", "http_uri"):
        value = getattr(provider, name, None)
        if isinstance(value, str) and value.startswith("http"):
            return value
    raise click.ClickException(
        "this network has no HTTP address; leave --network away and give --url URL"
    )
