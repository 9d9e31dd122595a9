# SPDX-License-Identifier: Apache-2.0
"""Rows E and F of the threat model (reference/security.md) as the protocol page settles them.

The files beside this one test every function; here each row is one story with its assertion.
"""

from dataclasses import replace
from itertools import permutations
from random import Random

import boa
import pytest

from offchain.yuma.specification import run_seat_epoch
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import (
    EMISSION_RAO,
    NETUID,
    Content,
    Validator,
    W,
    open_stage,
    random_content,
    random_row,
)

BLOCK_GAS = 30_000_000


def content(seed: int = 1, columns: int = 16, seats: int = 3, **changes) -> Content:
    made = random_content(Random(seed), 0, columns, seats, silent=0)
    return replace(made, **changes)


def voter(uid: int, weights: dict[int, int], stake_rao: int = 10**12) -> Validator:
    row = tuple(weights.get(column, 0) for column in range(16))
    return Validator(uid=uid, stake_rao=stake_rao, row=row)


def corrupted(words, index: int = 1):
    changed = list(words)
    changed[index] ^= 1
    return changed


@pytest.fixture
def stage():
    opened = open_stage()
    opened.close(0, content())
    return opened


def test_E4_order_of_validators_changes_no_miner_by_a_bit():
    rows = [random_row(Random(seed), 16, None, 0.9) for seed in range(3)]
    shares = [1 << 31, 1 << 30, 1 << 30]
    results = set()
    for order in permutations(range(3)):
        epoch = open_seat_epoch([rows[i] for i in order], [shares[i] for i in order])
        result = run_seat_epoch(epoch)
        results.add((result.rank_bits, result.consensus_bits, result.server_emission))
    assert len(results) == 1


def open_seat_epoch(rows, shares):
    from offchain.yuma.types import SeatEpoch

    empty = (0,) * 16
    return SeatEpoch(
        active_stake_bits=tuple(shares),
        rows=tuple(rows),
        old_bonds=(empty,) * len(rows),
        replaced=(False,) * 16,
        keeps_seat=(True,) * len(rows),
        kappa=32_767,
        bonds_penalty=65_535,
        bonds_moving_average=900_000,
        rao_emission=10**9,
    )


@pytest.mark.parametrize("has_stake", [True, False])
@pytest.mark.parametrize("has_weights", [True, False])
@pytest.mark.parametrize("voters", [1, 2])
@pytest.mark.parametrize("has_miners", [True, False])
def test_E5_every_empty_case_settles_and_its_books_balance(
    has_stake, has_weights, voters, has_miners
):
    stage = open_stage()
    weights = {5: 9, 6: 4} if has_weights else {}
    seats = tuple(voter(uid, weights, 10**12 if has_stake else 0) for uid in range(voters))
    generations = tuple(int(uid < voters or (has_miners and uid < 8)) for uid in range(16))
    log = stage.settle(0, Content(seats, generations))
    spent = log.payouts_rao + log.owner_rao + log.proposer_rao + log.recycled_rao
    assert spent + log.pot_rao == EMISSION_RAO
    assert (log.payouts_rao > 0) == (has_stake and has_weights)


def test_E6_whole_supply_behind_one_key_and_full_rows__settles_like_the_engine():
    stage = open_stage()
    full = dict.fromkeys(range(16), 65_535)
    seats = (voter(0, full, 21 * 10**15), voter(1, full, 1))
    stage.settle(0, Content(seats, (1,) * 16, accrued_rao=3 * 10**15))
    stage.settle(1, Content(seats, (1,) * 16, accrued_rao=3 * 10**15))
    assert stage.settlement.epoch_of(NETUID, 1).state == 2


def test_F1_one_wrong_word__struck_and_never_final(stage):
    stage.propose(0, corrupted(stage.result(0).words))
    proposal_id = stage.history.epochs[0].live.proposal_id
    arguments = stage.finalize_arguments(0)
    stage.strike(0)
    stage.warp_to(stage.tick + 10 * W)
    with boa.reverts("slots: not live"):
        stage.settlement.finalize(*arguments)
    assert stage.settlement.proposal_of(proposal_id).bond_rao == 0


def test_F2_garbage_hashes_without_preimages__struck_all_the_same(stage):
    words = list(stage.result(0).words)
    words[5], words[6] = 2**256 - 1, 0  # a bonds hash and a partial hash that nobody can open
    stage.propose(0, words)
    assert stage.strike(0).reward_rao > 0


def test_F3_wrong_challenges_of_a_true_proposal__cost_no_time(stage):
    stage.propose(0)
    with boa.reverts("settlement: block is right"):
        stage.challenge_block(0, 0)
    with boa.reverts("settlement: sums are right"):
        stage.challenge_sum(0)
    stage.finalize(0)  # W ticks after the proposal, as if nobody had tried


