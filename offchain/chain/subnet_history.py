# SPDX-License-Identifier: Apache-2.0
"""Keeps subnets' `History` in step with the chain, through reorganisations and restarts.

follower = SubnetHistory(network, netuid)      # one subnet
follower.poll()                                # once per block or so
follower.history.result(epoch)

follower = Histories(network, store=folder)    # all subnets; goes on where it stopped
follower.poll()
follower.of(netuid).result(epoch)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from offchain.chain.contract import Event
from offchain.chain.events import LogFollower, RawLog
from offchain.chain.log_store import LogStore
from offchain.chain.network import Network
from offchain.chain.settlement import (
    BlockAnswered,
    BlockDemanded,
    BlockZeroed,
    EpochClosed,
    EpochFinalized,
    EpochProposed,
    EpochVoided,
    ProposalCancelled,
    ProposalDropped,
    ProposalStruck,
)
from offchain.chain.weights import WeightsRevealed
from offchain.protocol.errors import ConsensusMismatch
from offchain.settlement.history import Demand, History, Proposal, epoch_of_id, netuid_of_id

READ_BLOCKS = 5_000
"""Read at once: a year of logs does not lie in memory when a watcher begins."""
COMPACT_BYTES = 64 * 2**20
"""Below this a store is not worth a rewrite."""
ORIGIN_EPOCHS = 32
"""A restart computes at most so many forgotten epochs of a subnet again."""


class Histories:
    """Follows Weights and Settlement from the deployment's first block.

    Args:
        netuids: only these subnets; None for all.
        confirmations: blocks on top of a log before it is believed.
        store: folder that keeps the logs, so that a restart reads only what is new; None for one
            that ends with the process.
        keep: final epochs that stay in memory and in the store, per subnet; None for all.
    """

    def __init__(
        self,
        network: Network,
        netuids: frozenset[int] | None = None,
        *,
        confirmations: int = 0,
        store: Path | None = None,
        keep: int | None = None,
    ) -> None:
        self.network = network
        self._netuids = netuids
        self._confirmations = confirmations
        self._keep = keep
        self._passing = TemporaryDirectory(prefix="evmtensor-logs-") if store is None else None
        self._store = LogStore(store or Path(self._passing.name if self._passing else ""))
        self._compact_at = COMPACT_BYTES
        self._noted: dict[int, int | None] = {}  # origins that the store has
        self._histories: dict[int, History] = {}
        self.rollbacks = 0
        """How often the chain took something back."""
        self._topics = {
            (network.weights if kind is WeightsRevealed else network.settlement).topic(kind): kind
            for kind in _FEEDS
        }
        self._check_store()
        self._replay()
        self._follower = self._new_follower()

    def of(self, netuid: int) -> History:
        """One subnet's history; empty if nothing ever happened in it."""
        return self._histories.setdefault(netuid, History(netuid))

    @property
    def netuids(self) -> list[int]:
        """Subnets in which something happened."""
        return sorted(self._histories)

    def poll(self) -> list[Event]:
        """Take in what is new; what a reorganisation took back is forgotten first.

        Returns what happened since the last poll, of the last READ_BLOCKS blocks.
        """
        while True:
            happened, is_up_to_date = self._poll_some()
            if is_up_to_date:
                return happened

    def _poll_some(self) -> tuple[list[Event], bool]:
        delta = self._follower.poll()
        back_to = delta.rolled_back_to
        self.rollbacks += back_to is not None
        if back_to is not None and not self._can_go_back(back_to):
            self._store.clear()
            self._histories, self._noted = {}, {}
            self._follower = self._new_follower()
            return [], False
        mark = self._follower.mark
        if back_to is not None:
            self._replay(below=back_to)
        logs, happened = [], []
        for log in delta.logs:
            event = self._take(log)
            if event is not None:
                logs.append(log)
                happened.append(event)
        if mark is not None and (happened or back_to is not None):
            self._store.append(logs, mark, back_to=back_to)
        self._forget(happened)
        return happened, delta.is_up_to_date

    def _replay(self, below: int | None = None) -> None:
        """Begin anew with what is stored of blocks `below` one."""
        self._histories, self._noted = {}, {}
        for line in self._store.lines(below):
            if line.kind == "log":
                self._take(line.content)
                continue
            netuid, epoch = int(line.content["netuid"]), int(line.content["epoch"])
            fingerprint = bytes.fromhex(line.content["fingerprint"])
            bonds = tuple(tuple(int(bond) for bond in row) for row in line.content["bonds"])
            self.of(netuid).begin_at(epoch, fingerprint, bonds)
            self._noted[netuid] = epoch

    def _forget(self, happened: list[Event]) -> None:
        """Let go of epochs that nothing can depend on any more, and of their logs now and then."""
        if self._keep is None or self._store.mark is None:
            return
        ended = {netuid_of(event) for event in happened if isinstance(event, EpochFinalized)}
        for netuid in ended:
            try:
                self.of(netuid).forget(self._keep)
            except ConsensusMismatch:
                continue  # it stays; whoever judges this subnet meets the same and says so
        if ended and self._store.size > self._compact_at:
            self._noted = {netuid: h.origin for netuid, h in self._histories.items() if h.origin}
            self._store.compact(map(self._origin_of, self._noted), self._is_needed)
            self._compact_at = max(COMPACT_BYTES, 4 * self._store.size)
            return
        due = [netuid for netuid in ended if self._is_origin_due(netuid)]
        if due:
            self._store.append((), self._store.mark, origins=map(self._origin_of, due))
            self._noted |= {netuid: self.of(netuid).origin for netuid in due}

    def _is_origin_due(self, netuid: int) -> bool:
        """Whether so many epochs were forgotten that a restart should not compute them again."""
        origin, noted = self.of(netuid).origin, self._noted.get(netuid)
        return origin is not None and origin >= (noted or 0) + ORIGIN_EPOCHS

    def _origin_of(self, netuid: int) -> dict[str, Any]:
        """A subnet's oldest epoch that is kept, as a line of the store.

        floor: its last event comes before the proposal of the second epoch after it, which needs
        it to be final.
        """
        history = self.of(netuid)
        assert history.origin is not None
        later = [r.live.block_number for r in history.epochs.values() if r.live is not None]
        return {
            "netuid": netuid,
            "epoch": history.origin,
            "fingerprint": history.fingerprint(history.origin).hex(),
            "bonds": history.true_bonds(history.origin),
            "floor": sorted(later)[2] if len(later) > 2 else self._last_block(),
        }

    def _last_block(self) -> int:
        return 0 if self._store.mark is None else self._store.mark[0]

    def _is_needed(self, log: RawLog) -> bool:
        event = self._event(log)
        if event is None:
            return False
        origin = self.of(netuid_of(event)).origin
        return origin is None or epoch_of(event) >= origin

    def _take(self, log: RawLog) -> Event | None:
        """Feed one log to its subnet's history; None if it is of no concern here."""
        event = self._event(log)
        if event is not None:
            _FEEDS[type(event)](self.of(netuid_of(event)), event)
        return event

    def _event(self, log: RawLog) -> Event | None:
        kind = self._topics.get(log["topics"][0]) if log["topics"] else None
        if kind is None:
            return None
        network = self.network
        contract = network.weights if kind is WeightsRevealed else network.settlement
        found = contract.events(kind, [log])
        if not found or (self._netuids is not None and netuid_of(found[0]) not in self._netuids):
            return None
        return found[0]

    def _new_follower(self) -> LogFollower:
        network, resumed = self.network, self._store.mark
        self._resumed_after = resumed
        return LogFollower(
            network.connection,
            [network.weights.address, network.settlement.address],
            network.deployment.first_block if resumed is None else resumed[0] + 1,
            confirmations=self._confirmations,
            mark=resumed,
            at_once=READ_BLOCKS,
        )

    def _can_go_back(self, to_block: int) -> bool:
        """Whether the store has everything before a block, and the chain what is behind it."""
        resumed = self._resumed_after
        if self._follower.mark is None or (resumed is not None and to_block <= resumed[0] + 1):
            return False  # nobody knows how far below that it goes
        return to_block > self._store.floor

    def _check_store(self) -> None:
        """A store of another chain is not believed."""
        if self._store.mark is None:
            return
        last, last_hash = self._store.mark
        connection = self.network.connection
        if last > connection.head().number or connection.block(last).hash != last_hash:
            self._store.clear()


