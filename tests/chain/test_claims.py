# SPDX-License-Identifier: Apache-2.0
"""Which leaf of which root a claim cites; the chain's part of it is in test_life.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.chain import claims
from offchain.chain.contract import Place
from offchain.chain.errors import NodeRefused
from offchain.chain.neurons import NeuronRegistered
from offchain.chain.rewards import RootAdded
from offchain.protocol.identifiers import first_epoch, incarnation_of_epoch
from offchain.settlement.payouts import Cumulative, pack_cumulatives

NETUID = 3
SECOND = first_epoch(2)
SOMEWHERE = Place(1, "0x", "0x", 0)
UIDS = 16


@dataclass
class Books:
    """Registrations (first epoch, uid, hotkey), and the pay of final epochs by uid.

    opened: the epochs whose trees were made.
    """

    registered: list[tuple[int, int, str]]
    finals: dict[int, dict[int, int]]
    paid: dict[int, int] = field(default_factory=dict)
    opened: list[int] = field(default_factory=list)
    renamed: dict[str, list[str]] = field(default_factory=dict)

    def events(self) -> list[NeuronRegistered]:
        """As the chain logs them: the generation counts the uid's neurons in each life."""
        counts: dict[tuple[int, int], int] = {}
        found = []
        for epoch, uid, hotkey in self.registered:
            life = incarnation_of_epoch(epoch), uid
            counts[life] = counts.get(life, 0) + 1
            number = registration(uid, (life[0] - 1 << 24) + counts[life])
            found.append(NeuronRegistered(SOMEWHERE, NETUID, uid, hotkey, "0xc", number, epoch, 1))
        return found

    def holder(self, uid: int, epoch: int) -> int | None:
        life = incarnation_of_epoch(epoch)
        numbers = [
            event.registration_id
            for event in self.events()
            if event.uid == uid and event.from_epoch <= epoch
            if incarnation_of_epoch(event.from_epoch) == life
        ]
        return numbers[-1] if numbers else None


def registration(uid: int, generation: int) -> int:
    return NETUID << 64 | uid << 48 | generation


OpenClaims = Callable[..., list[tuple[int, int, int]]]


@pytest.fixture
def open_claims(monkeypatch: pytest.MonkeyPatch) -> OpenClaims:
    def run(books: Books, hotkey: str | None = None) -> list[tuple[int, int, int]]:
        def read_events(_contract: Any, kind: type, *_: Any, **__: Any) -> Sequence[Any]:
            if kind is NeuronRegistered:
                return books.events()
            assert kind is RootAdded
            return [RootAdded(SOMEWHERE, NETUID, e, b"r", 1) for e in books.finals]

        def final_result(_network: Any, _netuid: int, epoch: int) -> Any:
            pay = books.finals[epoch]
            words = pack_cumulatives([Cumulative(pay.get(uid, 0), 0) for uid in range(UIDS)])
            return SimpleNamespace(epoch=epoch, cumulatives=words)

        def tree(_network: Any, _netuid: int, final: Any, _pay: Any) -> Any:
            books.opened.append(final.epoch)
            frozen = SimpleNamespace(registration_id=lambda uid: books.holder(uid, final.epoch))
            return frozen, SimpleNamespace(proof=lambda uid: [f"{final.epoch} {uid}".encode()])

        network = SimpleNamespace(
            neurons=None,
            rewards=SimpleNamespace(claimed_query=lambda number: number),
            connection=None,
            deployment=SimpleNamespace(first_block=0),
        )
        monkeypatch.setattr(claims, "read_events", read_events)
        monkeypatch.setattr(claims, "final_result", final_result)
        monkeypatch.setattr(claims, "_pay_tree", tree)
        monkeypatch.setattr(
            claims, "read_all", lambda _, ids: [books.paid.get(i, 0) << 128 for i in ids]
        )
        monkeypatch.setattr(
            claims, "hotkeys_before", lambda _, name: [name, *books.renamed.get(name, [])]
        )
        return [
            (c.epoch, c.registration_id, c.server_cumulative_rao)
            for c in claims.open_claims(network, NETUID, hotkey)  # type: ignore[arg-type]
        ]

    return run


def test_claims__nobody_replaced__only_the_newest_root_is_opened(open_claims: OpenClaims) -> None:
    books = Books([(0, 0, "a"), (0, 1, "b")], {1: {0: 5, 1: 6}, 2: {0: 9, 1: 6}})
    assert open_claims(books) == [(2, registration(0, 1), 9), (2, registration(1, 1), 6)]
    assert books.opened == [2]


