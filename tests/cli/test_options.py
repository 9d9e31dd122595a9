# SPDX-License-Identifier: Apache-2.0
"""What users type for amounts and prices, exactly or not at all."""

import pytest

from offchain.cli.options import rao, tao, wei
from offchain.protocol.errors import ConfigError


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("0.002", 2 * 10**15), ("1", 10**18), ("1e-18", 1), ("12.5", 125 * 10**17)],
)
def test_wei__a_price__exact(typed: str, amount: int) -> None:
    assert wei(typed) == amount


@pytest.mark.parametrize("typed", ["", "0", "-1", "cheap", "nan", "inf", "1e-19", "1,5", "1e999"])
def test_wei__anything_else__one_sentence(typed: str) -> None:
    with pytest.raises(ConfigError, match="is not a price") as caught:
        wei(typed)
    assert "0.002" in caught.value.next_step


@pytest.mark.parametrize("amount", [0, 1, 10**9, 123_456_789_012, 21 * 10**15])
def test_tao__and_back__exact(amount: int) -> None:
    assert rao(tao(amount).replace(",", "")) == amount
