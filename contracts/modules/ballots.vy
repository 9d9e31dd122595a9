# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Ballots
@license AGPL-3.0-only
@notice The votes of every proposal. A pool's owner votes with all the stake of the pool; a member
        takes its own part out of that vote, before or after it was cast, and votes with it itself.
@custom:invariant What a pool and its members vote with together is never more than the pool's
        stake at the snapshot, in whatever order they vote.
        Every pool votes once in a proposal, and so does every member of it.
"""


# support as OpenZeppelin's GovernorCountingSimple counts it
AGAINST: constant(uint256) = 0
IN_FAVOUR: constant(uint256) = 1
ABSTAIN: constant(uint256) = 2


# What a pool did in a proposal.
struct Pool:
    # 1 + its owner's support; 0: the owner has not voted
    vote: uint256
    # rao with which members vote themselves
    overridden_rao: uint256


# proposal -> rao against, for, abstaining
_tallies: HashMap[uint256, uint256[3]]
# proposal -> pool
_pools: HashMap[uint256, HashMap[uint256, Pool]]
# proposal -> pool -> account
_members: HashMap[uint256, HashMap[uint256, HashMap[address, bool]]]


@internal
def _vote_pool(
    proposal_id: uint256, pool_id: uint256, support: uint256, stake_rao: uint256
) -> uint256:
    """
    @notice Vote with a pool's stake, less what members vote with themselves.
    @return Rao counted; 0 if the pool has voted.
    """
    if self._pools[proposal_id][pool_id].vote > 0:
        return 0
    # INVARIANT: members never override more than the stake
    weight_rao: uint256 = stake_rao - self._pools[proposal_id][pool_id].overridden_rao

    self._pools[proposal_id][pool_id].vote = 1 + support
    self._tallies[proposal_id][support] += weight_rao
    return weight_rao


@internal
def _vote_member(
    proposal_id: uint256,
    pool_id: uint256,
    account: address,
    support: uint256,
    stake_rao: uint256,
    part_rao: uint256,
) -> uint256:
    """
    @notice Vote with a member's part of a pool's stake, and take it out of the pool's vote.
    @return Rao counted; 0 if the member has voted.
    """
    if self._members[proposal_id][pool_id][account]:
        return 0
    pool: Pool = self._pools[proposal_id][pool_id]
    # INVARIANT: members never override more than the stake
    weight_rao: uint256 = min(part_rao, stake_rao - pool.overridden_rao)

    self._members[proposal_id][pool_id][account] = True
    self._pools[proposal_id][pool_id].overridden_rao = pool.overridden_rao + weight_rao
    if pool.vote > 0:
        self._tallies[proposal_id][pool.vote - 1] -= weight_rao
    self._tallies[proposal_id][support] += weight_rao
    return weight_rao
