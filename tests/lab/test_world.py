# SPDX-License-Identifier: Apache-2.0
"""The world in which attacks are played: sums, seeds, masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.lab.errors import InvalidExperiment
from offchain.lab.scenario import LIMITS, Rules, Scenario, World, knobs
from offchain.lab.world import Pay, as_rows, batch, draw, honest, measured, play
from offchain.yuma import fast

SMALL = World(seats=5, miners=12, warmup=3, epochs=4, draws=3)


def lived(world: World = SMALL, rules: Rules | None = None) -> Pay:
    draws = draw(world, 0.3, 0.3)
    return play(rules or Rules(), draws, honest(draws, world))


def test_play__each_epoch__pays_everything_once_half_to_each_side() -> None:
    pay = lived()
    assert pay.miners.sum(axis=2) == pytest.approx(0.5, abs=1e-6)
    assert pay.validators.sum(axis=2) == pytest.approx(0.5, abs=1e-6)


def test_draw__shares__are_the_attackers() -> None:
    draws = draw(SMALL, 0.3, 0.25)
    total = draws.stakes_rao.sum(axis=1)
    assert draws.stakes_rao[:, draws.own_seats].sum(axis=1) / total == pytest.approx(0.3)
    assert draws.utility[:, :, draws.own_miners].sum(axis=2) == pytest.approx(0.25)
    assert draws.utility.sum(axis=2) == pytest.approx(1.0)


def test_draw__seed__decides_everything() -> None:
    again = draw(replace(SMALL, draws=3), 0.3, 0.3)
    other = draw(replace(SMALL, seed=1), 0.3, 0.3)
    assert np.array_equal(lived().miners, lived().miners)
    assert np.array_equal(again.noise, draw(SMALL, 0.3, 0.3).noise)
    assert not np.array_equal(other.noise, again.noise)


def test_play__no_noise__pays_validators_by_stake() -> None:
    world = replace(SMALL, noise=0.0, churn=0.0, drift=0.0)
    draws = draw(world, 0.3, 0.3)
    shares = draws.stakes_rao / draws.stakes_rao.sum(axis=1, keepdims=True)
    assert lived(world).validators[-1] == pytest.approx(0.5 * shares, abs=1e-4)


def test_play__replaced_uids__leave_no_bond() -> None:
    """If all are new in every epoch, an epoch pays as if it were the first; else not."""
    rules = Rules(bonds_moving_average_ppm=500_000)
    for churn, alike in ((1.0, True), (0.0, False)):
        world = replace(SMALL, churn=churn, noise=0.5)
        draws = draw(world, 0.3, 0.3)
        rows = as_rows(measured(draws, world, 6))
        first = fast.run_batch(batch(rules, draws, 6, rows, None, draws.stakes_rao))
        alone = first.shares()[1] / 2**32
        assert np.array_equal(lived(world, rules).validators[6], alone) == alike


def test_play__silent_seat__earns_nothing() -> None:
    draws = draw(SMALL, 0.3, 0.3)

    def without_seat_2(epoch, _chain):
        rows = as_rows(measured(draws, SMALL, epoch))
        rows[:, 2] = 0
        return rows

    pay = play(Rules(), draws, without_seat_2)
    assert (pay.validators[:, :, 2] == 0).all()
    assert (pay.validators[:, :, 1] > 0).all()


def test_as_rows__largest_is_full__rounded_down_and_blank_stays_blank() -> None:
    rows = as_rows(np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]))
    assert rows.tolist() == [[65535, 32767, 0], [0, 0, 0]]


def test_knobs__all_have_limits_that_hold_their_default() -> None:
    scenario = Scenario()
    assert set(knobs()) == set(LIMITS)
    for knob in knobs():
        assert scenario.with_knob(knob, scenario.value(knob)) == scenario


@pytest.mark.parametrize(
    "knob, value, words",
    [
        ("stake", 1.0, "stake is 1, wanted 0.01 to 0.99"),
        ("churn", float("nan"), "churn is nan"),
        ("copies", 2.5, "wanted a whole number"),
        ("magic", 1, "no knob is named 'magic'"),
    ],
)
def test_with_knob__bad__names_the_limit(knob, value, words) -> None:
    with pytest.raises(InvalidExperiment, match=words):
        Scenario().with_knob(knob, value)
