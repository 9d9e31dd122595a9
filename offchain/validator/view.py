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
from offchain.chain.weights import RevealedRow
from offchain.protocol.eras import EpochWindow
from offchain.protocol.identifiers import first_epoch, incarnation_of_epoch
from offchain.protocol.phases import Phase, phase_of
from offchain.settlement.history import ClosedEpoch, History, State
from offchain.validator.plan import EpochState, commit_from_tick

ANSWERED_EPOCHS = 2  # neurons and seats answer for current - 2 to current + 1
SUMS_BIT = 1 << 255


@dataclass(frozen=True, slots=True)
class Seats:
    """The seats of one epoch: fixed while it runs and after."""

    mine: Seat | None
    occupied: int
    count: int


class View:
    """One validator's eyes: what can no longer change is read once, what is not due never."""

    def __init__(self, network: Network, hotkey: Hotkey) -> None:
        self._network = network
        self._hotkey = hotkey
        self._netuid = hotkey.netuid
        self._windows: dict[int, EpochWindow] = {}
        self._seats: dict[int, Seats] = {}
        self._rows: dict[int, tuple[RevealedRow, ...]] = {}  # of epochs whose reveals are over

    def window(self, tick: int) -> EpochWindow | None:
        """The epoch that a tick lies in; None before the subnet's start."""
        for window in self._windows.values():
            if window.start_tick <= tick < window.end_tick:
                return window
        try:
            window = self._network.subnets.epoch_at(self._netuid, tick)
        except Reverted:
            return None
        self._windows[window.epoch] = window
        self._forget(window.epoch - 2 * ANSWERED_EPOCHS)
        return window

    def seats(self, epoch: int) -> Seats:
        """Seats of an epoch that has begun (current - 2 at the oldest)."""
        if epoch not in self._seats:
            seats = self._network.neurons.seats_at(self._netuid, epoch)
            mine = self._hotkey.seat_among(seats, epoch)
            occupied = sum(s is not None for s in seats)
            self._seats[epoch] = Seats(mine, occupied, len(seats))
        return self._seats[epoch]

    def running(self, window: EpochWindow, tick: int) -> EpochState:
        """The epoch that runs now."""
        seats = self.seats(window.epoch)
        is_asked = tick >= commit_from_tick(window)
        return EpochState(
            window=window,
            closable_until=0,
            seat=None if seats.mine is None else seats.mine.seat,
            committed=is_asked and self._has_committed(window.epoch, seats),
            revealed=False,
            occupied_seats=seats.occupied,
            revealed_seats=0,
        )

    def past(self, running: EpochWindow, tick: int, history: History) -> list[EpochState]:
        """Earlier epochs that are not resolved: closed ones of any age, the last two otherwise."""
        oldest = running.epoch - ANSWERED_EPOCHS
        states = {
            r.epoch: self._closed_epoch(
                r, self.seats(r.epoch).mine if r.epoch >= oldest else None, history
            )
            for r in _unresolved(history)
        }
        first = first_epoch(incarnation_of_epoch(running.epoch))
        for epoch in range(max(first, running.epoch - ANSWERED_EPOCHS), running.epoch):
            window = None if epoch in history.epochs else self._window_of(epoch)
            if window is not None:
                states[epoch] = self._unclosed_epoch(window, tick)
        return [states[epoch] for epoch in sorted(states)]

    def left_over(self, history: History, incarnation: int) -> list[EpochState]:
        """Closed epochs of a subnet that was evicted, which still become final."""
        return [
            self._closed_epoch(record, None, history)
            for record in _unresolved(history)
            if record.frozen.header.incarnation == incarnation
        ]

    def _unclosed_epoch(self, window: EpochWindow, tick: int) -> EpochState:
        successor = self._window_of(window.epoch + 1)
        assert successor is not None  # it has begun
        seats, rows = self.seats(window.epoch), self._rows_of(window, tick)
        revealed = seats.mine is not None and rows[seats.mine.seat].is_revealed
        can_reveal = phase_of(window, tick) is Phase.REVEAL and not revealed
        return EpochState(
            window=window,
            closable_until=successor.end_tick + successor.reveal_ticks,
            seat=None if seats.mine is None else seats.mine.seat,
            committed=revealed or (can_reveal and self._has_committed(window.epoch, seats)),
            revealed=revealed,
            occupied_seats=seats.occupied,
            revealed_seats=sum(row.is_revealed for row in rows),
        )

    def _window_of(self, epoch: int) -> EpochWindow | None:
        """The window of an epoch that has begun; None before the subnet's first."""
        if epoch not in self._windows:
            try:
                self._windows[epoch] = self._network.subnets.window_of(self._netuid, epoch)
            except Reverted:
                return None
        return self._windows[epoch]

    def _rows_of(self, window: EpochWindow, tick: int) -> tuple[RevealedRow, ...]:
        if window.epoch in self._rows:
            return self._rows[window.epoch]
        count = self.seats(window.epoch).count
        rows = self._network.weights.rows_of(self._netuid, window.epoch, count)
        if phase_of(window, tick) is Phase.SETTLE:
            self._rows[window.epoch] = rows
        return rows

    def _has_committed(self, epoch: int, seats: Seats) -> bool:
        if seats.mine is None:
            return False
        return self._network.weights.commit_of(self._netuid, epoch, seats.mine.seat) is not None

    def _forget(self, before: int) -> None:
        for known in (self._windows, self._seats, self._rows):
            for epoch in [e for e in known if e < before]:
                del known[epoch]

    def _closed_epoch(self, record: ClosedEpoch, mine: Seat | None, history: History) -> EpochState:
        header = record.frozen.header
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


def _unresolved(history: History) -> list[ClosedEpoch]:
    """Closed and neither final nor void, oldest first."""
    return [r for _, r in sorted(history.epochs.items()) if r.state is State.CLOSED]