def test_F5_final_and_void_absorb(stage):
    stage.propose(0)
    arguments = stage.finalize_arguments(0)
    stage.finalize(0)
    for call in (
        lambda: stage.settlement.finalize(*arguments),
        lambda: stage.challenge_block(0, 0),
        lambda: stage.prove(0),
    ):
        with boa.reverts("slots: not live"):
            call()
    with boa.reverts("settlement: not closed"):
        stage.settlement.propose(NETUID, 0, 0, 10**12, list(stage.result(0).words))


@pytest.mark.parametrize("epoch", [2, 3, 2**64 - 2])
def test_F6_an_epoch_far_ahead_or_unclosed_cannot_be_proposed(stage, epoch):
    with boa.reverts("settlement: not closed"):
        stage.settlement.propose(NETUID, epoch, 0, 10**12, list(stage.result(0).words))


def test_F7_five_squatters_in_a_row__the_truth_is_final_and_they_lose_every_bond(stage):
    paid = 0
    for _ in range(5):
        bond = stage.settlement.bond_rao(NETUID, 0)
        stage.propose(0, corrupted(stage.result(0).words), proposer="squatter")
        stage.strike(0)
        paid += bond
    assert paid == 31 * EMISSION_RAO  # the bond doubles: 1 + 2 + 4 + 8 + 16
    assert stage.withdrawable("squatter") == 0
    stage.propose(0)
    stage.finalize(0)


def test_F8_challenging_oneself_loses_half_of_the_bond(stage):
    bond = stage.settlement.bond_rao(NETUID, 0)
    stage.propose(0, corrupted(stage.result(0).words), proposer="self-dealer")
    stage.challenge_sum(0, sender="self-dealer")  # a rank that the total does not confirm
    assert stage.withdrawable("self-dealer") == bond // 2 < bond


@pytest.mark.parametrize(("offset", "is_due"), [(-1, False), (0, True), (1, True)])
def test_F9_a_challenge_stays_possible_until_finalize_lands(stage, offset, is_due):
    stage.propose(0, corrupted(stage.result(0).words, 5))
    stage.warp_to(stage.tick + W + offset)
    arguments = stage.finalize_arguments(0)
    if is_due:
        with boa.env.anchor():
            stage.settlement.finalize(*arguments)
    else:
        with boa.reverts("settlement: window is open"):
            stage.settlement.finalize(*arguments)
    stage.challenge_block(0, 0)
    with boa.reverts("slots: not live"):
        stage.settlement.finalize(*arguments)


def test_F11_the_guardian_can_cancel_once_and_nothing_else(stage):
    guardian = role_address("guardian")
    stage.settlement.set_guardian(guardian, sender=role_address("Timelock"))
    stage.propose(0)
    proposal_id = stage.history.epochs[0].live.proposal_id
    with boa.reverts("settlement: window is open"):
        stage.settlement.finalize(*stage.finalize_arguments(0), sender=guardian)
    with boa.reverts("settlement: not the timelock"):
        stage.settlement.set_guardian(guardian, sender=guardian)
    stage.settlement.cancel(proposal_id, sender=guardian)
    assert stage.withdrawable("proposer") == stage.settlement.bond_rao(NETUID, 0)
    stage.history.proposal_ended(proposal_id, struck=False)
    stage.propose(0)
    with boa.reverts("settlement: already cancelled"):
        stage.settlement.cancel(stage.history.epochs[0].live.proposal_id, sender=guardian)


@pytest.mark.parametrize("rank", [2**40, 2**63, 2**64 - 1])
def test_F12_a_lie_that_nobody_struck__pays_no_rao_more_than_the_emission(rank):
    stage = open_stage()
    stage.close(0, content())
    words = list(stage.result(0).words)
    for word in range(1, 5):
        words[word] = rank << 192 | rank << 128 | rank << 64 | rank
    words[0] = 1  # far below the sum
    stage.propose(0, words)
    log = stage.finalize(0)
    assert log.payouts_rao <= stage.history.epochs[0].frozen.header.rao_emission
    assert stage.tao.balanceOf(stage.rewards.address) == log.payouts_rao


def test_F14_the_heaviest_dispute_of_64_seats_fits_a_third_of_a_block():
    stage = open_stage(64)
    stage.close(0, content(columns=64, seats=64))
    stage.propose(0, corrupted(stage.result(0).words, 5))
    stage.challenge_block(0, 0)
    assert stage.settlement._computation.get_gas_used() < 3 * BLOCK_GAS // 10


def test_F15_no_root_is_ever_zero(stage):
    stage.propose(0)
    log = stage.finalize(0)
    assert any(log.root)
    assert stage.rewards.root_of(NETUID, 0) == log.root
    assert not any(stage.rewards.root_of(NETUID, 1))  # what Rewards refuses to take claims against
