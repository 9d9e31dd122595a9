# SPDX-License-Identifier: Apache-2.0
"""Progress bars on standard error, only where somebody can see them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def track(items: Sequence[T], what: str, quiet: bool = False) -> Iterator[T]:
    """The items one by one, with a bar that tells how far the work is."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as bar

    tracked: Iterable[T] = bar(items, description=what, console=Console(stderr=True))
    yield from tracked
