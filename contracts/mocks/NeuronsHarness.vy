# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title NeuronsHarness
@license AGPL-3.0-only
@notice The inside of the modules generations, seats, pruning and burn_price, for tests alone.
@custom:trust Anybody may call everything.
@custom:invariant It holds no money and no other contract knows it.
@custom:kill It is never deployed on a chain that matters.
"""

from contracts.modules import burn_price
from contracts.modules import constants as c
from contracts.modules import generations
from contracts.modules import pruning
from contracts.modules import registration_id as ids
from contracts.modules import seats

initializes: generations
initializes: pruning
initializes: seats
initializes: burn_price

# the default of the parameter
MIN_NON_IMMUNE: constant(uint256) = 10


@deploy
def __init__():
    """
    @notice burn_price.__init__.
    """
    burn_price.__init__()


@external
def replace(netuid: uint256, uid: uint256, boundary: uint256) -> uint256:
    """
    @notice generations._replace.
    """
    return generations._replace(netuid, uid, boundary)


@external
def take(netuid: uint256, epoch: uint256) -> uint256[4]:
    """
    @notice generations._take.
    """
    return generations._take(netuid, epoch)


@external
def admit(netuid: uint256, uid: uint256, tick: uint256):
    """
    @notice pruning._admit.
    """
    pruning._admit(netuid, uid, tick)


@external
def record(netuid: uint256, scores: DynArray[uint256, 64], changed: uint256[4]):
    """
    @notice pruning._record.
    """
    pruning._record(netuid, scores, changed)


@external
def take_seat(netuid: uint256, seat: uint256, uid: uint256, generation: uint256, epoch: uint256):
    """
    @notice seats._take.
    """
    seats._take(netuid, seat, ids._pack(netuid, uid, generation), epoch)


@external
def take_seat_in(life: uint256, seat: uint256, registration_id: uint256, epoch: uint256):
    """
    @notice seats._take, in any life.
    """
    seats._take(life, seat, registration_id, epoch)


@external
def learn(half_life: uint256):
    """
    @notice burn_price._learn.
    """
    burn_price._learn(half_life)


@external
def sell(
    netuid: uint256, sold: uint256, tick: uint256, increase: uint256, least: uint256, most: uint256
):
    """
    @notice burn_price._sell.
    """
    burn_price._sell(netuid, sold, tick, increase, least, most)


@external
@view
def at(netuid: uint256, uid: uint256, epoch: uint256) -> uint256:
    """
    @notice generations._at.
    """
    return generations._at(netuid, uid, epoch)


@external
@view
def lanes_at(netuid: uint256, epoch: uint256, max_uids: uint256) -> DynArray[uint256, 128]:
    """
    @notice generations._lanes_at.
    """
    return generations._lanes_at(netuid, epoch, max_uids)


@external
@view
def staged(netuid: uint256, boundary: uint256) -> uint256[4]:
    """
    @notice generations._staged.
    """
    return generations._staged(netuid, boundary)


@external
@view
def changed_after(netuid: uint256, epoch: uint256) -> uint256[4]:
    """
    @notice generations._changed_after.
    """
    return generations._changed_after(netuid, epoch)


@external
@view
def choose(
    netuid: uint256,
    count: uint256,
    tick: uint256,
    immunity_ticks: uint256,
    owner_uid: uint256,
    staged: uint256[4],
) -> uint256:
    """
    @notice pruning._choose.
    """
    return pruning._choose(netuid, count, tick, immunity_ticks, MIN_NON_IMMUNE, owner_uid, staged)


@external
@view
def score_of(netuid: uint256, uid: uint256) -> uint256:
    """
    @notice pruning._score.
    """
    return pruning._score(netuid, uid)


@external
@view
def holder_at(netuid: uint256, seat: uint256, epoch: uint256) -> (uint256, uint256, uint256):
    """
    @notice seats._at: uid, generation, first epoch of the tenure.
    """
    word: uint256 = seats._at(netuid, seat, epoch)
    return ids._uid(word >> 64), ids._generation(word >> 64), word & (2**64 - 1)


@external
@view
def is_seated(netuid: uint256, uid: uint256, generation: uint256) -> bool:
    """
    @notice seats._is_seated.
    """
    return seats._is_seated(netuid, ids._pack(netuid, uid, generation))


@external
@view
def factor(half_life: uint256) -> uint256:
    """
    @notice burn_price._factor.
    """
    return burn_price._factor(half_life)


@external
@view
def power(base: uint256, exponent: uint256) -> uint256:
    """
    @notice burn_price._power.
    """
    return burn_price._power(base, exponent)


@external
@view
def quote(
    netuid: uint256, tick: uint256, created_tick: uint256, half_life: uint256, least: uint256, most: uint256
) -> uint256:
    """
    @notice burn_price._quote.
    """
    return burn_price._quote(netuid, tick, created_tick, half_life, least, most)


@external
@pure
def pack(netuid: uint256, uid: uint256, generation: uint256) -> uint256:
    """
    @notice registration_id._pack.
    """
    return ids._pack(netuid, uid, generation)


@external
@pure
def unpack(registration_id: uint256) -> (uint256, uint256, uint256):
    """
    @notice registration_id: netuid, uid, generation.
    """
    return ids._netuid(registration_id), ids._uid(registration_id), ids._generation(registration_id)
