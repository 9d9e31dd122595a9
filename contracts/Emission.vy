# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Emission
@license AGPL-3.0-only
@notice Decides how much TAO comes into being at every tick, and for which subnet. What accrues
        counts as issuance at once, is split by the subnets' shares, and is minted only when
        Settlement drains a subnet.
@custom:invariant issuance_rao == genesis + accrued - recycled_rao, where accrued follows
        Bittensor's table by ticks and issuance alone, whoever called what how often.
        Nothing is lost or made: accrued == minted_rao + withheld_rao + the pending rao of all
        netuids, plus fractions below one rao per netuid that stay in the books; in 2^-96 rao the
        two sides are equal to the last unit.
        Beside the schedule only the demand bonus is minted, and 2 * bonus_rao <= burned_rao: of
        fees that were burned and not recycled at most half comes back. So the supply is never
        above issuance_rao - burned_rao + bonus_rao, which is what the schedule alone would allow
        or less, and whoever burns to earn the bonus loses at least half.
@custom:trust Subnets opens and closes accounts, Settlement sets shares and drains; nobody can
        change the schedule.
        Anyone may recycle tokens of their own. Timelock names the escrow, once; the escrow can
        only burn tokens of its own.
@custom:kill While no netuid with a share is open nothing accrues; recycling always works.
"""

from contracts.interfaces import IEmission
from contracts.interfaces import ITao
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import halving

implements: IEmission

initializes: ticks

exports: (
    # EIP-6372
    ticks.clock,
    ticks.CLOCK_MODE,
    # the clock's fixed numbers
    ticks.genesis_at,
    ticks.tick_seconds,
)


# What a netuid has accrued. `share` is 0 for the root, which is paid by ROOT_DIVISOR instead.
struct Account:
    share: uint256
    # `index_q96` when the account was last settled
    index_q96: uint256
    # accrued and not drained, in 2^-96 rao
    owed_q96: uint256
    # tick of the last drain, or of the opening 64 | rao drained since the opening 64
    drained: uint256


# The books brought up to the current tick, before they are stored.
struct Books:
    issuance_rao: uint256
    index_q96: uint256
    remainder_q96: uint256
    root_rao: uint256
    root_carry: uint256


# the root accrues one thousandth of all emission while it is open
ROOT_DIVISOR: constant(uint256) = 1_000
# 2^-96 rao: the index over 21e15 rao and shares below 2^64 stays under 2^152
FRACTION_BITS: constant(uint256) = 96
FRACTION_MASK: constant(uint256) = 2**FRACTION_BITS - 1
MAX_SHARE: constant(uint256) = 2**64 - 1
# shares come two to a word
SHARE_WORDS: constant(uint256) = c.MAX_SUBNETS // 2
SHARE_MASK: constant(uint256) = 2**128 - 1
# fields of the schedule's word
ISSUANCE_SHIFT: constant(uint256) = 200
TICK_SHIFT: constant(uint256) = 160
CARRY_SHIFT: constant(uint256) = 144
TICK_MASK: constant(uint256) = 2**40 - 1
CARRY_MASK: constant(uint256) = 2**16 - 1
REMAINDER_MASK: constant(uint256) = 2**144 - 1
# of the fees burned in a subnet, one rao in so many comes back to it
BONUS_DIVISOR: constant(uint256) = 2

TAO: immutable(ITao)
SUBNETS: immutable(address)
SETTLEMENT: immutable(address)
TIMELOCK: immutable(address)
GENESIS_RAO: immutable(uint256)

# tokens that were burned, and emission that was never minted, both returned to the schedule
recycled_rao: public(uint256)
# the part of recycled_rao that was never minted
withheld_rao: public(uint256)
minted_rao: public(uint256)
# consumers' fees that were burned and not recycled: they lower the supply, not the issuance
burned_rao: public(uint256)
# the part of them that was minted again, as bonuses
bonus_rao: public(uint256)
# who burns consumers' fees; zero until Timelock names it
escrow: public(address)
# sum of the shares of open netuids
total_share: public(uint256)
# whether shares were set once; until then every open netuid has the share 1
has_shares: public(bool)

# issuance_rao 56 | tick of the last accrual 40 | rao counted for the root below one thousandth of a rao
# each 16 | 2^-96 rao that the index could not divide, for the next accrual 144. Every call of anybody
# brings these four up to date, so they share a word.
_schedule: uint256
# 2^-96 rao per unit of share since genesis
_index_q96: uint256
# bit n: netuid n is open
_open_netuids: uint256
_accounts: HashMap[uint256, Account]
# fees burned in a subnet since its last drain
_noted_rao: HashMap[uint256, uint256]


@deploy
def __init__(
    tao_: address,
    subnets_: address,
    settlement_: address,
    timelock_: address,
    genesis_at: uint256,
    tick_seconds: uint256,
    genesis_rao: uint256,
):
    """
    @param tao_ The token, which mints for this contract alone.
    @param subnets_ Opens and closes accounts.
    @param settlement_ Drains accounts and sets shares.
    @param timelock_ Names the escrow, once.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds in a tick.
    @param genesis_rao The token's genesis allocation, which counts as issuance.
    """
    assert genesis_rao <= c.MAX_SUPPLY_RAO, "emission: above the cap"
    ticks.__init__(genesis_at, tick_seconds)
    TAO = ITao(tao_)
    SUBNETS = subnets_
    SETTLEMENT = settlement_
    TIMELOCK = timelock_
    GENESIS_RAO = genesis_rao
    self._schedule = genesis_rao << ISSUANCE_SHIFT | ticks._tick() << TICK_SHIFT


@external
def accrue():
    """
    @notice Bring the books up to the current tick; every other function does it by itself.
    """
    self._accrue()


@external
def open(netuid: uint256):
    """
    @notice Begin to accrue for a netuid; only Subnets, when a subnet starts.
    @param netuid 1 to 128, or 0 for the root.
    """
    assert msg.sender == SUBNETS, "emission: not subnets"
    assert netuid <= c.MAX_SUBNETS, "emission: unknown netuid"
    assert not self._is_open(netuid), "emission: already open"

    self._accrue()
    # once the root has spoken, a new subnet waits for its word
    share: uint256 = 0 if netuid == c.ROOT_NETUID or self.has_shares else 1

    self._open_netuids |= 1 << netuid
    self.total_share += share
    self._accounts[netuid] = Account(
        share=share, index_q96=self._index_q96, owed_q96=0, drained=ticks._tick() << 64
    )

    log IEmission.SubnetOpened(netuid=netuid)


@external
def close(netuid: uint256):
    """
    @notice Stop accruing for a netuid and recycle what it had not drained; only Subnets, when a
            subnet is evicted.
    @param netuid An open netuid.
    """
    assert msg.sender == SUBNETS, "emission: not subnets"
    self._check_open(netuid)

    self._accrue()
    self._settle(netuid)
    account: Account = self._accounts[netuid]
    pending: uint256 = account.owed_q96 >> FRACTION_BITS

    self._open_netuids ^= 1 << netuid
    self.total_share -= account.share
    # the fraction below one rao goes to the netuids that are left
    self._schedule += account.owed_q96 & FRACTION_MASK
    self._accounts[netuid] = empty(Account)
    # what was burned for one subnet earns the next one nothing
    self._noted_rao[netuid] = 0
    self._withhold(pending)

    log IEmission.SubnetClosed(netuid=netuid, recycled_rao=pending)


@external
def set_shares(words: DynArray[uint256, SHARE_WORDS]):
    """
    @notice Set how emission is split from now on; only Settlement, with the root's final ranks.
    @dev Loops over the open netuids, at most 128. Shares are relative; while all open netuids
            have the share 0 nothing accrues, and nothing is lost, because the schedule goes by
            issuance.
    @param words u128 lanes, 2 to a word, netuid 1 on top of the first; a share is below 2^64,
            missing ones are 0, those of closed netuids ignored.
    """
    assert msg.sender == SETTLEMENT, "emission: not settlement"

    self._accrue()
    total: uint256 = 0
    shares: DynArray[uint256, c.MAX_SUBNETS] = []
    for netuid: uint256 in range(1, c.MAX_SUBNETS + 1):
        share: uint256 = 0
        if self._is_open(netuid) and (netuid - 1) // 2 < len(words):
            share = (words[(netuid - 1) // 2] >> 128 * (netuid % 2)) & SHARE_MASK
            assert share <= MAX_SHARE, "emission: share too large"
        shares.append(share)
        if not self._is_open(netuid):
            continue
        self._settle(netuid)
        self._accounts[netuid].share = share
        total += share

    self.total_share = total
    self.has_shares = True

    log IEmission.SharesSet(shares=shares)


@external
def drain(netuid: uint256, cap_ticks: uint256) -> uint256:
    """
    @notice Mint to Settlement what a netuid has accrued since its last drain, and its demand bonus;
            only Settlement, at a close.
    @dev The bonus is half of the fees that were burned in the subnet since its last drain, and not
            more than what is minted from the schedule; what is above that is lost, so that each
            burned rao counts once.
    @param netuid An open netuid.
    @param cap_ticks Ticks that are paid at most; what accrued in more of them is recycled in
            proportion.
    @return Rao minted, the bonus included.
    """
    assert msg.sender == SETTLEMENT, "emission: not settlement"
    self._check_open(netuid)

    self._accrue()
    self._settle(netuid)
    account: Account = self._accounts[netuid]
    pending: uint256 = account.owed_q96 >> FRACTION_BITS
    elapsed_ticks: uint256 = ticks._tick() - (account.drained >> 64)
    kept: uint256 = pending
    if elapsed_ticks > cap_ticks:
        # rounds down: the fraction is recycled with the excess
        kept = pending * cap_ticks // elapsed_ticks
    # INVARIANT: rounds down, and what was noted is used up whole.
    bonus: uint256 = min(self._noted_rao[netuid] // BONUS_DIVISOR, kept)

    self._accounts[netuid].owed_q96 = account.owed_q96 & FRACTION_MASK
    # SAFETY: all that is ever drained is below 21e15 rao < 2**55, the bonus included
    drained_rao: uint256 = account.drained & (2**64 - 1)
    self._accounts[netuid].drained = ticks._tick() << 64 | drained_rao + kept + bonus
    self.minted_rao += kept
    if bonus != 0:
        self.bonus_rao += bonus
    self._noted_rao[netuid] = 0
    self._withhold(pending - kept)

    log IEmission.Drained(
        netuid=netuid, amount_rao=kept, recycled_rao=pending - kept, bonus_rao=bonus
    )

    extcall TAO.mint(SETTLEMENT, kept + bonus)
    return kept + bonus


@external
def recycle(amount_rao: uint256):
    """
    @notice Return the caller's tokens to the schedule: they are burned and can be emitted again.
    @param amount_rao How many, in rao; the caller has allowed this contract to take them.
    """
    # what has accrued until now was paid at the rate of the issuance before
    self._accrue()

    self._lower_issuance(amount_rao)
    self.recycled_rao += amount_rao

    log IEmission.Recycled(sender=msg.sender, amount_rao=amount_rao)

    assert extcall TAO.transferFrom(msg.sender, self, amount_rao), "emission: not transferred"
    extcall TAO.burn(amount_rao)


@external
def note_burn(netuid: uint256, amount_rao: uint256):
    """
    @notice Burn consumers' fees, without recycling them; they count once towards the subnet's
            demand bonus. Only the escrow, with its own tokens.
    @param netuid Subnet that was paid for; for one that is closed the fees are burned all the same
            and earn nobody a bonus, so that no redemption ever fails.
    @param amount_rao How many, in rao; the escrow has allowed this contract to take them.
    """
    assert msg.sender == self.escrow, "emission: not the escrow"

    self.burned_rao += amount_rao
    if netuid <= c.MAX_SUBNETS and self._is_open(netuid):
        self._noted_rao[netuid] += amount_rao

    log IEmission.FeesBurned(netuid=netuid, amount_rao=amount_rao)

    # INVARIANT: only what is burned here is ever noted.
    assert extcall TAO.transferFrom(msg.sender, self, amount_rao), "emission: not transferred"
    extcall TAO.burn(amount_rao)


@external
def set_escrow(escrow: address):
    """
    @notice Name the escrow. Only Timelock, once.
    @param escrow Who burns consumers' fees.
    """
    assert msg.sender == TIMELOCK, "emission: not the timelock"
    assert self.escrow == empty(address), "emission: escrow is set"

    self.escrow = escrow

    log IEmission.EscrowSet(escrow=escrow)


@external
@view
def drained_rao(netuid: uint256) -> uint256:
    """
    @notice What a netuid has drained since it was opened, bonuses included.
    @param netuid Any; 0 for a closed one.
    @return Rao.
    """
    return self._accounts[netuid].drained & (2**64 - 1)


@external
@view
def noted_rao(netuid: uint256) -> uint256:
    """
    @notice Fees burned in a subnet since its last drain; half of them is its next bonus, at most.
    @param netuid Any; 0 for a closed one.
    @return Rao.
    """
    return self._noted_rao[netuid]


@external
@view
def issuance_rao() -> uint256:
    """
    @notice Genesis plus what has accrued until now minus what was recycled: what the halvings go
            by.
    @return Rao.
    """
    return self._books().issuance_rao


@external
@view
def accrued_rao() -> uint256:
    """
    @notice All that the schedule has paid until now, minted or not.
    @return Rao.
    """
    return self._books().issuance_rao + self.recycled_rao - GENESIS_RAO


@external
@view
def genesis_rao() -> uint256:
    """
    @notice The token's genesis allocation.
    @return Rao.
    """
    return GENESIS_RAO


@external
@view
def rate_rao() -> uint256:
    """
    @notice What the next tick pays to all open netuids together.
    @return Rao per tick by the schedule, also while nothing accrues because no netuid is open.
    """
    return halving._rate(self._books().issuance_rao)


@external
@view
def pending_rao(netuid: uint256) -> uint256:
    """
    @notice What a netuid has accrued until now and not drained, before the cap of a drain.
    @param netuid Any; 0 for a closed one.
    @return Rao.
    """
    return self._pending_q96(netuid) >> FRACTION_BITS


@external
@view
def pending_q96(netuid: uint256) -> uint256:
    """
    @notice As pending_rao, with the fraction that stays in the books.
    @param netuid Any.
    @return 2^-96 rao.
    """
    return self._pending_q96(netuid)


@external
@view
def remainder_q96() -> uint256:
    """
    @notice What has accrued and is not yet any netuid's: what could not be divided by the shares.
    @return 2^-96 rao.
    """
    return self._books().remainder_q96


@external
@view
def share_of(netuid: uint256) -> uint256:
    """
    @notice A subnet's share; relative to total_share.
    @param netuid Any; 0 for a closed one and for the root.
    @return The share.
    """
    return self._accounts[netuid].share


@external
@view
def shares() -> DynArray[uint256, c.MAX_SUBNETS]:
    """
    @notice The shares of all subnets in one call.
    @return Entry i is the share of netuid i + 1; 128 entries.
    """
    result: DynArray[uint256, c.MAX_SUBNETS] = []
    for netuid: uint256 in range(1, c.MAX_SUBNETS + 1):
        result.append(self._accounts[netuid].share if self._is_open(netuid) else 0)
    return result


@external
@view
def is_open(netuid: uint256) -> bool:
    """
    @notice Whether a netuid accrues.
    @param netuid Any.
    @return True between open and close.
    """
    return netuid <= c.MAX_SUBNETS and self._is_open(netuid)


@internal
def _accrue():
    """
    @notice Store the books as of the current tick.
    """
    books: Books = self._books()
    # SAFETY: issuance stays below 2^55 (halving.vy), the carry below 1,000, ticks below 2^40. An accrual
    # leaves a remainder below all shares together, < 2^72, and each of 129 accounts that close before the
    # next one adds less than 2^96.
    self._schedule = (
        books.issuance_rao << ISSUANCE_SHIFT
        | ticks._tick() << TICK_SHIFT
        | books.root_carry << CARRY_SHIFT
        | books.remainder_q96
    )
    self._index_q96 = books.index_q96
    if books.root_rao > 0:
        self._accounts[c.ROOT_NETUID].owed_q96 += books.root_rao << FRACTION_BITS


@internal
def _settle(netuid: uint256):
    """
    @notice Move what the index has gained for a netuid into its account.
    """
    account: Account = self._accounts[netuid]
    gained_q96: uint256 = account.share * (self._index_q96 - account.index_q96)
    self._accounts[netuid].owed_q96 = account.owed_q96 + gained_q96
    self._accounts[netuid].index_q96 = self._index_q96


@internal
def _withhold(amount_rao: uint256):
    """
    @notice Recycle emission that was accrued and never minted.
    """
    if amount_rao == 0:
        return
    self._lower_issuance(amount_rao)
    self.recycled_rao += amount_rao
    self.withheld_rao += amount_rao


@internal
def _lower_issuance(amount_rao: uint256):
    """
    @notice What is recycled can be emitted again.
    """
    assert amount_rao <= self._schedule >> ISSUANCE_SHIFT, "emission: more than was issued"
    self._schedule -= amount_rao << ISSUANCE_SHIFT


@internal
@view
def _books() -> Books:
    """
    @notice The books as of the current tick; every field is the same however often they were
            stored before.
    """
    schedule: uint256 = self._schedule
    books: Books = Books(
        issuance_rao=schedule >> ISSUANCE_SHIFT,
        index_q96=self._index_q96,
        remainder_q96=schedule & REMAINDER_MASK,
        root_rao=0,
        root_carry=(schedule >> CARRY_SHIFT) & CARRY_MASK,
    )
    elapsed_ticks: uint256 = ticks._tick() - ((schedule >> TICK_SHIFT) & TICK_MASK)
    total_share: uint256 = self.total_share
    if elapsed_ticks == 0 or total_share == 0:
        return books

    books.issuance_rao = halving._advance(books.issuance_rao, elapsed_ticks)
    accrued: uint256 = books.issuance_rao - (schedule >> ISSUANCE_SHIFT)
    if self._is_open(c.ROOT_NETUID):
        # rounds down, and what is left counts next time
        books.root_rao = (accrued + books.root_carry) // ROOT_DIVISOR
        books.root_carry = (accrued + books.root_carry) % ROOT_DIVISOR
    divided_q96: uint256 = ((accrued - books.root_rao) << FRACTION_BITS) + books.remainder_q96
    books.index_q96 += divided_q96 // total_share
    books.remainder_q96 = divided_q96 % total_share
    return books


@internal
@view
def _pending_q96(netuid: uint256) -> uint256:
    """
    @notice A netuid's account as of the current tick, in 2^-96 rao.
    """
    books: Books = self._books()
    account: Account = self._accounts[netuid]
    pending: uint256 = account.owed_q96 + account.share * (books.index_q96 - account.index_q96)
    if netuid == c.ROOT_NETUID:
        pending += books.root_rao << FRACTION_BITS
    return pending


@internal
@view
def _is_open(netuid: uint256) -> bool:
    """
    @notice Whether a netuid up to MAX_SUBNETS accrues.
    """
    return (self._open_netuids >> netuid) & 1 == 1


@internal
@view
def _check_open(netuid: uint256):
    assert netuid <= c.MAX_SUBNETS and self._is_open(netuid), "emission: not open"
