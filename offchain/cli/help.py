# SPDX-License-Identifier: Apache-2.0
"""Examples in the help of commands keep their lines, so that each can be copied as it stands."""

from __future__ import annotations

import inspect

import typer

EXAMPLE = "evmtensor "
_AS_WRITTEN = "\b\n"  # what keeps click from wrapping a paragraph anew


def keep_examples(app: typer.Typer) -> None:
    """For every command of an app and of its groups, from the functions' docstrings."""
    for command in app.registered_commands:
        command.help = with_examples(inspect.getdoc(command.callback) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            keep_examples(group.typer_instance)


def with_examples(text: str) -> str:
    """A help text whose paragraphs of examples are shown line by line."""
    return "\n\n".join(
        _AS_WRITTEN + paragraph if paragraph.startswith(EXAMPLE) else paragraph
        for paragraph in text.split("\n\n")
    )
