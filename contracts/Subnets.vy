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
@custom:trust
        A subnet's owner names itself, its start and the owner's parameters, never beyond the
        hard bounds.
        The timelock sets every parameter, inside the same bounds. Nobody can move a lock or an
        epoch. The root, netuid 0, has no owner: anybody starts it, the timelock sets the rest.
@custom:kill
        registration_allowed = 0, set by the timelock, stops new neurons; running epochs settle
        as ever.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IEmission
from contracts.interfaces import ISubnets
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import eras
from contracts.modules import hyperparameters as h
from contracts.modules import lock_cost

implements: ISubnets

initializes: ticks
initializes: eras
initializes: h
initializes: lock_cost

exports: (
    # time
    ticks.clock,
    ticks.CLOCK_MODE,
    ticks.genesis_at,
    ticks.tick_seconds,
)

struct Identity:
    name: String[64]
    url: String[256]


# start is called at most this many ticks ahead, so that no owner draws a share for a subnet
# that sleeps
MAX_START_DELAY_TICKS: public(constant(uint256)) = 7_200
# the root's columns are the netuids from 1 on
ROOT_VALIDATORS: constant(uint256) = 64

# 32-bit lanes of one word, and the words that hold one lane for every netuid
_LANES: constant(uint256) = 8
_LANE_WORDS: constant(uint256) = c.MAX_SUBNETS // _LANES

_MASK_64: constant(uint256) = 2**64 - 1
_MASK_32: constant(uint256) = 2**32 - 1
_MASK_16: constant(uint256) = 2**16 - 1

TAO: immutable(IERC20)
EMISSION: immutable(IEmission)
TIMELOCK: immutable(address)
# schedule of a subnet whose owner sets none before its start, in ticks
TEMPO: immutable(uint256)
REVEAL_TICKS: immutable(uint256)
WINDOW_TICKS: immutable(uint256)
# floor of the cost of a subnet, and how long a lock takes to fall off it at the first emission rate
MIN_LOCK_RAO: immutable(uint256)
LOCK_REDUCTION_TICKS: immutable(uint256)

subnet_count: public(uint256)
# incarnation 64 | created_tick 64 | max_uids 16 | max_validators 16; 0 = no such subnet
_heads: HashMap[uint256, uint256]
_owners: HashMap[uint256, address]
_owner_hotkeys: HashMap[uint256, address]
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
    timelock: address,
    genesis_at: uint256,
    tick_seconds: uint256,
    tempo: uint256,
    reveal_ticks: uint256,
    window_ticks: uint256,
    min_lock_rao: uint256,
    lock_reduction_ticks: uint256,
):
    """
    @param tao The token.
    @param emission Opens a subnet's accrual when it starts.
    @param timelock May set every parameter.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds of a tick.
    @param tempo Default ticks of an epoch.
    @param reveal_ticks Default ticks of the reveal phase.
    @param window_ticks Default ticks of the challenge window.
    @param min_lock_rao Floor of the cost of a subnet, in rao.
    @param lock_reduction_ticks Ticks in which a lock falls off the cost at 1 TAO per tick.
    """
    ticks.__init__(genesis_at, tick_seconds)
    eras._check_schedule(tempo, reveal_ticks, window_ticks)
    TAO = IERC20(tao)
    EMISSION = IEmission(emission)
    TIMELOCK = timelock
    TEMPO = tempo
    REVEAL_TICKS = reveal_ticks
    WINDOW_TICKS = window_ticks
    MIN_LOCK_RAO = min_lock_rao
    LOCK_REDUCTION_TICKS = lock_reduction_ticks
    # the root is there from the beginning
    self._heads[c.ROOT_NETUID] = 1 << 96 | c.MAX_SUBNETS << 16 | ROOT_VALIDATORS


