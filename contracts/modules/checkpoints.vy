# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Checkpoints
@license AGPL-3.0-only
@notice A value per key and tick that can be read for any tick that is over: what it was after
        that tick's last change. The current value is the head; older ones are put away when a
        later tick changes it. How many were put away is kept by whoever owns the key, beside the
        value or in a word that changes with it.
@custom:invariant A key's checkpoints have rising ticks, and only the last one can change, and
        only within its tick.
"""

from contracts.modules import constants as c


# tick + 1 above the value, so that a word that was written is never 0
TICK_SHIFT: constant(uint256) = 216
VALUE_MASK: constant(uint256) = 2**216 - 1
# more checkpoints than 2^40 ticks could bring
MAX_STEPS: constant(uint256) = 40

# key -> (tick + 1) << 216 | value
heads: HashMap[uint256, uint256]
# key -> index from 0 -> what was the head before
past: HashMap[uint256, HashMap[uint256, uint256]]


@internal
def _close(key: uint256, tick: uint256, count: uint256) -> uint256:
    """
    @notice Put the head away if it is of an earlier tick; `_set` has to follow.
    @return How many checkpoints are put away now.
    """
    head: uint256 = self.heads[key]
    if head == 0 or self._begins(head) == tick:
        return count
    self.past[key][count] = head
    return count + 1


@internal
def _set(key: uint256, tick: uint256, amount: uint256):
    """
    @notice Make `amount` the key's value from the current tick on.
    """
    assert amount <= VALUE_MASK, "checkpoints: value too large"
    self.heads[key] = ((tick + 1) << TICK_SHIFT) | amount


@internal
@view
def _value(key: uint256) -> uint256:
    """
    @notice The value now.
    """
    return self.heads[key] & VALUE_MASK


@internal
@view
def _at_hint(key: uint256, tick: uint256, index: uint256) -> uint256:
    """
    @notice The value at a tick that is over, with the checkpoint's index as a hint; one to three
            storage reads.
    @dev The hint is looked at only if the head began after the tick; then exactly one is right,
            NOT_FOUND if there was no checkpoint yet, and a wrong one reverts.
    """
    head: uint256 = self.heads[key]
    if head == 0 or self._begins(head) <= tick:
        return head & VALUE_MASK
    word: uint256 = 0
    following: uint256 = 0
    if index == c.NOT_FOUND:
        following = self.past[key][0]
    else:
        word = self.past[key][index]
        assert word != 0 and self._begins(word) <= tick, "checkpoints: hint too late"
        following = self.past[key][index + 1]
    # nothing put away after it: the head follows, and began after the tick
    assert following == 0 or self._begins(following) > tick, "checkpoints: hint too early"
    return word & VALUE_MASK


@internal
@view
def _index_at(key: uint256, tick: uint256, count: uint256) -> uint256:
    """
    @notice Index of the checkpoint in force at a tick, `count` for the head, NOT_FOUND if there
            was none yet.
    @dev Binary search over what was put away.
    """
    head: uint256 = self.heads[key]
    if head != 0 and self._begins(head) <= tick:
        return count
    low: uint256 = 0
    high: uint256 = count
    # all below `low` begin at or before the tick, all from `high` on begin after it
    for step: uint256 in range(MAX_STEPS):
        if low == high:
            break
        middle: uint256 = (low + high) // 2
        if self._begins(self.past[key][middle]) <= tick:
            low = middle + 1
        else:
            high = middle
    return c.NOT_FOUND if low == 0 else low - 1


@internal
@view
def _at(key: uint256, tick: uint256, count: uint256) -> uint256:
    """
    @notice The value at a tick that is over; 0 before the first checkpoint.
    """
    index: uint256 = self._index_at(key, tick, count)
    if index == c.NOT_FOUND:
        return 0
    word: uint256 = self.heads[key]
    if index != count:
        word = self.past[key][index]
    return word & VALUE_MASK


@internal
@pure
def _begins(word: uint256) -> uint256:
    """
    @notice The tick from which a stored word holds.
    """
    return (word >> TICK_SHIFT) - 1
