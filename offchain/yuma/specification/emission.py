# SPDX-License-Identifier: Apache-2.0
"""How the epoch's rao are split (step 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.yuma.specification.fixed_point import divide, multiply, normalize


@dataclass(frozen=True, slots=True)
class EmissionShares:
    """Q32 shares of the epoch's emission per uid; server plus validator is combined, but for
    rounding.
    """

    server: tuple[int, ...]
    validator: tuple[int, ...]
    combined: tuple[int, ...]


def emission_shares(
    incentive_bits: Sequence[int],
    dividends_bits: Sequence[int],
    active_stake: Sequence[int],
    stake: Sequence[int],
) -> EmissionShares:
    """Incentive and dividends over the sum of both; if that is 0, validators are paid by stake,
    the active ones first.
    """
    both = [i + d for i, d in zip(incentive_bits, dividends_bits, strict=True)]
    total = sum(both)
    if total == 0:
        by_stake = tuple(active_stake if sum(active_stake) else stake)
        return EmissionShares((0,) * len(both), by_stake, by_stake)
    return EmissionShares(
        server=tuple(divide(i, total) for i in incentive_bits),
        validator=tuple(divide(d, total) for d in dividends_bits),
        combined=normalize(both),
    )


def emission(shares: Sequence[int], rao_emission: int) -> tuple[int, ...]:
    """Rao per uid, rounded down: dust is not paid to anyone."""
    return tuple(multiply(share, rao_emission) for share in shares)
