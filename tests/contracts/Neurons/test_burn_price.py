# SPDX-License-Identifier: Apache-2.0
"""modules/burn_price.vy against Python, and both against the numbers of mechanics 5.2."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offchain.protocol.burn_price import decay_factor_q32, decayed_rao, pow_q32, raised_rao
from tests.contracts.deployment import compiled, seeded

RAO = 10**9
FACTORS = {
    1: 2_147_483_648,
    10: 4_007_346_185,
    360: 4_286_705_684,
    7_200: 4_294_553_838,
    36_100: 4_294_884_830,
}


@pytest.fixture(scope="module")
def harness():
    return compiled("NeuronsHarness").deploy()


@pytest.mark.parametrize("half_life, factor", FACTORS.items())
def test_factor__numbers_of_mechanics(harness, half_life, factor):
    assert decay_factor_q32(half_life) == factor
    assert harness.factor(half_life) == factor
    harness.learn(half_life)
    assert harness.factor(half_life) == factor


@pytest.mark.soundness
def test_factor__seeded__numbers_trip():
    bug = ("modules/burn_price.vy", "half_life) > _HALF:", "half_life) >= _HALF:")
    harness = seeded("mocks/NeuronsHarness", bug).deploy()
    assert any(harness.factor(half_life) != factor for half_life, factor in FACTORS.items())


def bittensors(price: int, blocks: int, half_life: int, least: int, most: int) -> int:
    """Mechanics 5.2 as it is written: every block multiplies, rounds down and clamps."""
    for _ in range(blocks):
        price = min(max(price * FACTORS[half_life] >> 32, least), most)
    return price


def test_price__after_one_half_life__number_of_mechanics(harness):
    harness.sell(2, RAO, 5, 1_000_000, 1, 10**18)
    assert harness.quote(2, 365, 0, 360, 1, 10**18) == 499_999_865


@settings(max_examples=40, deadline=None)
@given(
    sold=st.integers(500_000, 100 * RAO),
    elapsed=st.integers(0, 7_000),
    half_life=st.sampled_from([1, 10, 360]),
)
@example(sold=100 * RAO, elapsed=6_339, half_life=360)  # the last tick above the floor
def test_quote__default_parameters__bittensors_price_at_every_tick(
    harness, sold, elapsed, half_life
):
    harness.sell(3, sold, 0, 1_000_000, 500_000, 100 * RAO)
    quoted = harness.quote(3, elapsed, 0, half_life, 500_000, 100 * RAO)
    assert quoted == bittensors(sold, elapsed, half_life, 500_000, 100 * RAO)


@pytest.mark.parametrize("half_life", [7_200, 36_100])
def test_quote__long_half_lives__bittensors_price_for_8192_ticks_and_close_later(
    half_life, harness
):
    most = 21 * 10**15
    harness.sell(4, 100 * RAO, 0, 1_000_000, 1, most)
    for elapsed in (1, 8_191, 8_192):
        quoted = harness.quote(4, elapsed, 0, half_life, 1, most)
        assert quoted == bittensors(100 * RAO, elapsed, half_life, 1, most)
    later = harness.quote(4, 60_000, 0, half_life, 1, most)
    assert abs(later - bittensors(100 * RAO, 60_000, half_life, 1, most)) < 200_000


@pytest.mark.soundness
@pytest.mark.parametrize(
    "bug",
    [
        ("(uint256) = 8_192", "(uint256) = 1"),
        ("remaining = unsafe_sub(remaining, 1)", "pass"),
        ("price_rao <= least_rao:", "price_rao >= least_rao:"),
    ],
    ids=["one power for all ticks", "ticks counted twice", "stops at once"],
)
def test_quote__seeded__worked_number_trips(bug):
    harness = seeded("mocks/NeuronsHarness", ("modules/burn_price.vy", *bug)).deploy()
    harness.sell(2, RAO, 5, 1_000_000, 1, 10**18)
    assert harness.quote(2, 365, 0, 360, 1, 10**18) != 499_999_865


def test_price__after_a_sale__numbers_of_mechanics():
    assert raised_rao(RAO, 1_260_000, 1, 10**18) == 1_260_000_000
    assert raised_rao(RAO, 1_260_000, 1, RAO) == RAO
    assert raised_rao(1, 1_000_000, 500_000, 10**18) == 500_000


@settings(max_examples=80, deadline=None)
@given(
    sold=st.integers(1, 10**15),
    sold_tick=st.integers(0, 2**31),
    elapsed=st.integers(0, 10_000) | st.integers(0, 2**34),
    half_life=st.integers(1, 36_100),
    increase=st.integers(1_000_000, 3_000_000),
    least=st.integers(1, RAO),
    most=st.integers(RAO, 21 * 10**15),
)
def test_quote__random__contract_equals_python(
    harness, sold, sold_tick, elapsed, half_life, increase, least, most
):
    harness.sell(1, sold, sold_tick, increase, least, most)
    price = raised_rao(sold, increase, least, most)
    expected = decayed_rao(price, elapsed, half_life, least, most)
    assert harness.quote(1, sold_tick + elapsed, 0, half_life, least, most) == expected


@settings(max_examples=40, deadline=None)
@given(
    elapsed=st.integers(0, 50_000), more=st.integers(0, 50_000), half_life=st.integers(1, 36_100)
)
def test_power__falls_and_halves(harness, elapsed, more, half_life):
    factor = decay_factor_q32(half_life)
    assert harness.power(factor, elapsed) == pow_q32(factor, elapsed)
    assert pow_q32(factor, elapsed + more) <= pow_q32(factor, elapsed)
    assert pow_q32(factor, half_life) <= 2**31
    assert pow_q32(factor + 1, half_life) > 2**31


def test_quote__before_any_sale__decays_from_one_tao(harness):
    assert harness.quote(9, 1_000, 1_000, 360, 1, 10**18) == RAO
    assert harness.quote(9, 1_360, 1_000, 360, 1, 10**18) == 499_999_865
