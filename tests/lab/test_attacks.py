# SPDX-License-Identifier: Apache-2.0
"""What each attack must show whatever the numbers: it pays where a rule is missing, not before."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.lab.attacks import ATTACKS, attack_named, boundary
from offchain.lab.attacks.boundary import come_and_go
from offchain.lab.attacks.frame import outcome
from offchain.lab.errors import InvalidExperiment
from offchain.lab.experiment import experiment, find, write_experiment
from offchain.lab.scenario import Rules, Scenario
from offchain.subnets.base import Commitment, copied_or_missing

SMALL = Scenario().with_knob("draws", 4).with_knob("miners", 32).with_knob("seats", 10)


def percent(name: str, fixed: bool = True, **knobs: float) -> float:
    """The attack's profit; `fixed`: knobs that are given are not the attacker's choice."""
    scenario = ATTACKS[name].scenario(SMALL)
    for knob, value in knobs.items():
        scenario = scenario.with_knob(knob, value)
    return find(ATTACKS[name], scenario, knobs if fixed else ()).percent


def test_catalogue__has_the_seven_of_the_issue() -> None:
    wanted = {"copier", "cabal", "underweight", "clones", "recycling", "boundary", "selective"}
    assert set(ATTACKS) == wanted


def test_attack_named__unknown__names_the_known() -> None:
    with pytest.raises(InvalidExperiment, match="no attack is named 'x'") as caught:
        attack_named("x")
    assert "copier, cabal" in caught.value.next_step


@pytest.mark.parametrize("name", ATTACKS)
def test_find__same_seed__is_the_same(name) -> None:
    scenario = ATTACKS[name].scenario(SMALL)
    assert find(ATTACKS[name], scenario) == find(ATTACKS[name], scenario)


def test_copier__hidden_longer_or_more_churn__earns_less() -> None:
    ages = [percent("copier", reveal_epochs=age) for age in (0, 1, 4)]
    churns = [percent("copier", churn=churn) for churn in (0.0, 0.05, 0.2)]
    assert ages[0] > ages[1] > ages[2]
    assert churns[0] > churns[1] > churns[2]
    assert ages[0] > 0 > percent("copier", reveal_epochs=4, churn=0.2)


def test_copier__exact_measurements__leave_nothing_to_gain() -> None:
    assert percent("copier", noise=0.0) < 0


def test_copier__saved_effort__is_gained() -> None:
    gained = percent("copier", effort=0.1) - percent("copier")
    assert gained == pytest.approx(10.0)


def test_cabal__telling_the_truth__gains_nothing_and_a_majority_gains_much() -> None:
    assert percent("cabal", noise=0.0, self_weight=0.3) == pytest.approx(0.0, abs=0.05)
    assert percent("cabal", noise=0.0) <= 0.05
    assert percent("cabal", stake=0.6) > 50


def test_cabal__best_choice__is_at_least_any_fixed_one() -> None:
    best = percent("cabal")
    assert all(best >= percent("cabal", self_weight=part) for part in (0.4, 1.0))


def test_underweight__minority__harms_its_rivals_more_than_it_gains() -> None:
    found = find(ATTACKS["underweight"], ATTACKS["underweight"].scenario(SMALL))
    assert found.outcome.victims_lose > 5 * found.outcome.profit
    assert percent("underweight", stake=0.6) > 10


def test_clones__free_registrations__pay_and_the_price_of_entry_takes_it() -> None:
    assert percent("clones", burn_epochs=0, copies=4) > 50
    assert percent("clones", burn_epochs=40, copies=4) < 0
    assert percent("clones", burn_epochs=20, quality=3, copies=4) > 0


def test_B6_one_model_behind_many_hotkeys__earns_once_by_its_hash_and_pays_for_entry() -> None:
    """The same file scores for whoever committed it first; a file changed by a bit has a price.

    The published bound (docs/lab.md, row `clones`): at the default price of entry so many hotkeys
    of an average model earn together at most 1.5 % more than so many hotkeys earn alone.
    """
    copies = [Commitment(1 << 48 | uid, uid, b"\x07" * 32, 100 + uid) for uid in range(5)]
    assert copied_or_missing(reversed(copies), range(5)) == {1, 2, 3, 4}
    in_one_tick = [Commitment(c.registration_id, c.uid, c.model_hash, 9) for c in copies]
    assert copied_or_missing(in_one_tick, range(5)) == {1, 2, 3, 4}
    assert percent("clones", copies=4) < 1.5
    assert percent("clones", burn_epochs=0, copies=4) > 50  # and the check can fail


def test_clones__more_than_there_is_room_for__are_refused() -> None:
    with pytest.raises(InvalidExperiment, match="copies is 40"):
        percent("clones", copies=40)


def test_recycling__nothing_inherited__only_costs() -> None:
    found = find(ATTACKS["recycling"], SMALL)
    assert found.outcome.attack == 0.0
    assert found.percent == pytest.approx(-100 * SMALL.world.burn_epochs)
    assert percent("recycling", inherited_epochs=14, burn_epochs=0.5) > 0


def test_boundary__unbonding__takes_more_than_is_gained() -> None:
    assert percent("boundary") < -50
    assert percent("boundary", unbonding_ticks=0) > 100
    assert percent("boundary", tempo_ticks=3_600) < 0  # the longest tempo that there is
    # a stay as long as an epoch frees nothing
    assert percent("boundary", unbonding_ticks=360) < 0


@pytest.mark.parametrize(
    "held, unbonding, counted, share, bound",
    [
        # back in time for every boundary
        (1, 350, [0, 1, 2, 3, 4, 5, 6, 7], 1.0, 1.0),
        # at boundaries 0, 2, 4, ...: never at two in a row
        (1, 351, [], 0.0, 361 / 720),
        # at 0, 1, 2 and again at 5, 6, 7: seated by the first, counted between the other two
        (3, 720, [1, 6], 1 / 5, 1450 / 1800),
        # the default: once in 23 epochs
        (3, 7200, [1], 1 / 23, 7930 / 8280),
    ],
)
def test_come_and_go__by_hand(held, unbonding, counted, share, bound) -> None:
    schedule = come_and_go(Rules(tempo_ticks=360, unbonding_ticks=unbonding), 8, held, 10)
    assert np.flatnonzero(schedule.counted).tolist() == counted
    assert schedule.counted_share == pytest.approx(share)
    assert schedule.bound_epochs == pytest.approx(bound)


@pytest.mark.soundness
def test_boundary__one_counted_boundary__counts_stake_that_two_would_not() -> None:
    """The second boundary is what stops the stake that is there every other time."""
    one = come_and_go(Rules(unbonding_ticks=360, counted_boundaries=1), 8, 1, 10)
    two = come_and_go(Rules(unbonding_ticks=360, counted_boundaries=2), 8, 1, 10)
    assert one.counted.sum() == 4
    assert two.counted.sum() == 0
    assert boundary.HELD_BOUNDARIES[0] == 1


def test_selective__silence__never_pays_and_choice_among_rows_does() -> None:
    assert percent("selective") == 0.0
    assert percent("selective", commits_per_seat=10, noise=0.4, stake=0.45) > 1.0


def test_outcome__by_hand() -> None:
    found = outcome(np.array([1.0, 2.0]), np.array([2.0, 4.0]), cost=0.5, reference=10.0)
    assert (found.honest, found.attack, found.cost, found.profit) == (1.5, 3.0, 0.5, 1.0)
    assert found.error == pytest.approx(0.5)
    assert (found.percent, found.percent_error) == (pytest.approx(10.0), pytest.approx(5.0))


def test_experiment__written__is_reproducible_and_agrees_with_its_verdict(tmp_path) -> None:
    attack = ATTACKS["underweight"]
    scenario = attack.scenario(SMALL).with_knob("draws", 2)
    first = experiment(attack, scenario, {"rivals"}, quiet=True)
    again = experiment(attack, scenario, {"rivals"}, quiet=True)
    one, two = write_experiment(tmp_path / "a", first), write_experiment(tmp_path / "b", again)
    assert [path.suffix for path in one] == [".json", ".png", ".svg"]
    assert one[0].read_bytes() == two[0].read_bytes()
    assert one[2].read_bytes() == two[2].read_bytes()
    assert len(first.region.cells) == len(attack.x.values) * len(attack.y.values)
    pays = {cell.x for cell in first.region.cells if cell.y == 32767 and cell.pays}
    (line,) = [line for line in first.verdict if line.startswith("kappa_u16 32767:")]
    assert all(f"{x:g}" in line for x in pays)
    assert ("nowhere" in line) == (not pays)
