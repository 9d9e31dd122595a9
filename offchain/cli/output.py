# SPDX-License-Identifier: Apache-2.0
"""How commands speak: a table or a line for people, one JSON value for programs."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

PROGRESS_AFTER_SECONDS = 2.0
LEAST_WIDTH = 8  # of a column whose texts are broken into lines
FILE_WIDTH = 160  # columns of a table that goes into a file or a pipe


def show(as_json: bool, value: Any, text: str) -> None:
    """One result: `value` for programs, `text` for people."""
    print(to_json(value) if as_json else text)


def show_table(
    as_json: bool,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    value: Any = None,
) -> None:
    """Rows as a table, or `value` (else the rows by column) as JSON."""
    if as_json:
        print(
            to_json(
                [dict(zip(columns, row, strict=True)) for row in rows] if value is None else value
            )
        )
        return
    if not rows:
        print(f"{title}: none")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    texts = [["" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    widths = [max(map(len, cells)) for cells in zip(columns, *texts, strict=True)]
    broken = columns_to_break(widths, console.width)
    for i, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=i not in broken)
    for row in texts:
        table.add_row(*map(Text, row))
    console.print(Text(title, style="italic"))  # not the table's own, which is no wider than it
    console.print(table)


def columns_to_break(widths: Sequence[int], room: int) -> set[int]:
    """The fewest columns, the widest first, whose texts must be broken for a table to fit."""
    broken = set[int]()
    for widest in sorted(range(len(widths)), key=lambda i: -widths[i]):
        kept = sum(width for i, width in enumerate(widths) if i not in broken)
        if kept + LEAST_WIDTH * len(broken) + len(widths) - 1 <= room:
            break
        broken.add(widest)
    return broken


def shortened(address: str) -> str:
    """An address for a table, where programs have `--json`."""
    return f"{address[:6]}…{address[-4:]}"


def brief(text: str, most: int = 20) -> str:
    """Somebody's words on the chain, as far as a table has room."""
    shown = visible(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def visible(text: str) -> str:
    """Text that somebody wrote on the chain, with what a terminal would obey shown instead.

    Control characters, and characters that reorder or hide others, appear as escapes.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def to_json(value: Any) -> str:
    """Sorted keys; dataclasses as objects, bytes as hexadecimal."""
    return json.dumps(_plain(value), sort_keys=True, indent=1)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Says on standard error what is going on, if it takes longer than two seconds.

    On a terminal it is one line, gone when the work is done.
    """
    done = threading.Event()
    before, after = ("\r", "") if sys.stderr.isatty() else ("", "\n")

    def speak() -> None:
        seconds = PROGRESS_AFTER_SECONDS
        while not done.wait(PROGRESS_AFTER_SECONDS):
            line = f"{before}... {what} ({seconds:.0f} s)"
            print(line, end=after, file=sys.stderr, flush=True)
            seconds += PROGRESS_AFTER_SECONDS
        if before and seconds > PROGRESS_AFTER_SECONDS:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def log_to_stderr() -> None:
    """For a command that works for a while and then answers: its answer stands alone on stdout."""
    import structlog

    # asked at every line: who runs commands in one process may have replaced the stream since
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def show_error(error: Exception, verbose: bool, as_json: bool) -> None:
    """One sentence and the next step; the traceback only with -v."""
    if verbose:
        import traceback

        traceback.print_exception(error)
    next_step = getattr(error, "next_step", "")
    if as_json:
        print(
            json.dumps(
                {"error": type(error).__name__, "message": str(error), "next_step": next_step}
            ),
            file=sys.stderr,
        )
        return
    message = " ".join(str(error).split())
    end = "" if message.endswith("?") else "."
    print(f"evmtensor: {message.rstrip('.')}{end} {next_step}".rstrip(), file=sys.stderr)
