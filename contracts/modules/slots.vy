# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Slots
@license AGPL-3.0-only
@notice One packed word per epoch, per proposal and per subnet: where each of them stands. Layout: docs/settlement.md.
@custom:invariant An epoch has at most one live proposal, the one with its latest attempt; a live proposal's parent is
    void, final or live. A final or void epoch never changes its state again.
"""

from contracts.interfaces import ISettlement

# state of an epoch; 0: never closed
CLOSED: constant(uint256) = 1
FINAL: constant(uint256) = 2
VOID: constant(uint256) = 3

# a bond or an emission in rao, a tick or an epoch: widths of the packed fields
MAX_RAO: constant(uint256) = 2**56 - 1
MAX_40: constant(uint256) = 2**40 - 1
MAX_12: constant(uint256) = 2**12 - 1
# the bit in a proof's progress that stands for the sums; block b has bit b
SUMS: constant(uint256) = 2**255


struct Subnet:
    pot_rao: uint256  # 56
    incarnation: uint256  # 64: of the last close
    last_closed: uint256  # 40: epoch + 1; 0: none


# netuid << 64 | epoch
_epochs: HashMap[uint256, uint256]
# netuid << 128 | epoch << 64 | attempt
_proposals: HashMap[uint256, uint256]
_subnets: HashMap[uint256, uint256]
# key of an epoch -> hash over the frozen words
_frozen_hashes: HashMap[uint256, bytes32]
# proposal id -> hash of the trace
_trace_hashes: HashMap[uint256, bytes32]
# proposal id -> what has been proven: bit b for block b, SUMS
_proven: HashMap[uint256, uint256]
# key of a final or void epoch -> hash of the cumulative vector that its child adds to; zero before the first
_bases: HashMap[uint256, bytes32]
# key of a void epoch -> uids replaced since that vector, as in the header
_carried: HashMap[uint256, uint256[4]]


@internal
@pure
def _key(netuid: uint256, epoch: uint256) -> uint256:
    """
    @notice Key of an epoch.
    """
    assert epoch < 2**64, "slots: unknown epoch"
    return netuid << 64 | epoch


@internal
@pure
def _id(key: uint256, epoch: ISettlement.Epoch) -> uint256:
    """
    @notice Id of an epoch's latest proposal.
    """
    return key << 64 | epoch.attempts


@internal
@pure
def _kin(key: uint256, epoch_plus_one: uint256) -> uint256:
    """
    @notice Key of another epoch of the same subnet, given as `parent` or `child`, not 0.
    """
    return (key >> 64) << 64 | (epoch_plus_one - 1)


@internal
@view
def _load(key: uint256) -> ISettlement.Epoch:
    """
    @notice An epoch's record; state 0 if it was never closed.
    """
    word: uint256 = self._epochs[key]
    return ISettlement.Epoch(
        total_rao=word >> 200,
        closed_tick=(word >> 160) & MAX_40,
        parent=(word >> 120) & MAX_40,
        child=(word >> 80) & MAX_40,
        tempo=(word >> 68) & MAX_12,
        window_ticks=(word >> 56) & MAX_12,
        depth=(word >> 52) & 15,
        seats=(word >> 45) & 127,
        attempts=(word >> 29) & 65535,
        strikes=(word >> 21) & 255,
        state=(word >> 19) & 3,
        is_live=(word >> 18) & 1 == 1,
        is_cancelled=(word >> 17) & 1 == 1,
    )


@internal
def _store(key: uint256, epoch: ISettlement.Epoch):
    """
    @notice Write an epoch's record.
    @dev SAFETY: every field fits. Rao < 2**55 (21e15); ticks and epochs < 2**40 (one-second ticks for 34,000 years);
         tempo and window <= 3,600 and 16 <= max_uids <= 1,024 are hard bounds of Subnets. A strike doubles the bond,
         so there are fewer than 57; every other end of an attempt is one of those, one cancel, or the end of the
         parent's attempt (again fewer than 58) or one of its at most 64 expired demands: far fewer than 65,535.
    """
    self._epochs[key] = (
        epoch.total_rao << 200
        | epoch.closed_tick << 160
        | epoch.parent << 120
        | epoch.child << 80
        | epoch.tempo << 68
        | epoch.window_ticks << 56
        | epoch.depth << 52
        | epoch.seats << 45
        | epoch.attempts << 29
        | epoch.strikes << 21
        | epoch.state << 19
        | convert(epoch.is_live, uint256) << 18
        | convert(epoch.is_cancelled, uint256) << 17
    )


@internal
@view
def _live(proposal_id: uint256) -> ISettlement.Epoch:
    """
    @notice The epoch of a proposal that is still open.
    """
    epoch: ISettlement.Epoch = self._load(proposal_id >> 64)
    is_open: bool = (
        epoch.state == CLOSED and epoch.is_live and epoch.attempts == proposal_id & (2**64 - 1)
    )
    assert is_open, "slots: not live"
    return epoch


@internal
@view
def _is_resolved(key: uint256, epoch_plus_one: uint256) -> bool:
    """
    @notice Whether a parent is none, final or void.
    """
    if epoch_plus_one == 0:
        return True
    parent: ISettlement.Epoch = self._load(self._kin(key, epoch_plus_one))
    return parent.state >= FINAL


@internal
@view
def _parent_id(key: uint256, epoch: ISettlement.Epoch) -> uint256:
    """
    @notice Proposal that an epoch's proposals build on: final or live; 0 for none or void.
    @dev Whenever a parent's proposal ends without being final, those that build on it end too.
    """
    if epoch.parent == 0:
        return 0
    parent_key: uint256 = self._kin(key, epoch.parent)
    parent: ISettlement.Epoch = self._load(parent_key)
    if parent.state == VOID:
        return 0
    return self._id(parent_key, parent)


@internal
@view
def _proposal(proposal_id: uint256) -> ISettlement.Proposal:
    """
    @notice A proposal's record.
    """
    word: uint256 = self._proposals[proposal_id]
    return ISettlement.Proposal(
        proposer=convert(word >> 96, address),
        tick=(word >> 56) & MAX_40,
        bond_rao=word & MAX_RAO,
    )


@internal
def _store_proposal(proposal_id: uint256, proposal: ISettlement.Proposal):
    """
    @notice Write a proposal's record.
    """
    self._proposals[proposal_id] = (
        convert(proposal.proposer, uint256) << 96 | proposal.tick << 56 | proposal.bond_rao
    )


@internal
@view
def _subnet(netuid: uint256) -> Subnet:
    """
    @notice What is kept of a subnet.
    """
    word: uint256 = self._subnets[netuid]
    return Subnet(
        pot_rao=word >> 200,
        incarnation=(word >> 40) & (2**64 - 1),
        last_closed=word & MAX_40,
    )


@internal
def _store_subnet(netuid: uint256, subnet: Subnet):
    """
    @notice Write what is kept of a subnet.
    """
    self._subnets[netuid] = (
        subnet.pot_rao << 200 | subnet.incarnation << 40 | subnet.last_closed
    )
