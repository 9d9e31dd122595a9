# SPDX-License-Identifier: Apache-2.0
"""Who counts, and how much: activity, stake shares, permits (steps 1 to 4 of the vectors' page)."""

from __future__ import annotations

from collections.abc import Sequence

from offchain.yuma.specification.fixed_point import FRACTION_BITS, normalize
from offchain.yuma.types import EpochInput, EpochParameters

U64_MAX = 2**64 - 1


def active(parameters: EpochParameters, epoch: EpochInput) -> tuple[bool, ...]:
    """Active until more than `activity_cutoff` blocks have passed since its last update."""
    return tuple(
        updated + parameters.activity_cutoff >= epoch.block for updated in epoch.last_update
    )


def total_stake(parameters: EpochParameters, epoch: EpochInput) -> tuple[int, ...]:
    """Alpha plus weighted TAO per uid, rao in Q32; below the threshold it counts as 0, except the
    owner's.
    """
    tao_weight = (parameters.tao_weight << FRACTION_BITS) // U64_MAX
    totals = [
        (alpha << FRACTION_BITS) + tao * tao_weight
        for alpha, tao in zip(epoch.stakes, epoch.tao_stakes, strict=True)
    ]
    return tuple(
        total
        if total >> FRACTION_BITS >= parameters.stake_threshold or uid == parameters.owner_uid
        else 0
        for uid, total in enumerate(totals)
    )


def stake(parameters: EpochParameters, epoch: EpochInput) -> tuple[int, ...]:
    """Each uid's share of all stake.

    Bittensor divides with 64 fractional bits and then cuts to 32; two floors in a row are the one
    floor taken here.
    """
    return normalize(total_stake(parameters, epoch))


def acting_permits(parameters: EpochParameters, epoch: EpochInput) -> tuple[bool, ...]:
    """The permits that this epoch runs on: those of the epoch before, and the owner's."""
    return tuple(
        permit or uid == parameters.owner_uid for uid, permit in enumerate(epoch.validator_permits)
    )


def new_validator_permits(
    parameters: EpochParameters, stake_bits: Sequence[int]
) -> tuple[bool, ...]:
    """The permits of the next epoch: the largest stakes above 0, ties to the higher uid, and
    always the owner.
    """
    by_stake = sorted(range(parameters.n), key=lambda uid: (stake_bits[uid], uid), reverse=True)
    winners = set(by_stake[: parameters.max_allowed_validators])
    return tuple(
        (uid in winners and stake_bits[uid] > 0) or uid == parameters.owner_uid
        for uid in range(parameters.n)
    )


def active_stake(
    stake_bits: Sequence[int], is_active: Sequence[bool], permits: Sequence[bool]
) -> tuple[int, ...]:
    """The shares of those who are active and permitted, normalised among them."""
    return normalize(
        [
            share if active_ and permit else 0
            for share, active_, permit in zip(stake_bits, is_active, permits, strict=True)
        ]
    )
