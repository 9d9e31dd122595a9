# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Eras
@license AGPL-3.0-only
@notice Runs of epochs of one length. A change of tempo, reveal or window begins a new era at the
        boundary after the next one. Twin: offchain/protocol/eras.py.
@custom:invariant Eras are only appended, so the window of an epoch that has begun never changes.
        The epochs of one life of a netuid never meet those of another
        (modules/registration_id.vy): 2**32 epochs of two one-second ticks are 272 years.
"""

from contracts.interfaces import ISubnets

# hard bound of an epoch's length, in ticks
MAX_TEMPO: constant(uint256) = 3_600

# A change waits two epochs and the next one two more: the windows of the last two epochs and of the
# next one lie in at most three eras.
_ANSWERED: constant(uint256) = 4

# packed era: start_tick 64 | start_epoch 64 | tempo 32 | reveal_ticks 32 | window_ticks 32 |
# index 32
_MASK_64: constant(uint256) = 2**64 - 1
_MASK_32: constant(uint256) = 2**32 - 1

_latest: HashMap[uint256, uint256]
# superseded eras of a subnet by index
_older: HashMap[uint256, HashMap[uint256, uint256]]


@internal
def _begin(
    netuid: uint256,
    start_tick: uint256,
    start_epoch: uint256,
    tempo: uint256,
    reveal_ticks: uint256,
    window_ticks: uint256,
):
    """
    @notice Begin the first era of a life, with its first epoch.
    """
    self._latest[netuid] = self._packed(
        start_tick, start_epoch, tempo, reveal_ticks, window_ticks, 0
    )


@internal
def _end(netuid: uint256):
    """
    @notice End a life: no epoch of it has a window any more. Its older eras are never read again,
            because the next life writes each index before it reads it.
    """
    self._latest[netuid] = 0


@internal
def _change(
    netuid: uint256, tick: uint256, tempo: uint256, reveal_ticks: uint256, window_ticks: uint256
) -> ISubnets.EpochWindow:
    """
    @notice Begin an era at the boundary after the next one.
    @return Window of the new era's first epoch.
    """
    latest: uint256 = self._latest[netuid]
    index: uint256 = latest & _MASK_32
    start_epoch: uint256 = (latest >> 128) & _MASK_64
    next_epoch: uint256 = self._next_epoch(netuid, tick, start_epoch)
    # the running epoch is next_epoch - 1; the first era is no change
    assert index == 0 or next_epoch >= start_epoch + 3, "eras: changed too recently"
    from_epoch: uint256 = next_epoch + 1
    start_tick: uint256 = self._window_in(latest, from_epoch).start_tick
    era: uint256 = self._packed(
        start_tick, from_epoch, tempo, reveal_ticks, window_ticks, index + 1
    )

    self._older[netuid][index] = latest
    self._latest[netuid] = era
    return self._window_in(era, from_epoch)


@internal
@view
def _has_begun(netuid: uint256) -> bool:
    """
    @notice Whether the first era is set, though it may lie ahead.
    """
    return self._latest[netuid] != 0


@internal
@view
def _epoch_at(netuid: uint256, tick: uint256) -> ISubnets.EpochWindow:
    """
    @notice Window of the epoch that a tick lies in.
    @dev Loops over <= 4 eras; one read while no change is ahead.
    """
    era: uint256 = self._latest[netuid]
    assert era != 0, "subnets: not started"
    for _: uint256 in range(_ANSWERED):
        start_tick: uint256 = era >> 192
        if tick >= start_tick:
            tempo: uint256 = (era >> 96) & _MASK_32
            return self._window_in(
                era, ((era >> 128) & _MASK_64) + (tick - start_tick) // tempo
            )
        assert era & _MASK_32 > 0, "subnets: not started"
        era = self._older[netuid][(era & _MASK_32) - 1]
    raise "subnets: era too old"


@internal
@view
def _window_of(netuid: uint256, epoch: uint256) -> ISubnets.EpochWindow:
    """
    @notice Window of an epoch.
    @dev Loops over <= 4 eras; one read while no change is ahead.
    """
    era: uint256 = self._latest[netuid]
    assert era != 0, "subnets: not started"
    for _: uint256 in range(_ANSWERED):
        if epoch >= (era >> 128) & _MASK_64:
            return self._window_in(era, epoch)
        assert era & _MASK_32 > 0, "subnets: era too old"
        era = self._older[netuid][(era & _MASK_32) - 1]
    raise "subnets: era too old"


@internal
@view
def _next_epoch(netuid: uint256, tick: uint256, first_epoch: uint256) -> uint256:
    """
    @notice First epoch that has not begun; first_epoch before t0.
    """
    if self._is_running(netuid, tick):
        return self._epoch_at(netuid, tick).epoch + 1
    return first_epoch


@internal
@view
def _running_epoch(netuid: uint256, tick: uint256, first_epoch: uint256) -> uint256:
    """
    @notice Epoch that a tick lies in; first_epoch before t0.
    """
    if self._is_running(netuid, tick):
        return self._epoch_at(netuid, tick).epoch
    return first_epoch


@internal
@view
def _is_running(netuid: uint256, tick: uint256) -> bool:
    """
    @notice Whether the first epoch has begun.
    """
    era: uint256 = self._latest[netuid]
    if era != 0 and era & _MASK_32 > 0 and tick < era >> 192:
        # a change is ahead; it may have been made before the first epoch
        era = self._older[netuid][0]
    return era != 0 and tick >= era >> 192


@internal
@pure
def _window_in(era: uint256, epoch: uint256) -> ISubnets.EpochWindow:
    """
    @notice Window of an epoch by one era's arithmetic.
    """
    tempo: uint256 = (era >> 96) & _MASK_32
    return ISubnets.EpochWindow(
        epoch=epoch,
        start_tick=(era >> 192) + (epoch - ((era >> 128) & _MASK_64)) * tempo,
        tempo=tempo,
        reveal_ticks=(era >> 64) & _MASK_32,
        window_ticks=(era >> 32) & _MASK_32,
    )


@internal
@pure
def _packed(
    start_tick: uint256,
    start_epoch: uint256,
    tempo: uint256,
    reveal_ticks: uint256,
    window_ticks: uint256,
    index: uint256,
) -> uint256:
    """
    @notice An era in one word.
    """
    # SAFETY: tempo bounds reveal and window, and is bounded itself; ticks and epochs stay below
    # 2**64.
    return (
        start_tick << 192
        | start_epoch << 128
        | tempo << 96
        | reveal_ticks << 64
        | window_ticks << 32
        | index
    )


@internal
@pure
def _check_schedule(tempo: uint256, reveal_ticks: uint256, window_ticks: uint256):
    """
    @notice Hard bounds: T <= 3,600, 1 <= R <= T/2, 1 <= W <= T.
    """
    assert tempo <= MAX_TEMPO, "eras: tempo out of bounds"
    assert reveal_ticks >= 1 and 2 * reveal_ticks <= tempo, "eras: reveal out of bounds"
    assert window_ticks >= 1 and window_ticks <= tempo, "eras: window out of bounds"
