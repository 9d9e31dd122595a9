# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Subnets
@license AGPL-3.0-only
@notice A subnet is a market for one kind of work. Its owner pays a lock to create it, starts
        it, and sets its schedule and parameters inside hard bounds; every change is seen two
        epochs ahead.
@custom:invariant
        The window and the parameters of an epoch that has begun, or is the next one, never change.
        token.balanceOf(self) >= the sum of all locks.
        Of a subnet that was evicted nothing is left for the next one with its number, and no epoch
        has a number of an earlier life.
@custom:trust
        A subnet's owner names itself, its successor, its start and the owner's parameters, never
        beyond the hard bounds. Nobody becomes an owner or an owner's hotkey without consent.
        The timelock sets every parameter, inside the same bounds. Nobody can move a lock or an
        epoch. The root, netuid 0, has no owner: anybody starts it, the timelock sets the rest.
@custom:kill
        registration_allowed = 0, set by the timelock, stops new neurons; running epochs settle
        as ever.
"""

from ethereum.ercs import IERC20

from snekmate.utils import ecdsa
from snekmate.utils import eip712_domain_separator as eip712

from contracts.interfaces import IEmission
from contracts.interfaces import ISubnets
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import eras
from contracts.modules import hyperparameters as h
from contracts.modules import lock_cost
from contracts.modules import registration_id as ids

implements: ISubnets

initializes: ticks
initializes: eip712
initializes: eras
initializes: h
initializes: lock_cost

exports: (
    # time
    ticks.clock,
    ticks.CLOCK_MODE,
    ticks.genesis_at,
    ticks.tick_seconds,
    # consent
    eip712.eip712Domain,
)

struct Identity:
    name: String[64]
    url: String[256]


# start is called at most this many ticks ahead, so that no owner draws a share for a subnet
# that sleeps
MAX_START_DELAY_TICKS: public(constant(uint256)) = 7_200
# the root's columns are the netuids from 1 on
ROOT_VALIDATORS: constant(uint256) = 64
# an owner changes its hotkey at most once in so many ticks (mechanics 3.1)
HOTKEY_RATE_LIMIT_TICKS: public(constant(uint256)) = 50_400
# No change of a parameter in the last ticks of an epoch (mechanics 3.1), of a short one in its last
# quarter: whoever looks at the next epochs then sees them as they will be.
FREEZE_TICKS: public(constant(uint256)) = 10
_FREEZE_PART: constant(uint256) = 4
# lives of subnets that one hotkey may have registered in, as in Keys
MAX_LIVES: constant(uint256) = 128

_CONSENT_TYPE: constant(bytes32) = keccak256(
    "OwnSubnet(address hotkey,address owner,uint256 nonce)"
)

# 32-bit lanes of one word, and the words that hold one lane for every netuid
_LANES: constant(uint256) = 8
_LANE_WORDS: constant(uint256) = c.MAX_SUBNETS // _LANES

_MASK_160: constant(uint256) = 2**160 - 1
_MASK_64: constant(uint256) = 2**64 - 1
_MASK_32: constant(uint256) = 2**32 - 1
_MASK_16: constant(uint256) = 2**16 - 1

TAO: immutable(IERC20)
EMISSION: immutable(IEmission)
KEYS: immutable(address)
TIMELOCK: immutable(address)
# schedule of a subnet whose owner sets none before its start, in ticks
TEMPO: immutable(uint256)
REVEAL_TICKS: immutable(uint256)
WINDOW_TICKS: immutable(uint256)
# floor of the cost of a subnet, and how long a lock takes to fall off it at the first emission rate
MIN_LOCK_RAO: immutable(uint256)
LOCK_REDUCTION_TICKS: immutable(uint256)
# a subnet is safe from eviction for so many ticks after its creation
IMMUNITY_TICKS: immutable(uint256)
# least ticks between two creations
CREATION_RATE_LIMIT_TICKS: immutable(uint256)

subnet_count: public(uint256)
# incarnation 64 | created_tick 64 | max_uids 16 | max_validators 16; 0 = no such subnet
_heads: HashMap[uint256, uint256]
_owners: HashMap[uint256, address]
# from_epoch 64 | hotkey 160
_owner_hotkeys: HashMap[uint256, uint256]
# the hotkey before from_epoch
_former_hotkeys: HashMap[uint256, address]
# whom the owner offers the subnet
_offers: HashMap[uint256, address]
# tick of the owner's last change of the hotkey + 1; 0 = none
_hotkey_ticks: HashMap[uint256, uint256]
# nonce of a hotkey's next consent
_nonces: HashMap[address, uint256]
_locks_rao: HashMap[uint256, uint256]
_identities: HashMap[uint256, Identity]
# tempo 64 | reveal_ticks 64 | window_ticks 64, as the owner chose before the start; 0 = the
# defaults
_drafts: HashMap[uint256, uint256]
# tick of the call of start 64 | t0 64
_starts: HashMap[uint256, uint256]
# of started subnets, u32 lanes, netuid 1 on top: the incarnation, and the tick of the call of start
_incarnation_lanes: uint256[_LANE_WORDS]
_called_lanes: uint256[_LANE_WORDS]


@deploy
def __init__(
    tao: address,
    emission: address,
    keys: address,
    timelock: address,
    genesis_at: uint256,
    tick_seconds: uint256,
    tempo: uint256,
    reveal_ticks: uint256,
    window_ticks: uint256,
    min_lock_rao: uint256,
    lock_reduction_ticks: uint256,
    subnet_immunity_ticks: uint256,
    creation_rate_limit_ticks: uint256,
):
    """
    @param tao The token.
    @param emission Opens a subnet's accrual when it starts.
    @param keys May put another hotkey in the place of one.
    @param timelock May set every parameter.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds of a tick.
    @param tempo Default ticks of an epoch.
    @param reveal_ticks Default ticks of the reveal phase.
    @param window_ticks Default ticks of the challenge window.
    @param min_lock_rao Floor of the cost of a subnet, in rao.
    @param lock_reduction_ticks Ticks in which a lock falls off the cost at 1 TAO per tick.
    @param subnet_immunity_ticks Ticks after its creation in which a subnet is not evicted.
    @param creation_rate_limit_ticks Least ticks between two creations.
    """
    ticks.__init__(genesis_at, tick_seconds)
    eip712.__init__("evmtensor Subnets", "1")
    eras._check_schedule(tempo, reveal_ticks, window_ticks)
    TAO = IERC20(tao)
    EMISSION = IEmission(emission)
    KEYS = keys
    TIMELOCK = timelock
    TEMPO = tempo
    REVEAL_TICKS = reveal_ticks
    WINDOW_TICKS = window_ticks
    MIN_LOCK_RAO = min_lock_rao
    LOCK_REDUCTION_TICKS = lock_reduction_ticks
    IMMUNITY_TICKS = subnet_immunity_ticks
    CREATION_RATE_LIMIT_TICKS = creation_rate_limit_ticks
    # the root is there from the beginning
    self._heads[c.ROOT_NETUID] = 1 << 96 | c.MAX_SUBNETS << 16 | ROOT_VALIDATORS


@external
def create(
    owner_hotkey: address,
    max_uids: uint256,
    max_validators: uint256,
    max_cost_rao: uint256,
    signature: Bytes[65],
) -> uint256:
    """
    @notice Create a subnet; the caller becomes its owner and locks the cost here. If all numbers
            are taken, the weakest subnet outside immunity is evicted: the one with the lowest share
            of the emission, of those the oldest.
    @dev Loops over 128 subnets when all numbers are taken.
    @param owner_hotkey Hotkey whose neuron is immune and whose incentive is recycled.
    @param max_uids Number of uids: a power of two from 16 to 1,024.
    @param max_validators Number of seats: 1 to 64, not more than max_uids.
    @param max_cost_rao Most that the caller pays, in rao.
    @param signature The hotkey's consent: EIP-712 OwnSubnet(hotkey, owner, nonce); not read if the
            hotkey itself calls.
    @return Number of the subnet.
    """
    assert max_uids >= c.MIN_UIDS and max_uids <= c.MAX_UIDS, "subnets: max_uids out of bounds"
    assert max_uids & (max_uids - 1) == 0, "subnets: not a power of two"
    most_validators: uint256 = min(c.MAX_SEATS, max_uids)
    assert max_validators >= 1 and max_validators <= most_validators, "subnets: bad seats"
    tick: uint256 = ticks._tick()
    is_due: bool = lock_cost._is_due(tick, CREATION_RATE_LIMIT_TICKS)
    assert is_due, "subnets: created too recently"
    cost_rao: uint256 = self._cost_rao()
    assert cost_rao <= max_cost_rao, "subnets: cost above maximum"
    self._take_consent(owner_hotkey, signature)
    netuid: uint256 = self.subnet_count + 1
    if netuid > c.MAX_SUBNETS:
        netuid = self._weakest()
        assert netuid != c.NOT_FOUND, "subnets: all are immune"
        # Calls out before the store: what it leaves behind is overwritten here.
        self._evict(netuid)
    else:
        self.subnet_count = netuid

    incarnation: uint256 = (self._heads[netuid] >> 96) + 1
    self._heads[netuid] = incarnation << 96 | tick << 32 | max_uids << 16 | max_validators
    self._owners[netuid] = msg.sender
    self._set_owner_hotkey(netuid, owner_hotkey, self._first_epoch(netuid))
    self._locks_rao[netuid] = cost_rao
    lock_cost._pay(cost_rao, tick)

    log ISubnets.SubnetCreated(
        netuid=netuid,
        owner=msg.sender,
        incarnation=incarnation,
        max_uids=max_uids,
        max_validators=max_validators,
        cost_rao=cost_rao,
    )

    # INVARIANT: every lock is covered by the token.
    assert extcall TAO.transferFrom(msg.sender, self, cost_rao, default_return_value=True)
    return netuid


@external
def set_identity(netuid: uint256, name: String[64], url: String[256]):
    """
    @notice Say what the subnet is called and where to read about it.
    @param netuid Number of the subnet.
    @param name Its name.
    @param url Its page.
    """
    self._check_owner(netuid)

    self._identities[netuid] = Identity(name=name, url=url)

    log ISubnets.IdentitySet(netuid=netuid, name=name, url=url)


@external
def offer_owner(netuid: uint256, owner: address):
    """
    @notice Offer the subnet to another coldkey, which becomes its owner by accepting.
    @param netuid Number of the subnet.
    @param owner Who may accept; zero takes the offer back.
    """
    self._check_owner(netuid)

    self._offers[netuid] = owner

    log ISubnets.OwnerOffered(netuid=netuid, owner=owner)


@external
def accept_owner(netuid: uint256):
    """
    @notice Become the owner of a subnet that was offered to the caller, with its lock and the
            owner's cut of every epoch that becomes final from now on.
    @param netuid Number of the subnet.
    """
    self._check_known(netuid)
    assert msg.sender == self._offers[netuid], "subnets: not offered to you"

    self._offers[netuid] = empty(address)
    previous: address = self._owners[netuid]
    self._owners[netuid] = msg.sender

    log ISubnets.OwnerChanged(netuid=netuid, owner=msg.sender, previous=previous)


@external
def set_owner_hotkey(netuid: uint256, owner_hotkey: address, signature: Bytes[65]):
    """
    @notice Name another owner's hotkey from the epoch after the next on; before the start at once.
            At most once in HOTKEY_RATE_LIMIT_TICKS, which is more than two epochs.
    @param netuid Number of the subnet.
    @param owner_hotkey Hotkey whose neuron is immune and whose incentive is recycled.
    @param signature The hotkey's consent, as in create.
    """
    self._check_owner(netuid)
    tick: uint256 = ticks._tick()
    changed: uint256 = self._hotkey_ticks[netuid]
    is_due: bool = changed == 0 or tick + 1 >= changed + HOTKEY_RATE_LIMIT_TICKS
    assert is_due, "subnets: hotkey set too recently"
    self._take_consent(owner_hotkey, signature)

    from_epoch: uint256 = self._next_epoch(netuid)
    self._hotkey_ticks[netuid] = tick + 1
    if eras._has_begun(netuid):
        self._former_hotkeys[netuid] = self._owner_hotkey_at(netuid, from_epoch)
        from_epoch += 1
    self._set_owner_hotkey(netuid, owner_hotkey, from_epoch)

    log ISubnets.OwnerHotkeySet(
        netuid=netuid, owner_hotkey=owner_hotkey, from_epoch=from_epoch
    )


@external
def swap_hotkey(old_hotkey: address, new_hotkey: address, lives: DynArray[uint256, MAX_LIVES]):
    """
    @notice Where a hotkey is the owner's, let the key that takes its place be that, for every epoch
            that has not closed; only Keys, with what it gives to Neurons.
    @dev Loops over <= 128 lives.
    @param old_hotkey The key that is retired.
    @param new_hotkey The key that takes its place.
    @param lives Every life of a subnet in which the old key ever registered.
    """
    assert msg.sender == KEYS, "subnets: not keys"

    for life: uint256 in lives:
        netuid: uint256 = life & _MASK_16
        if self._former_hotkeys[netuid] == old_hotkey:
            self._former_hotkeys[netuid] = new_hotkey
        packed: uint256 = self._owner_hotkeys[netuid]
        if packed & _MASK_160 == convert(old_hotkey, uint256):
            from_epoch: uint256 = packed >> 160
            self._set_owner_hotkey(netuid, new_hotkey, from_epoch)
            log ISubnets.OwnerHotkeySet(
                netuid=netuid, owner_hotkey=new_hotkey, from_epoch=from_epoch
            )


@external
def start(netuid: uint256, start_tick: uint256):
    """
    @notice Set the first tick of the first epoch and open the subnet's share of the emission. Once; by
            its owner, the root by anybody.
    @param netuid Number of the subnet.
    @param start_tick t0: later than this tick, at most MAX_START_DELAY_TICKS away.
    """
    if netuid != c.ROOT_NETUID:
        self._check_owner(netuid)
    assert not eras._has_begun(netuid), "subnets: already started"
    tick: uint256 = ticks._tick()
    # pokes before t0 compare the stake at the tick before this call
    assert tick > 0, "subnets: too early"
    assert start_tick > tick, "subnets: start not in future"
    assert start_tick <= tick + MAX_START_DELAY_TICKS, "subnets: start too far ahead"

    tempo: uint256 = TEMPO
    reveal_ticks: uint256 = REVEAL_TICKS
    window_ticks: uint256 = WINDOW_TICKS
    draft: uint256 = self._drafts[netuid]
    if draft != 0:
        tempo = draft >> 128
        reveal_ticks = (draft >> 64) & _MASK_64
        window_ticks = draft & _MASK_64

    self._starts[netuid] = tick << 64 | start_tick
    if netuid != c.ROOT_NETUID:
        self._enter_lanes(netuid, self._heads[netuid] >> 96, tick)
    first_epoch: uint256 = self._first_epoch(netuid)
    eras._begin(netuid, start_tick, first_epoch, tempo, reveal_ticks, window_ticks)

    log ISubnets.SubnetStarted(netuid=netuid, called_tick=tick, start_tick=start_tick)
    self._log_era(netuid, eras._window_of(netuid, first_epoch))

    extcall EMISSION.open(netuid)


@external
def set_parameter(netuid: uint256, parameter_id: uint256, setting: uint256):
    """
    @notice Change a hyperparameter from the epoch after the next on; before the start at once. Not
            in the last FREEZE_TICKS of an epoch, except where the table says so.
    @param netuid Number of the subnet.
    @param parameter_id Row of the table in modules/hyperparameters.vy.
    @param setting New value, in the parameter's own unit.
    """
    h._check_id(parameter_id)
    self._check_authority(netuid, h._is_by_timelock(parameter_id))
    if msg.sender != TIMELOCK:
        h._check_owner(parameter_id, setting)

    from_epoch: uint256 = self._next_epoch(netuid)
    if eras._has_begun(netuid):
        from_epoch = h._change(netuid, parameter_id, setting, from_epoch)
        if h._has_freeze(parameter_id):
            self._check_not_frozen(netuid)
    else:
        h._preset(netuid, parameter_id, setting, from_epoch)

    log ISubnets.ParameterSet(
        netuid=netuid, parameter_id=parameter_id, value=setting, from_epoch=from_epoch
    )


@external
def set_schedule(netuid: uint256, tempo: uint256, reveal_ticks: uint256, window_ticks: uint256):
    """
    @notice Begin an era with other phases at the boundary after the next; before the start for
            the first epoch. Not in the last FREEZE_TICKS of an epoch.
    @param netuid Number of the subnet.
    @param tempo Ticks of an epoch: at most 3,600.
    @param reveal_ticks Ticks of the reveal phase: 1 to half of the tempo.
    @param window_ticks Ticks of the challenge window: 1 to the tempo; of an owner, at least the
            network's default.
    """
    self._check_authority(netuid, False)
    eras._check_schedule(tempo, reveal_ticks, window_ticks)
    # INVARIANT: an owner cannot make a false result final before anybody has time to strike it.
    is_inside: bool = msg.sender == TIMELOCK or window_ticks >= WINDOW_TICKS
    assert is_inside, "subnets: beyond owner's bound"

    if not eras._has_begun(netuid):
        self._drafts[netuid] = tempo << 128 | reveal_ticks << 64 | window_ticks
        return
    window: ISubnets.EpochWindow = eras._change(
        netuid, ticks._tick(), tempo, reveal_ticks, window_ticks
    )
    self._check_not_frozen(netuid)

    self._log_era(netuid, window)


@external
@view
def exists(netuid: uint256) -> bool:
    """
    @notice Whether a subnet has this number.
    @param netuid Number of the subnet.
    @return True from its creation on.
    """
    return self._heads[netuid] != 0


@external
@view
def owner_of(netuid: uint256) -> address:
    """
    @notice Who created the subnet and is paid the owner's cut.
    @param netuid Number of the subnet.
    @return Its coldkey.
    """
    self._check_known(netuid)
    return self._owners[netuid]


@external
@view
def incarnation_of(netuid: uint256) -> uint256:
    """
    @notice How many subnets have had this number.
    @param netuid Number of the subnet.
    @return 1 for the first; 0 if there was none.
    """
    return self._heads[netuid] >> 96


@external
@view
def incarnations_at(tick: uint256) -> DynArray[uint256, _LANE_WORDS]:
    """
    @notice Which subnets there were at a tick, for the root: the columns that it can weigh.
    @dev Loops over 128 lanes in 32 slots. A subnet that was evicted since is not among them.
    @param tick Any tick.
    @return 16 words of u32 lanes, netuid 1 on top of the first: the incarnation of a subnet whose
            start was called before the tick, else 0.
    """
    words: DynArray[uint256, _LANE_WORDS] = []
    for word: uint256 in range(_LANE_WORDS):
        incarnations: uint256 = self._incarnation_lanes[word]
        if incarnations != 0:
            called: uint256 = self._called_lanes[word]
            for lane: uint256 in range(_LANES):
                if (called >> 32 * lane) & _MASK_32 >= tick:
                    incarnations &= ~(_MASK_32 << 32 * lane)
        words.append(incarnations)
    return words


@external
@view
def max_uids(netuid: uint256) -> uint256:
    """
    @notice Number of uids.
    @param netuid Number of the subnet.
    @return A power of two from 16 to 1,024.
    """
    return (self._head(netuid) >> 16) & _MASK_16


@external
@view
def max_validators(netuid: uint256) -> uint256:
    """
    @notice Number of seats.
    @param netuid Number of the subnet.
    @return 1 to 64.
    """
    return self._head(netuid) & _MASK_16


@external
@view
def start_ticks(netuid: uint256) -> (uint256, uint256):
    """
    @notice When start was called, and t0.
    @param netuid Number of the subnet.
    @return Both ticks; 2**256-1 each before the call.
    """
    self._check_known(netuid)
    if not eras._has_begun(netuid):
        return c.NOT_FOUND, c.NOT_FOUND
    start: uint256 = self._starts[netuid]
    return start >> 64, start & _MASK_64


@external
@view
def epoch_at(netuid: uint256, tick: uint256) -> ISubnets.EpochWindow:
    """
    @notice The epoch that a tick lies in.
    @param netuid Number of the subnet.
    @param tick Any tick from t0 on that lies in one of the last four eras.
    @return Its window.
    """
    return eras._epoch_at(netuid, tick)


@external
@view
def window_of(netuid: uint256, epoch: uint256) -> ISubnets.EpochWindow:
    """
    @notice The window of an epoch.
    @param netuid Number of the subnet.
    @param epoch Any epoch in one of the last four eras.
    @return Its window.
    """
    return eras._window_of(netuid, epoch)


@external
@view
def next_epoch(netuid: uint256) -> uint256:
    """
    @notice First epoch that has not begun: the one that a registration or a poke made now serves.
    @param netuid Number of the subnet.
    @return Its number; before t0 that of the subnet's first epoch.
    """
    self._check_known(netuid)
    return self._next_epoch(netuid)


@external
@view
def running_epoch(netuid: uint256) -> uint256:
    """
    @notice The running epoch.
    @param netuid Number of the subnet.
    @return Its number; before t0 that of the subnet's first epoch, too.
    """
    self._check_known(netuid)
    return self._running_epoch(netuid)


@external
@view
def parameter_at(netuid: uint256, parameter_id: uint256, epoch: uint256) -> uint256:
    """
    @notice A hyperparameter as of the start of an epoch.
    @param netuid Number of the subnet.
    @param parameter_id Row of the table in modules/hyperparameters.vy.
    @param epoch Two epochs ago to the next one.
    @return Its value, in the parameter's own unit.
    """
    self._check_known(netuid)
    h._check_id(parameter_id)
    return h._at(netuid, parameter_id, epoch)


@external
@view
def consensus_parameters(netuid: uint256, epoch: uint256) -> ISubnets.ConsensusParameters:
    """
    @notice What a close freezes, as of the start of an epoch.
    @param netuid Number of the subnet.
    @param epoch Two epochs ago to the next one.
    @return Parameters of the consensus, and the hotkey whose incentive is recycled.
    """
    self._check_known(netuid)
    return ISubnets.ConsensusParameters(
        kappa_u16=h._at(netuid, h.KAPPA, epoch),
        bonds_penalty_u16=h._at(netuid, h.BONDS_PENALTY, epoch),
        bonds_moving_average_ppm=h._at(netuid, h.BONDS_MOVING_AVERAGE, epoch),
        owner_hotkey=self._owner_hotkey_at(netuid, epoch),
        is_owner_cut_enabled=h._at(netuid, h.OWNER_CUT_ENABLED, epoch) == 1,
    )


@external
@view
def owner_hotkey_at(netuid: uint256, epoch: uint256) -> address:
    """
    @notice The hotkey whose neuron is immune and whose incentive is recycled.
    @param netuid Number of the subnet.
    @param epoch Two epochs ago to the next one.
    @return The key; zero for the root.
    """
    return self._owner_hotkey_at(netuid, epoch)


@external
@view
def registration_terms(netuid: uint256) -> ISubnets.RegistrationTerms:
    """
    @notice What a registration made now depends on; parameters as of the running epoch.
    @param netuid Number of the subnet.
    @return The terms.
    """
    head: uint256 = self._head(netuid)
    epoch: uint256 = self._running_epoch(netuid)
    return ISubnets.RegistrationTerms(
        next_epoch=self._next_epoch(netuid),
        max_uids=(head >> 16) & _MASK_16,
        created_tick=self._created_tick(head),
        owner_hotkey=self._owner_hotkey_at(netuid, epoch),
        # the root's seats are taken by hotkeys directly
        is_allowed=netuid != c.ROOT_NETUID
        and h._at(netuid, h.REGISTRATION_ALLOWED, epoch) == 1,
        immunity_ticks=h._at(netuid, h.IMMUNITY, epoch),
        min_burn_rao=h._at(netuid, h.MIN_BURN, epoch),
        max_burn_rao=h._at(netuid, h.MAX_BURN, epoch),
        burn_half_life_ticks=h._at(netuid, h.BURN_HALF_LIFE, epoch),
        burn_increase_ppm=h._at(netuid, h.BURN_INCREASE, epoch),
        min_non_immune_uids=h._at(netuid, h.MIN_NON_IMMUNE_UIDS, epoch),
    )


@external
@view
def poke_terms(netuid: uint256) -> ISubnets.PokeTerms:
    """
    @notice What a poke made now depends on.
    @param netuid Number of the subnet.
    @return The epoch that it serves, the tick at which stakes are compared, the number of seats.
    """
    head: uint256 = self._head(netuid)
    assert eras._has_begun(netuid), "subnets: not started"
    tick: uint256 = ticks._tick()
    next_epoch: uint256 = self._next_epoch(netuid)
    # Before t0 the tick before the call of start, later the tick before the running epoch.
    stake_tick: uint256 = (self._starts[netuid] >> 64) - 1
    if next_epoch > self._first_epoch(netuid):
        stake_tick = eras._epoch_at(netuid, tick).start_tick - 1
    return ISubnets.PokeTerms(
        next_epoch=next_epoch, stake_tick=stake_tick, max_validators=head & _MASK_16
    )


@external
@view
def cost_rao() -> uint256:
    """
    @notice What creating a subnet costs now.
    @return Amount in rao.
    """
    return self._cost_rao()


@external
@view
def lock_rao(netuid: uint256) -> uint256:
    """
    @notice What the subnet's creation locked here.
    @param netuid Number of the subnet.
    @return Amount in rao.
    """
    self._check_known(netuid)
    return self._locks_rao[netuid]


@external
@view
def weakest() -> uint256:
    """
    @notice Which subnet would be evicted by a creation now, if all numbers are taken.
    @dev Loops over 128 subnets.
    @return Its number; 2**256-1 if all are immune.
    """
    return self._weakest()


@external
@view
def immune_until(netuid: uint256) -> uint256:
    """
    @notice First tick at which a subnet can be evicted.
    @param netuid Number of the subnet.
    @return The tick.
    """
    return self._created_tick(self._head(netuid)) + IMMUNITY_TICKS


@external
@view
def offered_to(netuid: uint256) -> address:
    """
    @notice Whom the owner offers the subnet.
    @param netuid Number of the subnet.
    @return Who may accept; zero if nobody.
    """
    return self._offers[netuid]


@external
@view
def nonce_of(hotkey: address) -> uint256:
    """
    @notice Nonce of the next consent that a hotkey signs for this contract.
    @param hotkey The key.
    @return Number of its consents.
    """
    return self._nonces[hotkey]


@external
@view
def identity_of(netuid: uint256) -> (String[64], String[256]):
    """
    @notice What the subnet is called and where to read about it.
    @param netuid Number of the subnet.
    @return Name and page.
    """
    self._check_known(netuid)
    return self._identities[netuid].name, self._identities[netuid].url


@internal
def _evict(netuid: uint256):
    """
    @notice Take a subnet's number away. What it had accrued is recycled; its owner gets the lock
            back less the owner's cut of all that the subnet was paid, as Bittensor does where it
            refunds (mechanics 4.4, whose price is 1 here); that part is recycled, too.
    @dev Nobody can be in the way: the token cannot refuse to pay anybody but the zero address, which
            owns only the root.
    """
    is_open: bool = eras._has_begun(netuid)
    paid_rao: uint256 = 0
    if is_open:
        paid_rao = staticcall EMISSION.drained_rao(netuid)
    lock_rao: uint256 = self._locks_rao[netuid]
    # rounds down
    kept_rao: uint256 = min(lock_rao, paid_rao * c.OWNER_CUT_U16 // c.U16_MAX)
    owner: address = self._owners[netuid]

    self._identities[netuid] = empty(Identity)
    self._offers[netuid] = empty(address)
    self._hotkey_ticks[netuid] = 0
    self._drafts[netuid] = 0
    self._starts[netuid] = 0
    self._enter_lanes(netuid, 0, 0)
    eras._end(netuid)
    h._reset(netuid)

    log ISubnets.SubnetEvicted(
        netuid=netuid,
        owner=owner,
        incarnation=self._heads[netuid] >> 96,
        refund_rao=lock_rao - kept_rao,
        recycled_rao=kept_rao,
    )

    if is_open:
        extcall EMISSION.close(netuid)
    if kept_rao < lock_rao:
        refunded: bool = extcall TAO.transfer(owner, lock_rao - kept_rao, default_return_value=True)
        assert refunded
    if kept_rao > 0:
        assert extcall TAO.approve(EMISSION.address, kept_rao, default_return_value=True)
        extcall EMISSION.recycle(kept_rao)


@internal
@view
def _weakest() -> uint256:
    """
    @notice The subnet outside immunity with the lowest share, then the oldest, then the lowest
            number (mechanics 4.3); NOT_FOUND if all are immune.
    @dev Loops over 128 subnets.
    """
    shares: DynArray[uint256, c.MAX_SUBNETS] = staticcall EMISSION.shares()
    tick: uint256 = ticks._tick()
    weakest: uint256 = c.NOT_FOUND
    for netuid: uint256 in range(1, c.MAX_SUBNETS + 1):
        head: uint256 = self._heads[netuid]
        created_tick: uint256 = self._created_tick(head)
        # a number that has had its last life is never free again
        if tick < created_tick + IMMUNITY_TICKS or head >> 96 >= ids.MAX_LIVES or head == 0:
            continue
        # SAFETY: a share is below 2**64, and so is a tick.
        weakest = min(weakest, shares[netuid - 1] << 80 | created_tick << 16 | netuid)
    if weakest == c.NOT_FOUND:
        return c.NOT_FOUND
    return weakest & _MASK_16


@internal
def _take_consent(hotkey: address, signature: Bytes[65]):
    """
    @notice The hotkey calls, or has signed for this chain, contract, owner and nonce.
    """
    assert hotkey != empty(address), "subnets: no owner hotkey"
    if msg.sender == hotkey:
        return
    # SAFETY: a signature of odd length recovers to zero, which is nobody's key.
    nonce: uint256 = self._nonces[hotkey]
    digest: bytes32 = eip712._hash_typed_data_v4(
        keccak256(abi_encode(_CONSENT_TYPE, hotkey, msg.sender, nonce))
    )
    assert ecdsa._recover_sig(digest, signature) == hotkey, "subnets: no consent"
    self._nonces[hotkey] = nonce + 1


@internal
def _set_owner_hotkey(netuid: uint256, owner_hotkey: address, from_epoch: uint256):
    """
    @notice Keep the owner's hotkey from an epoch on.
    """
    self._owner_hotkeys[netuid] = from_epoch << 160 | convert(owner_hotkey, uint256)


@internal
@view
def _owner_hotkey_at(netuid: uint256, epoch: uint256) -> address:
    """
    @notice The owner's hotkey as of the start of an epoch; exact as the parameters are.
    """
    packed: uint256 = self._owner_hotkeys[netuid]
    if epoch < packed >> 160:
        return self._former_hotkeys[netuid]
    return convert(packed & _MASK_160, address)


@internal
@pure
def _created_tick(head: uint256) -> uint256:
    """
    @notice Tick of a subnet's creation.
    """
    return (head >> 32) & _MASK_64


@internal
@view
def _first_epoch(netuid: uint256) -> uint256:
    """
    @notice Number of a subnet's first epoch: 0 in the first life of its netuid.
    """
    return ((self._heads[netuid] >> 96) - 1) << ids.LIFE_EPOCH_BITS


@internal
@view
def _next_epoch(netuid: uint256) -> uint256:
    """
    @notice First epoch of a subnet that has not begun.
    """
    return eras._next_epoch(netuid, ticks._tick(), self._first_epoch(netuid))


@internal
@view
def _running_epoch(netuid: uint256) -> uint256:
    """
    @notice Epoch that runs; before t0 the subnet's first one.
    """
    return eras._running_epoch(netuid, ticks._tick(), self._first_epoch(netuid))


@internal
@view
def _cost_rao() -> uint256:
    """
    @notice Cost of a subnet at this tick.
    """
    return lock_cost._cost(
        ticks._tick(), staticcall EMISSION.rate_rao(), LOCK_REDUCTION_TICKS, MIN_LOCK_RAO
    )


@internal
@view
def _head(netuid: uint256) -> uint256:
    """
    @notice Packed head of a subnet that exists.
    """
    head: uint256 = self._heads[netuid]
    assert head != 0, "subnets: unknown netuid"
    return head


@internal
def _enter_lanes(netuid: uint256, incarnation: uint256, tick: uint256):
    """
    @notice Note a subnet's start for the root; incarnation 0: it is no more.
    """
    # 2**32 ticks of one second are 136 years
    assert tick <= _MASK_32, "subnets: clock out of range"
    word: uint256 = (netuid - 1) // _LANES
    offset: uint256 = 32 * (_LANES - 1 - (netuid - 1) % _LANES)
    keep: uint256 = ~(_MASK_32 << offset)
    self._incarnation_lanes[word] = self._incarnation_lanes[word] & keep | incarnation << offset
    self._called_lanes[word] = self._called_lanes[word] & keep | tick << offset


@internal
def _log_era(netuid: uint256, window: ISubnets.EpochWindow):
    """
    @notice Say which phases hold from an epoch on.
    """
    log ISubnets.EraBegun(
        netuid=netuid,
        start_epoch=window.epoch,
        start_tick=window.start_tick,
        tempo=window.tempo,
        reveal_ticks=window.reveal_ticks,
        window_ticks=window.window_ticks,
    )


@internal
@view
def _check_known(netuid: uint256):
    """
    @notice The subnet exists.
    """
    assert self._heads[netuid] != 0, "subnets: unknown netuid"


@internal
@view
def _check_owner(netuid: uint256):
    """
    @notice The caller owns the subnet.
    """
    self._check_known(netuid)
    assert msg.sender == self._owners[netuid], "subnets: not the owner"


@internal
@view
def _check_authority(netuid: uint256, by_timelock: bool):
    """
    @notice The caller is the timelock or, where the table allows it, the owner.
    """
    if msg.sender == TIMELOCK:
        self._check_known(netuid)
        return
    assert not by_timelock, "subnets: not the timelock"
    self._check_owner(netuid)


@internal
@view
def _check_not_frozen(netuid: uint256):
    """
    @notice The running epoch does not end within FREEZE_TICKS, or a quarter of a short tempo.
    """
    tick: uint256 = ticks._tick()
    if tick < self._starts[netuid] & _MASK_64:
        return
    window: ISubnets.EpochWindow = eras._epoch_at(netuid, tick)
    freeze_ticks: uint256 = min(FREEZE_TICKS, window.tempo // _FREEZE_PART)
    is_open: bool = tick + freeze_ticks <= window.start_tick + window.tempo
    assert is_open, "subnets: frozen before boundary"
