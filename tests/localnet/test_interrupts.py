# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C ends a network that starts, whatever the interpreter was doing when it came."""

import signal
import weakref

import pytest

from offchain.localnet.daemon import _interrupts


class _Thing:
    pass


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts__exception_is_lost_in_a_callback__the_signal_is_not(number: int) -> None:
    """Seen in a hook of fork: the exception was printed, and the network started."""

    def called_back(_: object) -> None:
        signal.raise_signal(number)

    with _interrupts() as heard:
        thing = _Thing()
        reference = weakref.ref(thing, called_back)
        del thing
        assert reference() is None
        assert heard == [number]


def test_interrupts__nothing_in_the_way__raises_and_is_undone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_interrupts__ignored_by_whoever_started_us__stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _interrupts() as heard:
            signal.raise_signal(signal.SIGINT)
        assert heard == []
    finally:
        signal.signal(signal.SIGINT, before)
