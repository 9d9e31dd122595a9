# SPDX-License-Identifier: Apache-2.0
"""Chain time in ticks. The chain's clock decides; ours only tells how long ago we looked."""

from __future__ import annotations

import time
from collections.abc import Callable

from offchain.chain.connection import Block, Connection
from offchain.chain.errors import NodeBehind
from offchain.protocol.ticks import TickClock

MAX_SILENT_SECONDS = 120.0  # a head that stays the same for longer means a stalled or lagging node


class ChainClock:
    """What tick it is, by the chain's newest block."""

    def __init__(
        self,
        connection: Connection,
        genesis_at: int,
        tick_seconds: int,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.ticks = TickClock(genesis_at, tick_seconds)
        self._connection = connection
        self._now = now
        self._sleep = sleep
        self._seen: Block | None = None
        self._seen_at = 0.0

    def head(self) -> Block:
        """The newest block, and a note of when we saw it.

        Raises `NodeBehind` when a node that is not the only one shows an older head than another
        did: it is shunned, so the next call asks a better one (security FI-12).
        """
        block = self._connection.head()
        seen = self._seen
        if (
            seen is not None
            and block.number < seen.number - 3
            and len(self._connection.rpc.urls) > 1
        ):
            self._connection.rpc.shun(self._connection.rpc.best_url())
            raise NodeBehind(
                f"the node shows block {block.number} after block {seen.number} was seen",
                next_step="Nothing: another node is asked from now on.",
            )
        if seen is None or seen.hash != block.hash:
            self._seen, self._seen_at = block, self._now()
        elif self._now() - self._seen_at > MAX_SILENT_SECONDS:
            raise NodeBehind(
                f"there has been no block after {block.number} for "
                f"{self._now() - self._seen_at:.0f} s",
                next_step="Check the node, or name another with --url.",
            )
        return block

    def tick(self) -> int:
        """Tick of the newest block: what a view call sees."""
        return self.ticks.tick_at(self.head().timestamp)

    def chain_time(self) -> int:
        """Unix seconds by the chain, from memory: the newest known block's time plus what passed.

        Asks the chain only the first time.
        """
        seen = self._seen or self.head()
        return seen.timestamp + int(self._now() - self._seen_at)

    def estimated_tick(self) -> int:
        """Tick by `chain_time`: about what the next block will have."""
        return self.ticks.tick_at(self.chain_time())

    def timestamp_of(self, tick: int) -> int:
        """First Unix second of a tick."""
        return self.ticks.starts_at(tick)

    def wait_for(self, tick: int, *, poll_seconds: float = 0.25) -> Block:
        """Sleep until a block of that tick or later exists, and return it."""
        while True:
            block = self.head()
            if self.ticks.tick_at(block.timestamp) >= tick:
                return block
            ahead = self.timestamp_of(tick) - self.chain_time()
            self._sleep(max(poll_seconds, min(ahead - 1, 30.0)))
