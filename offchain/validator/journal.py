# SPDX-License-Identifier: Apache-2.0
"""What a validator must not lose: the row and the salt behind each commit.

An entry is on disk, twice and fsynced, before the commit transaction leaves the process
(security D2, FI-01 to FI-07). The salt is derived, so that even a lost entry can be opened as
long as the row is known: `salt = HMAC-SHA256(salt key, chain id | weights | netuid | epoch |
attempt)` (reference/security.md, decision 12). The salt key is 32 random bytes of its own, not
the hotkey.
"""

import fcntl
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from offchain.chain.files import write_durably
from offchain.validator.errors import JournalCorrupt, JournalFull, JournalLocked

CHECKSUM_BYTES = 32
SALT_KEY_BYTES = 32


class Entry(msgspec.Struct, frozen=True):
    """One commit: everything that its reveal needs.

    Attributes:
        netuid, epoch, seat, uid, generation: as on chain (a registration id has 80 bits, more than
            msgpack's integers).
        row: the dense row as committed, big-endian u16 lanes, 2 * max_uids bytes.
        salt: 32 bytes, never zero.
        commit_hash: 32 bytes, what the commit transaction carries.
    """

    netuid: int
    epoch: int
    seat: int
    uid: int
    generation: int
    row: bytes
    salt: bytes
    commit_hash: bytes


@dataclass(frozen=True, slots=True)
class SaltScope:
    """What a salt is bound to, so that no two deployments ever share one."""

    chain_id: int
    weights: str


class Journal:
    """Durable entries of one hotkey on one deployment; one process at a time.

    Args:
        folder: created with mode 0700; holds `salt.key`, `lock` and two copies of every entry.
        scope: the chain and the Weights contract.

    Raises:
        JournalLocked: another process holds the lock.
        JournalFull: the folder cannot be written.
    """

    def __init__(self, folder: Path, scope: SaltScope) -> None:
        self._folder = folder
        self._scope = scope
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = open(folder / "lock", "w")  # noqa: SIM115 - held until close()
        except OSError as error:
            raise JournalFull(
                f"journal {folder}: {error.strerror}",
                next_step="Free some space or name another folder with --home.",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise JournalLocked(
                f"journal {folder}: another validator already runs with this hotkey",
                next_step="Stop the other process, or use another hotkey.",
            ) from error
        self._salt_key = self._load_salt_key()

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()

    def salt(self, netuid: int, epoch: int, attempt: int = 0) -> bytes:
        """The salt of one commit, 32 bytes, the same after every restart."""
        message = f"{self._scope.chain_id}|{self._scope.weights.lower()}|{netuid}|{epoch}|{attempt}"
        return hmac.new(self._salt_key, message.encode(), hashlib.sha256).digest()

    def task_secret(self) -> bytes:
        """32 bytes that make this validator's tasks unforeseeable; the same after a restart."""
        return hmac.new(self._salt_key, b"evmtensor tasks", hashlib.sha256).digest()

    def write(self, entry: Entry) -> None:
        """Put an entry on disk, both copies fsynced, before returning.

        Raises:
            JournalFull: the disk refused; older entries are untouched.
        """
        packed = msgspec.msgpack.encode(entry)
        sealed = hashlib.sha256(packed).digest() + packed
        try:
            for path in self._copies(entry.netuid, entry.epoch):
                write_durably(path, sealed)
        except OSError as error:
            raise JournalFull(
                f"journal {self._folder}: {error.strerror}; epoch {entry.epoch} was not committed",
                next_step="Free some space; the validator tries again by itself.",
            ) from error

    def read(self, netuid: int, epoch: int) -> Entry | None:
        """The entry of an epoch, from whichever copy is whole; None if there never was one.

        Raises:
            JournalCorrupt: a copy exists, but none passes its checksum.
        """
        damaged = False
        for path in self._copies(netuid, epoch):
            try:
                sealed = path.read_bytes()
            except FileNotFoundError:
                continue
            packed = sealed[CHECKSUM_BYTES:]
            if hashlib.sha256(packed).digest() == sealed[:CHECKSUM_BYTES]:
                return msgspec.msgpack.decode(packed, type=Entry)
            damaged = True
        if damaged:
            raise JournalCorrupt(
                f"journal {self._folder}: both copies of netuid {netuid} epoch {epoch} are damaged",
                next_step="This epoch cannot be revealed; check the disk before the next one.",
            )
        return None

    def forget_before(self, netuid: int, epoch: int) -> None:
        """Delete entries of epochs that can no longer be revealed."""
        for path in self._folder.glob(f"{netuid}-*.entry*"):
            if int(path.name.split("-")[1].split(".")[0]) < epoch:
                path.unlink(missing_ok=True)

    def _copies(self, netuid: int, epoch: int) -> tuple[Path, Path]:
        name = f"{netuid}-{epoch}.entry"
        return self._folder / name, self._folder / (name + "2")

    def _load_salt_key(self) -> bytes:
        path = self._folder / "salt.key"
        if not path.exists():
            write_durably(path, secrets.token_bytes(SALT_KEY_BYTES))
        key = path.read_bytes()
        if len(key) != SALT_KEY_BYTES:
            raise JournalCorrupt(
                f"{path}: {len(key)} bytes, wanted {SALT_KEY_BYTES}",
                next_step="Restore it from a backup, or delete it after the open epoch has passed.",
            )
        return key
