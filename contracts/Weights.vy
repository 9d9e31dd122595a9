# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Weights
@license AGPL-3.0-only
@notice Validators commit to a hidden row of weights during an epoch and open it at the start of the
        next one.
@custom:invariant One commit per seat and epoch, by the hotkey in the seat; one reveal per commit,
    of exactly what was committed; the stored hash and sum are those of the masked row in the event;
    the stored stake is the smaller one of the ticks before the epoch's start and end.
@custom:trust Nobody has any power here; a validator decides only over its own row.
@custom:kill Nothing can be stopped; without reveals an epoch is null and pays nobody.
"""

from contracts.interfaces import INeurons
from contracts.interfaces import IStaking
from contracts.interfaces import ISubnets
from contracts.interfaces import IWeights
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import domains
from contracts.modules import phases
from contracts.modules import registration_id as ids
from contracts.modules import rows

implements: IWeights

initializes: ticks

exports: (
    # time (EIP-6372)
    ticks.clock,
    ticks.CLOCK_MODE,
    ticks.genesis_at,
    ticks.tick_seconds,
)

REVEALED: constant(uint256) = 1  # lowest bit of a record

STAKING: immutable(IStaking)
SUBNETS: immutable(ISubnets)
NEURONS: immutable(INeurons)

# netuid << 128 | epoch << 64 | seat -> commit hash; from the reveal on, hash of the masked row
_hashes: HashMap[uint256, bytes32]
# the same key -> stake_rao << 64 | row_sum << 8 | revealed; one slot instead of three
_records: HashMap[uint256, uint256]


@deploy
def __init__(
    staking: IStaking,
    subnets: ISubnets,
    neurons: INeurons,
    genesis_at: uint256,
    tick_seconds: uint256,
):
    """
    @param staking Stake checkpoints of hotkeys.
    @param subnets Epochs and parameters of subnets.
    @param neurons Seats and registrations.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds of a tick.
    """
    ticks.__init__(genesis_at, tick_seconds)
    STAKING = staking
    SUBNETS = subnets
    NEURONS = neurons


@external
def commit_weights(netuid: uint256, seat: uint256, commit_hash: bytes32):
    """
    @notice Commit to a row for the running epoch. The hotkey in the seat calls, once per epoch.
    @param netuid Number of the subnet.
    @param seat The caller's seat in the running epoch.
    @param commit_hash Hash over domain, chain, this contract, netuid, epoch, registration id, row
                       hash and salt.
    """
    epoch: uint256 = (staticcall SUBNETS.epoch_at(netuid, ticks._tick())).epoch
    registration_id: uint256 = 0
    hotkey: address = empty(address)
    # Somebody who was replaced as a neuron may still commit, which saves everybody else two reads;
    # its seat is empty, so it can never reveal.
    registration_id, hotkey = staticcall NEURONS.holder_of(netuid, seat, epoch)
    assert registration_id != 0, "weights: seat is empty"
    assert msg.sender == hotkey, "weights: not your seat"
    assert commit_hash != empty(bytes32), "weights: hash is zero"
    key: uint256 = self._key(netuid, epoch, seat)
    assert self._hashes[key] == empty(bytes32), "weights: already committed"

    # INVARIANT: one commit per seat and epoch.
    self._hashes[key] = commit_hash

    log IWeights.WeightsCommitted(
        netuid=netuid,
        epoch=epoch,
        seat=seat,
        registration_id=registration_id,
        commit_hash=commit_hash,
    )


@external
def reveal_weights(
    netuid: uint256,
    epoch: uint256,
    seat: uint256,
    row: Bytes[rows.MAX_ROW_BYTES],
    salt: bytes32,
    index_before: uint256,
    index_after: uint256,
):
    """
    @notice Open a commit in the first ticks of the next epoch. Anybody with the opening may call.
    @param netuid Number of the subnet.
    @param epoch The epoch that was committed for.
    @param seat The seat that committed.
    @param row The row as committed: dense big-endian u16, 2 * max_uids bytes.
    @param salt What hid the row; never zero.
    @param index_before Index of the hotkey's stake checkpoint in force at the tick before the
                        epoch's start.
    @param index_after The same for the tick before the epoch's end.
    """
    window: ISubnets.EpochWindow = staticcall SUBNETS.window_of(netuid, epoch)
    phase: uint256 = phases._phase(window, ticks._tick())
    assert phase >= phases.REVEAL, "weights: epoch not over"
    assert phase == phases.REVEAL, "weights: reveal phase over"
    assert len(row) == 2 * staticcall SUBNETS.max_uids(netuid), "weights: wrong row length"
    assert salt != empty(bytes32), "weights: salt is zero"
    key: uint256 = self._key(netuid, epoch, seat)
    assert self._records[key] == 0, "weights: already revealed"
    registration_id: uint256 = (staticcall NEURONS.seat_at(netuid, seat, epoch)).registration_id
    assert registration_id != 0, "weights: seat is empty"
    opened: bytes32 = domains._commit_hash(
        netuid, epoch, registration_id, rows._hash(row), salt
    )
    assert self._hashes[key] == opened, "weights: not the commit"

    hotkey: address = staticcall NEURONS.hotkey_of(registration_id)
    masked: Bytes[rows.MAX_ROW_BYTES] = self._masked(netuid, epoch, registration_id, hotkey, row)
    row_hash: bytes32 = rows._hash(masked)
    row_sum: uint256 = rows._sum(masked)
    # Stake that arrives during the epoch, or leaves before its end, does not count in it.
    stake_rao: uint256 = staticcall STAKING.stake_for_hint(
        hotkey, netuid, window.start_tick - 1, index_before
    )
    stake_after_rao: uint256 = staticcall STAKING.stake_for_hint(
        hotkey, netuid, window.start_tick + window.tempo - 1, index_after
    )
    stake_rao = min(stake_rao, stake_after_rao)

    self._hashes[key] = row_hash
    # SAFETY: row_sum < 2**26 lies in 56 bits; stake_rao <= 21e15 < 2**55.
    self._records[key] = stake_rao << 64 | row_sum << 8 | REVEALED

    log IWeights.WeightsRevealed(
        netuid=netuid,
        epoch=epoch,
        seat=seat,
        registration_id=registration_id,
        stake_rao=stake_rao,
        row_sum=row_sum,
        row_hash=row_hash,
        row=masked,
    )


@external
@view
def commit_of(netuid: uint256, epoch: uint256, seat: uint256) -> bytes32:
    """
    @notice What a seat has committed to and not revealed yet.
    @param netuid Number of the subnet.
    @param epoch Epoch of the commit.
    @param seat Seat of the validator.
    @return The hash, zero if there is none or it was revealed.
    """
    key: uint256 = self._key(netuid, epoch, seat)
    return empty(bytes32) if self._records[key] != 0 else self._hashes[key]


@external
@view
def row_of(netuid: uint256, epoch: uint256, seat: uint256) -> IWeights.Row:
    """
    @notice What a reveal left behind.
    @param netuid Number of the subnet.
    @param epoch Epoch of the commit.
    @param seat Seat of the validator.
    @return Hash and sum of the masked row, stake in rao, and whether it was revealed at all.
    """
    key: uint256 = self._key(netuid, epoch, seat)
    record: uint256 = self._records[key]
    return IWeights.Row(
        row_hash=self._hashes[key] if record != 0 else empty(bytes32),
        row_sum=(record & (2**64 - 1)) >> 8,
        stake_rao=record >> 64,
        revealed=record & REVEALED == 1,
    )


@external
@view
def rows_of(netuid: uint256, epoch: uint256, seats: uint256) -> DynArray[uint256, 2 * c.MAX_SEATS]:
    """
    @notice All seats of an epoch in one call.
    @dev Loops over seats <= 64; an empty seat costs one read.
    @param netuid Number of the subnet.
    @param epoch Epoch of the commits.
    @param seats Number of seats, from 0 on.
    @return Two words a seat: row hash, then stake_rao << 64 | row_sum << 8 | revealed; both 0
            without a reveal.
    """
    words: DynArray[uint256, 2 * c.MAX_SEATS] = []
    for seat: uint256 in range(seats, bound=c.MAX_SEATS):
        key: uint256 = self._key(netuid, epoch, seat)
        record: uint256 = self._records[key]
        row_hash: uint256 = 0
        if record != 0:
            row_hash = convert(self._hashes[key], uint256)
        words.append(row_hash)
        words.append(record)
    return words


@internal
@pure
def _key(netuid: uint256, epoch: uint256, seat: uint256) -> uint256:
    """
    @notice Where a seat's epoch is kept. Epoch numbers go on when a netuid is used again, so keys
            never meet.
    """
    # SAFETY: Neurons and Subnets answer only for numbers below 2**64; every write asks them first.
    return netuid << 128 | epoch << 64 | seat


@internal
@view
def _masked(
    netuid: uint256,
    epoch: uint256,
    registration_id: uint256,
    hotkey: address,
    row: Bytes[rows.MAX_ROW_BYTES],
) -> Bytes[rows.MAX_ROW_BYTES]:
    """
    @notice The row that counts: nobody votes for itself, except the subnet's owner.
    """
    if netuid == c.ROOT_NETUID:
        return row  # its columns are subnets, so nobody has a column of its own
    if hotkey == staticcall SUBNETS.owner_hotkey_at(netuid, epoch):
        return row
    return rows._blank(row, ids._uid(registration_id))
