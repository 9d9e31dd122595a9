# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
# pragma optimize codesize
"""
@title Neurons
@license AGPL-3.0-only
@notice A uid is a place in a subnet, a neuron is who holds it. Registrations are paid now and
        serve from the next boundary; the replaced neuron serves and is paid to the end of its
        epoch. Validators sit in seats that they take by stake at a tick that is over.
@custom:invariant
        The set and the seats of an epoch that has begun never change.
        A uid changes hands at most once per boundary; a registration holds at most one seat.
        This contract holds no tokens between transactions.
@custom:trust
        Settlement reports scores and takes the replaced-bitmaps. Nobody can register a hotkey
        without its consent, or a neuron without paying; there is no other power.
@custom:kill registration_allowed = 0 in Subnets stops registrations; seats, endpoints and pay
        keep working.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IEmission
from contracts.interfaces import INeurons
from contracts.interfaces import IStaking
from contracts.interfaces import ISubnets
from contracts.modules import burn_price
from contracts.modules import clock as ticks
from contracts.modules import consent
from contracts.modules import constants as c
from contracts.modules import generations
from contracts.modules import hotkeys
from contracts.modules import hyperparameters as h
from contracts.modules import pruning
from contracts.modules import registration_id as ids
from contracts.modules import root
from contracts.modules import seats

implements: INeurons

initializes: ticks
initializes: generations
initializes: pruning
initializes: seats
initializes: hotkeys
initializes: burn_price
initializes: root

exports: (
    # time
    ticks.clock,
    ticks.CLOCK_MODE,
    ticks.genesis_at,
    ticks.tick_seconds,
)

_NAME_HASH: constant(bytes32) = keccak256("evmtensor Neurons")
_CONSENT_TYPE: constant(bytes32) = keccak256(
    "Register(uint256 netuid,address hotkey,address coldkey,uint256 nonce)"
)

_MAX_PORT: constant(uint256) = 2**16 - 1
_MAX_IPV4: constant(uint256) = 2**32 - 1
_MAX_IPV6: constant(uint256) = 2**128 - 1
# 127.0.0.1 and ::1
_LOOPBACK_IPV4: constant(uint256) = 127 * 2**24 + 1
_LOOPBACK_IPV6: constant(uint256) = 1
_MASK_32: constant(uint256) = 2**32 - 1

# lives of subnets that one hotkey may have registered in and still be swapped
MAX_LIVES: constant(uint256) = 128

TAO: immutable(IERC20)
EMISSION: immutable(IEmission)
STAKING: immutable(IStaking)
SUBNETS: immutable(ISubnets)
SETTLEMENT: immutable(address)
KEYS: immutable(address)

# of a registration id: ip 128 | port 16 | ip_type 8 | protocol 8 | version 32 | served_tick 64
_axons: HashMap[uint256, uint256]
_models: HashMap[uint256, INeurons.ModelCommitment]


@deploy
def __init__(
    tao: address,
    emission: address,
    staking: address,
    subnets: address,
    settlement: address,
    keys: address,
    genesis_at: uint256,
    tick_seconds: uint256,
):
    """
    @param tao The token.
    @param emission Recycles what registrations pay.
    @param staking Owns hotkeys and knows their stake.
    @param subnets Knows epochs and parameters.
    @param settlement Reports scores and takes the replaced-bitmaps.
    @param keys Swaps hotkeys.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds of a tick.
    """
    ticks.__init__(genesis_at, tick_seconds)
    burn_price.__init__()
    TAO = IERC20(tao)
    EMISSION = IEmission(emission)
    STAKING = IStaking(staking)
    SUBNETS = ISubnets(subnets)
    SETTLEMENT = settlement
    KEYS = keys


@external
def register(
    netuid: uint256, hotkey: address, max_burn_rao: uint256, signature: Bytes[65]
) -> uint256:
    """
    @notice Register a hotkey that consents; the caller becomes its coldkey, pays now, and it
            serves from the next boundary.
    @dev Loops over <= 1,024 uids when the subnet is full.
    @param netuid Number of the subnet.
    @param hotkey Key that works for the neuron.
    @param max_burn_rao Most that the caller pays, in rao.
    @param signature The hotkey's consent: EIP-712 Register(netuid, hotkey, coldkey, nonce).
    @return The registration id.
    """
    terms: ISubnets.RegistrationTerms = staticcall SUBNETS.registration_terms(netuid)
    life: uint256 = ids._life(netuid, terms.next_epoch)
    assert terms.is_allowed, "neurons: registration closed"
    assert not self._is_in_next_set(life, hotkey), "neurons: already registered"
    self._check_consent(netuid, hotkey, msg.sender, signature)
    burn_rao: uint256 = self._burn_rao(life, terms)
    assert burn_rao <= max_burn_rao, "neurons: burn above maximum"
    uid: uint256 = self._uid_for(life, terms)
    assert uid != c.NOT_FOUND, "neurons: no uid available"

    tick: uint256 = ticks._tick()
    generation: uint256 = generations._replace(life, uid, terms.next_epoch)
    registration_id: uint256 = ids._pack(netuid, uid, generation)
    pruning._admit(life, uid, tick)
    hotkeys._enter(life, hotkey, uid, generation, registration_id)
    burn_price._learn(terms.burn_half_life_ticks)
    burn_price._sell(
        life, burn_rao, tick, terms.burn_increase_ppm, terms.min_burn_rao, terms.max_burn_rao
    )

    log INeurons.NeuronRegistered(
        netuid=netuid,
        uid=uid,
        hotkey=hotkey,
        coldkey=msg.sender,
        registration_id=registration_id,
        from_epoch=terms.next_epoch,
        burn_rao=burn_rao,
    )

    extcall STAKING.open_pool(hotkey, msg.sender)
    # INVARIANT: what is pulled is recycled in the same call.
    assert extcall TAO.transferFrom(msg.sender, self, burn_rao, default_return_value=True)
    assert extcall TAO.approve(EMISSION.address, burn_rao, default_return_value=True)
    extcall EMISSION.recycle(burn_rao)
    return registration_id


@external
def poke(netuid: uint256, seat: uint256, uid: uint256):
    """
    @notice Give a seat of the next epoch to a neuron that had more stake than its holder at the
            tick before the running epoch (ties: the higher uid). Anybody may call for anybody.
    @param netuid Number of the subnet.
    @param seat Number of the seat, from 0.
    @param uid Uid of a neuron of the next epoch's set.
    """
    terms: ISubnets.PokeTerms = staticcall SUBNETS.poke_terms(netuid)
    life: uint256 = ids._life(netuid, terms.next_epoch)
    self._check_below(uid, generations._count(life))

    self._take_seat(life, seat, ids._pack(netuid, uid, generations._latest(life, uid)), terms)


@external
def poke_root(seat: uint256, hotkey: address):
    """
    @notice Give a seat of the root's next epoch to a hotkey that had more stake than its holder at
            the tick before the running epoch (ties: the later member). Anybody may call for anybody.
    @param seat Number of the seat, from 0.
    @param hotkey Any with stake; it is a member of the root from now on.
    """
    terms: ISubnets.PokeTerms = staticcall SUBNETS.poke_terms(c.ROOT_NETUID)

    # Before the checks, which ask for the hotkey by its id.
    registration_id: uint256 = ids._pack(c.ROOT_NETUID, root.MEMBER_UID, root._member(hotkey))
    hotkeys._name(registration_id, hotkey)
    self._take_seat(c.ROOT_NETUID, seat, registration_id, terms)


@external
def serve_axon(
    netuid: uint256,
    ip: uint256,
    port: uint256,
    ip_type: uint256,
    protocol: uint256,
    version: uint256,
):
    """
    @notice Say where the caller's neuron answers.
    @param netuid Number of the subnet.
    @param ip Address as a number; not the broadcast or loopback address.
    @param port 1 to 65,535.
    @param ip_type 4 or 6.
    @param protocol Free for the subnet, below 256.
    @param version Version of the miner's software, below 2**32.
    """
    registration_id: uint256 = self._registration_of_caller(netuid)
    self._check_endpoint(ip, port, ip_type)
    assert protocol < 256 and version <= _MASK_32, "neurons: bad protocol or version"
    tick: uint256 = ticks._tick()
    self._check_serving_rate(netuid, registration_id, tick)

    self._axons[registration_id] = (
        ip << 128 | port << 112 | ip_type << 104 | protocol << 96 | version << 64 | tick
    )

    log INeurons.AxonServed(
        netuid=netuid,
        uid=ids._uid(registration_id),
        registration_id=registration_id,
        ip=ip,
        port=port,
        ip_type=ip_type,
        protocol=protocol,
        version=version,
    )


@external
def commit_model(netuid: uint256, model_hash: bytes32, profile_hash: bytes32):
    """
    @notice Say which model the caller's neuron serves.
    @param netuid Number of the subnet.
    @param model_hash Hash of the model file; never zero.
    @param profile_hash Hash of how it is run.
    """
    registration_id: uint256 = self._registration_of_caller(netuid)
    assert model_hash != empty(bytes32), "neurons: hash is zero"
    committed: INeurons.ModelCommitment = self._models[registration_id]
    # The tick says who was first: the same model again would make it later.
    assert (
        model_hash != committed.model_hash or profile_hash != committed.profile_hash
    ), "neurons: model already committed"

    self._models[registration_id] = INeurons.ModelCommitment(
        model_hash=model_hash, profile_hash=profile_hash, committed_tick=ticks._tick()
    )

    log INeurons.ModelCommitted(
        netuid=netuid,
        uid=ids._uid(registration_id),
        registration_id=registration_id,
        model_hash=model_hash,
        profile_hash=profile_hash,
    )


@external
def swap_hotkey(old_hotkey: address, new_hotkey: address, lives: DynArray[uint256, MAX_LIVES]):
    """
    @notice Give all that a hotkey has here to another one that never was a hotkey; only Keys, which
            has checked the coldkey and the new key's consent.
    @dev Loops over <= 128 lives.
    @param old_hotkey The key that is retired.
    @param new_hotkey The key that takes its place.
    @param lives Every life of a subnet in which the old key ever registered, each once.
    """
    assert msg.sender == KEYS, "neurons: not keys"
    # INVARIANT: nothing stays with the old key.
    assert len(lives) == hotkeys._lives(old_hotkey), "neurons: not all lives"

    for life: uint256 in lives:
        hotkeys._swap(life, old_hotkey, new_hotkey)
    number: uint256 = root._swap(old_hotkey, new_hotkey)
    if number != 0:
        hotkeys._name(ids._pack(c.ROOT_NETUID, root.MEMBER_UID, number), new_hotkey)


@external
def take_replaced(netuid: uint256, epoch: uint256) -> uint256[generations.BITMAP_WORDS]:
    """
    @notice Which uids changed hands at the boundaries after the last taken epoch, up to this one.
    @param netuid Number of the subnet.
    @param epoch The epoch that closes; later than the last taken one.
    @return Bitmap: uid u is bit 255 - u % 256 of word u // 256.
    """
    self._check_settlement()

    if netuid == c.ROOT_NETUID:
        return root._take(self._columns(epoch))
    return generations._take(ids._life(netuid, epoch), epoch)


@external
def record_scores(netuid: uint256, epoch: uint256, scores: DynArray[uint256, c.MAX_UIDS // 16]):
    """
    @notice Keep the scores that pruning goes by; uids that changed hands since keep their own.
    @dev Loops over <= 64 words. Scores so old that the ring does not know who changed are dropped.
    @param netuid Number of the subnet.
    @param epoch The epoch that became final.
    @param scores u16 lanes, 16 to a word, uid 0 on top.
    """
    self._check_settlement()
    life: uint256 = ids._life(netuid, epoch)
    if not generations._is_exact(life, epoch):
        return

    pruning._record(life, scores, generations._changed_after(life, epoch))

    log INeurons.ScoresRecorded(netuid=netuid, epoch=epoch)


@external
@view
def registration_at(netuid: uint256, uid: uint256, epoch: uint256) -> uint256:
    """
    @notice Who holds a uid in an epoch.
    @param netuid Number of the subnet.
    @param uid Any uid.
    @param epoch Two epochs ago to the next one.
    @return The registration id; 0 = empty.
    """
    return self._registration_at(ids._life(netuid, epoch), uid, epoch)


@external
@view
def hotkey_of(registration_id: uint256) -> address:
    """
    @notice Hotkey of a neuron, also after it was replaced.
    @param registration_id netuid << 64 | uid << 48 | generation.
    @return The hotkey; zero if the id was never given out.
    """
    return hotkeys._hotkey_of(registration_id)


@external
@view
def member_of(hotkey: address) -> uint256:
    """
    @notice Registration id of a hotkey as a member of the root.
    @param hotkey The key.
    @return The id, with the member number as generation; 0 if it never was one.
    """
    number: uint256 = root._number_of(hotkey)
    return 0 if number == 0 else ids._pack(c.ROOT_NETUID, root.MEMBER_UID, number)


@external
@view
def uid_of(netuid: uint256, hotkey: address, epoch: uint256) -> uint256:
    """
    @notice Uid of a hotkey in the set of an epoch.
    @param netuid Number of the subnet.
    @param hotkey The key.
    @param epoch Two epochs ago to the next one.
    @return The uid; 2**256-1 if it is not in the set.
    """
    life: uint256 = ids._life(netuid, epoch)
    later: uint256 = generations._later(life, epoch)
    for steps: uint256 in range(hotkeys.HISTORY):
        uid: uint256 = 0
        generation: uint256 = 0
        uid, generation = hotkeys._registration_back(life, hotkey, steps)
        if generation == 0:
            break
        if generations._before(life, uid, later) == generation:
            return uid
    return c.NOT_FOUND


@external
@view
def seat_at(netuid: uint256, seat: uint256, epoch: uint256) -> INeurons.Seat:
    """
    @notice Who sits in a seat in an epoch.
    @param netuid Number of the subnet.
    @param seat Number of the seat.
    @param epoch Two epochs ago to the next one.
    @return Registration id and first epoch of its unbroken tenure; both 0 = empty.
    """
    self._check_below(seat, c.MAX_SEATS)
    life: uint256 = ids._life(netuid, epoch)
    word: uint256 = seats._at(life, seat, epoch)
    # a member of the root is never replaced
    if netuid != c.ROOT_NETUID and word != 0:
        id: uint256 = word >> 64
        if generations._at(life, ids._uid(id), epoch) != ids._generation(id):
            word = 0
    return INeurons.Seat(registration_id=word >> 64, since_epoch=word & (2**64 - 1))


@external
@view
def holder_of(netuid: uint256, seat: uint256, epoch: uint256) -> (uint256, address):
    """
    @notice Who was given a seat, and its hotkey, in one call; unlike `seat_at` also if the holder
            was replaced as a neuron since, which leaves the seat empty.
    @param netuid Number of the subnet.
    @param seat Number of the seat.
    @param epoch Two epochs ago to the next one.
    @return Registration id and hotkey; both 0 = nobody.
    """
    self._check_below(seat, c.MAX_SEATS)
    registration_id: uint256 = seats._at(ids._life(netuid, epoch), seat, epoch) >> 64
    return registration_id, hotkeys._hotkey_of(registration_id)


@external
@view
def standing_at(netuid: uint256, epoch: uint256) -> INeurons.Standing:
    """
    @notice Who stands in an epoch, as close freezes it: all seats, and the generation of every uid; of the
            root's columns the subnets' incarnations as of its start, less those that were evicted since.
    @dev Loops over max_validators <= 64 seats, one read for four, and over max_uids / 8 words.
    @param netuid Number of the subnet.
    @param epoch Two epochs ago to the next one.
    @return Seats: registration_id << 64 | since_epoch, 0 = empty, with the highest bit set if the holder
            keeps the seat in the epoch after this one. Generations: u32 lanes, 8 to a word, uid 0 on
            top; 0 = empty.
    """
    standing: INeurons.Standing = empty(INeurons.Standing)
    life: uint256 = ids._life(netuid, epoch)
    leaving: uint256[generations.BITMAP_WORDS] = empty(uint256[generations.BITMAP_WORDS])
    # members of the root are never replaced
    has_neurons: bool = netuid != c.ROOT_NETUID
    if has_neurons:
        standing.generations = generations._lanes_at(
            life, epoch, staticcall SUBNETS.max_uids(netuid)
        )
        leaving = generations._staged(life, epoch + 1)
    else:
        standing.generations = self._columns(epoch)

    count: uint256 = staticcall SUBNETS.max_validators(netuid)
    life_word: uint256 = seats._life_word(life)
    first_after: uint256 = seats._first_after(epoch)
    four: uint256 = 0
    for seat: uint256 in range(count, bound=c.MAX_SEATS):
        if seat % seats.SEATS_PER_WORD == 0:
            four = seats._four(life, seat)
        tenure: uint256 = four >> 192
        four <<= seats.TENURE_BITS
        next_tenure: uint256 = tenure
        if tenure >= first_after:
            next_tenure = seats._tenure_at(life, seat, epoch + 1)
            tenure = seats._tenure_at(life, seat, epoch)
        word: uint256 = seats._word(life_word, tenure)
        uid: uint256 = (word >> 112) & c.U16_MAX
        if has_neurons:
            # lane and bit of the uid on top
            generation: uint256 = standing.generations[uid >> 3] << ((uid & 7) << 5) >> 224
            if generation != (word >> 64) & _MASK_32:
                word = 0
        is_kept: bool = (leaving[uid >> 8] << (uid & 255)) >> 255 == 0
        if word != 0 and is_kept and (next_tenure ^ tenure) & seats.HOLDER_MASK == 0:
            word |= 1 << 255
        standing.seats.append(word)
    return standing


@external
@view
def burn_rao(netuid: uint256) -> uint256:
    """
    @notice What a registration costs now.
    @param netuid Number of the subnet.
    @return Amount in rao.
    """
    terms: ISubnets.RegistrationTerms = staticcall SUBNETS.registration_terms(netuid)
    return self._burn_rao(ids._life(netuid, terms.next_epoch), terms)


@external
@view
def axon_of(netuid: uint256, uid: uint256) -> INeurons.Axon:
    """
    @notice Where the neuron that serves in the running epoch answers.
    @param netuid Number of the subnet.
    @param uid Its uid.
    @return The endpoint; all zero if it has none.
    """
    epoch: uint256 = staticcall SUBNETS.running_epoch(netuid)
    life: uint256 = ids._life(netuid, epoch)
    axon: uint256 = self._axons[self._registration_at(life, uid, epoch)]
    return INeurons.Axon(
        ip=axon >> 128,
        port=(axon >> 112) & _MAX_PORT,
        ip_type=(axon >> 104) & 255,
        protocol=(axon >> 96) & 255,
        version=(axon >> 64) & _MASK_32,
        served_tick=axon & (2**64 - 1),
    )


@external
@view
def model_of(registration_id: uint256) -> INeurons.ModelCommitment:
    """
    @notice Which model a neuron committed to last.
    @param registration_id netuid << 64 | uid << 48 | generation.
    @return Both hashes and the tick; all zero if there is none.
    """
    return self._models[registration_id]


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice EIP-712 domain of hotkeys' consents: "evmtensor Neurons", version 1.
    @return Its hash.
    """
    return consent._domain_separator(_NAME_HASH)


