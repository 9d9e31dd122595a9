# SPDX-License-Identifier: Apache-2.0
"""Keeps subnets' `History` in step with the chain, through reorganisations and restarts.

follower = SubnetHistory(network, netuid)      # one subnet
follower.poll()                                # once per block or so
follower.history.result(epoch)

follower = Histories(network, store=path)      # all subnets; goes on where it stopped
follower.poll()
follower.of(netuid).result(epoch)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offchain.chain.contract import Event
from offchain.chain.events import LogFollower, RawLog
from offchain.chain.files import write_durably
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
from offchain.settlement.history import Demand, History, Proposal, netuid_of_id


class Histories:
    """Follows Weights and Settlement from the deployment's first block.

    Args:
        netuids: only these subnets; None for all.
        confirmations: blocks on top of a log before it is believed.
        store: file that keeps the logs, so that a restart reads only what is new.
    """

    def __init__(
        self,
        network: Network,
        netuids: frozenset[int] | None = None,
        *,
        confirmations: int = 0,
        store: Path | None = None,
    ) -> None:
        self.network = network
        self._netuids = netuids
        self._confirmations = confirmations
        self._store = store
        self._histories: dict[int, History] = {}
        self.rollbacks = 0
        """How often the chain took something back."""
        self._topics = {
            (network.weights if kind is WeightsRevealed else network.settlement).topic(kind): kind
            for kind in _FEEDS
        }
        self._logs, self._resumed_after = self._load()
        for log in self._logs:
            self._take(log)
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

        Returns what happened since the last poll.
        """
        delta = self._follower.poll()
        self.rollbacks += delta.rolled_back_to is not None
        if delta.rolled_back_to is not None and self._is_below_store(delta.rolled_back_to):
            self._logs, self._resumed_after, self._histories = [], None, {}
            self._follower = self._new_follower()
            delta = self._follower.poll()
        if delta.rolled_back_to is not None:
            self._roll_back(delta.rolled_back_to)
        happened = []
        for log in delta.logs:
            event = self._take(log)
            if event is not None:
                self._logs.append(log)
                happened.append(event)
        if happened or delta.rolled_back_to is not None:
            self._save()
        return happened

    def _roll_back(self, to_block: int) -> None:
        self._logs = [log for log in self._logs if int(log["blockNumber"], 16) < to_block]
        self._histories = {}
        for log in self._logs:
            self._take(log)

    def _take(self, log: RawLog) -> Event | None:
        """Feed one log to its subnet's history; None if it is of no concern here."""
        kind = self._topics.get(log["topics"][0]) if log["topics"] else None
        if kind is None:
            return None
        network = self.network
        contract = network.weights if kind is WeightsRevealed else network.settlement
        found = contract.events(kind, [log])
        if not found or (self._netuids is not None and netuid_of(found[0]) not in self._netuids):
            return None
        _FEEDS[kind](self.of(netuid_of(found[0])), found[0])
        return found[0]

    def _new_follower(self) -> LogFollower:
        network, resumed = self.network, self._resumed_after
        return LogFollower(
            network.connection,
            [network.weights.address, network.settlement.address],
            network.deployment.first_block if resumed is None else resumed[0] + 1,
            confirmations=self._confirmations,
            mark=resumed,
        )

    def _is_below_store(self, rolled_back_to: int) -> bool:
        return self._resumed_after is not None and rolled_back_to <= self._resumed_after[0] + 1

    def _load(self) -> tuple[list[RawLog], tuple[int, str] | None]:
        """Stored logs, and the block they go up to; a store of another chain is not believed."""
        if self._store is None or not self._store.exists():
            return [], None
        try:
            stored = json.loads(self._store.read_text(encoding="utf-8"))
            last, last_hash = int(stored["last_block"]), str(stored["last_hash"])
            logs: list[RawLog] = [dict(log) for log in stored["logs"]]
        except (ValueError, KeyError, TypeError):
            return [], None  # damaged: the chain has everything
        head = self.network.connection.head().number
        if last > head or self.network.connection.block(last).hash != last_hash:
            return [], None
        return logs, (last, last_hash)

    def _save(self) -> None:
        mark = self._follower.mark
        if self._store is None or mark is None:
            return
        content = {"last_block": mark[0], "last_hash": mark[1], "logs": self._logs}
        self._store.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self._store, json.dumps(content, default=dict).encode())


class SubnetHistory(Histories):
    """One subnet's."""

    def __init__(
        self, network: Network, netuid: int, *, confirmations: int = 0, store: Path | None = None
    ) -> None:
        super().__init__(network, frozenset({netuid}), confirmations=confirmations, store=store)
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
