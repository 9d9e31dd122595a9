# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Bonds ledger
@license AGPL-3.0-only
@notice Bonds of proposals and what they turn into: an amount that somebody may withdraw, or one that is recycled.
@custom:invariant What a bond gives back, pays and leaves to recycle is the bond, to the rao; it does so once.
"""

from contracts.interfaces import ISettlement
from contracts.modules import slots

uses: slots

# rao that an account may withdraw
_withdrawable_rao: HashMap[address, uint256]


@internal
def _credit(account: address, amount_rao: uint256):
    """
    @notice Let an account withdraw more.
    """
    self._withdrawable_rao[account] += amount_rao


@internal
def _debit_all(account: address) -> uint256:
    """
    @notice Clear an account; the caller pays it out.
    @return Amount in rao.
    """
    amount_rao: uint256 = self._withdrawable_rao[account]
    self._withdrawable_rao[account] = 0
    return amount_rao


@internal
def _return(proposal_id: uint256):
    """
    @notice Give a bond back to the proposer, if it is still there.
    """
    proposal: ISettlement.Proposal = slots._proposal(proposal_id)
    bond_rao: uint256 = self._clear(proposal_id, proposal)
    if bond_rao != 0:
        self._credit(proposal.proposer, bond_rao)


@internal
def _slash(proposal_id: uint256, taker: address) -> (uint256, uint256):
    """
    @notice Take a bond: half for whoever showed the fault, the other half, with an odd rao, to recycle.
    @return The taker's half and what the caller has to recycle, in rao.
    """
    bond_rao: uint256 = self._clear(proposal_id, slots._proposal(proposal_id))
    reward_rao: uint256 = bond_rao // 2  # rounds down: the odd rao is recycled
    self._credit(taker, reward_rao)
    return reward_rao, bond_rao - reward_rao


@internal
def _clear(proposal_id: uint256, proposal: ISettlement.Proposal) -> uint256:
    """
    @notice INVARIANT: a bond is given back or taken once.
    """
    bond_rao: uint256 = proposal.bond_rao
    if bond_rao != 0:
        emptied: ISettlement.Proposal = proposal
        emptied.bond_rao = 0
        slots._store_proposal(proposal_id, emptied)
    return bond_rao
