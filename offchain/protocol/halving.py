# SPDX-License-Identifier: Apache-2.0
"""Bittensor's emission schedule (mechanics 1.2): the rate halves as issuance passes thresholds.

Twin of `contracts/modules/halving.vy`. A tick pays `10^9 >> k` rao, where k counts the halvings
that issuance has passed at the tick's start; the k-th is passed at `21e15 * (1 - 2^-k)` rao. After
the 30th nothing is paid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.identifiers import RAO_PER_TAO, Rao

MAX_SUPPLY_RAO = 21_000_000 * RAO_PER_TAO
FIRST_RATE_RAO = RAO_PER_TAO
# 10^9 >> 30 is 0
HALVINGS = 30


@dataclass(frozen=True, slots=True)
class HalvingStep:
    """One row of the schedule: from this issuance (rao) on, a tick pays this rate (rao)."""

    halving: int
    issuance_rao: Rao
    rate_rao: Rao


def threshold_rao(halving: int) -> Rao:
    """The least issuance at which the k-th halving has happened; the fraction rounds up."""
    return Rao(MAX_SUPPLY_RAO - (MAX_SUPPLY_RAO >> halving))


def rate_rao(issuance_rao: int) -> Rao:
    """What the next tick pays at an issuance; rounds down, as Bittensor's table does."""
    _check_issuance(issuance_rao)
    for halving in range(HALVINGS):
        if issuance_rao < threshold_rao(halving + 1):
            return Rao(FIRST_RATE_RAO >> halving)
    return Rao(0)


def advance(issuance_rao: int, elapsed_ticks: int) -> Rao:
    """Issuance after some ticks, each paying the rate of the issuance at its start.

    Closed form: at most HALVINGS steps, whatever the number of ticks. Raises `InvalidSubmission`
    for an issuance outside 0..MAX_SUPPLY_RAO or a negative number of ticks.
    """
    _check_issuance(issuance_rao)
    if elapsed_ticks < 0:
        raise InvalidSubmission(f"emission: {elapsed_ticks} ticks have passed, wanted 0 or more")
    issuance, left_ticks = issuance_rao, elapsed_ticks
    for halving in range(HALVINGS):
        missing = threshold_rao(halving + 1) - issuance
        if missing <= 0:
            continue
        rate = FIRST_RATE_RAO >> halving
        # rounds up: the tick that passes the threshold is still paid at the old rate
        ticks_here = min(left_ticks, -(-missing // rate))
        issuance += ticks_here * rate
        left_ticks -= ticks_here
    return Rao(issuance)


def ticks_until(issuance_rao: int, target_rao: int) -> int | None:
    """Ticks until issuance is at least the target without recycling; None if it never is."""
    _check_issuance(issuance_rao)
    issuance, ticks = issuance_rao, 0
    for halving in range(HALVINGS):
        if issuance >= target_rao:
            return ticks
        missing = min(threshold_rao(halving + 1), target_rao) - issuance
        if missing <= 0:
            continue
        rate = FIRST_RATE_RAO >> halving
        ticks_here = -(-missing // rate)
        issuance += ticks_here * rate
        ticks += ticks_here
    return ticks if issuance >= target_rao else None


def schedule() -> Iterator[HalvingStep]:
    """The table of all halvings: rows 0 to HALVINGS."""
    for halving in range(HALVINGS + 1):
        issuance = Rao(0) if halving == 0 else threshold_rao(halving)
        yield HalvingStep(halving, issuance, Rao(FIRST_RATE_RAO >> halving))


def _check_issuance(issuance_rao: int) -> None:
    if not 0 <= issuance_rao <= MAX_SUPPLY_RAO:
        raise InvalidSubmission(
            f"emission: issuance is {issuance_rao} rao, wanted 0 to {MAX_SUPPLY_RAO}"
        )
