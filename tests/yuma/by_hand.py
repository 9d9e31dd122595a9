# SPDX-License-Identifier: Apache-2.0
"""Results worked out by hand from `tests/vectors/README.md`, for cases that the vectors meet
rarely or never.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from offchain.yuma.types import EpochParameters, SeatEpoch

ONE = 2**32
TINY = 65537
"""One part of 65,535 in Q32: 2**32 // 65535."""

SLOW = EpochParameters(n=1, rao_emission=0, liquid_alpha=True, alpha_low=1, alpha_high=1)
"""Every rate is 1/65535."""

EXAMPLES: tuple[tuple[str, str, tuple[Any, ...], Any], ...] = (
    # (module, function, arguments, result)
    ("fixed_point", "multiply", (-1, 1), -1),  # rounds toward minus infinity
    ("fixed_point", "multiply", (ONE, ONE), ONE),
    ("fixed_point", "divide", (5, 0), 0),
    ("fixed_point", "divide", (5, 1), 5 * ONE),
    ("fixed_point", "divide", (1, 3), ONE // 3),
    ("fixed_point", "divide", (-1, 3), -(ONE // 3)),  # truncates toward zero
    ("fixed_point", "divide", (1, -3), -(ONE // 3)),
    ("fixed_point", "divide", (-1, -3), ONE // 3),
    ("fixed_point", "divide", (-2, -1), 2 * ONE),
    ("fixed_point", "divide", (2, -1), -2 * ONE),
    ("fixed_point", "divide", (0, 7), 0),
    ("fixed_point", "normalize", ((1,),), (ONE,)),
    ("fixed_point", "normalize", ((0, 0),), (0, 0)),
    ("fixed_point", "clamp", (5, 9, 1), 9),  # low wins
    ("fixed_point", "from_u16", (1,), TINY),
    ("fixed_point", "from_u16", (65535,), ONE),
    ("fixed_point", "to_u16", (ONE // 2,), 32767),
    ("fixed_point", "exp", (0,), ONE),
    ("fixed_point", "exp", (ONE,), 11674931200),
    ("fixed_point", "exp", (1,), ONE + 1),
    ("fixed_point", "exp", (-1,), ONE - 1),
    ("fixed_point", "exp", (-ONE,), 1580030216),  # 2**64 // 11674931200
    ("consensus", "weighted_median", ((1, 2), (3, 3), 2), 1),
    ("consensus", "weighted_median", ((1, 2), (3, 3), 3), 2),  # exactly the minority is not more
    ("consensus", "weighted_median", ((1, 2), (3, 3), 6), 2),  # kappa 0
    ("consensus", "weighted_median", ((2, 1), (3, 3), -5), 1),
    ("consensus", "weighted_median", ((), (), 0), 0),
    ("bonds", "weights_for_bonds", ([{0: TINY}], [{}], ONE - TINY), [{0: 1}]),
    ("bonds", "weights_for_bonds", ([{1: 0, 0: 4}], [{1: 0}], 0), [{1: 0, 0: 4}]),
    ("bonds", "weights_for_bonds", ([{1: 0, 0: 4}], [{1: 0}], ONE), [{1: 0}]),
    ("bonds", "weights_for_bonds", ([{1: 0, 0: 4}], [{1: 0}], 1), [{0: 3}]),
    ("bonds", "moving_average", ([{0: ONE}], [{}], 1), [{0: 1}]),
    ("bonds", "moving_average", ([{0: ONE - 1}], [{}], 1), [{}]),
    ("liquid_alpha", "moving_average", (SLOW, [{0: TINY}], [{}], (0,)), [{0: 1}]),
    ("liquid_alpha", "moving_average", (SLOW, [{0: TINY - 2}], [{}], (0,)), [{}]),
    ("liquid_alpha", "visible", ({4: 1, 3: 2, 5: 0},), {4: 1, 5: 0}),
    ("emission", "emission", ((ONE // 3,), 10), (3,)),
    ("seats", "seat_shares", ((0, 0),), ((0, 0), (0, 0))),
    ("seats", "seat_shares", ((1, 1, 1),), ((ONE // 3,) * 3, (ONE // 3,) * 3)),
    ("seats", "seat_shares", ((3, 0),), ((ONE, 0), (ONE, 0))),
)


def without_dividends(first_weight: int) -> SeatEpoch:
    """A staked seat whose bonds vanish beside those of a seat without stake, at the slowest rate.

    Its row is `first_weight` for column 0 and 1,000 for the other 255. At a rate of 4,295 / 2**32
    (1 ppm) its bonds are about 4295 * weight, its share of the column a few bits, and that times
    an incentive of 1/256 rounds to 0.
    """
    seats, n = 2, 256
    return SeatEpoch(
        active_stake_bits=(ONE, 0),
        rows=((first_weight, *(1000,) * (n - 1)), (0,) * n),
        old_bonds=((0,) * n, (65535,) * n),
        replaced=(False,) * n,
        keeps_seat=(True,) * seats,
        kappa=32767,
        bonds_penalty=0,
        bonds_moving_average=999_999,
        rao_emission=10**9,
    )


NO_DIVIDENDS = without_dividends(1000)
"""Total rank above 0, total of dividends 0: nobody is paid."""
ONE_BIT_OF_DIVIDENDS = without_dividends(4048)
"""Column 0 is 1/64 of the row: its part is 67 / 64, one bit, so everybody is paid."""
ONE_BIT_OF_RANK = replace(
    NO_DIVIDENDS,
    active_stake_bits=(1, 0),
    rows=((65535, *(0,) * 255), (0,) * 256),
    old_bonds=((0,) * 256,) * 2,
)
"""A stake of one bit behind a single miner: rank, dividends and the totals of both are one bit."""
SEAT_EXAMPLES: tuple[tuple[SeatEpoch, bool], ...] = (
    (NO_DIVIDENDS, False),
    (ONE_BIT_OF_DIVIDENDS, True),
    (ONE_BIT_OF_RANK, True),
)
"""(epoch, whether anybody is paid)"""
