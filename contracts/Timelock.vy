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
@custom:trust Proposers may schedule and cancel, executors may execute what is ripe. Roles and
        delay change only through the timelock itself. On real chains it starts without a
        proposer; on localnet the deployer is one.
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
    timelock_controller.update_delay,
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


# a network starts with none, or with its deployer
MAX_STARTERS: constant(uint256) = 8


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
    access_control.__init__()
    # no admin beside the timelock itself; the module takes the role from the deployer
    timelock_controller.__init__(minimum_delay_seconds, proposers, executors, empty(address))
