# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Seats
@license AGPL-3.0-only
@notice Who holds a seat in which epoch. Four seats share a word with whom they were given to last, as
        close reads all of them; the three before lie in a word of the seat's own. A seat changes
        hands at most once per boundary, so four answer for the last two epochs, the running one
        and the next.
@custom:invariant One registration holds at most one seat in the next epoch.
"""

from contracts.modules import constants as c
from contracts.modules import registration_id as ids

# A tenure: since_epoch 30 | uid 10 | generation 24, the last two without the life that they are of
# (modules/registration_id.vy). A generation is never 0, so neither is a tenure.
TENURE_BITS: constant(uint256) = 64
TENURE_MASK: constant(uint256) = 2**64 - 1
SINCE_SHIFT: constant(uint256) = 34
HOLDER_MASK: constant(uint256) = 2**34 - 1
SEATS_PER_WORD: constant(uint256) = 4

_UID_SHIFT: constant(uint256) = ids.LIFE_GENERATION_BITS
_UID_MASK: constant(uint256) = c.MAX_UIDS - 1
_GENERATION_MASK: constant(uint256) = 2**ids.LIFE_GENERATION_BITS - 1
_EPOCH_MASK: constant(uint256) = 2**ids.LIFE_EPOCH_BITS - 1
_WORDS: constant(uint256) = c.MAX_SEATS // SEATS_PER_WORD
# tenures that are kept after the newest one
_OLDER: constant(uint256) = 3
_OLDER_MASK: constant(uint256) = 2 ** (_OLDER * TENURE_BITS) - 1
_FIRST_OLDER: constant(uint256) = (_OLDER - 1) * TENURE_BITS

# newest tenures, the lowest seat of four on top
_newest: HashMap[uint256, uint256[_WORDS]]
# the tenures before a seat's newest one, the latest on top
_older: HashMap[uint256, uint256[c.MAX_SEATS]]
# Seat + 1 that a registration took last; it may have lost it since.
_seat_of: HashMap[uint256, uint256]


@internal
def _take(life: uint256, seat: uint256, registration_id: uint256, from_epoch: uint256):
    """
    @notice Give a seat to a neuron from an epoch on; whoever was to have it from then on never
            does.
    """
    since_epoch: uint256 = from_epoch & _EPOCH_MASK
    taken: uint256 = (
        since_epoch << SINCE_SHIFT
        | ids._uid(registration_id) << _UID_SHIFT
        | ids._generation(registration_id) & _GENERATION_MASK
    ) & TENURE_MASK
    # 2**30 epochs of two one-second ticks are 68 years; the root's members are numbered without end
    assert (
        self._word(self._life_word(life), taken) == registration_id << 64 | from_epoch
    ), "neurons: seat out of range"
    word: uint256 = self._newest[life][seat // SEATS_PER_WORD]
    lane: uint256 = self._lane(seat)
    newest: uint256 = (word >> lane) & TENURE_MASK
    older: uint256 = self._older[life][seat]
    if newest != 0 and newest >> SINCE_SHIFT != since_epoch:
        self._older[life][seat] = older >> TENURE_BITS | newest << _FIRST_OLDER
    elif (older >> _FIRST_OLDER ^ taken) & HOLDER_MASK == 0:
        # The one who sits here now comes back before it has left: its tenure is unbroken.
        taken = older >> _FIRST_OLDER
        self._older[life][seat] = (older << TENURE_BITS) & _OLDER_MASK

    self._newest[life][seat // SEATS_PER_WORD] = word ^ (newest ^ taken) << lane
    self._seat_of[registration_id] = seat + 1


@internal
@view
def _four(life: uint256, seat: uint256) -> uint256:
    """
    @notice Newest tenures of a seat whose number is divisible by four, on top, and of the three next.
    """
    return self._newest[life][seat // SEATS_PER_WORD]


@internal
@pure
def _first_after(epoch: uint256) -> uint256:
    """
    @notice Tenures that begin after an epoch are at least this, all others less.
    """
    return (epoch & _EPOCH_MASK) + 1 << SINCE_SHIFT


@internal
@pure
def _life_word(life: uint256) -> uint256:
    """
    @notice What is the same in the words of all tenures of a life.
    """
    past_lives: uint256 = life >> 16
    return (
        (life & c.U16_MAX) << 128
        | past_lives << 64 + ids.LIFE_GENERATION_BITS
        | past_lives << ids.LIFE_EPOCH_BITS
    )


@internal
@pure
def _word(life_word: uint256, tenure: uint256) -> uint256:
    """
    @notice A tenure as registration id << 64 | since_epoch; 0: nobody.
    """
    if tenure == 0:
        return 0
    return (
        life_word
        | ((tenure >> _UID_SHIFT) & _UID_MASK) << 112
        | (tenure & _GENERATION_MASK) << 64
        | tenure >> SINCE_SHIFT
    )


@internal
@view
def _tenure_at(life: uint256, seat: uint256, epoch: uint256) -> uint256:
    """
    @notice Tenure of whoever was given the seat in an epoch, whether or not it is still a neuron then;
            0: nobody.
    """
    tenure: uint256 = self._newest_tenure(life, seat)
    first_after: uint256 = self._first_after(epoch)
    if tenure < first_after:
        # nearly always, and if nobody ever had the seat
        return tenure
    older: uint256 = self._older[life][seat]
    for _: uint256 in range(_OLDER):
        tenure = older >> _FIRST_OLDER
        if tenure < first_after:
            return tenure
        older = (older << TENURE_BITS) & _OLDER_MASK
    raise "neurons: epoch too old"


@internal
@view
def _at(life: uint256, seat: uint256, epoch: uint256) -> uint256:
    """
    @notice The same as registration id << 64 | since_epoch.
    """
    return self._word(self._life_word(life), self._tenure_at(life, seat, epoch))


@internal
@view
def _newest_id(life: uint256, seat: uint256) -> uint256:
    """
    @notice Registration id of whoever was given the seat last; 0: nobody.
    """
    return self._word(self._life_word(life), self._newest_tenure(life, seat)) >> 64


@internal
@view
def _is_seated(life: uint256, registration_id: uint256) -> bool:
    """
    @notice Whether a neuron holds a seat from the next boundary on.
    """
    seat: uint256 = self._seat_of[registration_id]
    return seat != 0 and self._newest_id(life, seat - 1) == registration_id


@internal
@view
def _newest_tenure(life: uint256, seat: uint256) -> uint256:
    """
    @notice Tenure of whoever was given the seat last; 0: nobody.
    """
    return (self._newest[life][seat // SEATS_PER_WORD] >> self._lane(seat)) & TENURE_MASK


@internal
@pure
def _lane(seat: uint256) -> uint256:
    """
    @notice Where a seat's tenure begins in the word of four, in bits.
    """
    return TENURE_BITS * (SEATS_PER_WORD - 1 - seat % SEATS_PER_WORD)
