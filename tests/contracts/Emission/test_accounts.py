# SPDX-License-Identifier: Apache-2.0
"""Opening, closing, sharing, draining and recycling.

when a netuid is opened    - it accrues from then on, with the share 1 until the root speaks
when it is closed          - what it had pending is recycled and never minted
when shares are set        - what accrued before is split by the old ones
when it is drained         - what accrued is minted to Settlement, above the cap it is recycled
when tokens are recycled   - they are burned and issuance falls
"""

from __future__ import annotations

import boa
import pytest

from tests.contracts.deployment import RAO, World
from tests.contracts.Emission.model import share_words

RATE = RAO  # before the first halving


@pytest.fixture
def subnets(money: World) -> str:
    return money.address["Subnets"]


@pytest.fixture
def settlement(money: World) -> str:
    return money.address["Settlement"]


def test_accrue__no_netuid_open__nothing_accrues(money: World) -> None:
    money.warp(1_000)
    money.emission.accrue()
    assert money.emission.issuance_rao() == money.preset.genesis_rao
    assert money.emission.accrued_rao() == 0


def test_open__later_than_genesis__accrues_from_then_on(money: World, subnets: str) -> None:
    money.warp(1_000)
    money.emission.open(1, sender=subnets)
    assert [type(e).__name__ for e in money.emission.get_logs()] == ["SubnetOpened"]
    assert money.emission.pending_rao(1) == 0
    money.warp(3)
    assert money.emission.pending_rao(1) == 3 * RATE
    assert money.emission.is_open(1)


def test_open__several__equal_shares_from_each_opening(money: World, subnets: str) -> None:
    money.emission.open(1, sender=subnets)
    money.warp(4)
    money.emission.open(128, sender=subnets)
    money.warp(6)
    assert money.emission.pending_rao(1) == 4 * RATE + 6 * RATE // 2
    assert money.emission.pending_rao(128) == 6 * RATE // 2


def test_open__root__accrues_one_thousandth(money: World, subnets: str) -> None:
    money.emission.open(1, sender=subnets)
    money.warp(10)
    money.emission.open(0, sender=subnets)
    money.warp(10)
    assert money.emission.pending_rao(0) == 10 * RATE // 1_000
    assert money.emission.pending_rao(1) == 20 * RATE - 10 * RATE // 1_000
    assert money.emission.share_of(0) == 0


def test_open__root_alone__nothing_accrues(money: World, subnets: str) -> None:
    money.emission.open(0, sender=subnets)
    money.warp(10)
    assert money.emission.pending_rao(0) == 0


def test_open__twice_or_unknown__reverts(money: World, subnets: str) -> None:
    money.emission.open(1, sender=subnets)
    with boa.reverts("emission: already open"):
        money.emission.open(1, sender=subnets)
    for netuid in (129, 255, 256, 2**256 - 1):
        with boa.reverts("emission: unknown netuid"):
            money.emission.open(netuid, sender=subnets)


def test_open__after_the_root_has_spoken__waits_for_its_word(
    money: World, subnets: str, settlement: str
) -> None:
    money.emission.open(1, sender=subnets)
    money.emission.set_shares(share_words([5]), sender=settlement)
    money.emission.open(2, sender=subnets)
    money.warp(10)
    assert money.emission.pending_rao(2) == 0
    money.emission.set_shares(share_words([5, 15]), sender=settlement)
    money.warp(4)
    assert money.emission.pending_rao(1) == 11 * RATE
    assert money.emission.pending_rao(2) == 3 * RATE


def test_close__pending__recycled_and_never_minted(money: World, subnets: str) -> None:
    money.emission.open(1, sender=subnets)
    money.emission.open(2, sender=subnets)
    money.warp(10)
    money.emission.close(1, sender=subnets)
    (closed,) = money.emission.get_logs()
    assert (closed.netuid, closed.recycled_rao) == (1, 5 * RATE)
    assert money.emission.issuance_rao() == money.preset.genesis_rao + 5 * RATE
    assert money.emission.withheld_rao() == money.emission.recycled_rao() == 5 * RATE
    money.warp(2)
    assert money.emission.pending_rao(1) == 0
    assert money.emission.pending_rao(2) == 7 * RATE
    assert money.tao.totalSupply() == money.preset.genesis_rao


