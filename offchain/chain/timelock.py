# SPDX-License-Identifier: Apache-2.0
"""The holder of every power in domain words: schedule, wait, execute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offchain.chain.contract import Call, Contract, Event

ROLES = ("DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE")
Role = Literal["DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE"]
NO_PREDECESSOR = bytes(32)


@dataclass(frozen=True, slots=True)
class RoleGranted(Event):
    """An account got a role."""

    role: bytes
    account: str
    sender: str


class Timelock(Contract):
    """snekmate's timelock; delays are in seconds."""

    NAME = "Timelock"

    def role(self, name: Role) -> bytes:
        return bytes(self.read(name))

    def has_role(self, name: Role, account: str) -> bool:
        return bool(self.read("hasRole", self.role(name), account))

    def minimum_delay_seconds(self) -> int:
        return int(self.read("get_minimum_delay"))

    def delay_bounds(self) -> tuple[int, int]:
        """Seconds: the least and the most that the delay can be."""
        least, most = self.read("delay_bounds")
        return int(least), int(most)

    def update_delay(self, delay_seconds: int) -> Call:
        """Only the timelock itself, so by vote; half to four times what it began with."""
        return self.call("update_delay", delay_seconds, doing="set the timelock's delay")

    def schedule(self, action: Call, salt: bytes, delay_seconds: int) -> Call:
        """Announce an action; proposers only."""
        return self.call(
            "schedule",
            action.to,
            action.value_wei,
            bytes.fromhex(action.data[2:]),
            NO_PREDECESSOR,
            salt,
            delay_seconds,
            doing=f"schedule: {action.doing}",
        )

    def execute(self, action: Call, salt: bytes) -> Call:
        """Carry out an action that is ripe; anybody may."""
        return self.call(
            "execute",
            action.to,
            action.value_wei,
            bytes.fromhex(action.data[2:]),
            NO_PREDECESSOR,
            salt,
            doing=f"execute: {action.doing}",
        )