@external
@view
def nonce_of(hotkey: address) -> uint256:
    """
    @notice Nonce of the next consent that a hotkey signs.
    @param hotkey The key.
    @return Number of its registrations.
    """
    return hotkeys._nonce(hotkey)


@external
@view
def lives_of(hotkey: address) -> uint256:
    """
    @notice In how many lives of subnets a hotkey registered.
    @param hotkey The key.
    @return Their number; each counts once, whether or not the hotkey is still there.
    """
    return hotkeys._lives(hotkey)


@external
@view
def uid_count(netuid: uint256) -> uint256:
    """
    @notice How many uids were ever taken.
    @param netuid Number of the subnet.
    @return They are 0 to this less 1.
    """
    return generations._count(self._running_life(netuid))


@external
@view
def pruning_of(netuid: uint256, uid: uint256) -> (uint256, uint256):
    """
    @notice What pruning goes by.
    @param netuid Number of the subnet.
    @param uid Uid of the latest neuron.
    @return Its u16 score and the tick of its registration.
    """
    self._check_below(uid, c.MAX_UIDS)
    life: uint256 = self._running_life(netuid)
    return pruning._score(life, uid), pruning._registered_tick(life, uid)


@internal
def _take_seat(
    life: uint256, seat: uint256, registration_id: uint256, terms: ISubnets.PokeTerms
):
    """
    @notice Give a seat of the next epoch to a neuron, or to a member of the root, if it is due to it.
    """
    self._check_below(seat, terms.max_validators)
    # INVARIANT: one registration, one seat.
    assert not seats._is_seated(life, registration_id), "neurons: already seated"
    self._check_outweighs(life, seat, registration_id, terms.stake_tick)

    seats._take(life, seat, registration_id, terms.next_epoch)

    log INeurons.SeatTaken(
        netuid=ids._netuid(registration_id),
        seat=seat,
        uid=ids._uid(registration_id),
        registration_id=registration_id,
        from_epoch=terms.next_epoch,
    )


