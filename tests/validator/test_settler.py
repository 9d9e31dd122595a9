# SPDX-License-Identifier: Apache-2.0
"""What a validator says of duties that it cannot do."""

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from offchain.protocol.errors import ConfigError
from offchain.validator.plan import Duty, Verb
from offchain.validator.settler import Memory, Settler


class PoorOffice:
    """Has no coin for gas."""

    def perform(self, duty: Duty, history: Any) -> None:
        raise ConfigError("no ETH for gas", next_step="Send some.")


def warnings_of(duties: list[Duty]) -> list[tuple[str, int]]:
    settler = Settler.__new__(Settler)  # only what a duty needs: no chain, no journal
    settler._office, settler._memory = PoorOffice(), Memory()  # type: ignore[assignment]
    settler._follower = type("Follower", (), {"history": None})()
    with capture_logs() as logs:
        for duty in duties:
            settler._perform(duty)
    return [(line["duty"], line["epoch"]) for line in logs if line["event"] == "cannot"]


class ReadyOffice:
    """Has signed the reveal of epoch 3."""

    def __init__(self) -> None:
        self.done: list[Duty] = []

    def signed_reveals(self, tick: int) -> list[int]:
        return [3] if tick == 48 and not self.done else []

    def perform(self, duty: Duty, history: Any) -> None:
        self.done.append(duty)


@pytest.mark.parametrize(("timestamp", "expected"), [(47, []), (48, [Duty(Verb.REVEAL, 3)])])
def test_step__signed_reveal__goes_out_before_the_chain_is_asked_anything(
    timestamp: int, expected: list[Duty]
) -> None:
    """Only the head is known; the first question of the step is the one that fails."""
    settler = Settler.__new__(Settler)
    office = ReadyOffice()
    settler._office, settler._memory = office, Memory()  # type: ignore[assignment]
    settler._hotkey = SimpleNamespace(netuid=1)  # type: ignore[assignment]
    settler._stopping = False
    settler._follower = type("Follower", (), {"history": None, "poll": lambda self: None})()
    ticks = SimpleNamespace(tick_at=lambda seconds: seconds)
    head = SimpleNamespace(hash="0xab", timestamp=timestamp)
    clock = SimpleNamespace(head=lambda: head, ticks=ticks)
    settler._network = SimpleNamespace(clock=clock)  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="subnets"):
        settler.step()
    assert office.done == expected


def test_cannot__same_duty_in_every_block__is_said_once_an_epoch() -> None:
    poke, commit = Duty(Verb.POKE, 7), Duty(Verb.COMMIT, 7)
    later = Duty(Verb.POKE, 8)
    said = warnings_of([poke, poke, commit, poke, commit, later, later])
    assert said == [("poke", 7), ("commit_weights", 7), ("poke", 8)]
