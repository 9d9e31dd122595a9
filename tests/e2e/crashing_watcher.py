# SPDX-License-Identifier: Apache-2.0
"""A real watcher that kills itself once, with SIGKILL, at a named point.

    python -m tests.e2e.crashing_watcher POINT MARKER <arguments of evmtensor watcher run>

The marker file says that it has crashed; after that it is an ordinary watcher.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from offchain.chain.log_store import LogStore
from offchain.chain.outbox import Outbox
from offchain.chain.transactions import Sender
from offchain.cli.app import run
from offchain.watcher.accounts import AccountBook
from tests.e2e.crashing_validator import around

POINTS: dict[str, Callable[[Path, str], None]] = {
    "signed": lambda m, p: around(Outbox, "put", m, p, before=False),
    "sent": lambda m, p: around(Sender, "_broadcast", m, p, before=False),
    "mined": lambda m, p: around(Sender, "wait", m, p, before=False),
    "booked": lambda m, p: around(AccountBook, "book", m, p, before=False),
    "logs-saved": lambda m, p: around(LogStore, "append", m, p, before=False),
}

if __name__ == "__main__":
    chosen, marker_path = sys.argv[1], Path(sys.argv[2])
    POINTS[chosen](marker_path, chosen)
    raise SystemExit(run(["watcher", "run", *sys.argv[3:]]))
