# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title SubnetsHarness
@license AGPL-3.0-only
@notice The inside of the modules phases, eras, hyperparameters and lock_cost, for tests alone.
@custom:trust Anybody may call everything.
@custom:invariant It holds no money and no other contract knows it.
@custom:kill It is never deployed on a chain that matters.
"""

from contracts.interfaces import ISubnets
from contracts.modules import eras
from contracts.modules import hyperparameters as h
from contracts.modules import lock_cost
from contracts.modules import phases

initializes: eras
initializes: h
initializes: lock_cost


@deploy
def __init__():
    """
    @notice Nothing to set.
    """
    pass


@external
def begin(
    netuid: uint256,
    start_tick: uint256,
    start_epoch: uint256,
    tempo: uint256,
    reveal: uint256,
    window: uint256,
):
    """
    @notice eras._begin.
    """
    eras._begin(netuid, start_tick, start_epoch, tempo, reveal, window)


@external
def change_era(netuid: uint256, tick: uint256, tempo: uint256, reveal: uint256, window: uint256):
    """
    @notice eras._change.
    """
    eras._change(netuid, tick, tempo, reveal, window)


@external
def pay_lock(paid_rao: uint256, tick: uint256):
    """
    @notice lock_cost._pay.
    """
    lock_cost._pay(paid_rao, tick)


@external
def preset(netuid: uint256, parameter_id: uint256, setting: uint256, first_epoch: uint256):
    """
    @notice hyperparameters._preset.
    """
    h._preset(netuid, parameter_id, setting, first_epoch)


@external
def change(netuid: uint256, parameter_id: uint256, setting: uint256, next_epoch: uint256):
    """
    @notice hyperparameters._change.
    """
    h._change(netuid, parameter_id, setting, next_epoch)


@external
@view
def phase(window: ISubnets.EpochWindow, tick: uint256) -> uint256:
    """
    @notice phases._phase.
    """
    return phases._phase(window, tick)


@external
@view
def is_closable(
    window: ISubnets.EpochWindow, successor: ISubnets.EpochWindow, tick: uint256
) -> bool:
    """
    @notice phases._is_closable.
    """
    return phases._is_closable(window, successor, tick)


@external
@view
def final_from(proposed_tick: uint256, window_ticks: uint256) -> uint256:
    """
    @notice phases._final_from.
    """
    return phases._final_from(proposed_tick, window_ticks)


@external
@view
def void_from(closed_tick: uint256, tempo: uint256) -> uint256:
    """
    @notice phases._void_from.
    """
    return phases._void_from(closed_tick, tempo)


@external
@view
def epoch_at(netuid: uint256, tick: uint256) -> ISubnets.EpochWindow:
    """
    @notice eras._epoch_at.
    """
    return eras._epoch_at(netuid, tick)


@external
@view
def window_of(netuid: uint256, epoch: uint256) -> ISubnets.EpochWindow:
    """
    @notice eras._window_of.
    """
    return eras._window_of(netuid, epoch)


@external
@view
def value_at(netuid: uint256, parameter_id: uint256, epoch: uint256) -> uint256:
    """
    @notice hyperparameters._at.
    """
    return h._at(netuid, parameter_id, epoch)


@external
@view
def row(parameter_id: uint256) -> (uint256, uint256, uint256, bool, bool):
    """
    @notice A row of the table: default, least, most, by the timelock alone, has a freeze window.
    """
    h._check_id(parameter_id)
    least: uint256 = 0
    most: uint256 = 0
    least, most = h._bounds(parameter_id)
    return h._default(parameter_id), least, most, h._is_by_timelock(parameter_id), h._has_freeze(
        parameter_id
    )


@external
@view
def cost(tick: uint256, rate_rao: uint256, interval: uint256, min_lock_rao: uint256) -> uint256:
    """
    @notice lock_cost._cost.
    """
    return lock_cost._cost(tick, rate_rao, interval, min_lock_rao)
