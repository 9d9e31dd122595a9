# SPDX-License-Identifier: Apache-2.0
"""What the operating system refuses, as a fact and a next step."""

from __future__ import annotations

import errno

from offchain.protocol.errors import ConfigError

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def explain(error: OSError) -> ConfigError:
    """The same error in the words of this command line."""
    if error.errno in FULL:
        return ConfigError(
            "the disk is full",
            next_step="Free some space, and run the command again: what was sent stays sent.",
        )
    where = f"{error.filename}: " if error.filename else ""
    fact = f"{where}{error.strerror or error}"
    if error.errno in FORBIDDEN:
        return ConfigError(fact, next_step="Use a place that belongs to you, or correct its mode.")
    return ConfigError(fact, next_step="Correct the path, and run the command again.")
