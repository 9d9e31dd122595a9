# SPDX-License-Identifier: Apache-2.0
"""Help that can be read and copied: whole examples, and summaries that end where a clause does."""

from __future__ import annotations

import inspect

import typer

EXAMPLE = "evmtensor "
_AS_WRITTEN = "\b\n"  # what keeps click from wrapping a paragraph anew


SUMMARY_WIDTH = 55  # what 80 columns leave beside the longest name of a command


def complete_help(app: typer.Typer) -> None:
    """For every command of an app and of its groups, from the functions' docstrings."""
    for command in app.registered_commands:
        text = inspect.getdoc(command.callback) or ""
        command.help, command.short_help = with_examples(text), summary(text)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.short_help = summary(str(group.typer_instance.info.help or ""))
            complete_help(group.typer_instance)


def summary(text: str) -> str:
    """The first sentence, or as many of its clauses as have room; words when there is none."""
    sentence = " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
    if len(sentence) <= SUMMARY_WIDTH:
        return sentence
    room = sentence[: SUMMARY_WIDTH + 1]
    ends = [i for i, character in enumerate(room) if character in ",;:"]
    return room[: ends[-1]] if ends else room.rpartition(" ")[0]


def with_examples(text: str) -> str:
    """A help text whose paragraphs of examples are shown line by line."""
    return "\n\n".join(
        _AS_WRITTEN + paragraph if paragraph.startswith(EXAMPLE) else paragraph
        for paragraph in text.split("\n\n")
    )
