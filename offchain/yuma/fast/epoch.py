# SPDX-License-Identifier: Apache-2.0
"""The fast epoch: numpy for what is one number per uid, compiled blocks of columns for what is
one per pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offchain.yuma.fast import kernels, liquid
from offchain.yuma.fast.arrays import NO_MASK, EpochArrays, Flags
from offchain.yuma.fast.columns import ColumnInputs, ColumnResults, run_columns, run_dividends
from offchain.yuma.fast.kernels import CLASSIC, FIXED, LIQUID, Bytes, Ints, U16s, U64s
from offchain.yuma.fast.settings import kernel_settings_of
from offchain.yuma.types import EpochParameters

U64_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True, eq=False)
class EpochResult:
    """One epoch's outcome; per-uid vectors have n entries, matrices the rows of
    `EpochArrays.row_uids`.
    """

    active: Flags
    new_validator_permits: Flags
    stake: Ints
    active_stake: Ints
    consensus: Ints
    validator_trust: Ints
    incentive: Ints
    dividends: Ints
    server_share: Ints
    validator_share: Ints
    combined_share: Ints
    server_emission: U64s
    validator_emission: U64s
    combined_emission: U64s
    masked_weights: U16s
    """V x n, the entries that count."""
    row_sums: Ints
    bonds: U16s
    """V x n as stored; zeros for a uid without a new permit."""
    ema_bonds: Ints
    """V x n before scaling for storage."""
    classic_listed: Bytes
    """V x n, 1 where classic bonds have an entry, which may be 0."""
    kind: int
    """CLASSIC, FIXED or LIQUID, as it turned out."""


def run_arrays(parameters: EpochParameters, epoch: EpochArrays, threads: int = 1) -> EpochResult:
    """Run one epoch. Parameters and input are taken as valid. The result does not depend on
    `threads`.
    """
    n, rows = parameters.n, epoch.row_uids
    active = _active(parameters, epoch)
    stake = _stake(parameters, epoch)
    acting = epoch.validator_permits.copy()
    new_permits = _top_stakes(stake, parameters.max_allowed_validators)
    if parameters.owner_uid is not None:
        acting[parameters.owner_uid] = True
        new_permits[parameters.owner_uid] = True
    active_stake = kernels.normalize(np.where(active & acting, stake, 0))

    inputs = _column_inputs(parameters, epoch, active_stake[rows])
    kind, columns = _columns(parameters, epoch, inputs, threads)
    incentive = kernels.normalize(columns.rank)
    parts, stored = run_dividends(columns.ema, incentive, kind, new_permits[rows], threads)
    if kind != CLASSIC:
        parts = kernels.multiply_all(parts, inputs.stake)
    dividends = _by_uid(kernels.normalize(parts), rows, n)

    server, validator, combined = _shares(incentive, dividends, active_stake, stake)
    rao = np.uint64(parameters.rao_emission)
    return EpochResult(
        active=active,
        new_validator_permits=new_permits,
        stake=stake,
        active_stake=active_stake,
        consensus=columns.consensus,
        validator_trust=_by_uid(columns.trust, rows, n),
        incentive=incentive,
        dividends=dividends,
        server_share=server,
        validator_share=validator,
        combined_share=combined,
        server_emission=kernels.emission(server, rao),
        validator_emission=kernels.emission(validator, rao),
        combined_emission=kernels.emission(combined, rao),
        masked_weights=inputs.weights,
        row_sums=inputs.row_sums,
        bonds=stored,
        ema_bonds=columns.ema,
        classic_listed=columns.classic_listed,
        kind=kind,
    )


def counted(parameters: EpochParameters, epoch: EpochArrays) -> Flags:
    """V x n: whether an entry counts, listed or not."""
    every = np.ones(epoch.weights.shape, np.uint16)
    return _masked(parameters, epoch, every)[0] > 0


def kept_columns(parameters: EpochParameters, epoch: EpochArrays) -> Flags:
    """Whether bonds to a miner survive: it registered before the last epoch."""
    last_step = epoch.last_step_block
    since = last_step + 1 if last_step else max(epoch.block - parameters.tempo, 0)
    if since == 0:
        return np.zeros(parameters.n, np.bool_)
    return epoch.registered_block <= np.uint64(since - 1)


def _columns(
    parameters: EpochParameters, epoch: EpochArrays, inputs: ColumnInputs, threads: int
) -> tuple[int, ColumnResults]:
    """The columns' results, and the kind of bonds: liquid ones become fixed if there is no
    consensus at all.
    """
    settings = kernel_settings_of(parameters)
    if settings[0] != LIQUID:
        return int(settings[0]), run_columns(inputs, settings, threads)
    masks = (NO_MASK, NO_MASK, NO_MASK)
    if epoch.listed_zeros.size or epoch.disordered is not None:
        counts, kept = counted(parameters, epoch), kept_columns(parameters, epoch)
        consensus = run_columns(inputs, settings, threads).consensus
        masks = (
            liquid.listed_zeros(parameters, epoch, counts),
            *liquid.overlooked(parameters, epoch, counts, kept, consensus),
        )
    columns = run_columns(inputs, settings, threads, masks)
    if columns.consensus.any():
        return LIQUID, columns
    settings[0] = FIXED
    return FIXED, run_columns(inputs, settings, threads)


def _column_inputs(
    parameters: EpochParameters, epoch: EpochArrays, row_stake: Ints
) -> ColumnInputs:
    masked, sums = _masked(parameters, epoch, epoch.weights)
    kept = kept_columns(parameters, epoch).astype(np.uint8)
    return ColumnInputs(masked, sums, epoch.bonds, kept, row_stake)


def _active(parameters: EpochParameters, epoch: EpochArrays) -> Flags:
    """last_update + cutoff >= block, without the sum, which may not fit."""
    if parameters.activity_cutoff >= epoch.block:
        return np.ones(parameters.n, np.bool_)
    return epoch.last_update >= np.uint64(epoch.block - parameters.activity_cutoff)


def _stake(parameters: EpochParameters, epoch: EpochArrays) -> Ints:
    """Shares of alpha plus weighted TAO, those below the threshold as 0."""
    tao_weight = (parameters.tao_weight << 32) // U64_MAX
    weighted = tao_weight > 0 and bool(epoch.tao_stakes.any())
    if weighted:
        totals = [
            (int(alpha) << 32) + int(tao) * tao_weight
            for alpha, tao in zip(epoch.stakes, epoch.tao_stakes, strict=True)
        ]
        high = np.array([total >> 64 for total in totals], np.uint64)
        low = np.array([total & U64_MAX for total in totals], np.uint64)
        whole = np.array([total >> 32 for total in totals], np.uint64)
    else:
        high, low, whole = np.zeros_like(epoch.stakes), epoch.stakes.copy(), epoch.stakes
    below = whole < np.uint64(parameters.stake_threshold)
    if parameters.owner_uid is not None:
        below[parameters.owner_uid] = False
    high[below] = 0
    low[below] = 0
    return kernels.shares_of_wide(high, low)


def _top_stakes(stake: Ints, places: int) -> Flags:
    """The `places` largest stakes above 0, ties to the higher uid."""
    winners = np.zeros(stake.size, np.bool_)
    if places > 0:
        winners[np.argsort(stake, kind="stable")[-places:]] = True
    return winners & (stake > 0)


def _masked(parameters: EpochParameters, epoch: EpochArrays, weights: U16s) -> tuple[U16s, Ints]:
    """The weights that count, and the sum of each row."""
    rows = epoch.row_uids
    owner = -1 if parameters.owner_uid is None else parameters.owner_uid
    keeps_own = (rows == owner).astype(np.int64)
    commit = epoch.commit_block[rows]
    if not parameters.commit_reveal:
        commit = np.full(rows.size, U64_MAX, np.uint64)
    masked, sums = kernels.mask_weights(
        weights, rows, keeps_own, epoch.last_update[rows], commit, epoch.registered_block
    )
    return masked, sums


def _by_uid(values: Ints, rows: Ints, n: int) -> Ints:
    """One value per row as one per uid, 0 for uids without a row."""
    result = np.zeros(n, np.int64)
    result[rows] = values
    return result


def _shares(
    incentive: Ints, dividends: Ints, active_stake: Ints, stake: Ints
) -> tuple[Ints, Ints, Ints]:
    """Server, validator and combined shares; by stake if nobody has incentive or dividends."""
    both = incentive + dividends
    total = int(both.sum())
    if total == 0:
        by_stake = active_stake if active_stake.any() else stake
        return np.zeros_like(both), by_stake, by_stake
    return (
        kernels.divide_all(incentive, total),
        kernels.divide_all(dividends, total),
        kernels.divide_all(both, total),
    )
