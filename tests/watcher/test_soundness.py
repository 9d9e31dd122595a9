# SPDX-License-Identifier: Apache-2.0
"""The watcher finds every wrong word itself, in random worlds, and challenges nothing that is true.

Worlds and corruptions are those of tests/contracts/Settlement; here nobody tells which word is
wrong, and what is sent is the watcher's own calldata. A sample runs always, `make soundness` all.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from random import Random

import boa
import pytest

from offchain.watcher.plan import Mandate, Verb
from offchain.watcher.words import kind_of_word, wrong_words
from tests.contracts.Settlement.test_soundness import SHAPES, Shape, corruptions, play
from tests.watcher.stage import StagedWatcher

SAMPLE = [SHAPES[0], SHAPES[1], SHAPES[2]]
KINDS = {"total rank", "ranks", "bonds hash", "partial hash", "dividend totals"}


@pytest.fixture(autouse=True)
def isolation():
    with boa.env.anchor():
        yield


def strike_corruptions(shape: Shape, count: int) -> Counter:
    """How many false proposals of each kind one transaction of the watcher struck."""
    stage = play(shape)
    epoch, blocks = shape.depth, shape.max_uids // 16
    words = stage.result(epoch).words
    kinds: Counter = Counter()
    watcher = StagedWatcher(stage)
    assert watcher.plan() == []
    for posted in corruptions(Random(shape.seed + 2_000), words, blocks, count):
        (index,) = [i for i, (a, b) in enumerate(zip(posted, words, strict=True)) if a != b]
        before = deepcopy(stage.history)
        with boa.env.anchor():
            proposal_id = stage.propose(epoch, posted)
            (move,) = watcher.plan()
            assert move.is_urgent
            assert move.proposal_id == proposal_id
            watcher.make(move)
            assert stage.withdrawable("watcher") > 0
            assert not stage.settlement.epoch_of(1, epoch).is_live
            assert watcher.plan() == []
        stage.history = before
        assert wrong_words(posted, words, blocks)
        kinds[kind_of_word(index, blocks)] += 1
    return kinds


def settle_honestly(shape: Shape) -> None:
    """The watcher challenges no true proposal: it proves it instead, and makes it final."""
    stage = play(shape)
    stage.propose(shape.depth)
    assert StagedWatcher(stage).plan() == []
    made = StagedWatcher(stage, Mandate(prove=True, settle=True)).run()
    assert made[-1] is Verb.FINALIZE
    assert set(made[:-1]) == {Verb.PROVE}
    assert stage.settlement.epoch_of(1, shape.depth).state == 2


def epochs_judged(shape: Shape) -> int:
    """Every true proposal of a world is found to be true; how many there are."""
    stage = play(shape)
    stage.propose(shape.depth)
    from offchain.watcher.plan import fault_of

    records = stage.history.epochs.values()
    assert [fault_of(record, stage.history) for record in records] == [None] * len(records)
    return len(records)


@pytest.mark.parametrize("shape", SAMPLE, ids=lambda shape: f"world {shape.seed}")
def test_F10_sample__watcher_finds_every_wrong_word_and_strikes_it(shape):
    kinds = strike_corruptions(shape, 10)
    assert sum(kinds.values()) == 10
    assert set(kinds) == KINDS


def test_sample__watcher_proves_what_is_true():
    settle_honestly(SAMPLE[2])
    assert epochs_judged(SAMPLE[1]) == SAMPLE[1].depth + 1


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"world {shape.seed}")
def test_full_set__watcher_finds_every_wrong_word_and_strikes_it(shape):
    kinds = strike_corruptions(shape, 36)
    assert sum(kinds.values()) == 36
    assert set(kinds) == KINDS
    settle_honestly(shape)
