# SPDX-License-Identifier: Apache-2.0
"""An answer that comes later, without a turn of the event loop between its coming and its sending.

A future calls back through the loop: a handle, a context and a turn for every answer. A batch that
ends on the loop has many answers at once, needs none of that, and tells of all of them in one call.
"""

import asyncio
from collections.abc import Callable, Generator, Iterable
from typing import Any

import structlog

from offchain.wire.faults import log_fault

log = structlog.get_logger("evmtensor.axon")


class Later:
    """Speaks as a future does, for one listener; the first outcome counts. `await` works too.

    `owner` is whatever the listener wants to know it by.
    """

    __slots__ = ("_is_done", "_listener", "error", "is_cancelled", "owner", "value")

    def __init__(self) -> None:
        self._is_done = self.is_cancelled = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.owner: Any = None
        self._listener: Listener | None = None

    def done(self) -> bool:
        """There is an outcome, cancellation included."""
        return self._is_done

    def result(self) -> Any:
        """The value; raises the error instead, if there is one."""
        try:
            if self.error is not None:
                raise self.error
            return self.value
        finally:
            del self  # the error holds this frame

    def set_result(self, value: Any) -> None:
        """The value is there."""
        settle([(self, value)])

    def set_exception(self, error: BaseException) -> None:
        """There will be no value."""
        settle([(self, error)])

    def cancel(self) -> bool:
        """Nobody wants it any more; False if the outcome was there before."""
        if self._is_done:
            return False
        self._is_done = self.is_cancelled = True
        if self._listener is not None:
            _tell(self._listener, [self])
        return True

    def listen(self, listener: "Listener", owner: Any = None) -> None:
        """Call the one listener when the outcome is there, at once if it is already. What comes
        together with others that it listens to, it hears of together.
        """
        self._listener, self.owner = listener, owner
        if self._is_done:
            _tell(listener, [self])

    def __await__(self) -> Generator[Any, None, Any]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake(_done: list[Later]) -> None:
            if not future.done():
                future.set_result(None)

        self.listen(wake)
        try:
            yield from future
        except asyncio.CancelledError:
            self.cancel()
            raise
        try:
            if self.is_cancelled:
                raise asyncio.CancelledError
            return self.result()
        finally:
            del self  # the error holds this frame


Listener = Callable[[list[Later]], object]


def settle(outcomes: Iterable[tuple[Later, Any]]) -> None:
    """Give each its value, or an exception as its error, unless it has an outcome already."""
    heard: dict[Listener, list[Later]] = {}
    for later, outcome in outcomes:
        if later._is_done:
            continue
        later._is_done = True
        if isinstance(outcome, BaseException):
            later.error = outcome
        else:
            later.value = outcome
        if later._listener is not None:
            heard.setdefault(later._listener, []).append(later)
    for listener, laters in heard.items():
        _tell(listener, laters)


def _tell(listener: Listener, laters: list[Later]) -> None:
    try:
        listener(laters)
    except Exception as error:  # it must not stop whoever delivers to its neighbours
        log_fault(log, "listener failed", error)
