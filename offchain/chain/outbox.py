# SPDX-License-Identifier: Apache-2.0
"""What one key has signed and sent, on disk before it leaves, so that a crash sends nothing twice.

One folder per chain and key, one file per nonce. An entry has a `purpose`, e.g.
`commit 1 17 0xab..`: a process that was killed between signing and the receipt finds its own
transaction there and sends the same bytes again (security FI-02, FI-03, FI-13). `lock` makes the
choice of a nonce exclusive over all processes of this machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from offchain.chain.connection import Connection
from offchain.chain.errors import OutboxFull, OutboxLocked
from offchain.chain.files import write_durably

LOCK_SECONDS = 30.0
KEPT_TRANSACTIONS = 64


@dataclass(slots=True)
class Entry:
    """One nonce and everything that was ever signed for it, newest last."""

    nonce: int
    purpose: str
    doing: str
    to: str | None
    data: str
    value_wei: int
    gas: int
    max_fee_wei: int
    tip_wei: int
    raw: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    cancelled: bool = False


class Outbox:
    """Entries of one key on one chain; in memory when `folder` is None (tests, throw-away keys)."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._memory: dict[int, Entry] = {}
        self._threads = threading.RLock()
        self._depth = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def lock(self, timeout_seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """Exclusive over threads and processes; raises `OutboxLocked`."""
        with self._threads:
            if self.folder is None or self._depth:
                yield
                return
            with (self.folder / "lock").open("w", encoding="utf-8") as file:
                _wait_for_lock(file.fileno(), self.folder, timeout_seconds)
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1

    def entries(self) -> list[Entry]:
        """All entries by nonce. A half-written draft does not count."""
        if self.folder is None:
            return [self._memory[nonce] for nonce in sorted(self._memory)]
        found = [_load(path) for path in self.folder.glob("*.json")]
        return sorted(found, key=lambda entry: entry.nonce)

    def find(self, purpose: str) -> Entry | None:
        """The newest entry with that purpose that was not cancelled."""
        matching = [e for e in self.entries() if e.purpose == purpose and not e.cancelled]
        return matching[-1] if purpose and matching else None

    def put(self, entry: Entry) -> None:
        """On disk when this returns."""
        if self.folder is None:
            self._memory[entry.nonce] = entry
            return
        content = json.dumps(asdict(entry)).encode()
        try:
            write_durably(self.folder / f"{entry.nonce}.json", content)
        except OSError as error:
            raise OutboxFull(
                f"{entry.doing}: {self.folder} cannot be written ({error.strerror}), so nothing "
                "was sent",
                next_step="Free some space, or correct EVMTENSOR_HOME.",
            ) from error

    def prune(self, mined: int) -> None:
        """Drop what has `KEPT_TRANSACTIONS` mined successors: too deep for any reorganisation."""
        for entry in self.entries():
            if entry.nonce < mined - KEPT_TRANSACTIONS:
                self.forget(entry.nonce)

    def forget(self, nonce: int) -> None:
        """Drop an entry that is final."""
        self._memory.pop(nonce, None)
        if self.folder is not None:
            (self.folder / f"{nonce}.json").unlink(missing_ok=True)


def outbox_of(connection: Connection, home: Path, address: str) -> Outbox:
    """The outbox of a key on a chain, below the home: the same for every program that uses it."""
    chain = f"{connection.chain_id}-{connection.genesis_hash[2:10]}"
    return Outbox(home / "outbox" / f"{chain}-{address}")


def _load(path: Path) -> Entry:
    return Entry(**json.loads(path.read_text(encoding="utf-8")))


def _wait_for_lock(descriptor: int, folder: Path, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise OutboxLocked(
                    f"another process has been sending with this key for {timeout_seconds:.0f} s "
                    f"({folder})",
                    next_step="Wait for it, or stop it.",
                ) from None
            time.sleep(0.02)