@external
def create(
    owner_hotkey: address, max_uids: uint256, max_validators: uint256, max_cost_rao: uint256
) -> uint256:
    """
    @notice Create a subnet; the caller becomes its owner and locks the cost here.
    @param owner_hotkey Hotkey whose neuron is immune and whose incentive is recycled.
    @param max_uids Number of uids: a power of two from 16 to 1,024.
    @param max_validators Number of seats: 1 to 64, not more than max_uids.
    @param max_cost_rao Most that the caller pays, in rao.
    @return Number of the subnet.
    """
    assert owner_hotkey != empty(address), "subnets: no owner hotkey"
    assert max_uids >= c.MIN_UIDS and max_uids <= c.MAX_UIDS, "subnets: max_uids out of bounds"
    assert max_uids & (max_uids - 1) == 0, "subnets: not a power of two"
    most_validators: uint256 = min(c.MAX_SEATS, max_uids)
    assert max_validators >= 1 and max_validators <= most_validators, "subnets: bad seats"
    netuid: uint256 = self.subnet_count + 1
    assert netuid <= c.MAX_SUBNETS, "subnets: no netuid free"
    cost_rao: uint256 = self._cost_rao()
    assert cost_rao <= max_cost_rao, "subnets: cost above maximum"

    tick: uint256 = ticks._tick()
    incarnation: uint256 = 1

    self.subnet_count = netuid
    self._heads[netuid] = incarnation << 96 | tick << 32 | max_uids << 16 | max_validators
    self._owners[netuid] = msg.sender
    self._owner_hotkeys[netuid] = owner_hotkey
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
def start(netuid: uint256, start_tick: uint256):
    """
    @notice Set the first tick of epoch 0 and open the subnet's share of the emission. Once; by
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
    eras._begin(netuid, start_tick, tempo, reveal_ticks, window_ticks)

    log ISubnets.SubnetStarted(netuid=netuid, called_tick=tick, start_tick=start_tick)
    self._log_era(netuid, eras._window_of(netuid, 0))

    extcall EMISSION.open(netuid)


@external
def set_parameter(netuid: uint256, parameter_id: uint256, setting: uint256):
    """
    @notice Change a hyperparameter from the epoch after the next on; before the start at once.
    @param netuid Number of the subnet.
    @param parameter_id Row of the table in modules/hyperparameters.vy.
    @param setting New value, in the parameter's own unit.
    """
    h._check_id(parameter_id)
    self._check_authority(netuid, h._is_by_timelock(parameter_id))

    from_epoch: uint256 = eras._next_epoch(netuid, ticks._tick())
    if eras._has_begun(netuid):
        from_epoch = h._change(netuid, parameter_id, setting, from_epoch)
    else:
        h._preset(netuid, parameter_id, setting, from_epoch)

    log ISubnets.ParameterSet(
        netuid=netuid, parameter_id=parameter_id, value=setting, from_epoch=from_epoch
    )


@external
def set_schedule(netuid: uint256, tempo: uint256, reveal_ticks: uint256, window_ticks: uint256):
    """
    @notice Begin an era with other phases at the boundary after the next; before the start for
            epoch 0.
    @param netuid Number of the subnet.
    @param tempo Ticks of an epoch: at most 3,600.
    @param reveal_ticks Ticks of the reveal phase: 1 to half of the tempo.
    @param window_ticks Ticks of the challenge window: 1 to the tempo.
    """
    self._check_authority(netuid, False)
    eras._check_schedule(tempo, reveal_ticks, window_ticks)

    if not eras._has_begun(netuid):
        self._drafts[netuid] = tempo << 128 | reveal_ticks << 64 | window_ticks
        return
    window: ISubnets.EpochWindow = eras._change(
        netuid, ticks._tick(), tempo, reveal_ticks, window_ticks
    )

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
    @return Its number; 0 before t0.
    """
    self._check_known(netuid)
    return eras._next_epoch(netuid, ticks._tick())


@external
@view
def running_epoch(netuid: uint256) -> uint256:
    """
    @notice The running epoch.
    @param netuid Number of the subnet.
    @return Its number; 0 before t0, too.
    """
    self._check_known(netuid)
    return eras._running_epoch(netuid, ticks._tick())


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
        owner_hotkey=self._owner_hotkeys[netuid],
    )


@external
@view
def registration_terms(netuid: uint256) -> ISubnets.RegistrationTerms:
    """
    @notice What a registration made now depends on; parameters as of the running epoch.
    @param netuid Number of the subnet.
    @return The terms.
    """
    head: uint256 = self._head(netuid)
    tick: uint256 = ticks._tick()
    epoch: uint256 = eras._running_epoch(netuid, tick)
    return ISubnets.RegistrationTerms(
        next_epoch=eras._next_epoch(netuid, tick),
        max_uids=(head >> 16) & _MASK_16,
        created_tick=(head >> 32) & _MASK_64,
        owner_hotkey=self._owner_hotkeys[netuid],
        # the root's seats are taken by hotkeys directly
        is_allowed=netuid != c.ROOT_NETUID
        and h._at(netuid, h.REGISTRATION_ALLOWED, epoch) == 1,
        immunity_ticks=h._at(netuid, h.IMMUNITY, epoch),
        min_burn_rao=h._at(netuid, h.MIN_BURN, epoch),
        max_burn_rao=h._at(netuid, h.MAX_BURN, epoch),
        burn_half_life_ticks=h._at(netuid, h.BURN_HALF_LIFE, epoch),
        burn_increase_ppm=h._at(netuid, h.BURN_INCREASE, epoch),
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
    next_epoch: uint256 = eras._next_epoch(netuid, tick)
    # Before t0 the tick before the call of start, later the tick before the running epoch.
    stake_tick: uint256 = (self._starts[netuid] >> 64) - 1
    if next_epoch > 0:
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
def identity_of(netuid: uint256) -> (String[64], String[256]):
    """
    @notice What the subnet is called and where to read about it.
    @param netuid Number of the subnet.
    @return Name and page.
    """
    self._check_known(netuid)
    return self._identities[netuid].name, self._identities[netuid].url


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
