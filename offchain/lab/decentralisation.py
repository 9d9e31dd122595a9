# SPDX-License-Identifier: Apache-2.0
"""How concentrated a subnet is, exactly: integers in, fractions out.

For amounts x_1 >= x_2 >= ... of n holders with the sum S:
Gini = sum_i (n + 1 - 2 i) x_i / (n S), 0 for equal holders;
Nakamoto(p) = the least k with x_1 + ... + x_k > p S;
effective number = S**2 / sum x_i**2, the inverse of Herfindahl's index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any

from offchain.lab.errors import InvalidExperiment

THIRD, HALF = Fraction(33, 100), Fraction(1, 2)
TOPS = (1, 3, 5, 10)


@dataclass(frozen=True, slots=True)
class Concentration:
    """How one amount is spread over its holders."""

    holders: int
    """Everybody who could hold some, zeros included."""
    total: int
    gini: Fraction
    nakamoto_33: int
    nakamoto_50: int
    top_shares: tuple[tuple[int, Fraction], ...]
    """(k, share of the k largest)"""
    effective_number: Fraction


@dataclass(frozen=True, slots=True)
class Holding:
    """What the measures need to know about a neuron; amounts in rao."""

    uid: int
    coldkey: str
    stake_rao: int
    server_rao: int
    validator_rao: int
    has_seat: bool


@dataclass(frozen=True, slots=True)
class Decentralisation:
    """A subnet in numbers; None where nobody has anything yet."""

    neurons: int
    coldkeys: int
    validators_by_stake: Concentration | None
    validators_by_pay: Concentration | None
    miners_by_pay: Concentration | None
    coldkeys_by_stake: Concentration | None
    coldkeys_by_pay: Concentration | None


def concentration(amounts: Sequence[int]) -> Concentration | None:
    """The measures of one distribution, None if its sum is 0. Raises `InvalidExperiment` for a
    negative amount.
    """
    if any(amount < 0 for amount in amounts):
        raise InvalidExperiment(
            f"amount {min(amounts)}, wanted at least 0", next_step="Check the metagraph."
        )
    ordered = sorted(amounts, reverse=True)
    total, n = sum(ordered), len(ordered)
    if total == 0:
        return None
    sums = list(accumulate(ordered))
    weighted = sum((n + 1 - 2 * rank) * amount for rank, amount in enumerate(ordered, 1))
    return Concentration(
        holders=n,
        total=total,
        gini=Fraction(weighted, n * total),
        nakamoto_33=_first_above(sums, THIRD),
        nakamoto_50=_first_above(sums, HALF),
        top_shares=tuple((k, Fraction(sums[min(k, n) - 1], total)) for k in TOPS),
        effective_number=Fraction(total * total, sum(amount * amount for amount in ordered)),
    )


def decentralisation(holdings: Sequence[Holding]) -> Decentralisation:
    """All measures of a subnet. Validators are the neurons with a seat, miners all others; pay is
    cumulative.
    """
    seated = [h for h in holdings if h.has_seat]
    miners = [h for h in holdings if not h.has_seat]
    stake, pay = dict[str, int](), dict[str, int]()
    for holding in holdings:
        key = holding.coldkey.lower()
        stake[key] = stake.get(key, 0) + holding.stake_rao
        pay[key] = pay.get(key, 0) + holding.server_rao + holding.validator_rao
    return Decentralisation(
        neurons=len(holdings),
        coldkeys=len(stake),
        validators_by_stake=concentration([h.stake_rao for h in seated]),
        validators_by_pay=concentration([h.validator_rao for h in seated]),
        miners_by_pay=concentration([h.server_rao for h in miners]),
        coldkeys_by_stake=concentration(list(stake.values())),
        coldkeys_by_pay=concentration(list(pay.values())),
    )


def holdings_of(metagraph: Any) -> list[Holding]:
    """From a metagraph as `evmtensor metagraph N --json` prints it, or its list of neurons.

    Raises `InvalidExperiment` that names the neuron and the field.
    """
    neurons = metagraph.get("neurons") if isinstance(metagraph, Mapping) else metagraph
    if not isinstance(neurons, (list, tuple)):
        raise InvalidExperiment(
            "the metagraph has no list of neurons",
            next_step="Write one with `evmtensor metagraph N --json`.",
        )
    return [_holding(place, neuron) for place, neuron in enumerate(neurons)]


def rows(measures: Decentralisation) -> list[tuple[Any, ...]]:
    """One row per distribution, for a table: name, holders, Gini, Nakamoto 33 and 50, shares of
    the largest, effective number; rounded for reading.
    """
    table: list[tuple[Any, ...]] = []
    for name in (
        "validators_by_stake",
        "validators_by_pay",
        "miners_by_pay",
        "coldkeys_by_stake",
        "coldkeys_by_pay",
    ):
        found: Concentration | None = getattr(measures, name)
        if found is None:
            table.append((name.replace("_", " "), *[None] * (5 + len(TOPS))))
            continue
        tops = [f"{100 * float(share):.1f} %" for _, share in found.top_shares]
        numbers = (f"{float(found.gini):.3f}", found.nakamoto_33, found.nakamoto_50)
        effective = f"{float(found.effective_number):.2f}"
        table.append((name.replace("_", " "), found.holders, *numbers, *tops, effective))
    return table


COLUMNS = (
    "distribution",
    "holders",
    "Gini",
    "Nakamoto 33 %",
    "Nakamoto 50 %",
    *(f"top {k}" for k in TOPS),
    "effective number",
)


def _first_above(sums: Sequence[int], part: Fraction) -> int:
    """How many of the largest hold more than a part of all; sums[-1] is the total, above 0."""
    limit = part * sums[-1]
    return next(count for count, held in enumerate(sums, 1) if held > limit)


def _holding(place: int, neuron: Any) -> Holding:
    if not isinstance(neuron, Mapping):
        raise InvalidExperiment(
            f"neurons[{place}] is {type(neuron).__name__}, wanted an object",
            next_step="Write the file with `evmtensor metagraph N --json`.",
        )
    return Holding(
        uid=_amount(neuron, "uid", place),
        coldkey=str(neuron.get("coldkey", f"uid {place}")),
        stake_rao=_amount(neuron, "stake_rao", place),
        server_rao=_amount(neuron, "server_rao", place),
        validator_rao=_amount(neuron, "validator_rao", place),
        has_seat=neuron.get("seat") is not None,
    )


def _amount(neuron: Mapping[str, Any], name: str, place: int) -> int:
    value = neuron.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidExperiment(
            f"neurons[{place}].{name} is {value!r}, wanted an integer of at least 0",
            next_step="Write the file with `evmtensor metagraph N --json`.",
        )
    return value