def test_close__then_opened_again__inherits_nothing(
    money: World, subnets: str, settlement: str
) -> None:
    money.emission.open(1, sender=subnets)
    money.emission.open(2, sender=subnets)
    money.emission.set_shares(share_words([3, 1]), sender=settlement)
    money.warp(7)
    money.emission.close(1, sender=subnets)
    money.emission.open(1, sender=subnets)
    assert money.emission.share_of(1) == 0
    assert money.emission.pending_q96(1) == 0


def test_close__not_open__reverts(money: World, subnets: str) -> None:
    for netuid in (1, 0, 129, 300):
        with boa.reverts("emission: not open"):
            money.emission.close(netuid, sender=subnets)


def test_set_shares__between_two_spans__each_span_by_its_own(
    money: World, subnets: str, settlement: str
) -> None:
    for netuid in (1, 2, 3):
        money.emission.open(netuid, sender=subnets)
    money.warp(3)
    money.emission.set_shares(share_words([1, 2, 1]), sender=settlement)
    (event,) = money.emission.get_logs()
    assert event.shares == [1, 2, 1] + [0] * 125
    money.warp(8)
    assert [money.emission.pending_rao(n) for n in (1, 2, 3)] == [3 * RATE, 5 * RATE, 3 * RATE]
    assert money.emission.shares() == [1, 2, 1] + [0] * 125
    assert money.emission.total_share() == 4


def test_set_shares__missing_entries_and_closed_netuids__count_nothing(
    money: World, subnets: str, settlement: str
) -> None:
    money.emission.open(1, sender=subnets)
    money.emission.open(3, sender=subnets)
    money.emission.set_shares(share_words([2, 9]), sender=settlement)
    assert money.emission.total_share() == 2
    assert money.emission.share_of(2) == money.emission.share_of(3) == 0


def test_set_shares__all_zero__accrual_stops_and_nothing_is_lost(
    money: World, subnets: str, settlement: str
) -> None:
    money.emission.open(1, sender=subnets)
    money.warp(5)
    money.emission.set_shares(share_words([]), sender=settlement)
    money.warp(1_000)
    assert money.emission.pending_rao(1) == 5 * RATE
    assert money.emission.issuance_rao() == money.preset.genesis_rao + 5 * RATE
    money.emission.set_shares(share_words([1]), sender=settlement)
    money.warp(1)
    assert money.emission.pending_rao(1) == 6 * RATE


def test_set_shares__128_large_ones__fits_and_one_more_bit_does_not(
    money: World, subnets: str, settlement: str
) -> None:
    for netuid in range(1, 129):
        money.emission.open(netuid, sender=subnets)
    money.emission.set_shares(share_words([2**64 - 1] * 128), sender=settlement)
    money.warp(1_000)
    # the index is a multiple of 2^-96 rao per unit of share: 2^-32 rao may still be on the way
    assert 1_000 * RATE // 128 - money.emission.pending_rao(77) in (0, 1)
    with boa.reverts("emission: share too large"):
        money.emission.set_shares(share_words([2**64]), sender=settlement)


def test_drain__within_the_cap__mints_all(money: World, subnets: str, settlement: str) -> None:
    money.emission.open(1, sender=subnets)
    money.warp(24)
    assert money.emission.drain(1, 24, sender=settlement) == 24 * RATE
    (drained,) = [e for e in money.emission.get_logs() if type(e).__name__ == "Drained"]
    assert (drained.netuid, drained.amount_rao, drained.recycled_rao) == (1, 24 * RATE, 0)
    assert money.tao.balanceOf(settlement) == 24 * RATE
    assert money.emission.minted_rao() == 24 * RATE
    assert money.emission.pending_rao(1) == 0


