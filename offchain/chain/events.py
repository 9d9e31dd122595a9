# SPDX-License-Identifier: Apache-2.0
"""Reads events in ranges and notices when the chain took some back.

A log is believed only if it has the address and topics that were asked for (security I11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offchain.chain.connection import Connection
from offchain.chain.contract import E_, Contract
from offchain.chain.errors import NodeRefused, Reorged

MAX_RANGE = 5_000  # blocks of one request; halved when a node refuses
REMEMBERED_MARKS = 256

RawLog = Mapping[str, Any]
Topics = Sequence[str | Sequence[str] | None]


def fetch_logs(
    connection: Connection,
    addresses: Sequence[str],
    topics: Topics,
    first_block: int,
    last_block: int,
) -> list[RawLog]:
    """Logs in order, each once; raises `NodeRefused` when even one block is too much."""
    logs: list[RawLog] = []
    start, size = first_block, MAX_RANGE
    while start <= last_block:
        end = min(start + size - 1, last_block)
        try:
            logs += _ask(connection, addresses, topics, start, end)
        except NodeRefused:
            if size == 1:
                raise
            size = max(1, size // 2)
            continue
        start = end + 1
    return _ordered(log for log in logs if _is_asked_for(log, addresses, topics))


def read_events(
    contract: Contract,
    kind: type[E_],
    first_block: int,
    last_block: int | None = None,
    indexed: Sequence[int | str | None] = (),
) -> list[E_]:
    """All events of one kind; `indexed` are wanted values of the indexed fields, None for any."""
    connection = contract.connection
    last = connection.head().number if last_block is None else last_block
    topics = [contract.topic(kind), *(_topic(value) for value in indexed)]
    logs = fetch_logs(connection, [contract.address], topics, first_block, last)
    return contract.events(kind, logs)


@dataclass(frozen=True, slots=True)
class Delta:
    """What is new. `rolled_back_to`: everything from this block on was taken back first."""

    rolled_back_to: int | None
    logs: tuple[RawLog, ...]
    last_block: int
    is_up_to_date: bool = True
    """False while there is more to read at once than was allowed."""


class LogFollower:
    """Follows logs at a stated confirmation depth (security FI-13 to FI-17)."""

    def __init__(
        self,
        connection: Connection,
        addresses: Sequence[str],
        first_block: int,
        *,
        confirmations: int = 0,
        topics: Topics = (),
        mark: tuple[int, str] | None = None,
        at_once: int | None = None,
    ) -> None:
        """`mark`: number and hash of the block before `first_block`, when earlier logs are known
        from a store: a reorganisation below it shows as `rolled_back_to == first_block`.
        `at_once`: blocks that one poll reads at most.
        """
        self._connection = connection
        self._addresses = list(addresses)
        self._topics = topics
        self._confirmations = confirmations
        self._at_once = at_once
        self._next = first_block
        self._first = first_block
        self._marks: list[tuple[int, str]] = (
            [mark] if mark else []
        )  # (block, hash) up to which we have read

    def poll(self) -> Delta:
        """Everything since the last poll.

        Raises `Reorged` when the chain was replaced deeper than we remember.
        """
        rolled_back_to = self._roll_back()
        newest = self._connection.head().number - self._confirmations
        last = newest if self._at_once is None else min(newest, self._next + self._at_once - 1)
        if last < self._next:
            return Delta(rolled_back_to, (), self._next - 1)
        mark = self._connection.block(last)
        logs = fetch_logs(self._connection, self._addresses, self._topics, self._next, last)
        if self._connection.block(last).hash != mark.hash:
            return Delta(rolled_back_to, (), self._next - 1)  # it moved while we read: next time
        self._marks = [*self._marks, (last, mark.hash)][-REMEMBERED_MARKS:]
        self._next = last + 1
        return Delta(rolled_back_to, tuple(logs), last, last == newest)

    @property
    def mark(self) -> tuple[int, str] | None:
        """Number and hash of the newest block that was read; None before the first."""
        return self._marks[-1] if self._marks else None

    def _roll_back(self) -> int | None:
        had_marks = bool(self._marks)
        moved = False
        while self._marks and not self._still_holds(*self._marks[-1]):
            self._marks.pop()
            moved = True
        if not moved:
            return None
        if had_marks and not self._marks and self._next - self._first > REMEMBERED_MARKS:
            raise Reorged(
                "the chain was replaced deeper than we remember",
                next_step="Start again from an empty state, and check the node.",
            )
        self._next = self._marks[-1][0] + 1 if self._marks else self._first
        return self._next

    def _still_holds(self, number: int, block_hash: str) -> bool:
        try:
            return self._connection.block(number).hash == block_hash
        except NodeRefused:
            return False


def _ask(
    connection: Connection, addresses: Sequence[str], topics: Topics, first: int, last: int
) -> list[RawLog]:
    asked = {
        "address": list(addresses),
        "fromBlock": hex(first),
        "toBlock": hex(last),
        "topics": [list(t) if not isinstance(t, str) and t is not None else t for t in topics],
    }
    return list(connection.rpc.call("eth_getLogs", asked))


def _ordered(logs: Iterable[RawLog]) -> list[RawLog]:
    unique = {(log["blockHash"], log["logIndex"]): log for log in logs}
    return sorted(
        unique.values(), key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16))
    )


def _is_asked_for(log: RawLog, addresses: Sequence[str], topics: Topics) -> bool:
    if log.get("removed") or log["address"].lower() not in {a.lower() for a in addresses}:
        return False
    for got, wanted in zip(log["topics"], topics, strict=False):
        if wanted is not None and got not in ([wanted] if isinstance(wanted, str) else wanted):
            return False
    return len(log["topics"]) >= len(topics)


def _topic(value: int | str | None) -> str | None:
    if value is None:
        return None
    number = int(value, 16) if isinstance(value, str) else value
    return f"0x{number:064x}"
