# SPDX-License-Identifier: Apache-2.0
"""Reads from the chain what `plan` wants to know."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import read_all
from offchain.chain.errors import Reverted
from offchain.chain.hotkey import Hotkey
from offchain.chain.network import Network
from offchain.chain.neurons import Seat
from offchain.chain.settlement import NO_PROPOSAL
from offchain.protocol.eras import EpochWindow
from offchain.settlement.history import ClosedEpoch, History, State
from offchain.validator.plan import EpochState

ANSWERED_EPOCHS = 2  # neurons and seats answer for current - 2 to current + 1
SUMS_BIT = 1 << 255


@dataclass(frozen=True, slots=True)
class Seats:
    """The seats of one epoch: fixed while it runs and after."""

    mine: Seat | None
    occupied: int
    count: int


class View:
    """One validator's eyes; what can no longer change is read once."""

    def __init__(self, network: Network, hotkey: Hotkey) -> None:
        self._network = network
        self._hotkey = hotkey
        self._netuid = hotkey.netuid
        self._seats: dict[int, Seats] = {}

    def tick(self) -> int:
        """Tick of the newest block."""
        return self._network.clock.tick()

    def window(self, tick: int) -> EpochWindow | None:
        """The epoch that a tick lies in; None before the subnet's start."""
        try:
            return self._network.subnets.epoch_at(self._netuid, tick)
        except Reverted:
            return None

    def seats(self, epoch: int) -> Seats:
        """Seats of an epoch that has begun (current - 2 at the oldest)."""
        if epoch not in self._seats:
            uid = self._network.neurons.uid_of(self._netuid, self._hotkey.address, epoch)
            seats = self._network.neurons.seats_at(self._netuid, epoch)
            mine = next((s for s in seats if s is not None and s.uid == uid), None)
            occupied = sum(s is not None for s in seats)
            self._seats[epoch] = Seats(mine if uid is not None else None, occupied, len(seats))
            self._seats = {e: s for e, s in self._seats.items() if e >= epoch - ANSWERED_EPOCHS - 1}
        return self._seats[epoch]

    def running(self, window: EpochWindow) -> EpochState:
        """The epoch that runs now."""
        return self._open_epoch(window, closable_until=0)

    def past(self, running: EpochWindow, history: History) -> list[EpochState]:
        """Earlier epochs that are not resolved: closed ones of any age, the last two otherwise."""
        unresolved = [r for r in history.epochs.values() if r.state is State.CLOSED]
        states = {r.epoch: self._closed_epoch(r, running, history) for r in unresolved}
        for epoch in range(max(0, running.epoch - ANSWERED_EPOCHS), running.epoch):
            if epoch not in history.epochs:
                found = self._unclosed(epoch)
                if found is not None:
                    states[epoch] = found
        return [states[epoch] for epoch in sorted(states)]

    def _unclosed(self, epoch: int) -> EpochState | None:
        subnets = self._network.subnets
        try:
            window = subnets.window_of(self._netuid, epoch)
            successor = subnets.window_of(self._netuid, epoch + 1)
        except Reverted:  # before the subnet's first epoch
            return None
        return self._open_epoch(window, successor.end_tick + successor.reveal_ticks)

    def _open_epoch(self, window: EpochWindow, closable_until: int) -> EpochState:
        seats = self.seats(window.epoch)
        weights = self._network.weights
        rows = weights.rows_of(self._netuid, window.epoch, seats.count)
        committed = (
            seats.mine is not None
            and weights.commit_of(self._netuid, window.epoch, seats.mine.seat) is not None
        )
        revealed = seats.mine is not None and rows[seats.mine.seat].is_revealed
        return EpochState(
            window=window,
            closable_until=closable_until,
            seat=None if seats.mine is None else seats.mine.seat,
            committed=committed or revealed,
            revealed=revealed,
            occupied_seats=seats.occupied,
            revealed_seats=sum(row.is_revealed for row in rows),
        )

    def _closed_epoch(
        self, record: ClosedEpoch, running: EpochWindow, history: History
    ) -> EpochState:
        header = record.frozen.header
        answered = record.epoch >= running.epoch - ANSWERED_EPOCHS
        mine = self.seats(record.epoch).mine if answered else None
        proposed_tick, proven = self._proposal(record)
        return EpochState(
            window=EpochWindow(
                epoch=header.epoch,
                start_tick=header.start_tick,
                tempo=header.tempo,
                reveal_ticks=header.reveal_ticks,
                window_ticks=header.window_ticks,
            ),
            closable_until=0,
            seat=None if mine is None else mine.seat,
            committed=False,  # a closed epoch takes no reveal any more
            revealed=False,
            occupied_seats=sum(seat.generation != 0 for seat in record.frozen.seats),
            revealed_seats=sum(seat.is_revealed for seat in record.frozen.seats),
            closed_tick=header.closed_tick,
            proposed_tick=proposed_tick,
            is_proven=proven == (1 << header.blocks) - 1 | SUMS_BIT,
            is_parent_resolved=history.is_parent_resolved(record.epoch),
            may_propose=history.may_propose(record.epoch),
        )

    def _proposal(self, record: ClosedEpoch) -> tuple[int | None, int]:
        if record.live is None or record.live.proposal_id == NO_PROPOSAL:
            return None, 0
        settlement = self._network.settlement
        proposal_id = record.live.proposal_id
        proposal, proven = read_all(
            self._network.connection,
            [
                settlement.query("proposal_of", proposal_id),
                settlement.query("proven_of", proposal_id),
            ],
        )
        return int(proposal[1]), int(proven)