@internal
@view
def _columns(epoch: uint256) -> DynArray[uint256, root.COLUMN_WORDS]:
    """
    @notice Generations of the root's columns in an epoch.
    """
    start_tick: uint256 = (staticcall SUBNETS.window_of(c.ROOT_NETUID, epoch)).start_tick
    return staticcall SUBNETS.incarnations_at(start_tick)


@internal
@view
def _running_life(netuid: uint256) -> uint256:
    """
    @notice Under what is kept the subnet that the netuid has now.
    """
    return ids._life(netuid, staticcall SUBNETS.running_epoch(netuid))


@internal
@view
def _is_in_next_set(life: uint256, hotkey: address) -> bool:
    """
    @notice Whether a hotkey is registered for the next epoch.
    """
    uid: uint256 = 0
    generation: uint256 = 0
    uid, generation = hotkeys._registration_back(life, hotkey, 0)
    return generation != 0 and generations._latest(life, uid) == generation


@internal
@view
def _burn_rao(life: uint256, terms: ISubnets.RegistrationTerms) -> uint256:
    """
    @notice Price of a registration at this tick.
    """
    return burn_price._quote(
        life,
        ticks._tick(),
        terms.created_tick,
        terms.burn_half_life_ticks,
        terms.min_burn_rao,
        terms.max_burn_rao,
    )


