# SPDX-License-Identifier: Apache-2.0
"""Retention: the nine published numbers, and the parts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.lab import retention
from offchain.lab.errors import InvalidExperiment
from offchain.lab.published import NUMBERS, TOLERANCE_POINTS, Setting
from offchain.lab.reproduce import reproduce, table, write_reproduction
from offchain.lab.retention import (
    SELF_WEIGHTS,
    UTILITIES,
    Size,
    draw_network,
    honest_shares,
    needed_utility,
    retention_needs,
)

SMALL = Size(nodes=64, validators=16)


@pytest.fixture(scope="module")
def nine():
    """Bittensor's own network at full size, without the contour maps."""
    return reproduce(draws=0, with_maps=False, quiet=True)


def test_reproduce__all_nine__are_within_a_point(nine) -> None:
    assert [n.published_percent for n in nine.numbers] == [60, 67, 73, 78, 76, 73, 82, 78, 73]
    apart = [n.points_apart for n in nine.numbers]
    assert max(map(abs, apart)) <= TOLERANCE_POINTS
    assert all(n.within for n in nine.numbers)


def test_reproduce__orders__are_the_published_ones(nine) -> None:
    ours = [n.need.percent for n in nine.numbers]
    assert ours[0] < ours[1] < ours[2]  # noisier weights need more
    assert ours[3] > ours[4] > ours[5]  # penalties need less
    assert ours[6] > ours[7] > ours[8]  # pay for validators needs less


@pytest.mark.soundness
def test_reproduce__with_another_kappa__is_not_within_a_point(monkeypatch) -> None:
    """The comparison bites: consensus by 40 % of the stake needs other utilities."""
    monkeypatch.setattr(retention, "KAPPA_U16", 22937)  # 0.35, below the cabal's stake
    (need,) = retention_needs([Setting(0.4)], draws=0, quiet=True)
    assert abs(need.percent - 73) > TOLERANCE_POINTS


def test_retention_needs__another_network__differs_by_chance_only() -> None:
    (need,) = retention_needs([Setting(0.4)], draws=1, quiet=True)
    (other,) = need.other_networks_percent
    assert 0 < abs(other - need.percent) < 1.0


def test_retention_needs__same_seed_and_any_threads__is_the_same() -> None:
    first = retention_needs([Setting(0.2)], 1, seed=5, threads=1, size=SMALL, quiet=True)
    again = retention_needs([Setting(0.2)], 1, seed=5, threads=2, size=SMALL, quiet=True)
    other = retention_needs([Setting(0.2)], 1, seed=6, threads=1, size=SMALL, quiet=True)
    assert first == again
    assert first != other


@pytest.mark.parametrize("number", [0, (3, 1)])
def test_draw_network__quadrants_and_stakes__have_their_sums(number) -> None:
    draw = draw_network(number, 0.6, 0.4, SMALL)
    assert (draw.honest_validators, draw.honest_servers) == (9, 28)
    assert draw.stakes_rao[:9].sum() / draw.stakes_rao.sum() == pytest.approx(0.6, abs=1e-12)
    assert draw.weights[:, :28].sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert draw.weights[:, 28:].sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (draw.weights >= 0).all()


def test_honest_shares__everybody_agrees_on_the_truth__pays_utility_and_stake() -> None:
    """Without noise and with W_C = 1 - W_H nothing is clipped: incentive is utility, dividends are
    stake.
    """
    draw = draw_network(0, 0.6, 0.0, SMALL)
    shares = honest_shares(draw, 65535)
    at, against = int(np.argmin(abs(UTILITIES - 0.7))), int(np.argmin(abs(SELF_WEIGHTS - 0.3)))
    assert UTILITIES[at] == pytest.approx(0.7)
    assert shares.incentive[at, against] == pytest.approx(0.7, abs=2e-3)
    assert shares.dividends[at, against] == pytest.approx(0.6, abs=2e-3)
    assert shares.emission(0.25)[at, against] == pytest.approx(0.675, abs=2e-3)


def test_honest_shares__perfect_honesty__leaves_a_cabal_no_incentive() -> None:
    shares = honest_shares(draw_network(0, 0.6, 0.0, SMALL), 65535)
    assert shares.incentive[-1] == pytest.approx(1.0)


def test_needed_utility__by_hand() -> None:
    steps = np.linspace(0.0, 1.0, len(UTILITIES))
    emission = np.stack([0.5 + 0.25 * steps, np.full(len(steps), 0.9), np.zeros(len(steps))], 1)
    # 0.5 + x/4 = 0.6 at x = 0.4, which is utility 0.5 + 0.4/2
    assert needed_utility(emission, 0.6) == pytest.approx([0.7, 0.5, 1.0])


@pytest.mark.parametrize("stake, deviation", [(0.5, 0.2), (1.0, 0.2), (0.6, -0.1)])
def test_draw_network__outside_the_game__is_refused(stake, deviation) -> None:
    with pytest.raises(InvalidExperiment, match="honest stake"):
        draw_network(0, stake, deviation, SMALL)


def test_write_reproduction__twice__writes_the_same_json_and_svg(tmp_path) -> None:
    whole = reproduce(draws=0, size=Size(nodes=24, validators=8), quiet=True)
    assert set(whole.maps) == {n.setting for n in NUMBERS}
    small = replace(whole, maps=dict(list(whole.maps.items())[:1]))
    first = write_reproduction(tmp_path / "a", small)
    second = write_reproduction(tmp_path / "b", small)
    assert [path.suffix for path in first] == [".json", ".png", ".svg"]
    for one, two in zip(first, second, strict=True):
        assert one.suffix == ".png" or one.read_bytes() == two.read_bytes()
        assert one.stat().st_size > 1000
    assert len(table(small)) == 9
