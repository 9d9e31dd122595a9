# SPDX-License-Identifier: Apache-2.0
"""Concentration by hand, exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.lab.decentralisation import concentration, decentralisation, holdings_of, rows
from offchain.lab.errors import InvalidExperiment


def test_concentration__four_equal__is_flat() -> None:
    found = concentration([5, 5, 5, 5])
    assert found is not None
    assert (found.gini, found.effective_number) == (0, 4)
    # two of four hold exactly a half, which is not more than a half
    assert (found.nakamoto_33, found.nakamoto_50) == (2, 3)


def test_concentration__by_hand() -> None:
    found = concentration([10, 60, 0, 30])
    assert found is not None
    # (3*60 + 1*30 - 1*10 - 3*0) / (4 * 100)
    assert found.gini == Fraction(1, 2)
    assert (found.nakamoto_33, found.nakamoto_50) == (1, 1)
    assert dict(found.top_shares) == {1: Fraction(3, 5), 3: 1, 5: 1, 10: 1}
    assert found.effective_number == Fraction(100**2, 60**2 + 30**2 + 10**2)


def test_concentration__one_holder_of_all__is_extreme() -> None:
    found = concentration([0, 0, 7])
    assert found is not None
    assert (found.gini, found.effective_number) == (Fraction(2, 3), 1)


def test_concentration__nothing_held__is_none() -> None:
    assert concentration([0, 0]) is None
    assert concentration([]) is None


def test_concentration__negative__is_refused() -> None:
    with pytest.raises(InvalidExperiment, match="amount -1"):
        concentration([3, -1])


@given(st.lists(st.integers(0, 10**21), min_size=1, max_size=40).filter(any), st.integers(1, 10**9))
def test_concentration__measures__ignore_order_and_unit_and_stay_in_range(amounts, factor) -> None:
    found = concentration(amounts)
    scaled = concentration([factor * amount for amount in reversed(amounts)])
    assert found is not None
    assert scaled is not None
    assert (found.gini, found.effective_number) == (scaled.gini, scaled.effective_number)
    assert 0 <= found.gini < 1
    assert 1 <= found.effective_number <= len(amounts)
    assert found.nakamoto_33 <= found.nakamoto_50 <= len(amounts)
    pairs = sum(abs(a - b) for a in amounts for b in amounts)
    assert found.gini == Fraction(pairs, 2 * len(amounts) * sum(amounts))  # the definition


def neuron(uid: int, **changed) -> dict:
    return {
        "uid": uid, "coldkey": f"0x{uid}", "stake_rao": 0, "server_rao": 0, "validator_rao": 0,
        "seat": None,
    } | changed  # fmt: skip


def test_decentralisation__of_a_metagraph() -> None:
    graph = {
        "neurons": [
            neuron(0, seat=0, stake_rao=30, validator_rao=6, coldkey="0xAB"),
            neuron(1, seat=1, stake_rao=10, validator_rao=2, coldkey="0xab"),
            neuron(2, server_rao=8),
            neuron(3, stake_rao=5),
        ]
    }
    found = decentralisation(holdings_of(graph))
    assert (found.neurons, found.coldkeys) == (4, 3)
    assert found.validators_by_stake == concentration([30, 10])
    assert found.validators_by_pay == concentration([6, 2])
    assert found.miners_by_pay == concentration([8, 0])
    assert found.coldkeys_by_stake == concentration([40, 0, 5])
    assert found.coldkeys_by_pay == concentration([8, 8, 0])
    assert [row[1] for row in rows(found)] == [2, 2, 2, 3, 3]


def test_decentralisation__before_any_pay__has_no_pay_measures() -> None:
    found = decentralisation(holdings_of([neuron(0, seat=0, stake_rao=1)]))
    assert found.validators_by_pay is None
    assert rows(found)[1][1] is None


@pytest.mark.parametrize(
    "graph, words",
    [
        ({"hotkeys": []}, "no list of neurons"),
        ([3], r"neurons\[0\] is int"),
        ([neuron(0), neuron(1, stake_rao=-5)], r"neurons\[1\]\.stake_rao is -5"),
        ([neuron(0, server_rao=1.5)], r"neurons\[0\]\.server_rao is 1\.5"),
        ([{"uid": 0}], r"neurons\[0\]\.stake_rao is None"),
    ],
)
def test_holdings_of__broken__names_neuron_and_field(graph, words) -> None:
    with pytest.raises(InvalidExperiment, match=words):
        holdings_of(graph)