@internal
@view
def _uid_for(life: uint256, terms: ISubnets.RegistrationTerms) -> uint256:
    """
    @notice Uid for a new neuron: the first that was never taken, else one that makes room.
    """
    count: uint256 = generations._count(life)
    if count < terms.max_uids:
        return count
    owner_uid: uint256 = c.NOT_FOUND
    if self._is_in_next_set(life, terms.owner_hotkey):
        generation: uint256 = 0
        owner_uid, generation = hotkeys._registration_back(life, terms.owner_hotkey, 0)
    return pruning._choose(
        life,
        count,
        ticks._tick(),
        terms.immunity_ticks,
        terms.min_non_immune_uids,
        owner_uid,
        generations._staged(life, terms.next_epoch),
    )


@internal
@view
def _registration_of_caller(netuid: uint256) -> uint256:
    """
    @notice Registration id of the calling hotkey, which serves now or from the next boundary on.
    """
    epoch: uint256 = staticcall SUBNETS.running_epoch(netuid)
    life: uint256 = ids._life(netuid, epoch)
    uid: uint256 = 0
    generation: uint256 = 0
    uid, generation = hotkeys._registration_back(life, msg.sender, 0)
    assert generation != 0, "neurons: not registered"
    if generations._latest(life, uid) != generation:
        # replaced at the next boundary, it still serves
        assert generations._at(life, uid, epoch) == generation, "neurons: no longer registered"
    return ids._pack(netuid, uid, generation)