class SubnetHistory(Histories):
    """One subnet's."""

    def __init__(self, network: Network, netuid: int, *, keep: int | None = None) -> None:
        super().__init__(network, frozenset({netuid}), keep=keep)
        self._netuid = netuid

    @property
    def history(self) -> History:
        """The subnet's history; another object after a reorganisation."""
        return self.of(self._netuid)


def netuid_of(event: Any) -> int:
    """The subnet that an event of Weights or Settlement concerns."""
    if hasattr(event, "netuid"):
        return int(event.netuid)
    return netuid_of_id(event.proposal_id)


def epoch_of(event: Any) -> int:
    """The epoch that an event of Weights or Settlement concerns."""
    if hasattr(event, "epoch"):
        return int(event.epoch)
    return epoch_of_id(event.proposal_id)


def _revealed(history: History, event: WeightsRevealed) -> None:
    history.weights_revealed(event.epoch, event.seat, event.row)


def _closed(history: History, event: EpochClosed) -> None:
    history.epoch_closed(
        event.header, event.seats, event.generations, event.frozen_hash, event.at.block_number
    )


def _proposed(history: History, event: EpochProposed) -> None:
    proposal = Proposal(
        proposal_id=event.proposal_id,
        parent_id=event.parent_id,
        proposer=event.proposer,
        bond_rao=event.bond_rao,
        trace=tuple(event.trace),
        block_number=event.at.block_number,
    )
    history.epoch_proposed(event.epoch, proposal)


def _finalized(history: History, event: EpochFinalized) -> None:
    history.epoch_finalized(event.epoch, event.proposal_id, event.cumulatives)


def _voided(history: History, event: EpochVoided) -> None:
    history.epoch_voided(event.epoch)


def _zeroed(history: History, event: BlockZeroed) -> None:
    history.block_zeroed(event.epoch, event.column_block)


def _demanded(history: History, event: BlockDemanded) -> None:
    demand = Demand(event.account, event.deadline_tick)
    history.block_demanded(event.epoch, event.column_block, demand)


def _answered(history: History, event: BlockAnswered) -> None:
    history.block_answered(event.epoch, event.column_block, event.bonds)


def _struck(history: History, event: ProposalStruck) -> None:
    history.proposal_ended(event.proposal_id, struck=True)


def _ended(history: History, event: ProposalDropped | ProposalCancelled) -> None:
    history.proposal_ended(event.proposal_id, struck=False)


_FEEDS: dict[type[Event], Callable[[History, Any], None]] = {
    WeightsRevealed: _revealed,
    EpochClosed: _closed,
    EpochProposed: _proposed,
    EpochFinalized: _finalized,
    EpochVoided: _voided,
    BlockDemanded: _demanded,
    BlockAnswered: _answered,
    BlockZeroed: _zeroed,
    ProposalStruck: _struck,
    ProposalDropped: _ended,
    ProposalCancelled: _ended,
}
