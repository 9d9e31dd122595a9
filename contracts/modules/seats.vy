# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Seats
@license AGPL-3.0-only
@notice Who holds a seat in which epoch. One word a seat: the last four holders, newest first,
        and since when. A seat changes hands at most once per boundary, so four answer for the
        last two epochs, the running one and the next.
@custom:invariant One registration holds at most one seat in the next epoch.
"""

from contracts.modules import constants as c

# record: since_epoch of the newest 40 | three u16 steps back to the since of the older | four
# holders, newest on top, of uid 10 | generation 32. A holder's generation is never 0.
_HOLDER_BITS: constant(uint256) = 42
_HOLDER_MASK: constant(uint256) = 2**42 - 1
_MASK_32: constant(uint256) = 2**32 - 1
_HOLDERS: constant(uint256) = 4

_records: HashMap[uint256, uint256[c.MAX_SEATS]]
# Seat + 1 that a registration took last; it may have lost it since.
_seat_of: HashMap[uint256, uint256]


@internal
def _take(
    life: uint256,
    seat: uint256,
    uid: uint256,
    generation: uint256,
    registration_id: uint256,
    from_epoch: uint256,
):
    """
    @notice Give a seat to a neuron from an epoch on; whoever was to have it from then on never
            does.
    """
    record: uint256 = self._records[life][seat]
    newest: uint256 = record >> 3 * _HOLDER_BITS & _HOLDER_MASK
    since_epoch: uint256 = record >> 216
    steps: uint256 = record >> 168 & (2**48 - 1)
    holders: uint256 = record & (2**168 - 1)
    holder: uint256 = uid << 32 | generation
    if newest == 0 or since_epoch != from_epoch:
        # An older step saturates: more than 65,535 epochs ago is before any parent, too.
        step: uint256 = 0
        if newest != 0:
            step = min(from_epoch - since_epoch, c.U16_MAX)
        since_epoch = from_epoch
        steps = step << 32 | steps >> 16
        holders = holder << 3 * _HOLDER_BITS | holders >> _HOLDER_BITS
    elif (holders >> 2 * _HOLDER_BITS) & _HOLDER_MASK == holder:
        # The one who sits here now comes back before it has left: its tenure is unbroken.
        since_epoch -= steps >> 32
        steps = (steps << 16) & (2**48 - 1)
        holders = (holders << _HOLDER_BITS) & (2**168 - 1)
    else:
        holders = holders ^ (newest ^ holder) << 3 * _HOLDER_BITS

    self._records[life][seat] = since_epoch << 216 | steps << 168 | holders
    self._seat_of[registration_id] = seat + 1


@internal
@view
def _holder_at(life: uint256, seat: uint256, epoch: uint256) -> (uint256, uint256, uint256):
    """
    @notice Who was given the seat in an epoch, whether or not it is still a neuron then.
    @return uid, generation (0: nobody), first epoch of its unbroken tenure.
    """
    record: uint256 = self._records[life][seat]
    since_epoch: uint256 = record >> 216
    if epoch >= since_epoch:
        # nearly always, and an empty record too
        newest: uint256 = record >> 3 * _HOLDER_BITS & _HOLDER_MASK
        return newest >> 32, newest & _MASK_32, since_epoch
    for age: uint256 in range(_HOLDERS):
        holder: uint256 = (record >> (3 - age) * _HOLDER_BITS) & _HOLDER_MASK
        if holder == 0:
            return 0, 0, 0
        if epoch >= since_epoch:
            return holder >> 32, holder & _MASK_32, since_epoch
        if age < _HOLDERS - 1:
            since_epoch -= (record >> (200 - 16 * age)) & c.U16_MAX
    raise "neurons: epoch too old"


@internal
@view
def _newest(life: uint256, seat: uint256) -> (uint256, uint256):
    """
    @notice uid and generation of whoever was given the seat last; generation 0: nobody.
    """
    holder: uint256 = (self._records[life][seat] >> 3 * _HOLDER_BITS) & _HOLDER_MASK
    return holder >> 32, holder & _MASK_32


@internal
@view
def _is_seated(
    life: uint256, uid: uint256, generation: uint256, registration_id: uint256
) -> bool:
    """
    @notice Whether a neuron holds a seat from the next boundary on.
    """
    seat: uint256 = self._seat_of[registration_id]
    if seat == 0:
        return False
    holder_uid: uint256 = 0
    holder_generation: uint256 = 0
    holder_uid, holder_generation = self._newest(life, seat - 1)
    return holder_uid == uid and holder_generation == generation
