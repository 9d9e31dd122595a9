# SPDX-License-Identifier: Apache-2.0
"""modules/burn_price.vy against Python, and both against the numbers of mechanics 5.2."""

import pytest
from hypothesis import given, settings
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


def test_price__after_one_half_life__differs_from_bittensors_by_what_it_rounds_per_block():
    """Bittensor rounds down 360 times, here once."""
    factor, stepped = decay_factor_q32(360), RAO
    for _ in range(360):
        stepped = stepped * factor >> 32
    assert stepped == 499_999_865
    assert decayed_rao(RAO, 360, 360, 1, 10**18) == 499_999_972
    # never below Bittensor's price, and above it by less than one rao per block
    assert 0 <= 499_999_972 - stepped < 360


def test_price__after_a_sale__numbers_of_mechanics():
    assert raised_rao(RAO, 1_260_000, 1, 10**18) == 1_260_000_000
    assert raised_rao(RAO, 1_260_000, 1, RAO) == RAO
    assert raised_rao(1, 1_000_000, 500_000, 10**18) == 500_000


@settings(max_examples=80, deadline=None)
@given(
    sold=st.integers(1, 10**15),
    sold_tick=st.integers(0, 2**31),
    elapsed=st.integers(0, 200_000) | st.integers(0, 2**34),
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
    assert harness.quote(9, 1_360, 1_000, 360, 1, 10**18) == 499_999_972