@internal
@view
def _registration_at(life: uint256, uid: uint256, epoch: uint256) -> uint256:
    """
    @notice Registration id of a uid in an epoch; 0 = empty.
    """
    self._check_below(uid, c.MAX_UIDS)
    generation: uint256 = generations._at(life, uid, epoch)
    if generation == 0:
        return 0
    return ids._of(life, uid, generation)


@internal
@view
def _stake_at(life: uint256, registration_id: uint256, tick: uint256) -> uint256:
    """
    @notice Stake behind a neuron's hotkey at a tick that is over.
    """
    return staticcall STAKING.stake_for(hotkeys._hotkey_of(registration_id), life, tick)


@internal
@view
def _check_consent(netuid: uint256, hotkey: address, coldkey: address, signature: Bytes[65]):
    """
    @notice The hotkey signed for this chain, contract, subnet, coldkey and nonce.
    """
    struct_hash: bytes32 = keccak256(
        abi_encode(_CONSENT_TYPE, netuid, hotkey, coldkey, hotkeys._nonce(hotkey))
    )
    has_signed: bool = consent._has_signed(hotkey, _NAME_HASH, struct_hash, signature)
    assert has_signed, "neurons: no consent"


@internal
@view
def _check_outweighs(life: uint256, seat: uint256, registration_id: uint256, tick: uint256):
    """
    @notice The neuron had stake, and more than the seat's holder in the next epoch if there is one.
    """
    stake_rao: uint256 = self._stake_at(life, registration_id, tick)
    assert stake_rao > 0, "neurons: no stake"
    holder_id: uint256 = seats._newest_id(life, seat)
    if holder_id == 0:
        return
    if life != c.ROOT_NETUID:
        if generations._latest(life, ids._uid(holder_id)) != ids._generation(holder_id):
            return
    holder_rao: uint256 = self._stake_at(life, holder_id, tick)
    # ties: the higher uid, on the root the higher member number
    assert (
        stake_rao > holder_rao or (stake_rao == holder_rao and registration_id > holder_id)
    ), "neurons: holder has more stake"


