# SPDX-License-Identifier: Apache-2.0
"""Rewards.claim and claim_many: cumulative pay, from any final root, to where it belongs."""

from __future__ import annotations

from dataclasses import replace

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.deployment import role_address
from tests.contracts.Rewards.conftest import MINER, OTHER_MINER, VALIDATOR
from tests.contracts.Rewards.payroll import Pay, Payroll

STRANGER = role_address("stranger")


def test_claim__miner__pays_the_coldkey_and_logs(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(900, 0), OTHER_MINER: Pay(50, 0)})
    before = payroll.balance(payroll.coldkey(MINER))

    payroll.rewards.claim(payroll.netuid, payroll.claim(0, MINER), sender=STRANGER)

    (event,) = [e for e in payroll.rewards.get_logs() if type(e).__name__ == "Claimed"]
    assert event.registration_id == payroll.ids[MINER]
    assert event.coldkey == payroll.coldkey(MINER)
    assert (event.server_rao, event.validator_rao) == (900, 0)
    assert payroll.balance(payroll.coldkey(MINER)) - before == 900
    assert payroll.claimed(MINER) == Pay(900, 0)
    assert payroll.rewards.paid_rao(payroll.netuid) == 900
    assert payroll.rewards.received_rao(payroll.netuid) == 950


def test_claim__validator__goes_into_its_pool(payroll: Payroll) -> None:
    payroll.add_root(0, {VALIDATOR: Pay(0, 5_000)})
    coldkey = payroll.coldkey(VALIDATOR)
    stake, balance = (
        payroll.world.staking.stake_of(payroll.hotkey(VALIDATOR)),
        payroll.balance(coldkey),
    )

    payroll.rewards.claim(payroll.netuid, payroll.claim(0, VALIDATOR))

    assert payroll.world.staking.stake_of(payroll.hotkey(VALIDATOR)) - stake == 5_000
    assert payroll.balance(coldkey) == balance
    assert payroll.balance(payroll.rewards.address) == 0


@pytest.mark.parametrize("amount_rao", [1, 2, 3, 1_000])
def test_claim__validator_of_a_few_rao__is_paid_in_full(payroll: Payroll, amount_rao: int) -> None:
    payroll.add_root(0, {VALIDATOR: Pay(0, amount_rao)})
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, VALIDATOR))
    assert payroll.claimed(VALIDATOR) == Pay(0, amount_rao)


def test_claim__both_parts_of_one_uid__go_to_both_places(payroll: Payroll) -> None:
    payroll.add_root(0, {VALIDATOR: Pay(40, 60)})
    coldkey = payroll.coldkey(VALIDATOR)
    stake, balance = (
        payroll.world.staking.stake_of(payroll.hotkey(VALIDATOR)),
        payroll.balance(coldkey),
    )
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, VALIDATOR))
    assert payroll.balance(coldkey) - balance == 40
    assert payroll.world.staking.stake_of(payroll.hotkey(VALIDATOR)) - stake == 60


def test_claim__validator_that_mines_later__both_parts_and_both_records(payroll: Payroll) -> None:
    """Dividends alone leave the miner's word alone; the first pay as a miner finds the account."""
    staking, coldkey = payroll.world.staking, payroll.coldkey(VALIDATOR)
    stake, balance = staking.stake_of(payroll.hotkey(VALIDATOR)), payroll.balance(coldkey)
    for epoch, pay in enumerate((Pay(0, 60), Pay(0, 100), Pay(7, 100), Pay(9, 130))):
        payroll.add_root(epoch, {VALIDATOR: pay})
        payroll.rewards.claim(payroll.netuid, payroll.claim(epoch, VALIDATOR))
        assert payroll.claimed(VALIDATOR) == pay
        assert payroll.balance(coldkey) - balance == pay.server
        assert staking.stake_of(payroll.hotkey(VALIDATOR)) - stake == pay.validator


@pytest.mark.soundness
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("unsafe_add(validated & U96_MAX, validator_rao)", "validator_rao"),
        ("hotkey = convert(validated >> 96, address)", "hotkey = convert(served >> 96, address)"),
    ],
)
def test_claim__seeded_bug_in_a_validators_record__is_found(
    payroll: Payroll, right: str, wrong: str
) -> None:
    broken = payroll.with_bug(("Rewards.vy", right, wrong))
    with pytest.raises((AssertionError, boa.BoaError)):
        test_claim__validator_that_mines_later__both_parts_and_both_records(broken)


