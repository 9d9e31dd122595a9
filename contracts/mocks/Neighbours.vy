# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
"""
@title Neighbours
@license AGPL-3.0-only
@notice Test double: what Settlement and Examiner ask of Subnets, Neurons, Weights and Emission, set by the test. One epoch
        after the other; the token is the real one, minted and burned by this contract.
@custom:invariant None: a test decides what it answers.
@custom:trust None: anybody may set anything.
@custom:kill Never deployed.
"""

from contracts.interfaces import INeurons
from contracts.interfaces import ISubnets
from contracts.interfaces import ITao

TAO: immutable(ITao)

struct Content:
    seats: DynArray[uint256, 64]  # registration_id << 64 | since_epoch
    rows: DynArray[uint256, 65]  # as Weights.rows_of
    generations: DynArray[uint256, 128]
    owner_uid: uint256

_windows: HashMap[uint256, ISubnets.EpochWindow]
_contents: HashMap[uint256, Content]
_replaced: HashMap[uint256, uint256[4]]
_parameters: ISubnets.ConsensusParameters
_max_uids: uint256
_incarnation: uint256
_owner: address
_exists: bool
_accrued_rao: uint256
recycled_rao: public(uint256)
scores: public(DynArray[uint256, 64])


@deploy
def __init__(tao: ITao):
    TAO = tao
    self._exists = True
    self._incarnation = 1


@external
def set_subnet(max_uids: uint256, owner: address, parameters: ISubnets.ConsensusParameters):
    self._max_uids = max_uids
    self._owner = owner
    self._parameters = parameters


@external
def set_incarnation(incarnation: uint256, exists: bool):
    self._incarnation = incarnation
    self._exists = exists


@external
def set_window(window: ISubnets.EpochWindow):
    self._windows[window.epoch] = window


@external
def set_content(epoch: uint256, content: Content, replaced: uint256[4]):
    self._contents[epoch] = content
    self._replaced[epoch] = replaced


@external
def set_accrued(accrued_rao: uint256):
    self._accrued_rao = accrued_rao


# Subnets


@external
@view
def exists(netuid: uint256) -> bool:
    return self._exists


@external
@view
def owner_of(netuid: uint256) -> address:
    return self._owner


@external
@view
def incarnation_of(netuid: uint256) -> uint256:
    return self._incarnation


@external
@view
def max_uids(netuid: uint256) -> uint256:
    return self._max_uids


@external
@view
def window_of(netuid: uint256, epoch: uint256) -> ISubnets.EpochWindow:
    return self._windows[epoch]


@external
@view
def consensus_parameters(netuid: uint256, epoch: uint256) -> ISubnets.ConsensusParameters:
    return self._parameters


# Neurons


@external
def take_replaced(netuid: uint256, epoch: uint256) -> uint256[4]:
    return self._replaced[epoch]


@external
def record_scores(netuid: uint256, epoch: uint256, scores: DynArray[uint256, 64]):
    self.scores = scores


@external
@view
def uid_of(netuid: uint256, hotkey: address, epoch: uint256) -> uint256:
    return self._contents[epoch].owner_uid


@external
@view
def standing_at(netuid: uint256, epoch: uint256) -> INeurons.Standing:
    standing: INeurons.Standing = INeurons.Standing(
        seats=self._contents[epoch].seats, generations=self._contents[epoch].generations
    )
    next_seats: DynArray[uint256, 64] = self._contents[epoch + 1].seats
    for i: uint256 in range(len(standing.seats), bound=64):
        if standing.seats[i] != 0 and next_seats[i] >> 64 == standing.seats[i] >> 64:
            standing.seats[i] |= 1 << 255
    return standing


# Weights


@external
@view
def rows_of(netuid: uint256, epoch: uint256, seats: uint256) -> DynArray[uint256, 65]:
    return self._contents[epoch].rows


# Emission


@external
def drain(netuid: uint256, cap_ticks: uint256) -> uint256:
    accrued_rao: uint256 = self._accrued_rao
    self._accrued_rao = 0
    extcall TAO.mint(msg.sender, accrued_rao)
    return accrued_rao


@external
def recycle(amount_rao: uint256):
    assert extcall TAO.transferFrom(msg.sender, self, amount_rao)
    extcall TAO.burn(amount_rao)
    self.recycled_rao += amount_rao
