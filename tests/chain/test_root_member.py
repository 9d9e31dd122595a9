# SPDX-License-Identifier: Apache-2.0
"""Which seat of the root a hotkey asks for: the contract's comparison, seen from outside."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from offchain.chain import root as module
from offchain.chain.neurons import Seat
from offchain.chain.root import RootMember
from offchain.chain.subnets import PokeTerms

MINE = "0x" + "00" * 19 + "05"
STAKE_TICK = 77


def id_of(member: int) -> int:
    return 1_023 << 48 | member


def best_poke(
    monkeypatch: pytest.MonkeyPatch,
    seats: list[tuple[int, int] | None],
    *,
    stake_rao: int,
    member: int | None = None,
) -> int | None:
    """seats: (member number, stake) of every holder; member: the hotkey's own number."""
    held = [None if s is None else Seat(i, id_of(s[0]), 0) for i, s in enumerate(seats)]
    stakes = {id_of(s[0]): s[1] for s in seats if s is not None}

    def stakes_at(network: Any, ids: list[int], tick: int) -> list[int]:
        assert tick == STAKE_TICK
        return [stakes[one] for one in ids]

    monkeypatch.setattr(module, "_stakes", stakes_at)
    network: Any = SimpleNamespace(
        subnets=SimpleNamespace(poke_terms=lambda netuid: PokeTerms(3, STAKE_TICK, len(seats))),
        neurons=SimpleNamespace(
            seats_at=lambda netuid, epoch: held,
            member_of=lambda hotkey: None if member is None else id_of(member),
        ),
        staking=SimpleNamespace(stake_at=lambda hotkey, tick: stake_rao),
    )
    sender: Any = SimpleNamespace(address=MINE)
    return RootMember(network, sender).best_poke()


def test_best_poke__empty_seats__one_of_them(monkeypatch):
    assert best_poke(monkeypatch, [(1, 9), None, (2, 9), None], stake_rao=1) == 3


def test_best_poke__all_taken__the_weakest_holder(monkeypatch):
    assert best_poke(monkeypatch, [(1, 9), (2, 5), (3, 7)], stake_rao=6) == 1


def test_best_poke__equal_stakes__the_earliest_member_leaves(monkeypatch):
    assert best_poke(monkeypatch, [(4, 5), (2, 5), (3, 5)], stake_rao=5) == 1
    assert best_poke(monkeypatch, [(4, 5), (2, 5), (3, 5)], stake_rao=5, member=9) == 1
    assert best_poke(monkeypatch, [(4, 5), (2, 5), (3, 5)], stake_rao=5, member=1) is None


def test_best_poke__too_little_none_or_seated__nothing(monkeypatch):
    assert best_poke(monkeypatch, [(1, 9), (2, 5)], stake_rao=4) is None
    assert best_poke(monkeypatch, [None], stake_rao=0) is None
    assert best_poke(monkeypatch, [(1, 9), None], stake_rao=20, member=1) is None
