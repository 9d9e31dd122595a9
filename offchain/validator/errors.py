# SPDX-License-Identifier: Apache-2.0
"""Errors of the validator.

ConfigError
+-- JournalLocked     another process works with the same hotkey and journal
+-- JournalFull       the disk refused the journal: nothing was committed
ConsensusMismatch
+-- JournalCorrupt    both copies of an entry fail their checksum: the row cannot be revealed
"""

from offchain.protocol.errors import ConfigError, ConsensusMismatch


class JournalLocked(ConfigError):
    """A second validator with the same hotkey would commit twice; it refuses to start."""


class JournalFull(ConfigError):
    """The journal could not be written, so the commit was not sent."""


class JournalCorrupt(ConsensusMismatch):
    """Both copies of an entry are damaged; guessing or committing again would lose more."""