def test_claims__replaced_neuron__is_paid_from_the_last_root_that_has_it(
    open_claims: OpenClaims,
) -> None:
    books = Books(
        [(0, 0, "a"), (0, 1, "b"), (3, 1, "c")],
        {1: {0: 5, 1: 6}, 2: {0: 9, 1: 8}, 3: {0: 11, 1: 1}, 5: {0: 12, 1: 2}},
    )
    assert open_claims(books) == [
        (5, registration(0, 1), 12),
        (5, registration(1, 2), 2),
        (2, registration(1, 1), 8),
    ]
    assert books.opened == [5, 2]
    books.paid = {registration(1, 1): 8, registration(1, 2): 2}
    books.opened.clear()
    assert open_claims(books) == [(5, registration(0, 1), 12)]
    assert books.opened == [5], "what owes nothing is not opened"


def test_claims__a_thousand_epochs_and_a_replacement_in_each__one_root_a_debt(
    open_claims: OpenClaims,
) -> None:
    """Uid 1 changes hands in every epoch, and all but two of its holders were paid."""
    epochs = range(1_000)
    books = Books(
        [(0, 0, "a"), *((epoch, 1, f"b{epoch}") for epoch in epochs)],
        {epoch: {0: epoch + 1, 1: 7} for epoch in epochs},
    )
    books.paid = {registration(1, n): 7 for n in range(1, 1_001) if n not in (20, 900)}
    assert open_claims(books) == [
        (999, registration(0, 1), 1_000),
        (899, registration(1, 900), 7),
        (19, registration(1, 20), 7),
    ]
    assert books.opened == [999, 899, 19]


def test_claims__served_in_no_final_epoch__are_none(open_claims: OpenClaims) -> None:
    """Uid 1's first holder came and went while every epoch was null."""
    books = Books([(0, 0, "a"), (3, 1, "b"), (5, 1, "c")], {2: {0: 4}, 6: {0: 5, 1: 1}})
    assert open_claims(books, "b") == []
    assert books.opened == []
    assert open_claims(books, "c") == [(6, registration(1, 2), 1)]


def test_claims__of_one_hotkey__are_its_registrations_by_all_its_names(
    open_claims: OpenClaims,
) -> None:
    books = Books([(0, 0, "A"), (0, 1, "b"), (2, 0, "c")], {1: {0: 5, 1: 6}, 2: {0: 1, 1: 7}})
    assert open_claims(books, "b") == [(2, registration(1, 1), 7)]
    assert open_claims(books, "a") == [(1, registration(0, 1), 5)]
    books.renamed = {"new": ["c", "a"]}
    assert open_claims(books, "new") == [(2, registration(0, 2), 1), (1, registration(0, 1), 5)]


def test_claims__nothing_final__are_none(open_claims: OpenClaims) -> None:
    assert open_claims(Books([(0, 0, "a")], {})) == []


def test_claims__two_lives_of_a_netuid__each_from_its_own_roots(open_claims: OpenClaims) -> None:
    """The evicted subnet's uid 1 was replaced once; a miner of both lives has a claim in each."""
    base = 1 << 24
    books = Books(
        [(0, 0, "a"), (0, 1, "b"), (2, 1, "c"), (SECOND, 0, "a"), (SECOND, 1, "d")],
        {
            1: {0: 3, 1: 4},
            2: {0: 5, 1: 1},
            3: {0: 7, 1: 2},
            SECOND: {0: 10, 1: 20},
            SECOND + 1: {0: 11, 1: 21},
        },
    )
    assert open_claims(books) == [
        (SECOND + 1, registration(0, base + 1), 11),
        (SECOND + 1, registration(1, base + 1), 21),
        (3, registration(0, 1), 7),
        (3, registration(1, 2), 2),
        (1, registration(1, 1), 4),
    ]
    assert books.opened == [SECOND + 1, 3, 1]
    assert [claim[0] for claim in open_claims(books, "a")] == [SECOND + 1, 3]


def test_claims__node_that_hides_a_registration__is_not_believed(open_claims: OpenClaims) -> None:
    books = Books([(0, 0, "a"), (2, 0, "b")], {1: {0: 5}, 2: {0: 6}})
    true_holder = books.holder
    books.holder = lambda uid, epoch: true_holder(uid, 3)  # type: ignore[method-assign]
    with pytest.raises(NodeRefused, match="uid 0 of epoch 1 was"):
        open_claims(books)
