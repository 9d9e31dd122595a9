# SPDX-License-Identifier: Apache-2.0
"""Rows of reference/security.md that concern epochs, settlement and its roots, as the protocol page
settles them. Row by row; more on each is in the files named after the functions.
"""

from dataclasses import replace
from itertools import product
from random import Random

import boa
import pytest

from offchain.settlement import challenge
from offchain.settlement.payouts import PayTree, unpack_cumulatives
from offchain.settlement.result import compute
from tests.contracts.deployment import role_address, seeded
from tests.contracts.Settlement.worlds import (
    EMISSION_RAO,
    NETUID,
    Content,
    T,
    Validator,
    W,
    open_stage,
    random_content,
)

FLAT = (1,) * 16


def voters(count=3, row=FLAT, **fields):
    return Content(tuple(Validator(uid, row=row) for uid in range(count)), FLAT, **fields)


def lying(stage, epoch, index=1):
    words = list(stage.result(epoch).words)
    words[index] ^= 1 << 64
    return words


def test_T_E4_same_events_same_root():
    """Rows fed in another order, by another process of reading, give the same trace and root."""
    stage = open_stage(32)
    stage.close(0, random_content(Random(1), 0, 32, 6, silent=0))
    record = stage.history.epochs[0]
    other = type(stage.history)(NETUID)
    for seat in sorted(record.rows, reverse=True):
        other.weights_revealed(0, seat, record.rows[seat])
    other.epoch_closed(
        record.header,
        record.seats,
        record.generations,
        stage.settlement.get_logs()[-1].frozen_hash,
        9,
    )
    assert other.result(0).words == stage.result(0).words


@pytest.mark.parametrize(
    "no_stake, no_weights, one_validator, no_neurons", product([False, True], repeat=4)
)
def test_T_E5_empty_cases_settle_to_the_rao(no_stake, no_weights, one_validator, no_neurons):
    seats = tuple(
        Validator(uid, stake_rao=0 if no_stake else 10**12, row=(0,) * 16 if no_weights else FLAT)
        for uid in range(1 if one_validator else 3)
    )
    generations = (1, 1, 1) + (0,) * 13 if no_neurons else FLAT
    stage = open_stage()
    log = stage.settle(0, Content(seats, generations))
    given = log.payouts_rao + log.owner_rao + log.proposer_rao + log.recycled_rao + log.pot_rao
    assert given == EMISSION_RAO
    assert (log.payouts_rao == 0) == (no_stake or no_weights)


