# SPDX-License-Identifier: Apache-2.0
"""When to send, so that watchers who see the same thing do not all pay for it.

Everybody waits a different time, drawn from its address, and looks who else is at it before it
sends. It gives way once and only for a block: whoever posted a lie could else keep a dummy
transaction waiting and silence everybody.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from offchain.protocol.domains import keccak

SPREAD_SECONDS = 0.8  # with fast blocks: within one of them
PART_OF_TIME_LEFT = 150  # with long windows: over this part of one, a tick of the protocol's 150
GIVE_WAY_BLOCKS = 1


@dataclass
class Turns:
    """What one account is about to send, and since when."""

    account: str
    _due: dict[Hashable, float] = field(default_factory=dict)
    _gave_way_at: dict[Hashable, int] = field(default_factory=dict)

    def is_due(self, key: Hashable, now: float, seconds_left: float) -> bool:
        """Whether our turn has come; the first question starts the wait.

        now: monotonic seconds. seconds_left: until it is too late; half of it is never waited.
        """
        if key not in self._due:
            longest = max(SPREAD_SECONDS, seconds_left / PART_OF_TIME_LEFT)
            self._due[key] = now + self.draw(key) * min(longest, max(0.0, seconds_left / 2))
        return now >= self._due[key]

    def gives_way(self, key: Hashable, head: int) -> bool:
        """Whether to leave it to somebody whose transaction waits: only for a block."""
        first = self._gave_way_at.setdefault(key, head)
        return head < first + GIVE_WAY_BLOCKS

    def draw(self, key: Hashable) -> float:
        """Between 0 and 1, different for everybody, always the same for the same thing."""
        digest = keccak(f"{self.account.lower()} {key}".encode())
        return int.from_bytes(digest[:4], "big") / 2**32

    @property
    def is_waiting(self) -> bool:
        """Whether anything waits for its turn."""
        return bool(self._due)

    def keep(self, keys: set[Hashable]) -> None:
        """Forget everything else."""
        self._due = {key: due for key, due in self._due.items() if key in keys}
        self._gave_way_at = {k: head for k, head in self._gave_way_at.items() if k in keys}
