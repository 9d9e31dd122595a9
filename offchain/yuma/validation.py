# SPDX-License-Identifier: Apache-2.0
"""The limits of every parameter and input of an epoch, in one place.

Within them every intermediate number fits what Bittensor's fixed-point types hold, so exact
integers and its saturating arithmetic cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence

from offchain.yuma.errors import InvalidEpoch
from offchain.yuma.types import EpochInput, EpochParameters, Rows, SeatEpoch

U16 = 2**16 - 1
U64 = 2**64 - 1
MAX_UIDS = 2**15
"""A row of u16 weights, each an integer with 32 fractional bits, must add up below 2**63."""
MAX_TOTAL_STAKE = 2**63 - 1
"""Rao; beyond it Bittensor's sum of stakes wraps around."""

_PARAMETER_LIMITS: dict[str, tuple[int, int]] = {
    "n": (1, MAX_UIDS),
    "rao_emission": (0, U64),
    "tempo": (0, U64),
    "kappa": (0, U16),
    "bonds_moving_average": (0, 1_000_000),
    "bonds_penalty": (0, U16),
    "alpha_low": (0, U16),
    "alpha_high": (0, U16),
    "alpha_sigmoid_steepness": (-(2**15), 2**15 - 1),
    "activity_cutoff": (0, U64),
    "max_allowed_validators": (0, U16),
    "stake_threshold": (0, U64),
    "tao_weight": (0, U64),
}
_MODES = ("yuma3", "liquid_alpha", "commit_reveal")
_U64_VECTORS = ("stakes", "tao_stakes", "last_update", "registered_block")


def check_parameters(parameters: EpochParameters) -> None:
    """Raise `InvalidEpoch` for the first parameter that is not what its name promises."""
    for name, (low, high) in _PARAMETER_LIMITS.items():
        _check_integer(name, getattr(parameters, name), low, high)
    for name in _MODES:
        _check_flag(name, getattr(parameters, name))
    if parameters.owner_uid is not None:
        _check_integer("owner_uid", parameters.owner_uid, 0, parameters.n - 1)


def check_input(parameters: EpochParameters, epoch: EpochInput) -> None:
    """Raise `InvalidEpoch` for the first input that does not fit the parameters; they must be
    valid.
    """
    n = parameters.n
    _check_integer("block", epoch.block, 0, U64)
    _check_integer("last_step_block", epoch.last_step_block, 0, U64)
    for name in _U64_VECTORS:
        _check_vector(name, getattr(epoch, name), n)
    _check_length("validator_permits", epoch.validator_permits, n)
    for uid, permit in enumerate(epoch.validator_permits):
        _check_flag(f"validator_permits[{uid}]", permit)
    _check_length("active_commit_blocks", epoch.active_commit_blocks, n)
    for uid, commit_block in enumerate(epoch.active_commit_blocks):
        if commit_block is not None:
            _check_integer(f"active_commit_blocks[{uid}]", commit_block, 0, U64)
    _check_rows("weights", epoch.weights, n)
    _check_rows("bonds", epoch.bonds, n)
    total = sum(epoch.stakes) + sum(epoch.tao_stakes) * parameters.tao_weight // U64
    if total > MAX_TOTAL_STAKE:
        raise InvalidEpoch("stakes", f"they add up to {total}, the limit is {MAX_TOTAL_STAKE}")


def _check_integer(field: str, value: object, low: int, high: int) -> None:
    """Raise unless `value` is an integer (a bool is none) from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEpoch(field, f"got {value!r}, wanted an integer from {low} to {high}")
    if not low <= value <= high:
        raise InvalidEpoch(field, f"got {value}, the limits are {low} and {high}")


def _check_flag(field: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidEpoch(field, f"got {value!r}, the only modes are true and false")


def _check_length(field: str, values: object, n: int) -> None:
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise InvalidEpoch(field, f"got {values!r}, wanted a list of n = {n} entries")
    if len(values) != n:
        raise InvalidEpoch(field, f"has {len(values)} entries, the limit is exactly n = {n}")


def _check_vector(field: str, values: tuple[int, ...], n: int) -> None:
    _check_length(field, values, n)
    for uid, value in enumerate(values):
        _check_integer(f"{field}[{uid}]", value, 0, U64)


def _check_rows(field: str, rows: Rows, n: int) -> None:
    """Every row lists uids below n, each once, with u16 values."""
    _check_length(field, rows, n)
    for uid, row in enumerate(rows):
        name = f"{field}[{uid}]"
        if not isinstance(row, tuple):
            raise InvalidEpoch(name, f"got {row!r}, wanted a list of [uid, u16]")
        seen: set[int] = set()
        for cell in row:
            if not isinstance(cell, tuple) or len(cell) != 2:
                raise InvalidEpoch(name, f"got the entry {cell!r}, wanted [uid, u16]")
            column, value = cell
            if not isinstance(column, int) or isinstance(column, bool) or not 0 <= column < n:
                raise InvalidEpoch(
                    name, f"names uid {column!r}, the limits are 0 and n - 1 = {n - 1}"
                )
            if column in seen:
                raise InvalidEpoch(name, f"lists uid {column} twice, the limit is once")
            seen.add(column)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= U16:
                raise InvalidEpoch(
                    name, f"has the value {value!r} for uid {column}, the limits are 0 and {U16}"
                )


def check_seat_epoch(epoch: SeatEpoch) -> None:
    """Raise `InvalidEpoch` unless the frozen epoch has V seats and N columns throughout and every
    number in its range.
    """
    seats, n = len(epoch.active_stake_bits), len(epoch.replaced)
    _check_integer("columns", n, 1, MAX_UIDS)
    for seat, share in enumerate(epoch.active_stake_bits):
        _check_integer(f"active_stake_bits[{seat}]", share, 0, 2**32)
    if sum(epoch.active_stake_bits) > 2**32:
        raise InvalidEpoch("active_stake_bits", f"they add up to more than the limit {2**32}")
    _check_length("keeps_seat", epoch.keeps_seat, seats)
    for field in ("rows", "old_bonds"):
        matrix: tuple[tuple[int, ...], ...] = getattr(epoch, field)
        _check_length(field, matrix, seats)
        for seat, row in enumerate(matrix):
            _check_length(f"{field}[{seat}]", row, n)
            if row and not 0 <= min(row) <= max(row) <= U16:
                raise InvalidEpoch(
                    f"{field}[{seat}]", f"has a value outside the limits 0 and {U16}"
                )
    _check_integer("kappa", epoch.kappa, 0, U16)
    _check_integer("bonds_penalty", epoch.bonds_penalty, 0, U16)
    _check_integer("bonds_moving_average", epoch.bonds_moving_average, 0, 1_000_000)
    _check_integer("rao_emission", epoch.rao_emission, 0, U64)