def test_T_E6_extremes_settle_alike_on_chain_and_off():
    """All stake there can be, all weights full, an emission of the whole supply."""
    supply = 21 * 10**15
    stage = open_stage(64, kappa=65_535)
    row = (65_535,) * 64
    seats = tuple(Validator(uid, stake_rao=supply if uid == 0 else 1, row=row) for uid in range(64))
    for epoch in range(2):
        content = Content(seats, (2**32 - 1,) * 64, accrued_rao=supply // 16)
        seats = tuple(replace(seat, generation=2**32 - 1) for seat in seats)
        stage.close(epoch, replace(content, seats=seats))
        stage.propose(epoch)
        stage.prove(epoch)
        log = stage.finalize(epoch, wait=False)
        assert log.payouts_rao > 0
    vector = stage.history.cumulatives(1)
    assert sum(pair.server_rao + pair.validator_rao for pair in vector) <= supply // 8


def test_T_E7_another_rule_is_struck():
    """A proposer with other software (here: bonds that never load) loses its bond."""
    stage = open_stage(32)
    random = Random(3)
    stage.settle(0, random_content(random, 0, 32, 4, silent=0))
    stage.close(1, random_content(random, 1, 32, 4, silent=0))
    record = stage.history.epochs[1]
    old_rules = compute(record.frozen, record.rows).words
    assert old_rules != stage.result(1).words
    stage.propose(1, old_rules)
    assert stage.strike(1).reward_rao > 0


def test_T_F1_one_wrong_word_is_struck_and_never_final():
    stage = open_stage()
    stage.close(0, voters())
    stage.propose(0, lying(stage, 0))
    arguments = stage.finalize_arguments(0)
    stage.strike(0)
    stage.warp_to(stage.tick + 10 * W)
    with boa.reverts("slots: not live"):
        stage.settlement.finalize(*arguments)


def test_T_F2_withheld_data_never_protects_a_lie():
    """Nobody has to open what a proposer posted: a hash without a preimage is struck itself; and a
    block that nobody can open counts as zero after a demand (test_demand.py).
    """
    stage = open_stage(32)
    stage.close(0, random_content(Random(2), 0, 32, 4, silent=0))
    for index in (5, 6, 11, 12):
        words = list(stage.result(0).words)
        words[index] = int.from_bytes(b"nobody knows the preimage of it.", "big")
        stage.propose(0, words)
        assert stage.strike(0).reward_rao > 0


def test_T_F3_wrong_challenges_of_a_true_proposal_cost_no_time():
    stage = open_stage()
    stage.close(0, voters())
    stage.propose(0)
    with boa.reverts("settlement: block is right"):
        stage.challenge_block(0, 0)
    with boa.reverts("settlement: sums are right"):
        stage.challenge_sum(0)
    stage.finalize(0)  # W ticks after the proposal, as if nobody had tried


def test_T_F5_terminal_states_absorb():
    stage = open_stage()
    stage.settle(0, voters())
    stage.close(1, voters())
    stage.warp_to(stage.tick + 3 * T)
    stage.void(1)
    final_id = stage.history.epochs[0].final_id
    calls = stage.finalize_arguments(0)
    examination = challenge.examine(stage.history, 0)
    for state, epoch, proposal_id in ((2, 0, final_id), (3, 1, NETUID << 128 | 1 << 64 | 1)):
        attempts = [
            ("finalize", [proposal_id, *calls[1:]]),
            ("challenge_sum", [proposal_id, *challenge.sums(examination)[1:]]),
            ("prove_sum", [proposal_id, *challenge.sums(examination)[1:]]),
            ("challenge_block", [proposal_id, *challenge.challenge_block(examination, 0)[1:]]),
            ("prove", [proposal_id, *challenge.prove(examination, [0])[1:]]),
            ("void", challenge.void(stage.history.epochs[epoch])),
            ("close", [NETUID, epoch]),
            ("propose", [NETUID, epoch, 0, 2**55, list(examination.posted)]),
        ]
        for name, arguments in attempts:
            with boa.reverts():
                getattr(stage.settlement, name)(*arguments)
        assert stage.settlement.epoch_of(NETUID, epoch).state == state


def test_T_F6_epochs_out_of_order_do_not_brick_the_pipeline():
    stage = open_stage()
    stage.settle(0, voters())
    words = list(stage.result(0).words)
    for epoch, reason in (
        (1, "settlement: not closed"),
        (0, "settlement: not closed"),
        (2**63, "settlement: not closed"),
        (2**256 - 1, "slots: unknown epoch"),
    ):
        with boa.reverts(reason):
            stage.settlement.propose(NETUID, epoch, 0, 2**55, words)
    stage.settle(1, voters())


def test_T_F7_five_garbage_proposals_cost_their_bonds_and_the_truth_is_final_in_time():
    stage = open_stage()
    stage.close(0, voters())
    closed_tick, bond = stage.tick, stage.settlement.bond_rao(NETUID, 0)
    for attempt in range(5):
        assert stage.settlement.bond_rao(NETUID, 0) == bond << attempt
        stage.propose(0, lying(stage, 0), proposer="squatter")
        stage.strike(0)
    stage.propose(0)
    stage.finalize(0)
    assert stage.tick < closed_tick + 3 * T
    assert stage.withdrawable("squatter") == 0
    assert stage.withdrawable("challenger") == sum((bond << n) // 2 for n in range(5))


def test_T_F8_challenging_oneself_loses_half():
    stage = open_stage()
    stage.close(0, voters())
    bond = stage.settlement.bond_rao(NETUID, 0)
    stage.propose(0, lying(stage, 0), proposer="self dealer")
    examination = challenge.examine(stage.history, 0)
    fault = challenge.find_fault(examination.result.words, examination.posted, 1, 3)
    assert fault == challenge.SumFault()
    stage.challenge_sum(0, sender="self dealer")
    assert stage.withdrawable("self dealer") - bond == -(bond - bond // 2) < 0


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_T_F9_at_the_edge_exactly_one_of_finalize_and_challenge_counts(offset):
    """Before W only the challenge; from W on whichever lands first, and the other reverts."""
    stage = open_stage()
    stage.close(0, voters())
    stage.propose(0, lying(stage, 0))
    stage.warp_to(stage.tick + W + offset)
    arguments = stage.finalize_arguments(0)
    if offset < 0:
        with boa.reverts("settlement: window is open"):
            stage.settlement.finalize(*arguments)
        stage.strike(0)
        return
    with boa.env.anchor():
        stage.settlement.finalize(*arguments)
        with boa.reverts("slots: not live"):
            stage.challenge_sum(0)
    stage.challenge_sum(0)
    with boa.reverts("slots: not live"):
        stage.settlement.finalize(*arguments)


def test_T_F11_guardian_can_only_cancel_and_the_epoch_is_posted_again():
    stage = open_stage()
    guardian = role_address("guardian")
    stage.settlement.set_guardian(guardian, sender=role_address("Timelock"))
    stage.close(0, voters())
    stage.propose(0)
    examination = challenge.examine(stage.history, 0)
    number = stage.history.epochs[0].live.proposal_id
    attempts = {
        "close": [NETUID, 0],
        "propose": [NETUID, 0, 0, 2**55, list(examination.posted)],
        "challenge_block": challenge.challenge_block(examination, 0),
        "challenge_sum": challenge.sums(examination),
        "finalize": stage.finalize_arguments(0),
        "void": challenge.void(stage.history.epochs[0]),
        "demand": [NETUID, 0, 0],
        "expire": [NETUID, 0, 0],
        "release": [NETUID, 0],
        "set_guardian": [guardian],
        "withdraw": [guardian],
    }
    for name, arguments in attempts.items():
        with boa.reverts():
            getattr(stage.settlement, name)(*arguments, sender=guardian)
    stage.settlement.cancel(number, sender=guardian)
    stage.history.proposal_ended(number, struck=False)
    stage.propose(0)
    assert stage.finalize(0).payouts_rao > 0


@pytest.mark.parametrize("word", [2**64 - 1, 2**256 - 1])
def test_T_F12_totals_forced_final_pay_no_more_than_the_emission(word):
    stage = open_stage()
    stage.close(0, voters())
    words = [word] * len(stage.result(0).words)
    stage.propose(0, words)
    log = stage.finalize(0)
    assert log.payouts_rao <= stage.history.epochs[0].frozen.header.rao_emission
    assert stage.rewards.received_rao(NETUID) == log.payouts_rao
    assert stage.tao.balanceOf(stage.rewards) == log.payouts_rao


def test_T_F12_seeded_bug__shares_over_another_sum__finalize_would_pay_too_much():
    """With shares over less than their sum, the guard in Settlement bites."""
    worse = (
        "modules/payouts.vy",
        "            all_shares = unsafe_add(all_shares, dividend)\n",
        "            all_shares = dividend\n",
    )
    stage = open_stage(Examiner=seeded("Examiner", worse))
    stage.close(0, voters())
    stage.propose(0)
    with boa.reverts():
        stage.finalize(0)


def test_T_F13_a_cumulative_amount_never_falls():
    """Cumulatives are not posted but computed from the stored vector: no trace can lower one."""
    stage = open_stage()
    first = unpack_cumulatives(stage.settle(0, voters()).cumulatives)
    stage.close(1, voters())
    stage.propose(1, [0] * len(stage.result(1).words))
    second = unpack_cumulatives(stage.finalize(1).cumulatives)
    for old, new in zip(first, second, strict=True):
        assert new.server_rao >= old.server_rao
        assert new.validator_rao >= old.validator_rao


@pytest.mark.slow
def test_T_F14_every_dispute_of_the_largest_subnet_fits_a_transaction():
    """1,024 uids and 64 seats: below 30 % of a 30M block for each kind of challenge."""
    random = Random(1)
    stage = open_stage(1_024)
    row = tuple(random.randrange(256, 65_536) for _ in range(1_024))
    seats = tuple(
        Validator(uid, row=(*row[:uid], 0, *row[uid + 1 :]), stake_rao=10**12 + uid)
        for uid in range(64)
    )
    content = Content(seats, (1,) * 1_024)
    stage.settle(0, content)
    stage.close(1, content)
    for index in (1, 5, 6, -1):
        words = list(stage.result(1).words)
        words[index] ^= 1 << 192
        stage.propose(1, words)
        stage.strike(1)
        assert stage.settlement._computation.get_gas_used() < 0.3 * 30_000_000
    stage.propose(1)
    for first in range(0, 64, 16):
        stage.prove(1, range(first, first + 16), sums=first == 0)
        assert stage.settlement._computation.get_gas_used() < 2**24
    stage.finalize(1, wait=False)
    assert stage.settlement._computation.get_gas_used() < 2**24


def test_T_F15_a_root_is_never_zero_even_when_nobody_is_paid():
    stage = open_stage()
    log = stage.settle(0, voters(row=(0,) * 16))
    assert log.payouts_rao == 0
    assert log.root != bytes(32)
    assert stage.rewards.root_of(NETUID, 0) == log.root
    assert stage.rewards.root_of(NETUID, 1) == bytes(32)
    with boa.reverts("rewards: no root of this depth"):
        stage.rewards.claim(NETUID, (1, NETUID << 64 | 1, 1, 0, []))


def paid_epoch():
    stage = open_stage()
    stage.settle(0, voters())
    record = stage.history.epochs[0]
    vector = stage.history.cumulatives(0)
    chain_id = boa.env.evm.chain.chain_id
    tree = PayTree(record.frozen, vector, chain_id, stage.rewards.address)
    return stage, record, vector, tree


def test_T_G1_an_inner_node_is_no_leaf():
    """Every inner node as a leaf, with the path that leads from it to the root."""
    stage, record, _, tree = paid_epoch()
    del record
    for uid in range(0, 16, 2):
        proof = tree.proof(uid)
        for level in range(1, 4):
            node = tree._levels[level][uid >> level]
            number = int.from_bytes(node, "big")
            claim = (0, NETUID << 64 | uid << 48 | 1, number, 0, proof[level:])
            with boa.reverts():
                stage.rewards.claim(NETUID, claim)


@pytest.mark.parametrize("change", ["shorter", "longer", "empty", "other uid"])
def test_T_G2_only_the_exact_depth_and_position(change):
    stage, _, vector, tree = paid_epoch()
    proof, uid = tree.proof(4), 4
    proof = {
        "shorter": proof[:-1],
        "longer": [*proof, bytes(32)],
        "empty": [],
        "other uid": proof,
    }[change]
    if change == "other uid":
        uid = 5
    mine = vector[4]
    claim = (0, NETUID << 64 | uid << 48 | 1, mine.server_rao, mine.validator_rao, proof)
    with boa.reverts():
        stage.rewards.claim(NETUID, claim)


@pytest.mark.parametrize("max_uids, depth", [(16, 4), (32, 5), (1_024, 10)])
def test_T_G7_depth_is_that_of_the_subnet_and_every_leaf_has_a_path(max_uids, depth):
    stage = open_stage(max_uids)
    content = Content((Validator(0, row=(0,) + (1,) * (max_uids - 1)),), (1,) * max_uids)
    stage.settle(0, content)
    assert stage.rewards.depth_of(NETUID, 0) == depth
    record = stage.history.epochs[0]
    tree = PayTree(
        record.frozen,
        stage.history.cumulatives(0),
        boa.env.evm.chain.chain_id,
        stage.rewards.address,
    )
    assert tree.root == stage.rewards.root_of(NETUID, 0)
    assert len(tree.proof(max_uids - 1)) == depth
