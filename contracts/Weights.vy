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

# A record: stake_rao 56 | row_sum 32 | 1 + number of rows revealed before it 8. Two seats share a
# word, whose lowest 64 bits are epoch + 1, and so do all epochs of a parity: a word that is used
# again costs a quarter of a new one, and close reads half as many.
RECORD_BITS: constant(uint256) = 96
RECORD_MASK: constant(uint256) = 2**96 - 1
EPOCH_MASK: constant(uint256) = 2**64 - 1
ORDER_MASK: constant(uint256) = 255

STAKING: immutable(IStaking)
SUBNETS: immutable(ISubnets)
NEURONS: immutable(INeurons)

# netuid << 128 | epoch << 64 | seat -> commit hash
_commits: HashMap[uint256, bytes32]
# netuid << 128 | epoch % 2 << 64 | seat // 2 -> record of the even seat | of the odd one | epoch + 1
_records: HashMap[uint256, uint256]
# netuid << 64 | epoch -> all rows revealed for it, folded in order; one slot instead of 64
_folds: HashMap[uint256, uint256]


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
def commit_weights(netuid: uint256, epoch: uint256, seat: uint256, commit_hash: bytes32):
    """
    @notice Commit to a row for the running epoch. The hotkey in the seat calls, once per epoch.
    @param netuid Number of the subnet.
    @param epoch The running epoch.
    @param seat The caller's seat in the running epoch.
    @param commit_hash Hash over domain, chain, this contract, netuid, epoch, registration id, row
                       hash and salt.
    """
    # A block that comes too late must not take the next epoch's only commit for a hash of this one.
    running: uint256 = (staticcall SUBNETS.epoch_at(netuid, ticks._tick())).epoch
    assert epoch == running, "weights: not the running epoch"
    registration_id: uint256 = 0
    hotkey: address = empty(address)
    # Somebody who was replaced as a neuron may still commit, which saves everybody else two reads;
    # its seat is empty, so it can never reveal.
    registration_id, hotkey = staticcall NEURONS.holder_of(netuid, seat, epoch)
    assert registration_id != 0, "weights: seat is empty"
    assert msg.sender == hotkey, "weights: not your seat"
    assert commit_hash != empty(bytes32), "weights: hash is zero"
    key: uint256 = self._key(netuid, epoch, seat)
    assert self._commits[key] == empty(bytes32), "weights: already committed"

    # INVARIANT: one commit per seat and epoch.
    self._commits[key] = commit_hash

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
    pair_key: uint256 = self._pair_key(netuid, epoch, seat)
    pair: uint256 = self._records[pair_key]
    if pair & EPOCH_MASK != epoch + 1:
        # INVARIANT: no row of a later epoch is lost. Where an era of much shorter epochs has begun,
        # the reveals of the last long one go on when nobody can close it any more.
        assert pair & EPOCH_MASK <= epoch, "weights: epoch is null"
        pair = epoch + 1  # what an older epoch left there has been closed, or never will be
    lane: uint256 = self._lane(seat)
    assert (pair >> lane) & ORDER_MASK == 0, "weights: already revealed"
    registration_id: uint256 = (staticcall NEURONS.seat_at(netuid, seat, epoch)).registration_id
    assert registration_id != 0, "weights: seat is empty"
    opened: bytes32 = domains._commit_hash(
        netuid, epoch, registration_id, rows._hash(row), salt
    )
    commit_hash: bytes32 = self._commits[self._key(netuid, epoch, seat)]
    assert commit_hash == opened, "weights: not the commit"

    hotkey: address = staticcall NEURONS.hotkey_of(registration_id)
    masked: Bytes[rows.MAX_ROW_BYTES] = self._masked(netuid, epoch, registration_id, hotkey, row)
    row_hash: bytes32 = rows._hash(masked)
    row_sum: uint256 = rows._sum(masked)
    # Stake that arrives during the epoch, or leaves before its end, does not count in it.
    life: uint256 = ids._life(netuid, epoch)
    stake_rao: uint256 = staticcall STAKING.stake_for_hint(
        hotkey, life, window.start_tick - 1, index_before
    )
    stake_after_rao: uint256 = staticcall STAKING.stake_for_hint(
        hotkey, life, window.start_tick + window.tempo - 1, index_after
    )
    stake_rao = min(stake_rao, stake_after_rao)

    fold_key: uint256 = netuid << 64 | epoch
    folded: uint256 = rows._fold(self._folds[fold_key], row_hash)
    self._folds[fold_key] = folded
    # SAFETY: row_sum < 2**26 lies in 32 bits; stake_rao <= 21e15 < 2**55 in 56.
    record: uint256 = stake_rao << 40 | row_sum << 8 | folded & ORDER_MASK
    self._records[pair_key] = pair | record << lane

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
    if self._record(netuid, epoch, seat) != 0:
        return empty(bytes32)
    return self._commits[self._key(netuid, epoch, seat)]


