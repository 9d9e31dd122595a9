# SPDX-License-Identifier: Apache-2.0
"""Amounts: 9 decimals, exact in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.units import Amount, format_tao, parse_amount


@given(st.integers(0, 21_000_000 * 10**9))
def test_A4_format_and_parse__round_trip(rao: int) -> None:
    assert parse_amount(format_tao(rao)) == Amount(rao)
    assert parse_amount(f"{format_tao(rao)} TAO").rao == rao
    assert parse_amount(f"{rao} rao").rao == rao


@pytest.mark.parametrize(
    ("text", "rao"),
    [
        ("1", 10**9),
        ("1.5", 1_500_000_000),
        ("0.000000001", 1),
        ("0.0000000010", 1),
        ("1,000 tao", 1_000 * 10**9),
        ("20_000 rao", 20_000),
        (" 7 TAO ", 7 * 10**9),
    ],
)
def test_A4_parse__one_token__is_1e9_rao(text: str, rao: int) -> None:
    assert parse_amount(text).rao == rao


@pytest.mark.parametrize(
    "text", ["", "-1", "1e9", "1.", ".5", "1.0000000001", "1.5 rao", "1 eth", "nan", "0x10", "1 2"]
)
def test_parse__anything_else__refused(text: str) -> None:
    with pytest.raises(InvalidSubmission, match="amount"):
        parse_amount(text)


def test_amount__negative__refused() -> None:
    with pytest.raises(InvalidSubmission, match="whole number of rao"):
        Amount(-1)


def test_amount__as_text_and_in_order() -> None:
    assert str(Amount(1_500_000_000)) == "1.5"
    assert format_tao(-1) == "-0.000000001"
    assert Amount(1) < Amount(2)
