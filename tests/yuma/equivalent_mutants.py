# SPDX-License-Identifier: Apache-2.0
"""Mutants of the specification that no input within the limits can tell from the original, and
why.
"""

from __future__ import annotations

_ZERO_HAS_NO_SIGN = "differs for a dividend of 0 only, whose quotient is 0 with either sign"
_ZERO_DIVISOR_LEFT = "differs for a divisor of 0 only, which has returned before"
_EXP_OF_ZERO_LEFT = "differs for x = 0 only, which has returned before"
_TRUTH_OF_A_SUM = "of numbers that are not negative, the sum is 0 exactly if the largest is"
_NO_RANK_NO_DIVIDENDS = "without rank there is no incentive, so the second condition is false too"
_LISTED_ZERO = (
    "a zero that is listed adds nothing at a fixed rate; only liquid alpha tells it apart"
)
_NEGATIVE_BOND = "no weight is below 0, so the pair counts as a buyer with either bond"

EQUIVALENT: dict[str, str] = {
    "fixed_point:divide: a < 0 -> a <= 0": _ZERO_HAS_NO_SIGN,
    "fixed_point:divide: 0 -> 1 #3": _ZERO_HAS_NO_SIGN,
    "fixed_point:divide: b < 0 -> b <= 0": _ZERO_DIVISOR_LEFT,
    "fixed_point:divide: 0 -> 1 #4": _ZERO_DIVISOR_LEFT,
    "fixed_point:normalize: 0 -> -1": "a total of 0 has only zeros, and those over 0 are 0",
    "fixed_point:exp: 0 -> -1": "the series of 0 is 1 as well",
    "fixed_point:exp: x < 0 -> x <= 0": _EXP_OF_ZERO_LEFT,
    "fixed_point:exp: 0 -> 1 #2": _EXP_OF_ZERO_LEFT,
    "matrix:column_maxima: 0 -> 1": "a column without entries has nothing to divide",
    "matrix:column_maxima: 0 -> -1": "a column without entries has nothing to divide",
    "consensus:clipped_weights: 0 -> 1 #2": (
        "consensus is 0 or somebody's weight, and no weight is below 2: 2**32 // (2**15 * 65535)"
    ),
    "bonds:old_bonds: 0 -> -1": "no block of registration is below 0",
    "liquid_alpha:visible: column > max(seen) -> column >= max(seen)": (
        "a row lists a uid at most once"
    ),
    "liquid_alpha:rates: 0 -> -1 #2": _NEGATIVE_BOND,
    "liquid_alpha:moving_average: 0 -> -1 #2": _NEGATIVE_BOND,
    "emission:emission_shares: sum(active_stake) -> max(active_stake)": _TRUTH_OF_A_SUM,
    "seats:run_seat_epoch: w > 0 -> w >= 0": _LISTED_ZERO,
    "seats:run_seat_epoch: 0 -> -1": _LISTED_ZERO,
    "seats:run_seat_epoch: sum(ranks) > 0 -> sum(ranks) >= 0": _NO_RANK_NO_DIVIDENDS,
    "seats:run_seat_epoch: sum(ranks) -> max(ranks)": _TRUTH_OF_A_SUM,
    "seats:run_seat_epoch: 0 -> -1 #2": _NO_RANK_NO_DIVIDENDS,
    "seats:run_seat_epoch: sum(products) -> max(products)": _TRUTH_OF_A_SUM,
    "seats:_ema_bonds: b > 0 -> b >= 0": _LISTED_ZERO,
    "seats:_ema_bonds: 0 -> -1": _LISTED_ZERO,
}
"""Name of the mutant as `mutate` prints it -> reason."""