def test_claim__twice__pays_once_and_does_not_revert(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(900, 0), OTHER_MINER: Pay(900, 0)})
    before = payroll.balance(payroll.coldkey(MINER))
    for _ in range(3):
        payroll.rewards.claim(payroll.netuid, payroll.claim(0, MINER))
    assert payroll.rewards.get_logs() == []
    assert payroll.balance(payroll.coldkey(MINER)) - before == 900


def test_G8_claim__older_root_after_a_newer_one_is_final__each_pays_its_difference(
    payroll: Payroll,
) -> None:
    payroll.add_root(0, {MINER: Pay(100, 0)})
    payroll.add_root(1, {MINER: Pay(250, 0)})
    before = payroll.balance(payroll.coldkey(MINER))
    paid = []
    for epoch in (0, 1, 0):
        payroll.rewards.claim(payroll.netuid, payroll.claim(epoch, MINER))
        paid.append(payroll.balance(payroll.coldkey(MINER)) - before)
    assert paid == [100, 250, 250]


def test_F13_claim__root_that_lowers_a_cumulative__pays_nothing_and_takes_nothing(
    payroll: Payroll,
) -> None:
    payroll.add_root(0, {MINER: Pay(100, 0), OTHER_MINER: Pay(100, 0)})
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, MINER))
    payroll.add_root(1, {MINER: Pay(30, 0), OTHER_MINER: Pay(160, 0)}, sent_rao=60)
    payroll.rewards.claim_many(
        payroll.netuid, [payroll.claim(1, MINER), payroll.claim(1, OTHER_MINER)]
    )
    assert payroll.claimed(MINER) == Pay(100, 0)
    assert payroll.claimed(OTHER_MINER) == Pay(160, 0)


def test_claim__one_part_falls_and_the_other_rises__only_the_rise_is_paid(payroll: Payroll) -> None:
    payroll.add_root(0, {VALIDATOR: Pay(100, 100)})
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, VALIDATOR))
    payroll.add_root(1, {VALIDATOR: Pay(10, 130)}, sent_rao=30)
    payroll.rewards.claim(payroll.netuid, payroll.claim(1, VALIDATOR))
    assert payroll.claimed(VALIDATOR) == Pay(100, 130)


def test_G5_claim__by_a_stranger__pays_the_account_not_the_caller(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(900, 0)})
    before = payroll.balance(STRANGER)
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, MINER), sender=STRANGER)
    assert payroll.balance(STRANGER) == before
    assert payroll.claimed(MINER) == Pay(900, 0)


def test_claim__root_promises_more_than_was_sent__pays_no_more_than_that(payroll: Payroll) -> None:
    """Whatever a root says: a subnet cannot take another's money, and nothing is forgotten."""
    payroll.add_root(0, {MINER: Pay(10**14, 0), VALIDATOR: Pay(0, 10**14)}, sent_rao=1_000)
    payroll.world.give(str(payroll.rewards.address), 10**14)  # what other subnets' claims wait for
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, MINER))
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, VALIDATOR))
    assert payroll.claimed(MINER) == Pay(1_000, 0)
    assert payroll.claimed(VALIDATOR) == Pay(0, 0)
    assert payroll.rewards.paid_rao(payroll.netuid) == 1_000

    payroll.rewards.add_root(*(payroll.netuid, 1, b"\1" * 32, 4, 500), sender=payroll.settlement)
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, VALIDATOR))
    assert payroll.claimed(VALIDATOR) == Pay(0, 500)


def test_claim__both_parts_above_the_cap__server_first_and_together_the_cap(
    payroll: Payroll,
) -> None:
    payroll.add_root(0, {VALIDATOR: Pay(600, 600)}, sent_rao=1_000)
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, VALIDATOR))
    assert payroll.claimed(VALIDATOR) == Pay(600, 400)


@pytest.mark.soundness
def test_claim__without_the_cap__takes_other_subnets_money(payroll: Payroll) -> None:
    """The seeded bug that the two tests above are there for."""
    bug = ("Rewards.vy", "server_rao = min(server_rao, available_rao)", "server_rao = server_rao")
    lower = (
        "Rewards.vy",
        "min(validator_rao, unsafe_sub(available_rao, server_rao))",
        "validator_rao",
    )
    broken = payroll.with_bug(bug, lower)
    broken.add_root(0, {MINER: Pay(10**14, 0)}, sent_rao=1_000)
    broken.world.give(str(broken.rewards.address), 10**14)
    broken.rewards.claim(broken.netuid, broken.claim(0, MINER))
    assert broken.claimed(MINER) == Pay(10**14, 0)


