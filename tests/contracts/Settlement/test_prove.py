# SPDX-License-Identifier: Apache-2.0
"""prove, prove_sum: any blocks, in any order, by anybody; everything proven is final at once."""

from copy import deepcopy
from dataclasses import replace

import boa
import pytest

from offchain.settlement import challenge
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.test_challenge import corrupted, two_epochs

SUMS = 1 << 255


@pytest.fixture(scope="module")
def played():
    with boa.env.anchor():
        yield two_epochs(11, max_uids=128, seats=4)


@pytest.fixture
def stage(played):
    return replace(played, history=deepcopy(played.history))


@pytest.mark.parametrize(
    "steps",
    [
        [range(8)],
        [[7], [0], [3, 4], [1, 2, 5, 6]],
        [[0, 1, 2, 3], [4, 5, 6, 7]],
        [[0, 4], [1, 5, 0], [2, 6], [3, 7]],
    ],
)
def test_prove__all_blocks_and_sums__final_without_waiting(stage, steps):
    proposal_id = stage.propose(1)
    for number, blocks in enumerate(steps):
        with boa.reverts("settlement: window is open"):
            stage.finalize(1, wait=False)
        with boa.env.prank(role_address(f"prover {number}")):
            stage.prove(1, blocks, sums=number == 0)
    assert stage.settlement.proven_of(proposal_id) == SUMS | 255
    tick = stage.tick
    stage.finalize(1, wait=False)
    assert stage.tick == tick


def test_prove__a_block_is_wrong__refused_others_not(stage):
    proposal_id = stage.propose(1, corrupted(stage.result(1).words, 1 + 6 * 2))
    with boa.reverts("settlement: block is wrong"):
        stage.prove(1, [1, 2], sums=False)
    stage.prove(1, [1], sums=False)
    assert stage.settlement.proven_of(proposal_id) == 2
    with boa.reverts("settlement: sums are wrong"):
        stage.prove(1, [], sums=True)


def test_prove__struck__progress_dies_with_the_proposal(stage):
    words = corrupted(stage.result(1).words, 1 + 6 * 7 + 4)
    stage.propose(1, words)
    stage.prove(1, range(7))
    stage.strike(1)
    proposal_id = stage.propose(1)
    assert stage.settlement.proven_of(proposal_id) == 0
    with boa.reverts("settlement: window is open"):
        stage.finalize(1, wait=False)


def test_prove__nothing_selected_or_too_much__refused(stage):
    stage.propose(1)
    arguments = list(challenge.prove(challenge.examine(stage.history, 1), [0]))
    for blocks in (0, 1 << 8, 1 << 255 | 1, 2**256 - 1):
        arguments[1] = blocks
        with boa.reverts("examiner: no such block"):
            stage.settlement.prove(*arguments)


def test_prove_sum__wrong_totals__refused(stage):
    stage.propose(1, corrupted(stage.result(1).words, -1, bit=64))
    with boa.reverts("settlement: sums are wrong"):
        stage.prove(1, [])
