# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Takes
@license AGPL-3.0-only
@notice A share of dividends that somebody keeps for its work. It falls at once; it rises by a
        capped step, and only after a notice.
@custom:invariant A take never exceeds MAX_TAKE_U16, and never counts before its tick.
"""


# 18 % of dividends: Bittensor's maximum, and what a new pool starts with
MAX_TAKE_U16: constant(uint256) = 11_796
# 5 % of dividends: the most by which a take may rise at once
MAX_TAKE_RISE_U16: constant(uint256) = 3_276

# a word: take in force 16 bits | take to come << 16 | tick of its coming << 32
TAKE_BITS: constant(uint256) = 16
TAKE_MASK: constant(uint256) = 2**16 - 1


@internal
@pure
def _in_force(word: uint256, tick: uint256) -> uint256:
    """
    @notice The take in force at a tick.
    """
    from_tick: uint256 = self._from_tick(word)
    if from_tick > 0 and tick >= from_tick:
        return self._to_come(word)
    return word & TAKE_MASK


@internal
@pure
def _to_come(word: uint256) -> uint256:
    """
    @notice The take that counts from `_from_tick` on.
    """
    return (word >> TAKE_BITS) & TAKE_MASK


@internal
@pure
def _from_tick(word: uint256) -> uint256:
    """
    @notice Tick from which the take to come counts; 0 if none is.
    """
    return word >> (2 * TAKE_BITS)


@internal
@pure
def _changed(
    word: uint256, take_u16: uint256, tick: uint256, notice_ticks: uint256
) -> (uint256, uint256):
    """
    @notice A word with another take, which replaces one that was still to come.
    @return The word, and the tick from which the take counts.
    """
    assert take_u16 <= MAX_TAKE_U16, "staking: take above 18 %"
    in_force: uint256 = self._in_force(word, tick)
    assert take_u16 <= in_force + MAX_TAKE_RISE_U16, "staking: take rises too fast"
    if take_u16 <= in_force:
        return take_u16, tick
    from_tick: uint256 = tick + notice_ticks
    return in_force | take_u16 << TAKE_BITS | from_tick << (2 * TAKE_BITS), from_tick
