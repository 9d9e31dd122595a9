# SPDX-License-Identifier: Apache-2.0
"""Keeps one subnet's `History` in step with the chain, through reorganisations too.

follower = SubnetHistory(network, netuid)
follower.poll()                 # once per block or so
follower.history.result(epoch)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from offchain.chain.contract import E_, Event
from offchain.chain.events import LogFollower, RawLog
from offchain.chain.network import Network
from offchain.chain.settlement import (
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
from offchain.settlement.history import History, Proposal, netuid_of_id


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the subnet, in chain order."""

    event: Event


class SubnetHistory:
    """Follows Weights and Settlement from the deployment's first block.

    Args:
        confirmations: blocks on top of a log before it is believed.
    """

    def __init__(self, network: Network, netuid: int, *, confirmations: int = 0) -> None:
        self.network = network
        self.netuid = netuid
        self.history = History(netuid)
        self._confirmations = confirmations
        self._follower = self._new_follower()
        self._logs: list[RawLog] = []

    def poll(self) -> list[Happened]:
        """Take in what is new; what a reorganisation took back is forgotten first.

        Returns what happened since the last poll, not what a reorganisation repeated.
        """
        delta = self._follower.poll()
        if delta.rolled_back_to is not None:
            cut = delta.rolled_back_to
            self._logs = [log for log in self._logs if int(log["blockNumber"], 16) < cut]
            self.history = History(self.netuid)
            for log in self._logs:
                self._take(log)
        happened = []
        for log in delta.logs:
            event = self._take(log)
            if event is not None:
                self._logs.append(log)
                happened.append(Happened(event))
        return happened

    def _new_follower(self) -> LogFollower:
        network = self.network
        return LogFollower(
            network.connection,
            [network.weights.address, network.settlement.address],
            network.deployment.first_block,
            confirmations=self._confirmations,
        )

    def _take(self, log: RawLog) -> Event | None:
        """Feed one log to the history; None if it is of no concern here."""
        for kind, feed in _FEEDS.items():
            event = self._decode(kind, log)
            if event is not None:
                return event if feed(self, event) else None
        return None

    def _decode(self, kind: type[E_], log: Mapping[str, Any]) -> E_ | None:
        contract = self.network.weights if kind is WeightsRevealed else self.network.settlement
        if log["topics"][0] != contract.topic(kind):
            return None
        found = contract.events(kind, [log])
        return found[0] if found else None

    def _revealed(self, event: WeightsRevealed) -> bool:
        if event.netuid == self.netuid:
            self.history.weights_revealed(event.epoch, event.seat, event.row)
        return event.netuid == self.netuid

    def _closed(self, event: EpochClosed) -> bool:
        if event.netuid == self.netuid:
            self.history.epoch_closed(
                event.header,
                event.seats,
                event.generations,
                event.frozen_hash,
                event.at.block_number,
            )
        return event.netuid == self.netuid

    def _proposed(self, event: EpochProposed) -> bool:
        if event.netuid == self.netuid:
            proposal = Proposal(
                event.proposal_id,
                event.parent_id,
                event.proposer,
                event.bond_rao,
                tuple(event.trace),
                event.at.block_number,
            )
            self.history.epoch_proposed(event.epoch, proposal)
        return event.netuid == self.netuid

    def _finalized(self, event: EpochFinalized) -> bool:
        if event.netuid == self.netuid:
            self.history.epoch_finalized(event.epoch, event.proposal_id, event.cumulatives)
        return event.netuid == self.netuid

    def _voided(self, event: EpochVoided) -> bool:
        if event.netuid == self.netuid:
            self.history.epoch_voided(event.epoch)
        return event.netuid == self.netuid

    def _zeroed(self, event: BlockZeroed) -> bool:
        if event.netuid == self.netuid:
            self.history.block_zeroed(event.epoch, event.column_block)
        return event.netuid == self.netuid

    def _ended(self, event: ProposalStruck | ProposalDropped | ProposalCancelled) -> bool:
        is_ours = netuid_of_id(event.proposal_id) == self.netuid
        if is_ours:
            struck = isinstance(event, ProposalStruck)
            self.history.proposal_ended(event.proposal_id, struck=struck)
        return is_ours


_FEEDS: dict[type[Event], Callable[[SubnetHistory, Any], bool]] = {
    WeightsRevealed: SubnetHistory._revealed,
    EpochClosed: SubnetHistory._closed,
    EpochProposed: SubnetHistory._proposed,
    EpochFinalized: SubnetHistory._finalized,
    EpochVoided: SubnetHistory._voided,
    BlockZeroed: SubnetHistory._zeroed,
    ProposalStruck: SubnetHistory._ended,
    ProposalDropped: SubnetHistory._ended,
    ProposalCancelled: SubnetHistory._ended,
}
