# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Share pool
@license AGPL-3.0-only
@notice One pool of rao per id, owned by its members in shares; one member, the owner, has its
        shares in the pool's own word. A dividend belongs to the pool at once, but becomes part of
        the share price linearly, so that nobody gains by buying just before it and selling just
        after. Pools, members and the sum of all can be read for any tick that is over.
@custom:invariant A pool's shares are the exact sum of its members' shares, and the total the sum
        of all pools' assets.
        The share price never falls while a pool has shares: every division rounds in the pool's
        favour.
        Tokens that are sent to the contract change no price: assets are counted, never read from
        a balance.
"""

from contracts.modules import checkpoints

initializes: checkpoints


# One virtual rao and a million virtual shares: the first member cannot make the second one's
# shares round to nothing.
VIRTUAL_SHARES: constant(uint256) = 1_000_000
VIRTUAL_RAO: constant(uint256) = 1

MASK_32: constant(uint256) = 2**32 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_56: constant(uint256) = 2**56 - 1
MASK_80: constant(uint256) = 2**80 - 1
# key of the total; ids are small, and members' keys have an address in their low bits
TOTAL: constant(uint256) = max_value(uint256)


# SAFETY: all rao together are below 21e15 < 2^55; a share costs a millionth of a rao or more, so
# all shares are below 21e21 < 2^75. So no field of a word reaches the next.
# A pool's word, which is its checkpoint: assets_rao 56, what has not vested yet included | shares
# 80 | the owner's own shares 80. A member's: checkpoints put away 40 | shares 80. The total's:
# checkpoints put away 40 | rao 56.
ASSETS_SHIFT: constant(uint256) = 160
SHARES_SHIFT: constant(uint256) = 80
# id -> rao still to vest at a tick 56 | that tick 40 | ticks in Q32 to go from then on 56 |
# checkpoints put away 32 | a note of whoever keeps the pool 72, beside what each dividend reads
# SAFETY: no more checkpoints than ticks, and 2^32 ticks of one second are 136 years.
_vestings: HashMap[uint256, uint256]
UNVESTED_SHIFT: constant(uint256) = 200
START_SHIFT: constant(uint256) = 160
LEFT_SHIFT: constant(uint256) = 104
COUNT_SHIFT: constant(uint256) = 72
# what stays when nothing vests any more
COUNT_AND_NOTE: constant(uint256) = 2**104 - 1
NOTE: constant(uint256) = 2**72 - 1


@internal
def _set_note(id: uint256, note: uint256):
    """
    @notice Keep 72 bits beside a pool.
    """
    assert note <= NOTE, "share_pool: note too large"
    self._vestings[id] = self._vestings[id] & ~NOTE | note


@internal
def _buy(
    id: uint256, member: address, is_owner: bool, amount_rao: uint256, tick: uint256
) -> uint256:
    """
    @notice Put rao into a pool and give the member shares for it at the current price.
    @return Shares bought; may be 0 for an amount below the price of one.
    """
    pool: uint256 = checkpoints._value(id)
    shares: uint256 = self._shares_for(id, pool, amount_rao, tick)
    # INVARIANT: one delta goes to the member and to the sum
    pool += amount_rao << ASSETS_SHIFT | shares << SHARES_SHIFT
    pool = self._set_held(id, pool, member, is_owner, self._held(id, pool, member, is_owner) + shares, tick)
    self._store(id, pool, self._vestings[id], tick)
    self._set_total(self._total_rao() + amount_rao, tick)
    return shares


@internal
def _sell(
    id: uint256, member: address, is_owner: bool, shares: uint256, tick: uint256
) -> (uint256, uint256, uint256):
    """
    @notice Take a member's shares back at the current price. The last one's exit also empties the
            pool of what it leaves behind: rounding and dividends that had not vested.
    @return Rao for the shares; rao left behind, 0 while the pool has shares; rao that the shares
            which the member keeps are worth.
    """
    pool: uint256 = checkpoints._value(id)
    vesting: uint256 = self._vestings[id]
    held: uint256 = self._held(id, pool, member, is_owner)
    assert shares <= held, "share_pool: not enough shares"
    amount_rao: uint256 = self._worth(id, pool, shares, tick)
    rest_rao: uint256 = 0
    # INVARIANT: one delta goes to the member and to the sum
    pool -= amount_rao << ASSETS_SHIFT | shares << SHARES_SHIFT
    pool = self._set_held(id, pool, member, is_owner, held - shares, tick)
    if self._shares(pool) == 0:
        # INVARIANT: the next member finds a new pool
        rest_rao = pool >> ASSETS_SHIFT
        pool = 0
        vesting &= COUNT_AND_NOTE
    self._store(id, pool, vesting, tick)
    self._set_total(self._total_rao() - amount_rao - rest_rao, tick)
    return amount_rao, rest_rao, self._worth(id, pool, held - shares, tick)


@internal
def _hand(
    id: uint256,
    giver: address,
    giver_owns: bool,
    taker: address,
    taker_owns: bool,
    shares: uint256,
    tick: uint256,
) -> (uint256, uint256):
    """
    @notice Give a member's shares to another one; price and sum stay as they are.
    @return Rao that they are worth, and that what the giver keeps is worth.
    """
    assert giver != taker, "share_pool: same member"
    pool: uint256 = checkpoints._value(id)
    kept: uint256 = self._held(id, pool, giver, giver_owns)
    assert shares <= kept, "share_pool: not enough shares"
    kept -= shares
    pool = self._set_held(id, pool, giver, giver_owns, kept, tick)
    held: uint256 = self._held(id, pool, taker, taker_owns)
    pool = self._set_held(id, pool, taker, taker_owns, held + shares, tick)
    self._store(id, pool, self._vestings[id], tick)
    return self._worth(id, pool, shares, tick), self._worth(id, pool, kept, tick)


@internal
def _earn(id: uint256, take_rao: uint256, rest_rao: uint256, tick: uint256, over_ticks: uint256):
    """
    @notice Put a dividend into a pool: the owner buys shares for its take at the current price, the
            rest is for all members, linearly over some ticks.
    """
    pool: uint256 = checkpoints._value(id)
    vesting: uint256 = self._vestings[id]
    shares: uint256 = self._shares_for(id, pool, take_rao, tick)
    amount_rao: uint256 = take_rao + rest_rao
    if rest_rao > 0:
        vesting = self._vest(vesting, rest_rao, tick, over_ticks)
    # INVARIANT: one delta goes to the owner and to the sum
    pool += amount_rao << ASSETS_SHIFT | shares << SHARES_SHIFT | shares
    self._store(id, pool, vesting, tick)
    self._set_total(self._total_rao() + amount_rao, tick)


@internal
@pure
def _vest(vesting: uint256, amount_rao: uint256, tick: uint256, over_ticks: uint256) -> uint256:
    """
    @notice A vesting word to which rao were added that vest linearly over some ticks.
    @dev What still vests from before is joined to it: rao and rao times remaining ticks are both
            kept, so that a stream of dividends vests as late, on average, as if each one had a
            schedule of its own; a single one vests exactly linearly.
    """
    unvested: uint256 = self._unvested(vesting, tick)
    joined: uint256 = unvested + amount_rao
    rao_ticks_q32: uint256 = (
        unvested * self._left_q32(vesting, tick) + amount_rao * (over_ticks << 32)
    )
    # rounds up, by 2^-32 of a tick: many small dividends cannot hold a large one back
    left_q32: uint256 = (rao_ticks_q32 + joined - 1) // joined
    # SAFETY: no wait is longer than over_ticks, which is below 2^24.
    return (
        joined << UNVESTED_SHIFT
        | tick << START_SHIFT
        | left_q32 << LEFT_SHIFT
        | vesting & COUNT_AND_NOTE
    )


@internal
def _store(id: uint256, pool: uint256, vesting: uint256, tick: uint256):
    """
    @notice Keep a pool as it is from this tick on.
    """
    count: uint256 = self._put_away(vesting)
    more: uint256 = checkpoints._close(id, tick, count) - count
    self._vestings[id] = vesting + (more << COUNT_SHIFT)
    checkpoints._set(id, tick, pool)


@internal
def _set_held(
    id: uint256, pool: uint256, member: address, is_owner: bool, shares: uint256, tick: uint256
) -> uint256:
    """
    @notice Note a member's shares as of this tick.
    @return The pool's word, which has the owner's.
    """
    if is_owner:
        return pool >> SHARES_SHIFT << SHARES_SHIFT | shares
    key: uint256 = self._member_key(id, member)
    count: uint256 = checkpoints._close(key, tick, checkpoints._value(key) >> SHARES_SHIFT)
    checkpoints._set(key, tick, count << SHARES_SHIFT | shares)
    return pool


@internal
def _set_total(rao: uint256, tick: uint256):
    """
    @notice Note the sum of all pools' assets as of this tick.
    """
    count: uint256 = checkpoints._close(TOTAL, tick, checkpoints._value(TOTAL) >> 56)
    checkpoints._set(TOTAL, tick, count << 56 | rao)


@internal
@pure
def _member_key(id: uint256, member: address) -> uint256:
    """
    @notice Where a member's shares are kept.
    """
    # SAFETY: ids begin at 1, so no member's key is a pool's.
    return id << 160 | convert(member, uint256)


@internal
@view
def _held(id: uint256, pool: uint256, member: address, is_owner: bool) -> uint256:
    """
    @notice Shares of a member.
    """
    if is_owner:
        return pool & MASK_80
    return checkpoints._value(self._member_key(id, member)) & MASK_80


@internal
@view
def _note(id: uint256) -> uint256:
    """
    @notice What `_set_note` has kept.
    """
    return self._vestings[id] & NOTE


@internal
@pure
def _put_away(vesting: uint256) -> uint256:
    """
    @notice How many of a pool's checkpoints were put away.
    """
    return (vesting >> COUNT_SHIFT) & MASK_32


@internal
@view
def _shares_for(id: uint256, pool: uint256, amount_rao: uint256, tick: uint256) -> uint256:
    """
    @notice Shares that rao buy at a tick.
    """
    # rounds down: the price does not fall
    return (
        amount_rao * (self._shares(pool) + VIRTUAL_SHARES)
        // (self._vested(id, pool, tick) + VIRTUAL_RAO)
    )


@internal
@pure
def _shares(pool: uint256) -> uint256:
    """
    @notice Shares of all members in a pool's word.
    """
    return (pool >> SHARES_SHIFT) & MASK_80


@internal
@view
def _total_rao() -> uint256:
    """
    @notice Assets of all pools.
    """
    return checkpoints._value(TOTAL) & MASK_56


@internal
@view
def _worth(id: uint256, pool: uint256, shares: uint256, tick: uint256) -> uint256:
    """
    @notice Rao for which shares can be sold at a tick.
    """
    # rounds down: the price does not fall
    all_shares: uint256 = self._shares(pool) + VIRTUAL_SHARES
    return shares * (self._vested(id, pool, tick) + VIRTUAL_RAO) // all_shares


@internal
@view
def _vested(id: uint256, pool: uint256, tick: uint256) -> uint256:
    """
    @notice The part of a pool's assets that the share price is made of.
    """
    return (pool >> ASSETS_SHIFT) - self._unvested(self._vestings[id], tick)


@internal
@pure
def _unvested(vesting: uint256, tick: uint256) -> uint256:
    """
    @notice Dividends in rao that have not entered the share price at a tick.
    """
    left_q32: uint256 = self._left_q32(vesting, tick)
    if left_q32 == 0:
        return 0
    whole_q32: uint256 = (vesting >> LEFT_SHIFT) & MASK_56
    # rounds up: a dividend is never early
    return ((vesting >> UNVESTED_SHIFT) * left_q32 + whole_q32 - 1) // whole_q32


@internal
@pure
def _left_q32(vesting: uint256, tick: uint256) -> uint256:
    """
    @notice Ticks, in Q32, until all dividends of a vesting word have vested.
    """
    gone_q32: uint256 = (tick - ((vesting >> START_SHIFT) & MASK_40)) << 32
    whole_q32: uint256 = (vesting >> LEFT_SHIFT) & MASK_56
    return whole_q32 - gone_q32 if gone_q32 < whole_q32 else 0


@internal
@view
def _assets(id: uint256) -> uint256:
    """
    @notice A pool's assets now.
    """
    return checkpoints._value(id) >> ASSETS_SHIFT


@internal
@view
def _all_shares(id: uint256) -> uint256:
    """
    @notice All shares of a pool now.
    """
    return self._shares(checkpoints._value(id))


@internal
@view
def _held_now(id: uint256, member: address, is_owner: bool) -> uint256:
    """
    @notice A member's shares now.
    """
    return self._held(id, checkpoints._value(id), member, is_owner)


@internal
@view
def _value(id: uint256, shares: uint256, tick: uint256) -> uint256:
    """
    @notice Rao for which shares can be sold at a tick from now on.
    """
    return self._worth(id, checkpoints._value(id), shares, tick)


@internal
@view
def _assets_at(id: uint256, tick: uint256) -> uint256:
    """
    @notice A pool's assets at a tick that is over.
    """
    return self._pool_at(id, tick) >> ASSETS_SHIFT


@internal
@view
def _assets_at_hint(id: uint256, tick: uint256, index: uint256) -> uint256:
    """
    @notice The same, with the checkpoint's index as a hint.
    """
    return checkpoints._at_hint(id, tick, index) >> ASSETS_SHIFT


@internal
@view
def _member_assets_at(id: uint256, member: address, is_owner: bool, tick: uint256) -> uint256:
    """
    @notice A member's part of a pool's assets at a tick that is over, dividends that still vest
            included; the parts of all members are at most the whole.
    """
    word: uint256 = self._pool_at(id, tick)
    shares: uint256 = word & MASK_80
    if not is_owner:
        key: uint256 = self._member_key(id, member)
        count: uint256 = checkpoints._value(key) >> SHARES_SHIFT
        shares = checkpoints._at(key, tick, count) & MASK_80
    if shares == 0:
        return 0
    # rounds down
    return shares * (word >> ASSETS_SHIFT) // self._shares(word)


@internal
@view
def _total_at(tick: uint256) -> uint256:
    """
    @notice Assets of all pools at a tick that is over.
    """
    return checkpoints._at(TOTAL, tick, checkpoints._value(TOTAL) >> 56) & MASK_56


@internal
@view
def _index_at(id: uint256, tick: uint256) -> uint256:
    """
    @notice The hint for `_assets_at_hint`.
    """
    return checkpoints._index_at(id, tick, self._put_away(self._vestings[id]))


@internal
@view
def _count(id: uint256) -> uint256:
    """
    @notice Number of a pool's checkpoints.
    """
    return self._put_away(self._vestings[id]) + (1 if checkpoints.heads[id] != 0 else 0)


@internal
@view
def _pool_at(id: uint256, tick: uint256) -> uint256:
    """
    @notice A pool's checkpoint at a tick that is over.
    """
    return checkpoints._at(id, tick, self._put_away(self._vestings[id]))