def test_drain__above_the_cap__excess_is_recycled(
    money: World, subnets: str, settlement: str
) -> None:
    money.emission.open(1, sender=subnets)
    money.emission.open(2, sender=subnets)
    money.emission.set_shares(share_words([1, 2]), sender=settlement)
    money.warp(25)
    pending = 25 * RATE // 3
    kept = pending * 24 // 25
    assert money.emission.drain(1, 24, sender=settlement) == kept
    assert money.emission.withheld_rao() == pending - kept
    assert money.emission.issuance_rao() == money.preset.genesis_rao + 25 * RATE - (pending - kept)
    assert money.tao.balanceOf(settlement) == kept


def test_drain__twice_in_a_tick__second_gives_nothing(
    money: World, subnets: str, settlement: str
) -> None:
    money.emission.open(1, sender=subnets)
    money.warp(5)
    money.emission.drain(1, 24, sender=settlement)
    assert money.emission.drain(1, 24, sender=settlement) == 0


def test_drain__cap_zero__all_recycled(money: World, subnets: str, settlement: str) -> None:
    money.emission.open(1, sender=subnets)
    money.warp(5)
    assert money.emission.drain(1, 0, sender=settlement) == 0
    assert money.emission.withheld_rao() == 5 * RATE


def test_drain__not_open__reverts(money: World, settlement: str) -> None:
    with boa.reverts("emission: not open"):
        money.emission.drain(1, 24, sender=settlement)


def test_drain__fractions__stay_in_the_books(money: World, subnets: str, settlement: str) -> None:
    for netuid in (1, 2, 3):
        money.emission.open(netuid, sender=subnets)
    total = 0
    for _ in range(3):
        money.warp(1)
        total += money.emission.drain(1, 24, sender=settlement)
    assert total == 3 * RATE // 3


def test_recycle__allowed_tokens__burned_and_issuance_falls(money: World, stranger: str) -> None:
    money.give(stranger, 7 * RAO, spender=money.emission.address)
    money.emission.recycle(5 * RAO, sender=stranger)
    events = [e for e in money.emission.get_logs() if type(e).__name__ == "Recycled"]
    assert [(e.sender, e.amount_rao) for e in events] == [(stranger, 5 * RAO)]
    assert money.emission.issuance_rao() == money.preset.genesis_rao - 5 * RAO
    assert money.tao.totalSupply() == money.preset.genesis_rao - 5 * RAO
    assert money.tao.balanceOf(stranger) == 2 * RAO
    assert money.emission.withheld_rao() == 0


def test_recycle__without_allowance__reverts_and_changes_nothing(
    money: World, stranger: str
) -> None:
    money.give(stranger, RAO)
    with boa.reverts("erc20: insufficient allowance"):
        money.emission.recycle(1, sender=stranger)
    assert money.emission.recycled_rao() == 0


def test_burn_without_recycling__supply_falls_and_issuance_does_not(money: World) -> None:
    money.tao.burn(RAO, sender=money.address["faucet"])
    assert money.emission.issuance_rao() == money.preset.genesis_rao
    assert money.tao.totalSupply() == money.preset.genesis_rao - RAO


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("open", (1,), "emission: not subnets"),
        ("close", (1,), "emission: not subnets"),
        ("set_shares", ([1],), "emission: not settlement"),
        ("drain", (1, 24), "emission: not settlement"),
    ],
)
def test_A2_anybody_else__reverts(
    money: World, stranger: str, function: str, arguments: tuple, reason: str
) -> None:
    right = money.address["Subnets" if "subnets" in reason else "Settlement"]
    others = {*money.address.values(), stranger} - {right}
    for caller in others:
        with boa.reverts(reason):
            getattr(money.emission, function)(*arguments, sender=caller)
