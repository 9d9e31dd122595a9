# SPDX-License-Identifier: Apache-2.0
"""Services that take turns on a chain whose time they share, so that no machine is too slow.

Each runs in a thread of its own, but only one at a time: it works until it would sleep, then the
next one does. When all of them sleep, a fifth of a second is over; after five of those a block
comes. What happens is the same in every run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

TURN_SECONDS = 0.2
TURNS_PER_BLOCK = 5
HANGS_SECONDS = 120.0

Work = Callable[["Sleeper"], None]  # for ever; sleeps by its argument


class Ended(BaseException):
    """Unwinds a thread that nobody wakes again."""


class Sleeper:
    """One thread of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._awake, self._asleep = threading.Semaphore(0), threading.Semaphore(0)
        self._is_over = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._wait()
            self._work(self)
        except Ended:
            return
        except BaseException as error:
            self._failure = error
        finally:
            self._asleep.release()

    def _wait(self) -> None:
        self._awake.acquire()
        if self._is_over:
            raise Ended

    def sleep(self, _seconds: float = 0.0) -> None:
        """Until the next turn, however long it was meant to be."""
        self._asleep.release()
        self._wait()

    def take_turn(self) -> None:
        """Wake it, and wait until it sleeps again."""
        self._awake.release()
        assert self._asleep.acquire(timeout=HANGS_SECONDS), "it does not sleep"
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        self._is_over = True
        self._awake.release()
        self._thread.join(HANGS_SECONDS)


@dataclass
class Lockstep:
    """The sleepers, and the time that they see."""

    mine: Callable[[], None]
    sleepers: list[Sleeper] = field(default_factory=list)
    turns: int = 0

    def now(self) -> float:
        return self.turns * TURN_SECONDS

    def go_on_until(self, is_so: Callable[[], bool], blocks: int) -> None:
        """Let time pass until it is so; AssertionError after so many blocks."""
        for _ in range(blocks):
            if is_so():
                return
            for _ in range(TURNS_PER_BLOCK):
                for sleeper in self.sleepers:
                    sleeper.take_turn()
                self.turns += 1
            self.mine()
        assert is_so(), f"not within {blocks} blocks"


@contextmanager
def lockstep(
    mine: Callable[[], None], make: Sequence[Callable[[Lockstep], Work]]
) -> Iterator[Lockstep]:
    made = Lockstep(mine)
    try:
        made.sleepers += [Sleeper(one(made)) for one in make]
        yield made
    finally:
        for sleeper in made.sleepers:
            sleeper.end()
