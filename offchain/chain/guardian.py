# SPDX-License-Identifier: Apache-2.0
"""What the guardian can do: take one unproven proposal of an epoch back, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.network import Network
from offchain.chain.settlement import NO_PROPOSAL, EpochState, ProposalCancelled
from offchain.chain.transactions import Sender
from offchain.protocol.errors import ConfigError

ZERO = "0x" + "00" * 20
_ENDED = (EpochState.FINAL, EpochState.VOID)


@dataclass(frozen=True, slots=True)
class Guardian:
    """The key that a vote has named; `sender` is refused when it is another."""

    network: Network
    sender: Sender

    def cancel(self, netuid: int, epoch: int) -> ProposalCancelled:
        """Cancel the live proposal of an epoch, whose bond goes back to its proposer.

        Raises `ConfigError` when there is none, or when it was done before in this epoch.
        """
        settlement = self.network.settlement
        self._check_key(settlement.guardian())
        record = settlement.epoch_of(netuid, epoch)
        where = f"epoch {epoch} of subnet {netuid}"
        proposal_id = record.proposal_id(netuid, epoch)
        if record.state in _ENDED:
            raise ConfigError(
                f"{where} is {record.state.name.lower()} already",
                next_step="What is final stays; nothing is left to do.",
            )
        if proposal_id == NO_PROPOSAL or not record.is_live:
            raise ConfigError(
                f"{where} has no live proposal", next_step="Look again when one is made."
            )
        if record.is_cancelled:
            raise ConfigError(
                f"a proposal of {where} was cancelled before, and only one can be",
                next_step="If it is false, a watcher strikes it.",
            )
        receipt = self.sender.send(settlement.cancel(proposal_id))
        return settlement.events(ProposalCancelled, receipt.logs)[0]

    def _check_key(self, guardian: str) -> None:
        if guardian == ZERO:
            raise ConfigError(
                "no guardian is named", next_step="A vote names one: `gov propose --set-guardian`."
            )
        if guardian != self.sender.address:
            raise ConfigError(
                f"the guardian is {guardian}, not {self.sender.address}",
                next_step="Use its key with --key.",
            )
