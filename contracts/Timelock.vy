# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Timelock
@license AGPL-3.0-only
@notice The holder of every power in evmtensor, and its treasury: what it does was announced a
        delay before.
        snekmate's timelock with its roles; the delay is in seconds.
@custom:invariant Nothing is executed that was not scheduled at least the minimum delay ago, and
        nothing twice.
        The delay stays between half and four times what the network began with.
@custom:trust Governor, so a vote, schedules and cancels; everybody may execute what is ripe. Roles
        and delay change only through the timelock itself. On real chains no key has a role; on
        localnet the deployer may propose, too.
@custom:kill A proposer cancels what has not been executed; a timelock without proposers can do
        nothing.
"""

from snekmate.auth import access_control
from snekmate.governance import timelock_controller

initializes: access_control
initializes: timelock_controller[access_control := access_control]

exports: (
    # roles
    access_control.DEFAULT_ADMIN_ROLE,
    timelock_controller.PROPOSER_ROLE,
    timelock_controller.EXECUTOR_ROLE,
    timelock_controller.CANCELLER_ROLE,
    access_control.hasRole,
    access_control.getRoleAdmin,
    access_control.grantRole,
    access_control.revokeRole,
    access_control.renounceRole,
    # life of an operation
    timelock_controller.schedule,
    timelock_controller.schedule_batch,
    timelock_controller.cancel,
    timelock_controller.execute,
    timelock_controller.execute_batch,
    # reading
    timelock_controller.get_minimum_delay,
    timelock_controller.get_timestamp,
    timelock_controller.get_operation_state,
    timelock_controller.is_operation,
    timelock_controller.is_operation_pending,
    timelock_controller.is_operation_ready,
    timelock_controller.is_operation_done,
    timelock_controller.hash_operation,
    timelock_controller.hash_operation_batch,
    timelock_controller.supportsInterface,
)


# a network starts with Governor, a local one with its deployer, too
MAX_STARTERS: constant(uint256) = 8
# hard bounds of the delay: from half to four times what the network began with
LEAST_PART: constant(uint256) = 2
MOST_TIMES: constant(uint256) = 4

FIRST_DELAY_SECONDS: immutable(uint256)


@deploy
def __init__(
    minimum_delay_seconds: uint256,
    proposers: DynArray[address, MAX_STARTERS],
    executors: DynArray[address, MAX_STARTERS],
):
    """
    @param minimum_delay_seconds Least time between scheduling and executing.
    @param proposers Who may schedule and cancel.
    @param executors Who may execute; the zero address stands for everybody.
    """
    FIRST_DELAY_SECONDS = minimum_delay_seconds
    access_control.__init__()
    # no admin beside the timelock itself; the module takes the role from the deployer
    timelock_controller.__init__(minimum_delay_seconds, proposers, executors, empty(address))


@external
def update_delay(new_delay: uint256):
    """
    @notice Set the delay of operations to come; only this contract, so what it has announced.
    @dev snekmate's own has no bounds: with no delay a vote could act before anybody has seen it,
            with an endless one nobody could ever act again.
    @param new_delay Seconds, half to four times what the network began with.
    """
    assert msg.sender == self, "timelock: caller is not itself"
    assert new_delay >= FIRST_DELAY_SECONDS // LEAST_PART, "timelock: delay too short"
    assert new_delay <= FIRST_DELAY_SECONDS * MOST_TIMES, "timelock: delay too long"

    log timelock_controller.MinimumDelayChange(
        old_duration=timelock_controller.get_minimum_delay, new_duration=new_delay
    )
    # the module's function is not for use inside; this is all that it does
    timelock_controller.get_minimum_delay = new_delay


@external
@view
def delay_bounds() -> (uint256, uint256):
    """
    @notice Between what the delay stays.
    @return Seconds: the least and the most.
    """
    return FIRST_DELAY_SECONDS // LEAST_PART, FIRST_DELAY_SECONDS * MOST_TIMES
