# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Staking
@license AGPL-3.0-only
@notice Coldkeys put TAO behind hotkeys. Stake is weight in consensus, a vote, and earns the
        hotkey's dividends; it is never slashed. A coldkey owns shares of the hotkey's pool, and
        whoever unbonds waits before the tokens are free. A hotkey may lend the weight of its own
        stake, never the tokens, to others for a subnet. Both kinds of keys can be swapped; pools
        and accounts stay.
@custom:invariant The token's balance of this contract is at least total_stake_rao +
        total_unbonding_rao.
        A pool's shares are the exact sum of its members' shares; its share price never falls
        while it has shares.
        What a pool, a member and the total had at a tick that is over never changes.
        Lent and borrowed stake in a subnet are equal to the rao.
        An exit (unbond, remove_stake) needs nobody's consent, and nothing that another account
        does can make it revert.
@custom:trust Neurons opens pools for hotkeys that have consented, Keys swaps keys and notes loans
        by the rules of its header, Rewards credits dividends. A hotkey's coldkey sets the take
        within MAX_TAKE_U16; a rise is known one unbonding period before it counts. Nobody can
        touch anybody's stake.
@custom:kill There is no switch: staking, unbonding and removing always work.
"""

from contracts.interfaces import IStaking
from contracts.interfaces import ITao
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import loan_words as loans
from contracts.modules import names
from contracts.modules import registration_id as ids
from contracts.modules import share_pool
from contracts.modules import takes

implements: IStaking

initializes: ticks
initializes: names
initializes: share_pool

exports: (
    # EIP-6372
    ticks.clock,
    ticks.CLOCK_MODE,
    # the clock's fixed numbers
    ticks.genesis_at,
    ticks.tick_seconds,
)


TAO: immutable(ITao)
NEURONS: immutable(address)
KEYS: immutable(address)
REWARDS: immutable(address)
UNBONDING_TICKS: immutable(uint256)
VESTING_TICKS: immutable(uint256)
MIN_STAKE_RAO: immutable(uint256)

# rao that are on their way out, in no pool
total_unbonding_rao: public(uint256)
# number of unbondings so far; the next one's id
unbonding_count: public(uint256)

# pool id << LIFE_BITS | life -> whom it lends to, who may lend to it, what it keeps of their part
_loans: HashMap[uint256, IStaking.Loans]
# unbonding id -> account 160 | rao 56 | ripe tick 40, and the pool it came from
_unbondings: HashMap[uint256, uint256]
_unbonding_pools: HashMap[uint256, uint256]


@deploy
def __init__(
    tao_: address,
    neurons_: address,
    keys_: address,
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
    @param keys_ Swaps keys and notes loans.
    @param rewards_ Credits dividends.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds in a tick.
    @param unbonding_ticks_ Ticks between unbonding and having the tokens; also the notice of a
            rising take, and of what Keys does.
    @param vesting_ticks_ Ticks over which a dividend enters the share price, at least 1.
    @param min_stake_rao_ Least amount to stake, and least that may stay behind a hotkey after a
            partial exit, in rao.
    """
    assert vesting_ticks_ > 0 and vesting_ticks_ < 2**24, "staking: vesting out of bounds"
    assert unbonding_ticks_ > 0 and unbonding_ticks_ < 2**32, "staking: delay out of bounds"
    assert min_stake_rao_ > 0, "staking: no minimum"
    ticks.__init__(genesis_at, tick_seconds)
    TAO = ITao(tao_)
    NEURONS = neurons_
    KEYS = keys_
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
    @param hotkey Key that works online, never retired.
    @param coldkey Key that owns the money and sets the take.
    """
    assert msg.sender == NEURONS, "staking: not neurons"
    assert coldkey != empty(address), "staking: no coldkey"
    account: address = self._account(coldkey)
    word: uint256 = names._hotkeys[hotkey]
    if word != 0:
        assert word & names.RETIRED == 0, "staking: retired hotkey"
        assert names._owner_in(word) == account, "staking: owned by another"
        return

    share_pool._set_note(names._open(hotkey, account), takes.MAX_TAKE_U16)

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
    word: uint256 = self._live(hotkey)
    assert amount_rao >= MIN_STAKE_RAO, "staking: below minimum"

    shares: uint256 = self._buy(word, self._account(msg.sender), amount_rao)

    log IStaking.StakeAdded(hotkey=hotkey, coldkey=msg.sender, amount_rao=amount_rao, shares=shares)

    assert extcall TAO.transferFrom(msg.sender, self, amount_rao), "staking: not transferred"
    return shares


@external
def unbond(hotkey: address, shares: uint256) -> uint256:
    """
    @notice Sell shares for an amount that is fixed now, earns nothing and can be removed after
            the unbonding period.
    @param hotkey The hotkey they are behind; one that was swapped leads to the same pool.
    @param shares How many of the caller's shares: all, or so many that the rest is worth the
            minimum.
    @return Id of the unbonding.
    """
    assert shares > 0, "staking: no shares"
    word: uint256 = self._opened(hotkey)
    account: address = self._account(msg.sender)

    amount_rao: uint256 = 0
    rest_rao: uint256 = 0
    amount_rao, rest_rao = self._sell(word, account, shares)
    ripe_tick: uint256 = ticks._tick() + UNBONDING_TICKS
    unbonding_id: uint256 = self.unbonding_count

    self.unbonding_count = unbonding_id + 1
    self.total_unbonding_rao += amount_rao
    # SAFETY: all rao are below 2^55, and 2^40 ticks are 34,000 years of seconds.
    self._unbondings[unbonding_id] = (
        convert(account, uint256) << 96 | amount_rao << 40 | ripe_tick
    )
    self._unbonding_pools[unbonding_id] = names._id_in(word)

    log IStaking.UnbondingStarted(
        hotkey=hotkey,
        coldkey=msg.sender,
        unbonding_id=unbonding_id,
        amount_rao=amount_rao,
        shares=shares,
        ripe_tick=ripe_tick,
    )

    self._pay_rest(word, rest_rao)
    return unbonding_id


@external
def cancel_unbonding(unbonding_id: uint256) -> uint256:
    """
    @notice Put an unbonding amount back behind its hotkey, at the current share price.
    @param unbonding_id An unbonding of the caller that was not removed.
    @return Shares of the pool.
    """
    unbonding: uint256 = self._unbonding_of_caller(unbonding_id)
    id: uint256 = self._unbonding_pools[unbonding_id]
    amount_rao: uint256 = self._rao_in(unbonding)

    self._drop_unbonding(unbonding_id, amount_rao)
    shares: uint256 = self._buy(self._word_of(id), convert(unbonding >> 96, address), amount_rao)
    assert shares > 0, "staking: buys no share"

    log IStaking.UnbondingCancelled(
        hotkey=names._speakers[id],
        coldkey=msg.sender,
        unbonding_id=unbonding_id,
        amount_rao=amount_rao,
        shares=shares,
    )
    return shares


@external
def remove_stake(unbonding_id: uint256):
    """
    @notice Take the tokens of an unbonding whose period is over.
    @param unbonding_id An unbonding of the caller.
    """
    unbonding: uint256 = self._unbonding_of_caller(unbonding_id)
    assert ticks._tick() >= unbonding & (2**40 - 1), "staking: still unbonding"
    amount_rao: uint256 = self._rao_in(unbonding)

    self._drop_unbonding(unbonding_id, amount_rao)

    log IStaking.StakeRemoved(coldkey=msg.sender, unbonding_id=unbonding_id, amount_rao=amount_rao)

    assert extcall TAO.transfer(msg.sender, amount_rao), "staking: not transferred"


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
    to_word: uint256 = self._live(to_hotkey)
    from_word: uint256 = self._opened(from_hotkey)
    assert names._id_in(from_word) != names._id_in(to_word), "staking: same hotkey"
    account: address = self._account(msg.sender)

    amount_rao: uint256 = 0
    rest_rao: uint256 = 0
    amount_rao, rest_rao = self._sell(from_word, account, shares)
    assert amount_rao >= MIN_STAKE_RAO, "staking: below minimum"
    bought: uint256 = self._buy(to_word, account, amount_rao)

    log IStaking.StakeMoved(
        coldkey=msg.sender,
        from_hotkey=from_hotkey,
        to_hotkey=to_hotkey,
        amount_rao=amount_rao,
        from_shares=shares,
        to_shares=bought,
    )

    self._pay_rest(from_word, rest_rao)


@external
def transfer_stake(hotkey: address, to_coldkey: address, shares: uint256):
    """
    @notice Give shares to another coldkey; they stay behind the hotkey, nothing is bought or sold.
    @param hotkey The hotkey they are behind.
    @param to_coldkey The coldkey that gains them.
    @param shares How many of the caller's shares: worth the minimum, and so is what stays unless
            it is nothing.
    """
    word: uint256 = self._opened(hotkey)
    assert to_coldkey != empty(address), "staking: no coldkey"

    amount_rao: uint256 = 0
    kept_rao: uint256 = 0
    account: address = self._account(msg.sender)
    amount_rao, kept_rao = self._hand(word, account, self._account(to_coldkey), shares)
    assert amount_rao >= MIN_STAKE_RAO, "staking: below minimum"
    self._check_kept(word, account, kept_rao)

    log IStaking.StakeTransferred(
        hotkey=hotkey,
        from_coldkey=msg.sender,
        to_coldkey=to_coldkey,
        shares=shares,
        amount_rao=amount_rao,
    )


@external
def set_take(hotkey: address, take_u16: uint256):
    """
    @notice Set the share of dividends that the hotkey's owner keeps. A fall counts at once; a
            rise, by at most MAX_TAKE_RISE_U16, counts after one unbonding period. Either replaces
            a rise that was still to come.
    @param hotkey A hotkey of the caller.
    @param take_u16 Share of 65,535, at most MAX_TAKE_U16.
    """
    id: uint256 = self._id_of_owner(hotkey)

    take: uint256 = 0
    from_tick: uint256 = 0
    take, from_tick = takes._changed(
        share_pool._note(id), take_u16, ticks._tick(), UNBONDING_TICKS
    )

    share_pool._set_note(id, take)

    log IStaking.TakeSet(hotkey=hotkey, take_u16=take_u16, from_tick=from_tick)


@external
def gather_stake(hotkey: address):
    """
    @notice After a swap, bring the stake that the caller's new coldkey had of its own, or was
            given, to what it took over.
    @param hotkey The hotkey it is behind.
    """
    word: uint256 = self._opened(hotkey)
    shares: uint256 = self._shares_of(word, msg.sender)
    assert shares > 0, "staking: no shares"

    amount_rao: uint256 = (self._hand(word, msg.sender, self._account(msg.sender), shares))[0]

    log IStaking.StakeTransferred(
        hotkey=hotkey,
        from_coldkey=msg.sender,
        to_coldkey=msg.sender,
        shares=shares,
        amount_rao=amount_rao,
    )


@external
def swap_hotkey(old_hotkey: address, new_hotkey: address):
    """
    @notice Make another hotkey speak for a pool; only Keys. The old one has no stake and cannot
            come back.
    @param old_hotkey The key that is retired.
    @param new_hotkey A key that never had a pool.
    """
    self._check_keys()
    self._live(old_hotkey)

    names._swap_hotkey(old_hotkey, new_hotkey)

    log IStaking.HotkeySwapped(old_hotkey=old_hotkey, new_hotkey=new_hotkey)


@external
def swap_coldkey(old_coldkey: address, new_coldkey: address):
    """
    @notice Make another coldkey speak for an account: all its stake, unbondings and hotkeys; only
            Keys. The old one speaks for nothing and cannot come back.
    @param old_coldkey The key that is retired.
    @param new_coldkey A key that never took another's place.
    """
    self._check_keys()

    names._swap_coldkey(self._account(old_coldkey), old_coldkey, new_coldkey)

    log IStaking.ColdkeySwapped(coldkey=old_coldkey, new_coldkey=new_coldkey)


@external
def note_loans(pool_id: uint256, life: uint256, noted: IStaking.Loans):
    """
    @notice Note a pool's loans in a subnet; only Keys.
    @param pool_id The pool that lends or borrows.
    @param life A life of a subnet (registration_id.vy), not the root.
    @param noted Whom it lends to, who may lend to it, what it keeps of their part.
    """
    self._check_keys()

    names._relate(pool_id)
    self._loans[self._loans_key(pool_id, life)] = noted


@external
def credit(hotkey: address, life: uint256, amount_rao: uint256):
    """
    @notice Put a validator's claimed dividends into its pool, and its parents' part into theirs;
            only Rewards, which has sent the tokens here before.
    @dev Loops over <= 5 parents. A parent's part goes by the stake that it lends, less the child's
            take if they have different owners. Of every pool's part its owner's take buys shares
            at the current price, and the rest vests. A pool without shares pays its owner.
    @param hotkey A hotkey with a pool; one that was swapped leads to the same pool.
    @param life The life of the subnet that paid.
    @param amount_rao Amount in rao.
    """
    assert msg.sender == REWARDS, "staking: not rewards"
    word: uint256 = self._opened(hotkey)

    kept_rao: uint256 = amount_rao
    if word & (names.RELATED | names.RETIRED) != 0:
        kept_rao -= self._credit_parents(word, life, amount_rao)
    self._credit(names._speaker_of(hotkey, word), word, kept_rao)


@external
@view
def MAX_TAKE_U16() -> uint256:
    """
    @notice Highest take.
    @return Share of 65,535: 18 %.
    """
    return takes.MAX_TAKE_U16


@external
@view
def MAX_TAKE_RISE_U16() -> uint256:
    """
    @notice The most by which a take may rise at once.
    @return Share of 65,535: 5 %.
    """
    return takes.MAX_TAKE_RISE_U16


@external
@view
def owner_of(hotkey: address) -> address:
    """
    @notice The coldkey that owns a hotkey.
    @param hotkey Any; one that was swapped keeps its owner.
    @return Its coldkey, the zero address if it has no pool.
    """
    account: address = names._owner_in(names._hotkeys[hotkey])
    return names._coldkey_of(account)


@external
@view
def owner_account_of(hotkey: address) -> address:
    """
    @notice The account that owns a hotkey's pool, for ever.
    @param hotkey Any; one that was swapped leads to the same pool.
    @return The account, the zero address if it has no pool.
    """
    return names._owner_in(names._hotkeys[hotkey])


@external
@view
@reentrant
def coldkey_of(account: address) -> address:
    """
    @notice The coldkey that speaks for an account.
    @dev Reentrant: one word that no call leaves half written.
    @param account As from account_of or owner_account_of.
    @return Its coldkey, itself if it was never swapped.
    """
    return names._coldkey_of(account)


@external
@view
def pool_id_of(hotkey: address) -> uint256:
    """
    @notice The pool that a hotkey speaks for, which stays when the hotkey is swapped.
    @param hotkey Any.
    @return Id from 1; 0 if it has none or is retired.
    """
    return names._live_id(hotkey)


@external
@view
def hotkey_of(pool_id: uint256) -> address:
    """
    @notice The hotkey that speaks for a pool.
    @param pool_id Any.
    @return The hotkey; zero if there is no such pool.
    """
    return names._speakers[pool_id]


@external
@view
def account_of(coldkey: address) -> address:
    """
    @notice The account that a coldkey speaks for, which stays when the coldkey is swapped.
    @param coldkey Any.
    @return The account's first coldkey, itself if it was never swapped; zero if it is retired.
    """
    return names._account_of(coldkey)


@external
@view
def stake_of(hotkey: address) -> uint256:
    """
    @notice Stake behind a hotkey now, dividends that still vest included, unbonding amounts not.
    @param hotkey Any.
    @return Rao; 0 for a retired one.
    """
    return share_pool._assets(names._live_id(hotkey))


@external
@view
def stake_at(hotkey: address, tick: uint256) -> uint256:
    """
    @notice Stake behind a hotkey after the last transaction of a tick.
    @param hotkey Any.
    @param tick A tick that is over.
    @return Rao; 0 for a retired one.
    """
    self._check_over(tick)
    return share_pool._assets_at(names._live_id(hotkey), tick)


@external
@view
def stake_at_hint(hotkey: address, tick: uint256, index: uint256) -> uint256:
    """
    @notice As stake_at in at most four storage reads, with the answer of checkpoint_index given.
    @param hotkey Any.
    @param tick A tick that is over.
    @param index Checkpoint in force at that tick; 2^256 - 1 if there was none. It is looked at only
            if there is a later one, and then a wrong one reverts.
    @return Rao; 0 for a retired one.
    """
    self._check_over(tick)
    return share_pool._assets_at_hint(names._live_id(hotkey), tick, index)


@external
@view
def stake_for(hotkey: address, life: uint256, tick: uint256) -> uint256:
    """
    @notice Weight of a hotkey in a subnet after the last transaction of a tick: its own stake less
            what it lends plus what it borrows.
    @dev Loops over <= 5 parents.
    @param hotkey Any.
    @param life A life of a subnet (registration_id.vy); the root knows no loans.
    @param tick A tick that is over, at most one unbonding period ago.
    @return Rao; 0 for a retired one.
    """
    self._check_over(tick)
    word: uint256 = self._live_word(hotkey)
    own_rao: uint256 = share_pool._assets_at(names._id_in(word), tick)
    return self._with_loans(word, life, tick, own_rao)


@external
@view
def stake_for_hint(hotkey: address, life: uint256, tick: uint256, index: uint256) -> uint256:
    """
    @notice As stake_for, with the answer of checkpoint_index given.
    @param hotkey Any.
    @param life A life of a subnet (registration_id.vy); the root knows no loans.
    @param tick A tick that is over, at most one unbonding period ago.
    @param index As in stake_at_hint.
    @return Rao; 0 for a retired one.
    """
    self._check_over(tick)
    word: uint256 = self._live_word(hotkey)
    own_rao: uint256 = share_pool._assets_at_hint(names._id_in(word), tick, index)
    return self._with_loans(word, life, tick, own_rao)


@external
@view
def member_stake_at(hotkey: address, coldkey: address, tick: uint256) -> uint256:
    """
    @notice A coldkey's part of the stake behind a hotkey after the last transaction of a tick. All
            parts together are at most the stake.
    @param hotkey Any.
    @param coldkey Any; a swapped one's past is its successor's.
    @param tick A tick that is over.
    @return Rao, rounded down; 0 for retired keys.
    """
    self._check_over(tick)
    word: uint256 = self._live_word(hotkey)
    account: address = names._account_of(coldkey)
    if word == 0 or account == empty(address):
        return 0
    return share_pool._member_assets_at(
        names._id_in(word), account, names._owner_in(word) == account, tick
    )


@external
@view
def total_stake_at(tick: uint256) -> uint256:
    """
    @notice Stake behind all hotkeys after the last transaction of a tick.
    @param tick A tick that is over.
    @return Rao.
    """
    self._check_over(tick)
    return share_pool._total_at(tick)


@external
@view
def checkpoint_index(hotkey: address, tick: uint256) -> uint256:
    """
    @notice The hint for stake_at_hint and stake_for_hint.
    @param hotkey Any.
    @param tick A tick that is over.
    @return Index of the last checkpoint at or before that tick; 2^256 - 1 if there is none.
    """
    self._check_over(tick)
    return share_pool._index_at(names._live_id(hotkey), tick)


@external
@view
def checkpoint_count(hotkey: address) -> uint256:
    """
    @notice How many checkpoints a hotkey's pool has.
    @param hotkey Any.
    @return Their number.
    """
    return share_pool._count(names._live_id(hotkey))


@external
@view
def shares_of(hotkey: address, coldkey: address) -> uint256:
    """
    @notice A coldkey's shares of a hotkey's pool.
    @param hotkey Any; one that was swapped leads to the same pool.
    @param coldkey Any.
    @return Shares; 0 for a retired coldkey.
    """
    return self._shares_of(names._hotkeys[hotkey], names._account_of(coldkey))


@external
@view
def value_of(hotkey: address, coldkey: address) -> uint256:
    """
    @notice What unbonding all of a coldkey's shares would give now.
    @param hotkey Any; one that was swapped leads to the same pool.
    @param coldkey Any.
    @return Rao; rounded down.
    """
    word: uint256 = names._hotkeys[hotkey]
    shares: uint256 = self._shares_of(word, names._account_of(coldkey))
    return share_pool._value(names._id_in(word), shares, ticks._tick())


@external
@view
def pool_of(hotkey: address) -> IStaking.PoolState:
    """
    @notice A hotkey's pool now.
    @param hotkey Any; one that was swapped leads to the same pool.
    @return All assets, those that still vest, the shares, the take in force, the one to come and
            when it counts.
    """
    id: uint256 = names._id_in(names._hotkeys[hotkey])
    word: uint256 = share_pool._note(id)
    take_u16: uint256 = takes._in_force(word, ticks._tick())
    is_rising: bool = ticks._tick() < takes._from_tick(word)
    return IStaking.PoolState(
        assets_rao=share_pool._assets(id),
        unvested_rao=share_pool._unvested(share_pool._vestings[id], ticks._tick()),
        shares=share_pool._all_shares(id),
        take_u16=take_u16,
        next_take_u16=takes._to_come(word) if is_rising else take_u16,
        next_take_tick=takes._from_tick(word) if is_rising else 0,
    )


@external
@view
def take_of(hotkey: address) -> uint256:
    """
    @notice The take in force.
    @param hotkey Any; one that was swapped leads to the same pool.
    @return Share of 65,535.
    """
    id: uint256 = names._id_in(names._hotkeys[hotkey])
    return takes._in_force(share_pool._note(id), ticks._tick())


@external
@view
def loans_of(pool_id: uint256, life: uint256) -> IStaking.Loans:
    """
    @notice A pool's loans in a subnet.
    @param pool_id Any.
    @param life A life of a subnet, not the root.
    @return Whom it lends to, who may lend to it, what it keeps of their part.
    """
    return self._loans[self._loans_key(pool_id, life)]


@external
@view
def unbonding_of(unbonding_id: uint256) -> IStaking.Unbonding:
    """
    @notice One unbonding.
    @param unbonding_id Its id.
    @return Its coldkey, hotkey, amount and the tick from which it can be removed; zeros if it is
            over.
    """
    word: uint256 = self._unbondings[unbonding_id]
    return IStaking.Unbonding(
        coldkey=names._coldkey_of(convert(word >> 96, address)),
        hotkey=names._speakers[self._unbonding_pools[unbonding_id]],
        amount_rao=self._rao_in(word),
        ripe_tick=word & (2**40 - 1),
    )


@external
@view
def total_stake_rao() -> uint256:
    """
    @notice Stake behind all hotkeys.
    @return Rao.
    """
    return share_pool._total_rao()


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
def _buy(word: uint256, account: address, amount_rao: uint256) -> uint256:
    """
    @notice Buy shares of a hotkey's pool for an account.
    """
    return share_pool._buy(
        names._id_in(word), account, names._owner_in(word) == account, amount_rao, ticks._tick()
    )


@internal
def _sell(word: uint256, account: address, shares: uint256) -> (uint256, uint256):
    """
    @notice Sell shares of an account that keeps nothing or at least the minimum.
    @return Rao for the shares, and rao that the last member leaves behind.
    """
    amount_rao: uint256 = 0
    rest_rao: uint256 = 0
    kept_rao: uint256 = 0
    amount_rao, rest_rao, kept_rao = share_pool._sell(
        names._id_in(word), account, names._owner_in(word) == account, shares, ticks._tick()
    )
    self._check_kept(word, account, kept_rao)
    return amount_rao, rest_rao


@internal
def _hand(
    word: uint256, giver: address, taker: address, shares: uint256
) -> (uint256, uint256):
    """
    @notice Give shares of a hotkey's pool from one account to another.
    @return Rao that they are worth, and that what the giver keeps is worth.
    """
    owner: address = names._owner_in(word)
    return share_pool._hand(
        names._id_in(word), giver, giver == owner, taker, taker == owner, shares, ticks._tick()
    )


@internal
def _credit_parents(word: uint256, life: uint256, amount_rao: uint256) -> uint256:
    """
    @notice Pay the parents' part of a hotkey's dividends.
    @dev What a parent lends, and the hotkey's own stake, count as the lower of what they were one
            unbonding period ago and at the last tick: whoever comes for a dividend that is to be
            claimed comes too late.
    @return Rao paid.
    """
    id: uint256 = names._id_in(word)
    key: uint256 = self._loans_key(id, life)
    parents: uint256 = self._loans[key].parents
    if parents == 0:
        return 0
    lent_rao: uint256[loans.MAX_PARENTS] = empty(uint256[loans.MAX_PARENTS])
    sum_rao: uint256 = self._steady_rao(id)
    for i: uint256 in range(loans.MAX_PARENTS):
        parent: uint256 = loans._parent(parents, i)
        share_u16: uint256 = self._share(parent, id, life, ticks._tick())
        if share_u16 > 0:
            lent_rao[i] = self._steady_rao(parent) * share_u16 // c.U16_MAX
            sum_rao += lent_rao[i]

    take: uint256 = self._loans[key].take
    paid_rao: uint256 = 0
    for i: uint256 in range(loans.MAX_PARENTS):
        if lent_rao[i] == 0:
            continue
        parent: address = names._speakers[loans._parent(parents, i)]
        parent_word: uint256 = names._hotkeys[parent]
        # rounds down: the hotkey's own pool gets the fraction
        part_rao: uint256 = amount_rao * lent_rao[i] // sum_rao
        if names._owner_in(parent_word) != names._owner_in(word):
            part_rao -= part_rao * takes._in_force(take, ticks._tick()) // c.U16_MAX
        paid_rao += part_rao
        self._credit(parent, parent_word, part_rao)
    return paid_rao


@internal
def _credit(hotkey: address, word: uint256, amount_rao: uint256):
    """
    @notice Put dividends into the pool that a hotkey speaks for: the take for its owner, the rest
            for all members.
    """
    id: uint256 = names._id_in(word)
    if share_pool._all_shares(id) == 0:
        log IStaking.DividendCredited(hotkey=hotkey, take_rao=amount_rao, pool_rao=0)
        self._pay_rest(word, amount_rao)
        return

    take_u16: uint256 = takes._in_force(share_pool._note(id), ticks._tick())
    # rounds down: the delegators get the fraction
    take_rao: uint256 = amount_rao * take_u16 // c.U16_MAX
    pool_rao: uint256 = amount_rao - take_rao

    share_pool._earn(id, take_rao, pool_rao, ticks._tick(), VESTING_TICKS)

    log IStaking.DividendCredited(hotkey=hotkey, take_rao=take_rao, pool_rao=pool_rao)


@internal
def _pay_rest(word: uint256, amount_rao: uint256):
    """
    @notice Pay the owner of a hotkey what belongs to a pool without shares.
    """
    if amount_rao > 0:
        owner: address = names._coldkey_of(names._owner_in(word))
        assert extcall TAO.transfer(owner, amount_rao), "staking: rest not transferred"


@internal
def _drop_unbonding(unbonding_id: uint256, amount_rao: uint256):
    """
    @notice An unbonding is over.
    """
    self._unbondings[unbonding_id] = 0
    self._unbonding_pools[unbonding_id] = 0
    self.total_unbonding_rao -= amount_rao


@internal
@view
def _with_loans(word: uint256, life: uint256, tick: uint256, own_rao: uint256) -> uint256:
    """
    @notice A hotkey's stake less what it lends plus what it borrows in a subnet.
    """
    if word & names.RELATED == 0:
        return own_rao
    id: uint256 = names._id_in(word)
    key: uint256 = self._loans_key(id, life)
    stake_rao: uint256 = own_rao - loans._lent(loans._set_at(self._loans[key].sets, tick), own_rao)
    parents: uint256 = self._loans[key].parents
    for i: uint256 in range(loans.MAX_PARENTS):
        parent: uint256 = loans._parent(parents, i)
        share_u16: uint256 = self._share(parent, id, life, tick)
        if share_u16 > 0:
            # rounds down, as for the parent
            stake_rao += share_pool._assets_at(parent, tick) * share_u16 // c.U16_MAX
    return stake_rao


@internal
@view
def _share(parent: uint256, child: uint256, life: uint256, tick: uint256) -> uint256:
    """
    @notice Share of 65,535 of its own stake that a pool lends to another at a tick.
    """
    if parent == 0:
        return 0
    return loans._share(loans._set_at(self._loans[self._loans_key(parent, life)].sets, tick), child)


@internal
@pure
def _loans_key(id: uint256, life: uint256) -> uint256:
    """
    @notice Where a pool's loans in a life of a subnet are kept: what was lent in one says nothing
            in the next.
    """
    # SAFETY: the contracts give lives below 2**LIFE_BITS; another number fools only who asks.
    return id << ids.LIFE_BITS | life


@internal
@view
def _word_of(id: uint256) -> uint256:
    """
    @notice Word of the hotkey that speaks for a pool.
    """
    return names._hotkeys[names._speakers[id]]


@internal
@view
def _steady_rao(id: uint256) -> uint256:
    """
    @notice The lower of a pool's stakes at the last tick and one unbonding period ago.
    """
    tick: uint256 = ticks._tick()
    if tick < UNBONDING_TICKS:
        return 0
    before_rao: uint256 = share_pool._assets_at(id, tick - UNBONDING_TICKS)
    return min(before_rao, share_pool._assets_at(id, tick - 1))


@internal
@view
def _shares_of(word: uint256, account: address) -> uint256:
    """
    @notice Shares of an account in a hotkey's pool.
    """
    id: uint256 = names._id_in(word)
    if id == 0 or account == empty(address):
        return 0
    return share_pool._held_now(id, account, names._owner_in(word) == account)


@internal
@view
def _account(coldkey: address) -> address:
    """
    @notice The account that a coldkey speaks for.
    """
    account: address = names._account_of(coldkey)
    assert account != empty(address), "staking: retired coldkey"
    return account


@internal
@view
def _opened(hotkey: address) -> uint256:
    """
    @notice Word of a hotkey that has a pool or had one before it was swapped.
    """
    word: uint256 = names._hotkeys[hotkey]
    assert word != 0, "staking: unknown hotkey"
    return word


@internal
@view
def _live(hotkey: address) -> uint256:
    """
    @notice Word of a hotkey that speaks for a pool.
    """
    word: uint256 = self._opened(hotkey)
    assert word & names.RETIRED == 0, "staking: retired hotkey"
    return word


@internal
@view
def _live_word(hotkey: address) -> uint256:
    """
    @notice Word of any hotkey; 0 if it speaks for no pool.
    """
    word: uint256 = names._hotkeys[hotkey]
    return 0 if word & names.RETIRED != 0 else word


@internal
@view
def _id_of_owner(hotkey: address) -> uint256:
    """
    @notice Pool of a hotkey of the caller.
    """
    word: uint256 = self._live(hotkey)
    assert names._coldkey_of(names._owner_in(word)) == msg.sender, "staking: not the owner"
    return names._id_in(word)


@internal
@view
def _unbonding_of_caller(unbonding_id: uint256) -> uint256:
    """
    @notice Word of an unbonding of the caller.
    """
    word: uint256 = self._unbondings[unbonding_id]
    account: address = convert(word >> 96, address)
    assert names._coldkey_of(account) == msg.sender, "staking: not your unbonding"
    return word


@internal
@pure
def _rao_in(unbonding: uint256) -> uint256:
    """
    @notice Amount of an unbonding.
    """
    return (unbonding >> 40) & (2**56 - 1)


@internal
@view
def _check_kept(word: uint256, account: address, kept_rao: uint256):
    assert (
        kept_rao >= MIN_STAKE_RAO or self._shares_of(word, account) == 0
    ), "staking: too little would stay"


@internal
@view
def _check_keys():
    assert msg.sender == KEYS, "staking: not keys"


@internal
@view
def _check_over(tick: uint256):
    assert tick < ticks._tick(), "staking: tick not over"
