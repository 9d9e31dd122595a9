# SPDX-License-Identifier: Apache-2.0
"""Parameters as the kernels take them: one row of integers."""

from __future__ import annotations

import numpy as np

from offchain.yuma.fast.kernels import CLASSIC, FIXED, LIQUID, ONE, PPM, Ints
from offchain.yuma.types import EpochParameters

SETTINGS = 7
"""kind, kappa, penalty, rate, slope, low, high."""


def q32_of_u16(value: int) -> int:
    """value / 65535 rounded down."""
    return (value << 32) // 65535


def kernel_settings(
    *,
    yuma3: bool,
    liquid_alpha: bool,
    kappa: int,
    bonds_penalty: int,
    bonds_moving_average: int,
    alpha_low: int,
    alpha_high: int,
    alpha_sigmoid_steepness: int,
) -> Ints:
    """The row for `columns_pass`; u16, parts per million and hundredths as in `EpochParameters`."""
    kind = (LIQUID if liquid_alpha else FIXED) if yuma3 else CLASSIC
    steepness = alpha_sigmoid_steepness << 32
    slope = -(abs(steepness) // 100) if steepness > 0 else abs(steepness) // 100
    return np.array(
        [
            kind,
            q32_of_u16(kappa),
            q32_of_u16(bonds_penalty),
            ONE - (bonds_moving_average << 32) // PPM,
            slope,
            q32_of_u16(alpha_low),
            q32_of_u16(alpha_high),
        ],
        np.int64,
    )


def kernel_settings_of(parameters: EpochParameters) -> Ints:
    """The row of an epoch's parameters."""
    return kernel_settings(
        yuma3=parameters.yuma3,
        liquid_alpha=parameters.liquid_alpha,
        kappa=parameters.kappa,
        bonds_penalty=parameters.bonds_penalty,
        bonds_moving_average=parameters.bonds_moving_average,
        alpha_low=parameters.alpha_low,
        alpha_high=parameters.alpha_high,
        alpha_sigmoid_steepness=parameters.alpha_sigmoid_steepness,
    )
