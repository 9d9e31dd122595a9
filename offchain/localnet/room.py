# SPDX-License-Identifier: Apache-2.0
"""Room on the disk, looked for before a network starts: without any, no log says why it fails."""

from __future__ import annotations

import shutil
from pathlib import Path

from offchain.protocol.errors import ConfigError

LEAST_MIB = 50  # a demo writes about one


def check_room(folder: Path) -> None:
    """Raises `ConfigError` when the disk of an existing folder is as good as full."""
    free_mib = shutil.disk_usage(folder).free // 2**20
    if free_mib < LEAST_MIB:
        raise ConfigError(
            f"{free_mib} MiB are free in {folder.absolute()}, at least {LEAST_MIB} are needed",
            next_step="Free some space, and run the command again.",
        )
