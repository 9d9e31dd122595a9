# SPDX-License-Identifier: Apache-2.0
"""A folder that one network at a time works in, so that a second does not clear it away."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offchain.localnet.room import check_room
from offchain.protocol.errors import ConfigError


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """The folder, empty, for this process alone; raises `ConfigError` when another has it or
    the disk is full.

    The lock is the kernel's: it ends with the process, in whatever way that ends.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_room(folder.parent)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another run works in {folder.absolute()}",
                next_step="Wait for its end, or run this one in another checkout.",
            ) from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield
