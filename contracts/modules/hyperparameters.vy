# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Hyperparameters
@license AGPL-3.0-only
@notice The table of what can be set for a subnet: default, hard bounds, who may set it. Each
        value is kept as (now, next, from_epoch). Twin: offchain/protocol/hyperparameters.py,
        tested equal.
@custom:invariant A value as of an epoch that has begun, or is the next one, never changes.
"""

KAPPA: constant(uint256) = 1
BONDS_PENALTY: constant(uint256) = 2
BONDS_MOVING_AVERAGE: constant(uint256) = 3
IMMUNITY: constant(uint256) = 4
MIN_BURN: constant(uint256) = 5
MAX_BURN: constant(uint256) = 6
BURN_HALF_LIFE: constant(uint256) = 7
BURN_INCREASE: constant(uint256) = 8
REGISTRATION_ALLOWED: constant(uint256) = 9
SERVING_RATE_LIMIT: constant(uint256) = 10
MIN_NON_IMMUNE_UIDS: constant(uint256) = 11
OWNER_CUT_ENABLED: constant(uint256) = 12

_ROWS: constant(uint256) = 13
# Entry 0 is no parameter. min_burn <= 1 TAO <= max_burn, so that no two changes put the floor
# above the cap.
_DEFAULTS: constant(uint256[_ROWS]) = [
    0, 32_767, 65_535, 900_000, 5_000, 500_000, 100 * 10**9, 360, 1_260_000, 1, 50, 10, 1
]
_LEAST: constant(uint256[_ROWS]) = [0, 0, 0, 1, 0, 1, 10**9, 1, 1_000_000, 0, 0, 0, 0]
_MOST: constant(uint256[_ROWS]) = [
    0, 65_535, 65_535, 999_999, 2**31, 10**9, 21 * 10**15, 36_100, 3_000_000, 1, 65_536, 1_024, 1
]
# kappa, registration_allowed, min_non_immune_uids; the subnet's owner may set the others
_BY_TIMELOCK: constant(uint256) = (
    1 << KAPPA | 1 << REGISTRATION_ALLOWED | 1 << MIN_NON_IMMUNE_UIDS
)
# Most that an owner can set bonds_moving_average to (mechanics 3.2); the timelock can go further.
_OWNER_MOST_BONDS_MOVING_AVERAGE: constant(uint256) = 975_000
# Those can also be set in the last ticks of an epoch: Bittensor's freeze window is not for what
# only its root sets (mechanics 3.2, column "who").
_NO_FREEZE: constant(uint256) = _BY_TIMELOCK

# packed: now 96 | next 96 | from_epoch + 1 64; 0 = the default
_MASK_96: constant(uint256) = 2**96 - 1
_MASK_64: constant(uint256) = 2**64 - 1

_values: HashMap[uint256, HashMap[uint256, uint256]]


@internal
def _preset(netuid: uint256, parameter_id: uint256, setting: uint256, first_epoch: uint256):
    """
    @notice Set a value before the subnet's start is called: it holds from its first epoch on.
    """
    self._check(parameter_id, setting)
    self._values[netuid][parameter_id] = setting << 160 | setting << 64 | (first_epoch + 1)


@internal
def _change(
    netuid: uint256, parameter_id: uint256, setting: uint256, next_epoch: uint256
) -> uint256:
    """
    @notice Change a value from the epoch after next_epoch on, which is the first that has not
            begun.
    @return The epoch from which it holds.
    """
    self._check(parameter_id, setting)
    packed: uint256 = self._values[netuid][parameter_id]
    current: uint256 = _DEFAULTS[parameter_id]
    if packed != 0:
        # the running epoch is next_epoch - 1, and it must be from_epoch + 2 or later
        assert next_epoch + 1 >= (packed & _MASK_64) + 3, "subnets: changed too recently"
        current = (packed >> 64) & _MASK_96
    from_epoch: uint256 = next_epoch + 1

    self._values[netuid][parameter_id] = current << 160 | setting << 64 | (from_epoch + 1)
    return from_epoch


@internal
def _reset(netuid: uint256):
    """
    @notice Forget what was set: the next subnet with this number begins with the defaults.
    """
    for parameter_id: uint256 in range(1, _ROWS):
        if self._values[netuid][parameter_id] != 0:
            self._values[netuid][parameter_id] = 0


@internal
@view
def _at(netuid: uint256, parameter_id: uint256, epoch: uint256) -> uint256:
    """
    @notice Value as of the start of an epoch; exact from two epochs ago to the next one.
    """
    packed: uint256 = self._values[netuid][parameter_id]
    if packed == 0:
        return _DEFAULTS[parameter_id]
    if epoch + 1 >= packed & _MASK_64:
        return (packed >> 64) & _MASK_96
    return packed >> 160


@internal
@pure
def _default(parameter_id: uint256) -> uint256:
    """
    @notice Value of a parameter that was never set.
    """
    return _DEFAULTS[parameter_id]


@internal
@pure
def _bounds(parameter_id: uint256) -> (uint256, uint256):
    """
    @notice Least and most that a parameter can be; no vote can move them.
    """
    return _LEAST[parameter_id], _MOST[parameter_id]


@internal
@pure
def _is_by_timelock(parameter_id: uint256) -> bool:
    """
    @notice Whether only the timelock may set it.
    """
    return (_BY_TIMELOCK >> parameter_id) & 1 == 1


@internal
@pure
def _has_freeze(parameter_id: uint256) -> bool:
    """
    @notice Whether it cannot be set in the last ticks of an epoch.
    """
    return (_NO_FREEZE >> parameter_id) & 1 == 0


@internal
@pure
def _check_owner(parameter_id: uint256, setting: uint256):
    """
    @notice The value lies inside the owner's own bound.
    """
    is_inside: bool = (
        parameter_id != BONDS_MOVING_AVERAGE or setting <= _OWNER_MOST_BONDS_MOVING_AVERAGE
    )
    assert is_inside, "subnets: beyond owner's bound"


@internal
@pure
def _check_id(parameter_id: uint256):
    """
    @notice The parameter exists.
    """
    assert parameter_id > 0 and parameter_id < _ROWS, "subnets: unknown parameter"


@internal
@pure
def _check(parameter_id: uint256, setting: uint256):
    """
    @notice The value lies inside the hard bounds.
    """
    assert setting >= _LEAST[parameter_id], "subnets: out of bounds"
    assert setting <= _MOST[parameter_id], "subnets: out of bounds"
