# SPDX-License-Identifier: Apache-2.0
"""What a validator says of duties that it cannot do."""

from typing import Any

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


def test_cannot__same_duty_in_every_block__is_said_once_an_epoch() -> None:
    poke, commit = Duty(Verb.POKE, 7), Duty(Verb.COMMIT, 7)
    later = Duty(Verb.POKE, 8)
    said = warnings_of([poke, poke, commit, poke, commit, later, later])
    assert said == [("poke", 7), ("commit_weights", 7), ("poke", 8)]
