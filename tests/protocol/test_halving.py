# SPDX-License-Identifier: Apache-2.0
"""The emission schedule against Bittensor's table and against a model that walks tick by tick."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.halving import (
    HALVINGS,
    MAX_SUPPLY_RAO,
    advance,
    rate_rao,
    schedule,
    threshold_rao,
    ticks_until,
)

# bittensor-mechanics.md 1.2: threshold in TAO (None: not printed there), rao per block
TABLE = [
    ("0", 1_000_000_000),
    ("10500000", 500_000_000),
    ("15750000", 250_000_000),
    ("18375000", 125_000_000),
    ("19687500", 62_500_000),
    ("20343750", 31_250_000),
    ("20671875", 15_625_000),
    ("20835937.5", 7_812_500),
    ("20917968.75", 3_906_250),
    ("20958984.375", 1_953_125),
    ("20979492.1875", 976_562),
    ("20989746.09375", 488_281),
    ("20994873.046875", 244_140),
    ("20997436.5234375", 122_070),
    ("20998718.26171875", 61_035),
    ("20999359.130859375", 30_517),
    *((None, rate) for rate in (15_258, 7_629, 3_814, 1_907)),
    *((None, rate) for rate in (953, 476, 238, 119, 59)),
    *((None, rate) for rate in (29, 14, 7, 3, 1)),
    ("20999999.980442226", 0),
]


def bittensor_rate(issuance_rao: int) -> int:
    """The pallet's own formula in I96F32: 2^-floor(log2(1 / (1 - issuance / 21e15))) of 1e9."""
    if issuance_rao >= MAX_SUPPLY_RAO:
        return 0
    left_q32 = (1 << 32) - (issuance_rao << 32) // MAX_SUPPLY_RAO
    ratio_q32 = (1 << 64) // left_q32
    return 10**9 >> (ratio_q32.bit_length() - 1 - 32)


def walk(issuance_rao: int, ticks: int) -> int:
    for _ in range(ticks):
        issuance_rao += bittensor_rate(issuance_rao)
    return issuance_rao


def test_schedule__all_rows__bittensors_table() -> None:
    rows = list(schedule())
    assert [row.rate_rao for row in rows] == [rate for _, rate in TABLE]
    for row, (printed, _) in zip(rows, TABLE, strict=True):
        if printed is not None:
            whole, _, fraction = printed.partition(".")
            exact = int(whole) * 10**9 + int(fraction.ljust(9, "0")[:9] or 0)
            # a threshold with half a rao rounds up, the table prints it cut off or rounded
            assert abs(row.issuance_rao - exact) <= 1


@pytest.mark.parametrize("halving", range(1, HALVINGS + 1))
def test_rate__one_rao_around_a_threshold__changes_there(halving: int) -> None:
    threshold = threshold_rao(halving)
    for issuance in (threshold - 1, threshold, threshold + 1):
        assert rate_rao(issuance) == bittensor_rate(issuance)
    assert rate_rao(threshold - 1) == 10**9 >> (halving - 1)
    assert rate_rao(threshold) == 10**9 >> halving


@given(
    halving=st.integers(1, HALVINGS),
    before=st.integers(0, 200),
    offset=st.integers(0, 10**9),
    ticks=st.integers(0, 400),
)
def test_advance__around_every_threshold__as_tick_by_tick(
    halving: int, before: int, offset: int, ticks: int
) -> None:
    start = max(0, threshold_rao(halving) - before * (10**9 >> (halving - 1)) - offset % 10**9)
    assert advance(start, ticks) == walk(start, ticks)


@given(st.integers(0, MAX_SUPPLY_RAO), st.lists(st.integers(0, 40_000_000), max_size=8))
def test_advance__in_pieces__same_as_at_once(issuance: int, pieces: list[int]) -> None:
    stepped = issuance
    for ticks in pieces:
        stepped = advance(stepped, ticks)
    assert stepped == advance(issuance, sum(pieces))


def test_ticks_until__every_threshold__first_tick_at_or_above_it() -> None:
    for halving in range(1, HALVINGS + 1):
        ticks = ticks_until(0, threshold_rao(halving))
        assert ticks is not None
        assert advance(0, ticks) >= threshold_rao(halving) > advance(0, ticks - 1)
    assert ticks_until(0, MAX_SUPPLY_RAO) is None


def test_advance__for_ever__ends_below_the_cap() -> None:
    end = advance(0, 10**12)
    assert threshold_rao(HALVINGS) <= end < MAX_SUPPLY_RAO
    assert advance(end, 10**12) == end


@pytest.mark.parametrize(("issuance", "ticks"), [(-1, 0), (MAX_SUPPLY_RAO + 1, 0), (0, -1)])
def test_advance__nonsense__refused(issuance: int, ticks: int) -> None:
    with pytest.raises(InvalidSubmission, match="emission"):
        advance(issuance, ticks)
