# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Share pool
@license AGPL-3.0-only
@notice One pool of rao per key, owned by its members in shares. A dividend belongs to the pool at
        once, but becomes part of the share price linearly, so that nobody gains by buying just
        before it and selling just after.
@custom:invariant A pool's shares are the exact sum of its members' shares, and total_assets_rao
        the sum of all pools' assets.
        The share price never falls while a pool has shares: every division rounds in the pool's
        favour.
        Tokens that are sent to the contract change no price: assets are counted, never read from
        a balance.
"""


# One virtual rao and a million virtual shares: the first member cannot make the second one's
# shares round to nothing.
VIRTUAL_SHARES: constant(uint256) = 1_000_000
VIRTUAL_RAO: constant(uint256) = 1

# vesting word: rao still to vest at `start`, 96 bits | start tick, 64 bits | ticks to go at
# `start` in Q32, 96 bits
UNVESTED_SHIFT: constant(uint256) = 160
START_SHIFT: constant(uint256) = 96
MASK_96: constant(uint256) = 2**96 - 1
MASK_64: constant(uint256) = 2**64 - 1


struct Pool:
    # all that the members own, with what has not vested yet
    assets_rao: uint256
    shares: uint256
    vesting: uint256


pools: HashMap[address, Pool]
# pool -> member -> shares
members: HashMap[address, HashMap[address, uint256]]
total_assets_rao: uint256


@internal
def _buy(key: address, member: address, amount_rao: uint256, tick: uint256) -> uint256:
    """
    @notice Put rao into a pool and give the member shares for it at the current price.
    @return Shares bought; may be 0 for an amount below the price of one.
    """
    # rounds down: the price does not fall
    all_shares: uint256 = self.pools[key].shares + VIRTUAL_SHARES
    shares: uint256 = amount_rao * all_shares // (self._vested(key, tick) + VIRTUAL_RAO)
    self.pools[key].assets_rao += amount_rao
    self.pools[key].shares += shares
    # INVARIANT: one delta goes to the member and to the sum
    self.members[key][member] += shares
    self.total_assets_rao += amount_rao
    return shares


@internal
def _sell(key: address, member: address, shares: uint256, tick: uint256) -> uint256:
    """
    @notice Take a member's shares back at the current price.
    @return Rao that left the pool.
    """
    assert shares <= self.members[key][member], "share_pool: not enough shares"
    amount_rao: uint256 = self._worth(key, shares, tick)
    self.pools[key].assets_rao -= amount_rao
    self.pools[key].shares -= shares
    # INVARIANT: one delta goes to the member and to the sum
    self.members[key][member] -= shares
    self.total_assets_rao -= amount_rao
    return amount_rao


@internal
def _vest(key: address, amount_rao: uint256, tick: uint256, over_ticks: uint256):
    """
    @notice Put rao into a pool for all its members, linearly over some ticks.
    @dev What still vests from before is joined to it: rao and rao times remaining ticks are both
            kept, so that a stream of dividends vests as late, on average, as if each one had a
            schedule of its own; a single one vests exactly linearly.
    """
    unvested: uint256 = self._unvested(key, tick)
    joined: uint256 = unvested + amount_rao
    rao_ticks_q32: uint256 = (
        unvested * self._left_q32(self.pools[key].vesting, tick) + amount_rao * (over_ticks << 32)
    )
    # rounds up, by 2^-32 of a tick: many small dividends cannot hold a large one back
    left_q32: uint256 = (rao_ticks_q32 + joined - 1) // joined
    self.pools[key].assets_rao += amount_rao
    self.total_assets_rao += amount_rao
    self.pools[key].vesting = (joined << UNVESTED_SHIFT) | (tick << START_SHIFT) | left_q32


@internal
def _empty(key: address) -> uint256:
    """
    @notice Take what the last member has left behind: rounding and dividends that had not vested.
    @return Rao taken; 0 while the pool has shares.
    """
    if self.pools[key].shares > 0:
        return 0
    rest_rao: uint256 = self.pools[key].assets_rao
    self.total_assets_rao -= rest_rao
    # INVARIANT: the next member finds a new pool
    self.pools[key] = empty(Pool)
    return rest_rao


@internal
@view
def _worth(key: address, shares: uint256, tick: uint256) -> uint256:
    """
    @notice Rao for which shares can be sold at a tick.
    """
    # rounds down: the price does not fall
    all_shares: uint256 = self.pools[key].shares + VIRTUAL_SHARES
    return shares * (self._vested(key, tick) + VIRTUAL_RAO) // all_shares


@internal
@view
def _vested(key: address, tick: uint256) -> uint256:
    """
    @notice The part of a pool's assets that the share price is made of.
    """
    return self.pools[key].assets_rao - self._unvested(key, tick)


@internal
@view
def _unvested(key: address, tick: uint256) -> uint256:
    """
    @notice Dividends in rao that have not entered the share price at a tick.
    """
    vesting: uint256 = self.pools[key].vesting
    left_q32: uint256 = self._left_q32(vesting, tick)
    if left_q32 == 0:
        return 0
    whole_q32: uint256 = vesting & MASK_96
    # rounds up: a dividend is never early
    return ((vesting >> UNVESTED_SHIFT) * left_q32 + whole_q32 - 1) // whole_q32


@internal
@pure
def _left_q32(vesting: uint256, tick: uint256) -> uint256:
    """
    @notice Ticks, in Q32, until all of a vesting word has vested.
    """
    gone_q32: uint256 = (tick - ((vesting >> START_SHIFT) & MASK_64)) << 32
    whole_q32: uint256 = vesting & MASK_96
    return whole_q32 - gone_q32 if gone_q32 < whole_q32 else 0
