# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Checkpoints
@license AGPL-3.0-only
@notice A value per key and tick that can be read for any tick that is over: what it was after
        that tick's last change.
@custom:invariant A key's checkpoints have rising ticks, and only the last one can change, and
        only within its tick.
"""

from contracts.modules import constants as c


# tick + 1 above the value, so that a word that was written is never 0
TICK_SHIFT: constant(uint256) = 192
# more checkpoints than 2^64 ticks could bring
MAX_STEPS: constant(uint256) = 64

# key -> index -> (tick + 1) << 192 | value
words: HashMap[address, HashMap[uint256, uint256]]
# key -> number of checkpoints
lengths: HashMap[address, uint256]


@internal
def _write(key: address, tick: uint256, amount: uint256):
    """
    @notice Make `amount` the key's value from `tick` on.
    @dev `tick` is the current one; a second write in a tick replaces the first.
    """
    assert amount < 1 << TICK_SHIFT, "checkpoints: value too large"
    word: uint256 = ((tick + 1) << TICK_SHIFT) | amount
    length: uint256 = self.lengths[key]
    if length > 0 and self.words[key][length - 1] >> TICK_SHIFT == tick + 1:
        self.words[key][length - 1] = word
    else:
        self.words[key][length] = word
        self.lengths[key] = length + 1


@internal
@view
def _at_hint(key: address, tick: uint256, index: uint256) -> uint256:
    """
    @notice The value at a tick that is over, with the checkpoint's index as a hint; two storage
            reads.
    @dev `index` NOT_FOUND says that the key had no checkpoint yet. A wrong hint reverts: exactly
            one is right.
    """
    following: uint256 = 0
    amount: uint256 = 0
    if index == c.NOT_FOUND:
        following = self.words[key][0]
    else:
        word: uint256 = self.words[key][index]
        assert word != 0 and self._begins(word) <= tick, "checkpoints: hint too late"
        following = self.words[key][index + 1]
        amount = word & ((1 << TICK_SHIFT) - 1)
    assert following == 0 or self._begins(following) > tick, "checkpoints: hint too early"
    return amount


@internal
@view
def _index_at(key: address, tick: uint256) -> uint256:
    """
    @notice Index of the checkpoint in force at a tick, NOT_FOUND if there was none yet.
    @dev Binary search over the key's checkpoints.
    """
    low: uint256 = 0
    high: uint256 = self.lengths[key]
    # all below `low` begin at or before the tick, all from `high` on begin after it
    for step: uint256 in range(MAX_STEPS):
        if low == high:
            break
        middle: uint256 = (low + high) // 2
        if self._begins(self.words[key][middle]) <= tick:
            low = middle + 1
        else:
            high = middle
    return c.NOT_FOUND if low == 0 else low - 1


@internal
@view
def _at(key: address, tick: uint256) -> uint256:
    """
    @notice The value at a tick that is over; 0 before the first checkpoint.
    """
    index: uint256 = self._index_at(key, tick)
    return 0 if index == c.NOT_FOUND else self.words[key][index] & ((1 << TICK_SHIFT) - 1)


@internal
@pure
def _begins(word: uint256) -> uint256:
    """
    @notice The tick from which a stored word holds.
    """
    return (word >> TICK_SHIFT) - 1
