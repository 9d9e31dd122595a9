# SPDX-License-Identifier: Apache-2.0
"""What links share, and what they keep of one question."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from offchain.wire import receipts
from offchain.wire.frames import Request
from offchain.wire.identity import Domain, Hotkey
from offchain.wire.limits import Limits
from offchain.wire.receipts import Batch, Evidence

if TYPE_CHECKING:
    from offchain.wire.link import Link

Question = tuple[Request, memoryview, bytes]  # frame, body, hash of the body


@dataclass(slots=True)
class Node:
    """What all links of one endpoint share."""

    hotkey: Hotkey
    domain: Domain
    chain_time: Callable[[], int]
    limits: Limits
    # Takes the questions that came in one message. None: this side only asks.
    serve: Callable[["Link", list[Question]], None] | None = None
    on_receipt: Callable[["Batch"], None] | None = None
    on_open: Callable[["Link"], None] | None = None
    on_closed: Callable[["Link"], None] | None = None


class Cancellable(Protocol):
    """Something at work that can be told to stop."""

    def cancel(self) -> None: ...


class Asked:
    """One question on its way; afterwards what proves its answer.

    Of a streamed answer `take_part` gets every part; without it the last part counts as the answer.
    """

    __slots__ = (
        "answer", "arrived", "batch", "future", "index", "last_part", "model", "number",
        "part_bytes", "part_hashes", "request", "sent", "take_part",
    )  # fmt: skip

    def __init__(
        self, number: int, request: bytes, future: "asyncio.Future[memoryview]", sent: float
    ) -> None:
        self.number, self.request, self.future, self.sent = number, request, future, sent
        self.arrived = 0.0
        self.answer = b""
        self.model = receipts.NO_MODEL
        self.batch: Batch | None = None
        self.index = 0
        self.take_part: Callable[[memoryview], None] | None = None
        self.part_hashes: list[bytes] = []
        self.part_bytes = 0
        self.last_part = memoryview(b"")

    def evidence(self) -> Evidence | None:
        """What shows the answer to a third party; None until the receipt has come."""
        if self.batch is None:
            return None
        return self.batch.evidence(self.index, self.request, self.answer, self.model)
