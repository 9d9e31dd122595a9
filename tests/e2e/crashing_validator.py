# SPDX-License-Identifier: Apache-2.0
"""A real validator that kills itself once, with SIGKILL, at a named point.

    python -m tests.e2e.crashing_validator POINT MARKER <arguments of evmtensor validator run>

The marker file says that it has crashed; after that it is an ordinary validator.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offchain.chain.hotkey import Hotkey
from offchain.chain.transactions import Sender
from offchain.cli.app import run
from offchain.validator.journal import Journal
from offchain.validator.office import Office


def crash(marker: Path, point: str) -> None:
    """Die as in a power cut, but only once."""
    if marker.exists():
        return
    marker.write_text(point)
    os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, marker: Path, point: str, *, before: bool) -> None:
    """Crash before or after a method's work."""
    method: Callable[..., Any] = getattr(owner, name)

    def crashing(*arguments: Any, **named: Any) -> Any:
        if before:
            crash(marker, point)
        result = method(*arguments, **named)
        crash(marker, point)
        return result

    setattr(owner, name, crashing)


def commit_is_sent(marker: Path, point: str) -> None:
    """Crash between sending the commit and its receipt."""
    broadcast = Sender._broadcast

    def crashing(self: Sender, entry: Any) -> Any:
        result = broadcast(self, entry)
        if entry.doing == "commit weights":
            crash(marker, point)
        return result

    Sender._broadcast = crashing  # type: ignore[method-assign]


POINTS: dict[str, Callable[[Path, str], None]] = {
    "before-journal": lambda m, p: around(Journal, "write", m, p, before=True),
    "after-journal": lambda m, p: around(Journal, "write", m, p, before=False),
    "commit-sent": commit_is_sent,
    "after-commit": lambda m, p: around(Hotkey, "commit", m, p, before=False),
    "before-reveal": lambda m, p: around(Hotkey, "reveal", m, p, before=True),
    "after-propose": lambda m, p: around(Office, "_propose", m, p, before=False),
}

if __name__ == "__main__":
    chosen, marker_path = sys.argv[1], Path(sys.argv[2])
    POINTS[chosen](marker_path, chosen)
    raise SystemExit(run(["validator", "run", *sys.argv[3:]]))