@internal
@view
def _check_serving_rate(netuid: uint256, registration_id: uint256, tick: uint256):
    """
    @notice The last change of the endpoint is long enough ago; the first is free.
    """
    axon: uint256 = self._axons[registration_id]
    if axon == 0:
        return
    epoch: uint256 = staticcall SUBNETS.running_epoch(netuid)
    rate_limit_ticks: uint256 = staticcall SUBNETS.parameter_at(
        netuid, h.SERVING_RATE_LIMIT, epoch
    )
    served_tick: uint256 = axon & (2**64 - 1)
    assert tick >= served_tick + rate_limit_ticks, "neurons: serving too often"


@internal
@pure
def _check_endpoint(ip: uint256, port: uint256, ip_type: uint256):
    """
    @notice Bittensor's rules for an axon (mechanics 5.6).
    """
    assert port > 0 and port <= _MAX_PORT, "neurons: bad port"
    is_ipv4: bool = ip_type == 4
    assert is_ipv4 or ip_type == 6, "neurons: bad ip type"
    # below the broadcast address
    most: uint256 = _MAX_IPV4 if is_ipv4 else _MAX_IPV6
    loopback: uint256 = _LOOPBACK_IPV4 if is_ipv4 else _LOOPBACK_IPV6
    assert ip < most and ip != loopback, "neurons: bad ip"


@internal
@pure
def _check_below(number: uint256, count: uint256):
    """
    @notice There is a seat or a uid of this number.
    """
    assert number < count, "neurons: no such seat or uid"


@internal
@view
def _check_settlement():
    """
    @notice The caller is Settlement.
    """
    assert msg.sender == SETTLEMENT, "neurons: not settlement"
