# SPDX-License-Identifier: Apache-2.0
"""The epoch on the inputs that the chain freezes; twin of `offchain.yuma.specification.seats`."""

from __future__ import annotations

import numpy as np

from offchain.yuma.fast import kernels
from offchain.yuma.fast.columns import ColumnInputs, run_columns
from offchain.yuma.fast.kernels import FIXED, Ints, U16s
from offchain.yuma.fast.settings import kernel_settings
from offchain.yuma.types import SEAT_BLOCK_COLUMNS, SeatEpoch, SeatResult
from offchain.yuma.validation import check_seat_epoch


def run_seat_epoch(epoch: SeatEpoch, threads: int = 1) -> SeatResult:
    """Consensus, ranks, bonds, dividends and emissions of one frozen epoch.

    Raises `InvalidEpoch` for a shape that does not fit or a number outside its limits.
    """
    check_seat_epoch(epoch)
    seats, n = len(epoch.rows), len(epoch.replaced)
    weights = np.array(epoch.rows, np.uint16).reshape(seats, n)
    inputs = ColumnInputs(
        weights=weights,
        row_sums=kernels.row_sums(weights),
        bonds=np.array(epoch.old_bonds, np.uint16).reshape(seats, n),
        kept=(~np.array(epoch.replaced, np.bool_)).astype(np.uint8),
        stake=np.array(epoch.active_stake_bits, np.int64),
    )
    settings = kernel_settings(
        yuma3=True,
        liquid_alpha=False,
        kappa=epoch.kappa,
        bonds_penalty=epoch.bonds_penalty,
        bonds_moving_average=epoch.bonds_moving_average,
        alpha_low=0,
        alpha_high=0,
        alpha_sigmoid_steepness=0,
    )
    columns = run_columns(inputs, settings, threads)
    incentive = kernels.normalize(columns.rank)
    parts, stored = _dividend_parts(columns.ema, incentive, epoch.keeps_seat)
    totals = parts.sum(axis=0)
    products = kernels.multiply_all(totals, inputs.stake)
    dividends = kernels.normalize(products)

    total_rank = int(columns.rank.sum())
    pays = total_rank > 0 and bool(products.any())
    server, validator = np.zeros(n, np.int64), np.zeros(seats, np.int64)
    if pays:
        total = int(incentive.sum()) + int(dividends.sum())
        server = kernels.divide_all(incentive, total)
        validator = kernels.divide_all(dividends, total)
    rao = np.uint64(epoch.rao_emission)
    return SeatResult(
        consensus_bits=tuple(columns.consensus.tolist()),
        rank_bits=tuple(columns.rank.tolist()),
        total_rank=total_rank,
        incentive_bits=tuple(incentive.tolist()),
        bonds_bits=tuple(map(tuple, columns.ema.tolist())),
        bonds_u16=tuple(map(tuple, stored.tolist())),
        dividend_parts=tuple(map(tuple, parts.tolist())),
        dividend_totals=tuple(totals.tolist()),
        dividends_bits=tuple(dividends.tolist()),
        pays=pays,
        server_emission=tuple(kernels.emission(server, rao).tolist()),
        validator_emission=tuple(kernels.emission(validator, rao).tolist()),
    )


def _dividend_parts(ema: Ints, incentive: Ints, keeps_seat: tuple[bool, ...]) -> tuple[Ints, U16s]:
    """The partial sums per block and seat (blocks x V), and the bonds as stored (V x N)."""
    seats, n = ema.shape
    blocks = -(-n // SEAT_BLOCK_COLUMNS)
    parts = np.zeros((blocks, seats), np.int64)
    stored = np.zeros((seats, n), np.uint16)
    keeps = np.array(keeps_seat, np.uint8)
    for block in range(blocks):
        first = block * SEAT_BLOCK_COLUMNS
        last = min(first + SEAT_BLOCK_COLUMNS, n)
        kernels.dividends_pass(ema, incentive, FIXED, keeps, first, last, parts[block], stored)
    return parts, stored
