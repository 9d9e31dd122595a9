# SPDX-License-Identifier: Apache-2.0
"""What an account has put into Settlement and what it got out of it, read from the chain alone.

Rewards, deposits that were won, proposer's pay, bonds that came back or were lost: all of it ends
in what is withdrawn, withdrawable or still locked, so the difference to what was put in is what
the account has earned, to the rao.
"""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Event, read_all
from offchain.chain.events import read_events
from offchain.chain.network import Network
from offchain.chain.settlement import BlockDemanded, EpochProposed
from offchain.chain.subnet_history import Histories


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    """Settlement paid an account."""

    account: str
    amount_rao: int


@dataclass(frozen=True, slots=True)
class Purse:
    """One account in Settlement, in rao; locked_rao: bonds and deposits that are still there."""

    put_in_rao: int
    withdrawn_rao: int
    withdrawable_rao: int
    locked_rao: int

    @property
    def earned_rao(self) -> int:
        """Negative if it lost a bond."""
        back = self.withdrawn_rao + self.withdrawable_rao + self.locked_rao
        return back - self.put_in_rao


def purse_of(network: Network, account: str, histories: Histories) -> Purse:
    """From all logs since the deployment, and the state of the account's own proposals."""
    settlement, first = network.settlement, network.deployment.first_block
    proposed = read_events(settlement, EpochProposed, first, indexed=(None, None, account))
    demanded = [d for d in read_events(settlement, BlockDemanded, first) if d.account == account]
    withdrawn = read_events(settlement, Withdrawn, first, indexed=(account,))
    deposit = settlement.deposit_rao()
    bonds = read_all(
        network.connection, [settlement.query("proposal_of", p.proposal_id) for p in proposed]
    )
    open_demands = sum(
        demand.account == account
        for netuid in histories.netuids
        for record in histories.of(netuid).epochs.values()
        for demand in record.demands.values()
    )
    return Purse(
        put_in_rao=sum(p.bond_rao for p in proposed) + deposit * len(demanded),
        withdrawn_rao=sum(w.amount_rao for w in withdrawn),
        withdrawable_rao=settlement.withdrawable_rao(account),
        locked_rao=sum(int(bond[2]) for bond in bonds) + deposit * open_demands,
    )
