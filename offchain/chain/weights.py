# SPDX-License-Identifier: Apache-2.0
"""Commit and reveal of weight rows in domain words."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Call, Contract, Event

COMMIT_GAS = 200_000
# measured on the largest row of zeros and of ones, plus a quarter; a reveal waits for no estimate
REVEAL_GAS_BASE = 320_000
REVEAL_GAS_PER_COLUMN = 1_000


@dataclass(frozen=True, slots=True)
class WeightsCommitted(Event):
    """A seat committed to a row that nobody can see yet."""

    netuid: int
    epoch: int
    seat: int
    registration_id: int
    commit_hash: bytes


@dataclass(frozen=True, slots=True)
class WeightsRevealed(Event):
    """A seat's masked row: dense u16 lanes, big endian, 2 * max_uids bytes."""

    netuid: int
    epoch: int
    seat: int
    registration_id: int
    stake_rao: int
    row_sum: int
    row_hash: bytes
    row: bytes


@dataclass(frozen=True, slots=True)
class RevealedRow:
    """What a reveal left behind for a seat; `is_revealed` tells a blank row from none."""

    row_sum: int
    stake_rao: int
    is_revealed: bool


class Weights(Contract):
    """Commits and revealed rows, by netuid, epoch and seat."""

    NAME = "Weights"

    def commit_of(self, netuid: int, epoch: int, seat: int) -> bytes | None:
        """The commit hash of a seat; None without one, and from the reveal on."""
        stored = bytes(self.read("commit_of", netuid, epoch, seat))
        return stored if any(stored) else None

    def is_committed(self, netuid: int, epoch: int, seat: int) -> bool:
        """Whether a seat has committed to a row of an epoch, opened or not."""
        return (
            self.commit_of(netuid, epoch, seat) is not None
            or self.row_of(netuid, epoch, seat).is_revealed
        )

    def row_of(self, netuid: int, epoch: int, seat: int) -> RevealedRow:
        return RevealedRow(*self.read("row_of", netuid, epoch, seat))

    def rows_of(self, netuid: int, epoch: int, seats: int) -> tuple[RevealedRow, ...]:
        """Every seat's row of one of the last two epochs with reveals, in seat order."""
        words = self.read("rows_of", netuid, epoch, seats)
        return tuple(_row(word) for word in words[:seats])

    def commit(self, netuid: int, epoch: int, seat: int, commit_hash: bytes) -> Call:
        """The hotkey in the seat calls, during the epoch."""
        return self.call(
            "commit_weights",
            netuid,
            epoch,
            seat,
            commit_hash,
            gas=COMMIT_GAS,
            doing="commit weights",
        )

    def reveal(
        self,
        netuid: int,
        epoch: int,
        seat: int,
        row: bytes,
        salt: bytes,
        index_before: int,
        index_after: int,
    ) -> Call:
        """Anyone with the opening calls; gas is fixed, so that it can be signed in advance.

        index_before, index_after: `Staking.checkpoint_index` at b(epoch)-1 and b(epoch+1)-1.
        """
        return self.call(
            "reveal_weights",
            netuid,
            epoch,
            seat,
            row,
            salt,
            index_before,
            index_after,
            gas=REVEAL_GAS_BASE + REVEAL_GAS_PER_COLUMN * (len(row) // 2),
            doing=f"reveal weights of epoch {epoch}",
        )


def _row(packed: int) -> RevealedRow:
    return RevealedRow(
        row_sum=packed >> 8 & (1 << 32) - 1,
        stake_rao=packed >> 40,
        is_revealed=packed != 0,
    )
