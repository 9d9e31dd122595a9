# SPDX-License-Identifier: Apache-2.0
"""Amounts of money: a whole number of rao, written and read as TAO (9 decimals, never 18).

1 TAO = 10^9 rao. Inside the project every amount is an integer number of rao; this module is the
only place where one turns into text or comes from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.identifiers import RAO_PER_TAO, Rao

TAO_DECIMALS = 9

_AMOUNT = re.compile(r"(?P<whole>[0-9][0-9_,]*)(?:\.(?P<fraction>[0-9]+))?\s*(?P<unit>\w*)")


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """An amount of money, not negative; prints as TAO: `str(Amount(Rao(1))) == "0.000000001"`."""

    rao: Rao

    def __post_init__(self) -> None:
        if not isinstance(self.rao, int) or self.rao < 0:
            raise InvalidSubmission(f"amount: got {self.rao!r}, wanted a whole number of rao, 0 up")

    def __str__(self) -> str:
        return format_tao(self.rao)


def parse_amount(text: str) -> Amount:
    """Read `1.5`, `1.5 TAO`, `1,000`, `20_000 rao`; a number without a unit is TAO.

    Exact: raises `InvalidSubmission` for anything else, also for more than 9 decimals of a TAO or
    for a fraction of a rao.
    """
    match = _AMOUNT.fullmatch(text.strip())
    unit = match["unit"].lower() if match else ""
    if not match or unit not in ("", "tao", "rao"):
        raise InvalidSubmission(
            f"amount: got {text!r}, wanted a number of TAO such as 1.5, or of rao such as 5000 rao"
        )
    decimals = 0 if unit == "rao" else TAO_DECIMALS
    fraction = (match["fraction"] or "").rstrip("0")
    if len(fraction) > decimals:
        raise InvalidSubmission(f"amount: {text!r} has a fraction of a rao, the smallest unit")
    whole = int(match["whole"].replace(",", "").replace("_", ""))
    return Amount(Rao(whole * 10**decimals + int(fraction.ljust(decimals, "0") or "0")))


def format_tao(rao: int) -> str:
    """An amount in rao as TAO, exact and without trailing zeros: `1500000000` is `1.5`."""
    sign = "-" if rao < 0 else ""
    whole, fraction = divmod(abs(rao), RAO_PER_TAO)
    decimals = f"{fraction:0{TAO_DECIMALS}d}".rstrip("0")
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"