def test_claim__epoch_without_a_root__reverts(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(1, 0)})
    with boa.reverts("rewards: no root of this depth"):
        payroll.rewards.claim(payroll.netuid, payroll.claim(0, MINER)._replace(epoch=1))


def test_claim__registration_of_another_subnet__reverts(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(1, 0)})
    foreign = payroll.claim(0, MINER)._replace(registration_id=payroll.ids[MINER] + (1 << 64))
    with boa.reverts("rewards: id of another subnet"):
        payroll.rewards.claim(payroll.netuid, foreign)


@pytest.mark.parametrize("part", ["server_cumulative_rao", "validator_cumulative_rao"])
def test_claim__amount_changed__reverts(payroll: Payroll, part: str) -> None:
    payroll.add_root(0, {MINER: Pay(7, 3)})
    honest = payroll.claim(0, MINER)
    with boa.reverts("rewards: wrong proof of uid 0"):
        payroll.rewards.claim(payroll.netuid, honest._replace(**{part: getattr(honest, part) + 1}))


def test_claim__of_the_next_generation__reverts(payroll: Payroll) -> None:
    """A successor inherits nothing of a uid's pay."""
    payroll.add_root(0, {MINER: Pay(7, 3)})
    successor = payroll.claim(0, MINER)._replace(registration_id=payroll.ids[MINER] + 1)
    with boa.reverts("rewards: wrong proof of uid 0"):
        payroll.rewards.claim(payroll.netuid, successor)


def test_claim_many__one_wrong_proof__names_its_uid_and_pays_nobody(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(10, 0), OTHER_MINER: Pay(20, 0)})
    wrong = payroll.claim(0, OTHER_MINER)._replace(server_cumulative_rao=21)
    with boa.reverts("rewards: wrong proof of uid 1"):
        payroll.rewards.claim_many(payroll.netuid, [payroll.claim(0, MINER), wrong])
    assert payroll.claimed(MINER) == Pay(0, 0)


def test_claim_many__the_same_claim_twice__pays_once(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(10, 0), OTHER_MINER: Pay(20, 0)})
    claims = [payroll.claim(0, MINER), payroll.claim(0, MINER), payroll.claim(0, OTHER_MINER)]
    payroll.rewards.claim_many(payroll.netuid, claims)
    assert payroll.rewards.paid_rao(payroll.netuid) == 30


def test_claim_many__more_than_32__reverts(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(10, 0)})
    one = [payroll.claim(0, MINER)]
    payroll.rewards.claim_many(payroll.netuid, one * 32)
    assert payroll.claimed(MINER) == Pay(10, 0)
    with pytest.raises(Exception, match="32"):
        payroll.rewards.claim_many(payroll.netuid, one * 33)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_claim__any_order_of_roots_and_claims__pays_the_largest_cumulative(
    payroll_once: Payroll, data: st.DataObject
) -> None:
    """INVARIANT: paid <= received, and what each id has is the largest that it has cited."""
    with boa.env.anchor():
        books = replace(payroll_once, trees={}, pays={})
        running = {uid: Pay(0, 0) for uid in (MINER, OTHER_MINER, VALIDATOR)}
        cited = dict(running)
        for epoch in range(3):
            gains = st.tuples(st.integers(0, 10**12), st.integers(0, 10**12))
            running = {
                uid: Pay(*(old + new for old, new in zip(pay, data.draw(gains), strict=True)))
                for uid, pay in running.items()
            }
            books.add_root(epoch, dict(running))
            for _ in range(data.draw(st.integers(0, 3))):
                uid = data.draw(st.sampled_from(sorted(running)))
                source = data.draw(st.integers(0, epoch))
                books.rewards.claim(books.netuid, books.claim(source, uid))
                pay = books.pays[source][uid]
                cited[uid] = Pay(*map(max, zip(cited[uid], pay, strict=True)))
        received = int(books.rewards.received_rao(books.netuid))
        paid = int(books.rewards.paid_rao(books.netuid))
        assert {uid: books.claimed(uid) for uid in cited} == cited
        assert paid == sum(map(sum, cited.values())) <= received
        assert books.balance(books.rewards.address) == received - paid
