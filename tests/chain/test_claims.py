# SPDX-License-Identifier: Apache-2.0
"""Which leaf of which root a claim cites; the chain's part of it is in test_life.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.chain import claims
from offchain.settlement.payouts import Cumulative

NETUID = 3


@dataclass
class Epoch:
    """Generation and pay of every uid."""

    epoch: int
    generations: tuple[int, ...]
    pay: tuple[int, ...]


@dataclass
class Books:
    finals: list[Epoch]
    paid: dict[int, int] = field(default_factory=dict)
    opened: list[int] = field(default_factory=list)


def registration(uid: int, generation: int) -> int:
    return NETUID << 64 | uid << 48 | generation


@pytest.fixture
def open_claims(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(books: Books, uid: int | None = None) -> list[tuple[int, int, int]]:
        def tree(_network: Any, _netuid: int, final: Epoch) -> Any:
            books.opened.append(final.epoch)
            frozen = SimpleNamespace(
                header=SimpleNamespace(max_uids=len(final.generations)),
                generations=final.generations,
            )
            pay = tuple(Cumulative(rao, 0) for rao in final.pay)
            return frozen, pay, SimpleNamespace(proof=lambda u: [f"{final.epoch} {u}".encode()])

        def unpaid(_network: Any, found: list[Any]) -> list[Any]:
            return [
                c for c in found if c.server_cumulative_rao > books.paid.get(c.registration_id, 0)
            ]

        newest_first = sorted(books.finals, key=lambda e: -e.epoch)
        monkeypatch.setattr(claims, "final_epochs", lambda *_: newest_first)
        monkeypatch.setattr(claims, "_pay_tree", tree)
        monkeypatch.setattr(claims, "_unpaid", unpaid)
        return [
            (c.epoch, c.registration_id, c.server_cumulative_rao)
            for c in claims.open_claims(None, NETUID, uid)  # type: ignore[arg-type]
        ]

    return run


def test_claims__nobody_replaced__only_the_newest_root_is_read(open_claims: Any) -> None:
    books = Books([Epoch(1, (1, 1, 0), (5, 6, 0)), Epoch(2, (1, 1, 0), (9, 6, 0))])
    assert open_claims(books) == [(2, registration(0, 1), 9), (2, registration(1, 1), 6)]
    assert books.opened == [2]


def test_claims__replaced_neuron__is_paid_from_the_last_root_that_has_it(open_claims: Any) -> None:
    books = Books(
        [
            Epoch(1, (1, 1), (5, 6)),
            Epoch(2, (1, 1), (9, 8)),
            Epoch(3, (1, 2), (11, 1)),
            Epoch(5, (1, 2), (12, 2)),
        ]
    )
    assert open_claims(books) == [
        (5, registration(0, 1), 12),
        (5, registration(1, 2), 2),
        (2, registration(1, 1), 8),
    ]
    assert books.opened == [5, 3, 2]
    books.paid = {registration(1, 1): 8, registration(1, 2): 2}
    assert open_claims(books) == [(5, registration(0, 1), 12)]


def test_claims__of_one_uid__are_of_its_generations_only(open_claims: Any) -> None:
    books = Books([Epoch(1, (1, 1), (5, 6)), Epoch(2, (2, 2), (1, 1))])
    assert open_claims(books, 1) == [(2, registration(1, 2), 1), (1, registration(1, 1), 6)]


def test_claims__nothing_final__are_none(open_claims: Any) -> None:
    assert open_claims(Books([])) == []


def test_claims__two_lives_of_a_netuid__each_from_its_own_roots(open_claims: Any) -> None:
    """The evicted subnet was smaller, its uid 1 replaced once; the new one's uid 2 is empty."""
    first, base = 1 << 32, 1 << 24
    books = Books(
        [
            Epoch(1, (1, 1), (3, 4)),
            Epoch(2, (1, 2), (5, 1)),
            Epoch(3, (1, 2), (7, 2)),
            Epoch(first, (base + 1, base + 1, 0, 0), (10, 20, 0, 0)),
            Epoch(first + 1, (base + 1, base + 1, 0, 0), (11, 21, 0, 0)),
        ]
    )
    assert open_claims(books) == [
        (first + 1, registration(0, base + 1), 11),
        (first + 1, registration(1, base + 1), 21),
        (3, registration(0, 1), 7),
        (3, registration(1, 2), 2),
        (1, registration(1, 1), 4),
    ]
    assert books.opened == [first + 1, 3, 2, 1]
    assert open_claims(books, 3) == []
    assert [claim[0] for claim in open_claims(books, 0)] == [first + 1, 3]
