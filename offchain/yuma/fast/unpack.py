# SPDX-License-Identifier: Apache-2.0
"""From arrays back to the output that both implementations share: sparse rows in the order in
which they were listed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offchain.yuma.fast import kernels, liquid
from offchain.yuma.fast.arrays import EpochArrays, Flags
from offchain.yuma.fast.epoch import EpochResult, counted, kept_columns
from offchain.yuma.fast.kernels import CLASSIC, LIQUID, Ints
from offchain.yuma.fast.settings import kernel_settings_of
from offchain.yuma.types import (
    LIQUID_ALPHA_OUTPUT_UIDS,
    EpochInput,
    EpochOutput,
    EpochParameters,
    Row,
    Rows,
)


def unpack(
    parameters: EpochParameters, epoch: EpochInput, arrays: EpochArrays, result: EpochResult
) -> EpochOutput:
    """The whole output, debugging matrices included."""
    n = parameters.n
    counts = counted(parameters, arrays)
    weights = kernels.normalized_rows(result.masked_weights, result.row_sums)
    clipped = np.minimum(weights, result.consensus)
    uids = arrays.row_uids
    listed = [
        [
            uid
            for uid, _ in (epoch.weights[row] if _acts(parameters, epoch, row) else ())
            if counts[i, uid]
        ]
        for i, row in enumerate(uids)
    ]
    unclipped = [
        [uid for uid in row if weights[i, uid] == 0 or result.consensus[uid] > 0]
        for i, row in enumerate(listed)
    ]
    bonded = _bonded_columns(parameters, result, listed, unclipped)
    new_permits = result.new_validator_permits
    stored = [row if new_permits[uids[i]] else [] for i, row in enumerate(bonded)]
    return EpochOutput(
        active=_flags(result.active),
        new_validator_permits=_flags(new_permits),
        stake_bits=_ints(result.stake),
        active_stake_bits=_ints(result.active_stake),
        consensus_bits=_ints(result.consensus),
        validator_trust_bits=_ints(result.validator_trust),
        incentive_bits=_ints(result.incentive),
        dividends_bits=_ints(result.dividends),
        norm_server_emission_bits=_ints(result.server_share),
        norm_validator_emission_bits=_ints(result.validator_share),
        norm_combined_emission_bits=_ints(result.combined_share),
        stake_weight_u16=_u16(result.stake),
        consensus_u16=_u16(result.consensus),
        validator_trust_u16=_u16(result.validator_trust),
        incentive_u16=_u16(result.incentive),
        dividends_u16=_u16(result.dividends),
        server_emission=_ints(result.server_emission),
        validator_emission=_ints(result.validator_emission),
        combined_emission=_ints(result.combined_emission),
        bonds_u16=_rows(stored, result.bonds, uids, n),
        weights_normalized_bits=_rows(listed, weights, uids, n),
        weights_clipped_bits=_rows(unclipped, clipped, uids, n),
        ema_bonds_bits=_rows(bonded, result.ema_bonds, uids, n),
        liquid_alphas_bits=_liquid_alphas(parameters, arrays, result, counts),
    )


def _acts(parameters: EpochParameters, epoch: EpochInput, uid: int) -> bool:
    return epoch.validator_permits[uid] or uid == parameters.owner_uid


def _bonded_columns(
    parameters: EpochParameters,
    result: EpochResult,
    listed: list[list[int]],
    unclipped: list[list[int]],
) -> list[list[int]]:
    """The columns of each row's bonds, in the order in which they are kept.

    Liquid alpha keeps the order of the weights for bonds, everything else puts rows in order.
    """
    present = result.classic_listed > 0 if result.kind == CLASSIC else result.ema_bonds > 0
    if result.kind != LIQUID or liquid.is_blended(parameters):
        return [np.nonzero(row)[0].tolist() for row in present]
    order = listed if parameters.bonds_penalty == 0 else unclipped
    return [[uid for uid in row if present[i, uid]] for i, row in enumerate(order)]


def _liquid_alphas(
    parameters: EpochParameters, arrays: EpochArrays, result: EpochResult, counts: Flags
) -> tuple[tuple[int, ...], ...] | None:
    """The rate of every pair of a small epoch; uids without a row have zero weights and bonds."""
    n = parameters.n
    if result.kind != LIQUID or n > LIQUID_ALPHA_OUTPUT_UIDS:
        return None
    kept = kept_columns(parameters, arrays)
    overlooked_weights, overlooked_bonds = liquid.overlooked(
        parameters, arrays, counts, kept, result.consensus
    )
    weights = np.zeros((n, n), np.int64)
    bonds = np.zeros((n, n), np.int64)
    seen = kernels.weights_for_bonds(
        kernels.normalized_rows(result.masked_weights, result.row_sums),
        result.consensus,
        int(kernel_settings_of(parameters)[2]),
    )
    old = kernels.bonds_of_u16(arrays.bonds) * kept
    if overlooked_weights.size:
        seen, old = seen * (1 - overlooked_weights), old * (1 - overlooked_bonds)
    weights[arrays.row_uids] = seen
    bonds[arrays.row_uids] = old
    rates = kernels.liquid_rates(weights, bonds, result.consensus, kernel_settings_of(parameters))
    return tuple(tuple(row) for row in rates.tolist())


def _rows(columns: list[list[int]], values: NDArray[Any], uids: Ints, n: int) -> Rows:
    """One sparse row per uid from the listed columns of the matrix rows."""
    rows: list[Row] = [()] * n
    for i, row in enumerate(columns):
        rows[uids[i]] = tuple(zip(row, values[i, row].tolist(), strict=True))
    return tuple(rows)


def _ints(values: NDArray[Any]) -> tuple[int, ...]:
    return tuple(values.tolist())


def _flags(values: Flags) -> tuple[bool, ...]:
    return tuple(values.tolist())


def _u16(bits: Ints) -> tuple[int, ...]:
    """Stored forms: bits * 65535 / 2**32, rounded down."""
    return _ints((bits * 65535) >> 32)
