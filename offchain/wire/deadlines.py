# SPDX-License-Identifier: Apache-2.0
"""Many deadlines behind one timer of the loop.

A timer for each question would be made, sorted in and thrown away for every answer that comes in
time, which is almost every one.
"""

import asyncio
from collections.abc import Callable


class Deadlines:
    """Calls whatever was added and not dropped in time."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[float, Callable[[], object]]] = {}
        self._added = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, seconds: float, expire: Callable[[], object]) -> int:
        """Call `expire` after so many seconds; the number is for `drop`."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the one of before has ended with everything on it
            self._loop, self._timer = loop, None
            self._waiting.clear()
        at = loop.time() + seconds
        self._added += 1
        self._waiting[self._added] = (at, expire)
        if self._timer is None or at < self._timer.when():
            self._set(loop, at)
        return self._added

    def drop(self, number: int) -> None:
        """It came in time. Nothing if it did not."""
        self._waiting.pop(number, None)

    def close(self) -> None:
        """Call everybody now: nothing will come any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for _, expire in list(self._waiting.values()):
            expire()
        self._waiting.clear()

    def _set(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # what it waits for is mostly gone when it rings: then it is set to the next of the others
        self._timer = loop.call_at(at, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        over = [number for number, (at, _) in self._waiting.items() if at <= now]
        for number in over:
            loop.call_soon(self._waiting.pop(number)[1])  # a fault of one stays its own
        next_ = min((at for at, _ in self._waiting.values()), default=None)
        if next_ is not None:
            self._set(loop, next_)
