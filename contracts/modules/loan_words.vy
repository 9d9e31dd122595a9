# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Loan words
@license AGPL-3.0-only
@notice How loans of stake are written down: a set says which pools, and which share of the
        lender's own stake each of them borrows; parents are the pools that may lend.
@custom:invariant A set lends at most the whole, and floors of the same numbers are taken on both
        sides, so lent and borrowed stake are equal to the rao.
"""

from contracts.modules import constants as c


MAX_CHILDREN: constant(uint256) = 5
MAX_PARENTS: constant(uint256) = 5
# Newest, the one before, and an older one: sets are at least one notice apart, so three answer
# for every tick of the last notice.
SETS: constant(uint256) = 3

# a set: first tick 36 | five children of pool id 28 | share of 65,535 16
CHILD_BITS: constant(uint256) = 44
CHILD_MASK: constant(uint256) = 2**44 - 1
CHILDREN_MASK: constant(uint256) = 2**220 - 1
TICK_SHIFT: constant(uint256) = 220
# parents: five pool ids of 28 bits, zero where nobody is
ID_BITS: constant(uint256) = 28
ID_MASK: constant(uint256) = 2**28 - 1


@internal
@pure
def _parent(parents: uint256, i: uint256) -> uint256:
    """
    @notice One of the five pools that may lend; 0 for none.
    """
    return (parents >> i * ID_BITS) & ID_MASK


@internal
@pure
def _set_at(sets: uint256[SETS], tick: uint256) -> uint256:
    """
    @notice Children in force at a tick; 0 for none.
    """
    for word: uint256 in sets:
        if word >> TICK_SHIFT <= tick:
            return word & CHILDREN_MASK
    return 0


@internal
@pure
def _share(children: uint256, child: uint256) -> uint256:
    """
    @notice Share of 65,535 that a child borrows.
    """
    for i: uint256 in range(MAX_CHILDREN):
        entry: uint256 = (children >> i * CHILD_BITS) & CHILD_MASK
        if entry >> 16 == child:
            return entry & c.U16_MAX
    return 0


@internal
@pure
def _lent(children: uint256, own_rao: uint256) -> uint256:
    """
    @notice What all children together borrow of a stake.
    """
    lent_rao: uint256 = 0
    for i: uint256 in range(MAX_CHILDREN):
        share_u16: uint256 = (children >> i * CHILD_BITS) & c.U16_MAX
        # rounds down, as for the child
        lent_rao += own_rao * share_u16 // c.U16_MAX
    return lent_rao