@external
@view
def row_of(netuid: uint256, epoch: uint256, seat: uint256) -> IWeights.Row:
    """
    @notice What a reveal left behind.
    @param netuid Number of the subnet.
    @param epoch Epoch of the commit.
    @param seat Seat of the validator.
    @return Sum of the masked row, stake in rao, and whether it was revealed at all.
    """
    record: uint256 = self._record(netuid, epoch, seat)
    return IWeights.Row(
        row_sum=(record >> 8) & (2**32 - 1),
        stake_rao=record >> 40,
        revealed=record != 0,
    )


@external
@view
def rows_of(netuid: uint256, epoch: uint256, seats: uint256) -> DynArray[uint256, c.MAX_SEATS + 1]:
    """
    @notice All seats of an epoch in one call; of one of the last two that had reveals.
    @dev Loops over seats <= 64; one read for two seats.
    @param netuid Number of the subnet.
    @param epoch Epoch of the commits.
    @param seats Number of seats, from 0 on.
    @return A word a seat: stake_rao << 40 | row_sum << 8 | 1 + number of rows revealed before it,
            0 without a reveal; then all row hashes folded in that order (rows.vy), 0 without any.
    """
    words: DynArray[uint256, c.MAX_SEATS + 1] = []
    pair: uint256 = 0
    for seat: uint256 in range(seats, bound=c.MAX_SEATS):
        if seat % 2 == 0:
            pair = self._pair(netuid, epoch, seat)
            words.append(pair >> 160)
        else:
            words.append((pair >> 64) & RECORD_MASK)
    words.append(self._folds[netuid << 64 | epoch])
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
@pure
def _pair_key(netuid: uint256, epoch: uint256, seat: uint256) -> uint256:
    """
    @notice Where the records of two seats are kept.
    """
    return self._key(netuid, epoch % 2, seat // 2)


@internal
@pure
def _lane(seat: uint256) -> uint256:
    """
    @notice Where a seat's record begins in the word of its pair, in bits.
    """
    return 64 if seat % 2 == 1 else 64 + RECORD_BITS


@internal
@view
def _pair(netuid: uint256, epoch: uint256, seat: uint256) -> uint256:
    """
    @notice Records of two seats; 0 if neither revealed.
    """
    pair: uint256 = self._records[self._pair_key(netuid, epoch, seat)]
    if pair == 0:
        return 0
    of_epoch: uint256 = (pair & EPOCH_MASK) - 1
    # an answer that has been overwritten would be wrong
    assert of_epoch <= epoch, "weights: epoch too old"
    return pair if of_epoch == epoch else 0


@internal
@view
def _record(netuid: uint256, epoch: uint256, seat: uint256) -> uint256:
    """
    @notice What a reveal left behind; 0 without one.
    """
    return (self._pair(netuid, epoch, seat) >> self._lane(seat)) & RECORD_MASK


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
