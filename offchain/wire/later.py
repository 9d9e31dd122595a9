# SPDX-License-Identifier: Apache-2.0
"""An answer that comes later, without a turn of the event loop between its coming and its sending.

A future calls back through the loop: a handle, a context and a turn for every answer. A batch that
ends on the loop has many answers at once and needs none of that.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import structlog

from offchain.wire.faults import log_fault

log = structlog.get_logger("evmtensor.axon")


class Later:
    """Speaks as a future does, for one listener; the first outcome counts. `await` works too."""

    __slots__ = ("_error", "_is_cancelled", "_is_done", "_listener", "_value")

    def __init__(self) -> None:
        self._is_done = self._is_cancelled = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._listener: Callable[[Later], object] | None = None

    def done(self) -> bool:
        """There is an outcome, cancellation included."""
        return self._is_done

    def cancelled(self) -> bool:
        """Nobody wants it any more."""
        return self._is_cancelled

    def result(self) -> Any:
        """The value; raises the error instead, if there is one."""
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self) -> BaseException | None:
        """The error, if there is one."""
        return self._error

    def set_result(self, value: Any) -> None:
        """The value is there."""
        if not self._is_done:
            self._value = value
            self._end()

    def set_exception(self, error: BaseException) -> None:
        """There will be no value."""
        if not self._is_done:
            self._error = error
            self._end()

    def cancel(self) -> bool:
        """Nobody wants it any more; False if the outcome was there before."""
        if self._is_done:
            return False
        self._is_cancelled = True
        self._end()
        return True

    def add_done_callback(self, listener: "Callable[[Later], object]") -> None:
        """Call the one listener when the outcome is there, at once if it is already."""
        self._listener = listener
        if self._is_done:
            self._tell()

    def _end(self) -> None:
        self._is_done = True
        if self._listener is not None:
            self._tell()

    def _tell(self) -> None:
        listener, self._listener = self._listener, None
        assert listener is not None  # both callers have seen it
        try:
            listener(self)
        except Exception as error:  # it must not stop whoever delivers to its neighbours
            log_fault(log, "listener failed", error)

    def __await__(self) -> Generator[Any, None, Any]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake(_done: Later) -> None:
            if not future.done():
                future.set_result(None)

        self.add_done_callback(wake)
        try:
            yield from future
        except asyncio.CancelledError:
            self.cancel()
            raise
        if self._is_cancelled:
            raise asyncio.CancelledError
        return self.result()
