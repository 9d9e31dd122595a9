# SPDX-License-Identifier: Apache-2.0
"""Burn price, lock cost and the hyperparameter table, by the numbers of the mechanics page."""

import pytest

from offchain.protocol.burn_price import decay_factor_q32, decayed_rao, pow_q32, raised_rao
from offchain.protocol.errors import ConfigError
from offchain.protocol.hyperparameters import HYPERPARAMETERS, hyperparameter
from offchain.protocol.lock_cost import lock_cost_rao

TAO = 10**9


@pytest.mark.parametrize(
    "half_life, factor",
    [
        (1, 2_147_483_648),
        (10, 4_007_346_185),
        (360, 4_286_705_684),
        (7_200, 4_294_553_838),
        (36_100, 4_294_884_830),
    ],
)
def test_decay_factor__numbers_of_mechanics(half_life, factor):
    assert decay_factor_q32(half_life) == factor
    assert pow_q32(factor, half_life) <= 2**31 < pow_q32(factor + 1, half_life)


def test_burn_price__worked_numbers():
    assert raised_rao(TAO, 1_260_000, 1, 100 * TAO) == 1_260_000_000
    assert decayed_rao(TAO, 0, 360, 1, 100 * TAO) == TAO
    assert decayed_rao(TAO, 360, 360, 1, 100 * TAO) == 499_999_865
    assert decayed_rao(TAO, 10**9, 360, 500_000, 100 * TAO) == 500_000
    assert decayed_rao(TAO, 1, 360, 2 * TAO, 100 * TAO) == 2 * TAO


def test_lock_cost__doubles_then_falls_linearly_and_halves_its_interval_with_the_halving():
    costs = [lock_cost_rao(1_008 * TAO, t, 100_800, TAO, 1_000 * TAO) for t in (0, 50_400, 100_800)]
    assert costs == [2_016 * TAO, 1_512 * TAO, 1_008 * TAO]
    assert lock_cost_rao(1_008 * TAO, 50_400, 100_800, TAO // 2, 1_000 * TAO) == 1_008 * TAO
    assert lock_cost_rao(1_008 * TAO, 10**9, 100_800, TAO, 1_000 * TAO) == 1_000 * TAO
    assert lock_cost_rao(0, 0, 100_800, TAO, 1_000 * TAO) == 1_000 * TAO


@pytest.mark.parametrize("row", HYPERPARAMETERS, ids=[row.name for row in HYPERPARAMETERS])
def test_hyperparameter__check__refuses_one_beyond_each_bound(row):
    row.check(row.least)
    row.check(row.most)
    for outside in (row.least - 1, row.most + 1):
        with pytest.raises(ConfigError, match=row.name):
            row.check(outside)


def test_hyperparameter__unknown_name__says_which_exist():
    with pytest.raises(ConfigError, match="kapa") as refused:
        hyperparameter("kapa")
    assert "kappa_u16" in refused.value.next_step
