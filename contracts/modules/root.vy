# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Root
@license AGPL-3.0-only
@notice netuid 0: its validators are hotkeys, who need no neuron there, and its columns are subnets:
        column c is netuid c + 1, and its generation is that subnet's incarnation. A member's
        registration id has the uid MEMBER_UID, which is no column, and its member number as
        generation.
@custom:invariant
        A hotkey has one member number, and a member number one hotkey.
        A number changes hands only when its coldkey swaps the hotkey.
        A column whose subnet is not the one of the last close is replaced.
"""

from contracts.modules import constants as c

# uid of every member, beyond the columns: nobody's weight on itself has to be masked
MEMBER_UID: constant(uint256) = c.MAX_UIDS - 1
# u32 lanes, 8 to a word, column 0 on top
COLUMN_WORDS: constant(uint256) = c.MAX_SUBNETS // 8

_MASK_32: constant(uint256) = 2**32 - 1

# number of members ever
_count: uint256
# hotkey -> member number from 1 on; 0 = none
_numbers: HashMap[address, uint256]
# generations of the columns at the last close
_columns: uint256[COLUMN_WORDS]


@internal
def _member(hotkey: address) -> uint256:
    """
    @notice Member number of a hotkey, a new one if it has none.
    """
    number: uint256 = self._numbers[hotkey]
    if number == 0:
        number = self._count + 1
        self._count = number
        self._numbers[hotkey] = number
    return number


@internal
def _swap(old_hotkey: address, new_hotkey: address) -> uint256:
    """
    @notice Give a hotkey's membership to another one that has none.
    @return The member number; 0 = none.
    """
    # INVARIANT: a key that never had a pool has no stake, so it has no number that would be lost
    number: uint256 = self._numbers[old_hotkey]
    self._numbers[old_hotkey] = 0
    self._numbers[new_hotkey] = number
    return number


@internal
@view
def _number_of(hotkey: address) -> uint256:
    """
    @notice Member number of a hotkey; 0 = none.
    """
    return self._numbers[hotkey]


@internal
def _take(columns: DynArray[uint256, COLUMN_WORDS]) -> uint256[4]:
    """
    @notice Columns that differ from those of the last close, as a bitmap like
            `generations._take`; remembers the new ones.
    @dev Loops over 128 lanes.
    """
    replaced: uint256 = 0
    for word: uint256 in range(COLUMN_WORDS):
        changed: uint256 = columns[word] ^ self._columns[word]
        if changed == 0:
            continue
        self._columns[word] = columns[word]
        for lane: uint256 in range(8):
            if (changed >> 32 * (7 - lane)) & _MASK_32 != 0:
                replaced |= 1 << (255 - 8 * word - lane)
    return [replaced, 0, 0, 0]
