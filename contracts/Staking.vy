# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Staking
@license AGPL-3.0-only
@notice Coldkeys put TAO behind hotkeys. Stake is weight in consensus and earns the hotkey's
        dividends; it is never lent and never slashed. A coldkey owns shares of the hotkey's pool,
        and whoever unbonds waits before the tokens are free.
@custom:invariant The token's balance of this contract is at least total_stake_rao +
        total_unbonding_rao.
        A pool's shares are the exact sum of its members' shares; its share price never falls
        while it has shares.
        What stake_at says about a tick that is over never changes.
        An exit (unbond, remove_stake) needs nobody's consent, and nothing that another account
        does can make it revert.
@custom:trust Neurons opens pools for hotkeys that have consented, Rewards credits dividends. A
        hotkey's coldkey sets the take within MAX_TAKE_U16; a rise is known one unbonding period
        before it counts. Nobody can touch anybody's stake.
@custom:kill There is no switch: staking, unbonding and removing always work.
"""

from contracts.interfaces import IStaking
from contracts.interfaces import ITao
from contracts.modules import checkpoints
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import share_pool

implements: IStaking

initializes: ticks
initializes: share_pool
initializes: checkpoints

exports: (
    # EIP-6372
    ticks.clock,
    ticks.CLOCK_MODE,
    # the clock's fixed numbers
    ticks.genesis_at,
    ticks.tick_seconds,
)


# 18 % of dividends: Bittensor's maximum, and what a new pool starts with
MAX_TAKE_U16: public(constant(uint256)) = 11_796
# 5 % of dividends: the most by which a take may rise at once
MAX_TAKE_RISE_U16: public(constant(uint256)) = 3_276

# a take's word: take in force 16 bits | take to come << 16 | tick of its coming << 32
TAKE_BITS: constant(uint256) = 16
TAKE_MASK: constant(uint256) = 2**16 - 1

TAO: immutable(ITao)
NEURONS: immutable(address)
REWARDS: immutable(address)
UNBONDING_TICKS: immutable(uint256)
VESTING_TICKS: immutable(uint256)
MIN_STAKE_RAO: immutable(uint256)

# rao that are on their way out, in no pool
total_unbonding_rao: public(uint256)
# number of unbondings so far; the next one's id
unbonding_count: public(uint256)

# hotkey -> coldkey; written once
_owners: HashMap[address, address]
_takes: HashMap[address, uint256]
_unbondings: HashMap[uint256, IStaking.Unbonding]


@deploy
def __init__(
    tao_: address,
    neurons_: address,
    rewards_: address,
    genesis_at: uint256,
    tick_seconds: uint256,
    unbonding_ticks_: uint256,
    vesting_ticks_: uint256,
    min_stake_rao_: uint256,
):
    """
    @param tao_ The token; trusted, reverts on failure.
    @param neurons_ Opens pools.
    @param rewards_ Credits dividends.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds in a tick.
    @param unbonding_ticks_ Ticks between unbonding and having the tokens; also the notice of a
            rising take.
    @param vesting_ticks_ Ticks over which a dividend enters the share price, at least 1.
    @param min_stake_rao_ Least amount to stake, and least that may stay behind a hotkey after a
            partial exit, in rao.
    """
    assert vesting_ticks_ > 0 and vesting_ticks_ < 2**32, "staking: vesting out of bounds"
    assert unbonding_ticks_ > 0 and unbonding_ticks_ < 2**32, "staking: delay out of bounds"
    assert min_stake_rao_ > 0, "staking: no minimum"
    ticks.__init__(genesis_at, tick_seconds)
    TAO = ITao(tao_)
    NEURONS = neurons_
    REWARDS = rewards_
    UNBONDING_TICKS = unbonding_ticks_
    VESTING_TICKS = vesting_ticks_
    MIN_STAKE_RAO = min_stake_rao_


@external
def open_pool(hotkey: address, coldkey: address):
    """
    @notice Make a coldkey the owner of a hotkey and open its pool; only Neurons, which has
            checked the hotkey's consent.
    @dev The same pair again changes nothing; another coldkey reverts.
    @param hotkey Key that works online.
    @param coldkey Key that owns the money and sets the take.
    """
    assert msg.sender == NEURONS, "staking: not neurons"
    assert coldkey != empty(address), "staking: no coldkey"
    owner: address = self._owners[hotkey]
    if owner == coldkey:
        return
    assert owner == empty(address), "staking: owned by another"

    self._owners[hotkey] = coldkey
    self._takes[hotkey] = MAX_TAKE_U16

    log IStaking.PoolOpened(hotkey=hotkey, coldkey=coldkey)


@external
def add_stake(hotkey: address, amount_rao: uint256) -> uint256:
    """
    @notice Put the caller's tokens behind a hotkey.
    @param hotkey A hotkey with a pool.
    @param amount_rao Amount in rao, at least the minimum; the caller has allowed this contract to
            take it.
    @return Shares of the pool.
    """
    self._check_pool(hotkey)
    assert amount_rao >= MIN_STAKE_RAO, "staking: below minimum"

    shares: uint256 = self._buy(hotkey, msg.sender, amount_rao)

    log IStaking.StakeAdded(hotkey=hotkey, coldkey=msg.sender, amount_rao=amount_rao, shares=shares)

    assert extcall TAO.transferFrom(msg.sender, self, amount_rao), "staking: not transferred"
    return shares


@external
def unbond(hotkey: address, shares: uint256) -> uint256:
    """
    @notice Sell shares for an amount that is fixed now, earns nothing and can be removed after
            the unbonding period.
    @param hotkey The hotkey they are behind.
    @param shares How many of the caller's shares: all, or so many that the rest is worth the
            minimum.
    @return Id of the unbonding.
    """
    assert shares > 0, "staking: no shares"

    amount_rao: uint256 = self._sell(hotkey, msg.sender, shares)
    rest_rao: uint256 = share_pool._empty(hotkey)
    ripe_tick: uint256 = ticks._tick() + UNBONDING_TICKS
    unbonding_id: uint256 = self.unbonding_count

    self.unbonding_count = unbonding_id + 1
    self.total_unbonding_rao += amount_rao
    self._unbondings[unbonding_id] = IStaking.Unbonding(
        coldkey=msg.sender, hotkey=hotkey, amount_rao=amount_rao, ripe_tick=ripe_tick
    )
    self._checkpoint(hotkey)

    log IStaking.UnbondingStarted(
        hotkey=hotkey,
        coldkey=msg.sender,
        unbonding_id=unbonding_id,
        amount_rao=amount_rao,
        shares=shares,
        ripe_tick=ripe_tick,
    )

    self._pay_rest(hotkey, rest_rao)
    return unbonding_id


@external
def cancel_unbonding(unbonding_id: uint256) -> uint256:
    """
    @notice Put an unbonding amount back behind its hotkey, at the current share price.
    @param unbonding_id An unbonding of the caller that was not removed.
    @return Shares of the pool.
    """
    unbonding: IStaking.Unbonding = self._unbondings[unbonding_id]
    self._check_unbonding(unbonding.coldkey)

    self._unbondings[unbonding_id] = empty(IStaking.Unbonding)
    self.total_unbonding_rao -= unbonding.amount_rao
    shares: uint256 = self._buy(unbonding.hotkey, msg.sender, unbonding.amount_rao)
    assert shares > 0, "staking: buys no share"

    log IStaking.UnbondingCancelled(
        hotkey=unbonding.hotkey,
        coldkey=msg.sender,
        unbonding_id=unbonding_id,
        amount_rao=unbonding.amount_rao,
        shares=shares,
    )
    return shares


@external
def remove_stake(unbonding_id: uint256):
    """
    @notice Take the tokens of an unbonding whose period is over.
    @param unbonding_id An unbonding of the caller.
    """
    unbonding: IStaking.Unbonding = self._unbondings[unbonding_id]
    self._check_unbonding(unbonding.coldkey)
    assert ticks._tick() >= unbonding.ripe_tick, "staking: still unbonding"

    self._unbondings[unbonding_id] = empty(IStaking.Unbonding)
    self.total_unbonding_rao -= unbonding.amount_rao

    log IStaking.StakeRemoved(
        coldkey=msg.sender, unbonding_id=unbonding_id, amount_rao=unbonding.amount_rao
    )

    assert extcall TAO.transfer(msg.sender, unbonding.amount_rao), "staking: not transferred"


@external
def move_stake(from_hotkey: address, to_hotkey: address, shares: uint256):
    """
    @notice Move stake from one hotkey to another without unbonding. In a consensus epoch it
            counts for neither: an epoch takes the lower of the stakes at its two ends.
    @param from_hotkey The hotkey that loses it.
    @param to_hotkey The hotkey that gains it.
    @param shares How many of the caller's shares of from_hotkey: worth the minimum, and so is
            what stays unless it is nothing.
    """
    self._check_pool(to_hotkey)
    assert from_hotkey != to_hotkey, "staking: same hotkey"

    amount_rao: uint256 = self._sell(from_hotkey, msg.sender, shares)
    assert amount_rao >= MIN_STAKE_RAO, "staking: below minimum"
    rest_rao: uint256 = share_pool._empty(from_hotkey)

    self._checkpoint(from_hotkey)
    bought: uint256 = self._buy(to_hotkey, msg.sender, amount_rao)

    log IStaking.StakeMoved(
        coldkey=msg.sender,
        from_hotkey=from_hotkey,
        to_hotkey=to_hotkey,
        amount_rao=amount_rao,
        from_shares=shares,
        to_shares=bought,
    )

    self._pay_rest(from_hotkey, rest_rao)


@external
def set_take(hotkey: address, take_u16: uint256):
    """
    @notice Set the share of dividends that the hotkey's owner keeps. A fall counts at once; a
            rise, by at most MAX_TAKE_RISE_U16, counts after one unbonding period. Either replaces
            a rise that was still to come.
    @param hotkey A hotkey of the caller.
    @param take_u16 Share of 65,535, at most MAX_TAKE_U16.
    """
    assert msg.sender == self._owners[hotkey], "staking: not the owner"
    assert take_u16 <= MAX_TAKE_U16, "staking: take above 18 %"
    in_force: uint256 = self._take_of(hotkey)
    assert take_u16 <= in_force + MAX_TAKE_RISE_U16, "staking: take rises too fast"

    word: uint256 = take_u16
    from_tick: uint256 = ticks._tick()
    if take_u16 > in_force:
        from_tick += UNBONDING_TICKS
        word = in_force | (take_u16 << TAKE_BITS) | (from_tick << (2 * TAKE_BITS))

    self._takes[hotkey] = word

    log IStaking.TakeSet(hotkey=hotkey, take_u16=take_u16, from_tick=from_tick)


@external
def credit(hotkey: address, amount_rao: uint256):
    """
    @notice Put a validator's claimed dividends into its pool; only Rewards, which has sent the
            tokens here before.
    @dev The owner's take buys shares at the current price, the rest vests. A pool without shares
            pays its owner.
    @param hotkey A hotkey with a pool.
    @param amount_rao Amount in rao.
    """
    assert msg.sender == REWARDS, "staking: not rewards"
    self._check_pool(hotkey)

    owner: address = self._owners[hotkey]
    if share_pool.pools[hotkey].shares == 0:
        log IStaking.DividendCredited(hotkey=hotkey, take_rao=amount_rao, pool_rao=0)
        self._pay_rest(hotkey, amount_rao)
        return

    # rounds down: the delegators get the fraction
    take_rao: uint256 = amount_rao * self._take_of(hotkey) // c.U16_MAX
    pool_rao: uint256 = amount_rao - take_rao

    if pool_rao > 0:
        share_pool._vest(hotkey, pool_rao, ticks._tick(), VESTING_TICKS)
    self._buy(hotkey, owner, take_rao)

    log IStaking.DividendCredited(hotkey=hotkey, take_rao=take_rao, pool_rao=pool_rao)


@external
@view
def owner_of(hotkey: address) -> address:
    """
    @notice The coldkey that owns a hotkey.
    @param hotkey Any.
    @return Its coldkey, the zero address if it has no pool.
    """
    return self._owners[hotkey]


@external
@view
def stake_of(hotkey: address) -> uint256:
    """
    @notice Stake behind a hotkey now, dividends that still vest included, unbonding amounts not.
    @param hotkey Any.
    @return Rao.
    """
    return share_pool.pools[hotkey].assets_rao


@external
@view
def stake_at(hotkey: address, tick: uint256) -> uint256:
    """
    @notice Stake behind a hotkey after the last transaction of a tick.
    @param hotkey Any.
    @param tick A tick that is over.
    @return Rao.
    """
    self._check_over(tick)
    return checkpoints._at(hotkey, tick)


@external
@view
def stake_at_hint(hotkey: address, tick: uint256, index: uint256) -> uint256:
    """
    @notice As stake_at in two storage reads, with the answer of checkpoint_index given.
    @param hotkey Any.
    @param tick A tick that is over.
    @param index Checkpoint in force at that tick; 2^256 - 1 if there was none. A wrong one reverts.
    @return Rao.
    """
    self._check_over(tick)
    return checkpoints._at_hint(hotkey, tick, index)


@external
@view
def checkpoint_index(hotkey: address, tick: uint256) -> uint256:
    """
    @notice The hint for stake_at_hint.
    @param hotkey Any.
    @param tick A tick that is over.
    @return Index of the last checkpoint at or before that tick; 2^256 - 1 if there is none.
    """
    self._check_over(tick)
    return checkpoints._index_at(hotkey, tick)


@external
@view
def checkpoint_count(hotkey: address) -> uint256:
    """
    @notice How many checkpoints a hotkey has.
    @param hotkey Any.
    @return Their number.
    """
    return checkpoints.lengths[hotkey]


@external
@view
def shares_of(hotkey: address, coldkey: address) -> uint256:
    """
    @notice A coldkey's shares of a hotkey's pool.
    @param hotkey Any.
    @param coldkey Any.
    @return Shares.
    """
    return share_pool.members[hotkey][coldkey]


@external
@view
def value_of(hotkey: address, coldkey: address) -> uint256:
    """
    @notice What unbonding all of a coldkey's shares would give now.
    @param hotkey Any.
    @param coldkey Any.
    @return Rao; rounded down.
    """
    return share_pool._worth(hotkey, share_pool.members[hotkey][coldkey], ticks._tick())


@external
@view
def pool_of(hotkey: address) -> IStaking.PoolState:
    """
    @notice A hotkey's pool now.
    @param hotkey Any.
    @return All assets, those that still vest, the shares, the take in force, the one to come and
            when it counts.
    """
    word: uint256 = self._takes[hotkey]
    take_u16: uint256 = self._take_of(hotkey)
    is_rising: bool = ticks._tick() < word >> (2 * TAKE_BITS)
    return IStaking.PoolState(
        assets_rao=share_pool.pools[hotkey].assets_rao,
        unvested_rao=share_pool._unvested(hotkey, ticks._tick()),
        shares=share_pool.pools[hotkey].shares,
        take_u16=take_u16,
        next_take_u16=(word >> TAKE_BITS) & TAKE_MASK if is_rising else take_u16,
        next_take_tick=word >> (2 * TAKE_BITS) if is_rising else 0,
    )


@external
@view
def take_of(hotkey: address) -> uint256:
    """
    @notice The take in force.
    @param hotkey Any.
    @return Share of 65,535.
    """
    return self._take_of(hotkey)


@external
@view
def unbonding_of(unbonding_id: uint256) -> IStaking.Unbonding:
    """
    @notice One unbonding.
    @param unbonding_id Its id.
    @return Its coldkey, hotkey, amount and the tick from which it can be removed; zeros if it is
            over.
    """
    return self._unbondings[unbonding_id]


@external
@view
def total_stake_rao() -> uint256:
    """
    @notice Stake behind all hotkeys.
    @return Rao.
    """
    return share_pool.total_assets_rao


@external
@view
def unbonding_ticks() -> uint256:
    """
    @notice How long an unbonding takes.
    @return Ticks.
    """
    return UNBONDING_TICKS


@external
@view
def vesting_ticks() -> uint256:
    """
    @notice How long a dividend takes to enter the share price.
    @return Ticks.
    """
    return VESTING_TICKS


@external
@view
def min_stake_rao() -> uint256:
    """
    @notice Least amount to stake, and least that may stay after a partial exit.
    @return Rao.
    """
    return MIN_STAKE_RAO


@internal
def _buy(hotkey: address, coldkey: address, amount_rao: uint256) -> uint256:
    """
    @notice Buy shares for a coldkey and note the hotkey's new stake.
    """
    shares: uint256 = share_pool._buy(hotkey, coldkey, amount_rao, ticks._tick())
    self._checkpoint(hotkey)
    return shares


@internal
def _sell(hotkey: address, coldkey: address, shares: uint256) -> uint256:
    """
    @notice Sell shares of a coldkey that keeps nothing or at least the minimum; the caller notes
            the new stake.
    """
    amount_rao: uint256 = share_pool._sell(hotkey, coldkey, shares, ticks._tick())
    kept: uint256 = share_pool.members[hotkey][coldkey]
    assert (
        kept == 0 or share_pool._worth(hotkey, kept, ticks._tick()) >= MIN_STAKE_RAO
    ), "staking: too little would stay"
    return amount_rao


@internal
def _checkpoint(hotkey: address):
    """
    @notice Note the hotkey's stake as of this tick.
    """
    checkpoints._write(hotkey, ticks._tick(), share_pool.pools[hotkey].assets_rao)


@internal
def _pay_rest(hotkey: address, amount_rao: uint256):
    """
    @notice Pay the owner of a hotkey what belongs to a pool without shares.
    """
    if amount_rao > 0:
        owner: address = self._owners[hotkey]
        assert extcall TAO.transfer(owner, amount_rao), "staking: rest not transferred"


@internal
@view
def _take_of(hotkey: address) -> uint256:
    """
    @notice The take in force now.
    """
    word: uint256 = self._takes[hotkey]
    from_tick: uint256 = word >> (2 * TAKE_BITS)
    if from_tick > 0 and ticks._tick() >= from_tick:
        return (word >> TAKE_BITS) & TAKE_MASK
    return word & TAKE_MASK


@internal
@view
def _check_pool(hotkey: address):
    assert self._owners[hotkey] != empty(address), "staking: unknown hotkey"


@internal
@view
def _check_unbonding(coldkey: address):
    assert coldkey == msg.sender, "staking: not your unbonding"


@internal
@view
def _check_over(tick: uint256):
    assert tick < ticks._tick(), "staking: tick not over"
