# SPDX-License-Identifier: Apache-2.0
"""Which challenge strikes what, and what a challenge carries."""

from random import Random

import pytest

from offchain.protocol.errors import InvalidSubmission
from offchain.settlement.challenge import (
    ALL_ZEROED,
    BlockFault,
    SumFault,
    UnknownBonds,
    answer,
    challenge_block,
    examine,
    find_fault,
    prove,
    sums,
)
from offchain.settlement.history import History
from offchain.settlement.trace import bonds_words
from tests.settlement.epochs import NETUID, feed, frozen_epoch, propose


@pytest.fixture
def history():
    """Epoch 0 final, epoch 1 proposed; 128 uids: two chunks, eight blocks."""
    random = Random(9)
    history = History(NETUID)
    feed(history, *frozen_epoch(random, 0, max_uids=128, seats=5))
    propose(history, 0)
    history.epoch_finalized(0, history.epochs[0].live.proposal_id, (0,) * 64)
    feed(history, *frozen_epoch(random, 1, max_uids=128, seats=5, parent=0))
    propose(history, 1)
    return history


def fault(history, change):
    true = history.result(1).words
    posted = list(true)
    change(posted)
    return find_fault(true, posted, 8, 5)


def test_find_fault__the_truth__none(history):
    assert fault(history, lambda words: None) is None


def test_find_fault__total_rank__the_sum(history):
    def change(words):
        words[0] += 1

    assert fault(history, change) == SumFault()


@pytest.mark.parametrize("block", [0, 7])
@pytest.mark.parametrize("word", [4, 5])
def test_find_fault__a_hash__its_block(history, block, word):
    def change(words):
        words[1 + 6 * block + word] ^= 1

    assert fault(history, change) == BlockFault(block)


def test_find_fault__dividend_total__the_sum(history):
    def change(words):
        words[-1] ^= 1 << 192

    assert fault(history, change) == SumFault()


def test_find_fault__padding_after_the_last_total__the_sum(history):
    def change(words):
        words[-1] ^= 1

    assert fault(history, change) == SumFault()


def test_find_fault__rank_and_total_agree__the_block_whose_rank_is_wrong(history):
    """The hashes of other blocks follow from the posted total, so they are no evidence."""

    def change(words):
        words[0] += 5
        words[1 + 6 * 3] += 5
        words[1 + 6 * 0 + 5] ^= 1

    assert fault(history, change) == BlockFault(3)


def test_find_fault__rank_moved_between_blocks__a_block(history):
    def change(words):
        words[1 + 6 * 2] += 1
        words[1 + 6 * 5] -= 1

    assert fault(history, change) == BlockFault(2)


def test_find_fault__another_length__refused(history):
    true = history.result(1).words
    with pytest.raises(InvalidSubmission, match="words"):
        find_fault(true, true[:-1], 8, 5)


def test_opening__one_block__one_chunk_per_row_and_the_hash_of_the_other(history):
    examination = examine(history, 1)
    opening = challenge_block(examination, 5)[4]
    rows, siblings, bonds, hints, hashes, _, zeroed = opening
    assert len(rows) == 4 * 4
    assert len(siblings) == 4
    assert len(bonds) == 5
    assert len(hints) == 4
    assert len(hashes) == 8
    assert zeroed == 0
    assert tuple(bonds) == bonds_words(history.result(0).bonds, 5)


def test_opening__all_blocks__no_siblings(history):
    rows, siblings, bonds, hints, *_ = prove(examine(history, 1), range(8))[4]
    assert (len(rows), len(siblings), len(bonds), len(hints)) == (4 * 8, 0, 5 * 8, 32)


def test_opening__no_parent__everything_zeroed(history):
    *_, opening = challenge_block(examine(history, 0), 0)
    assert list(opening[2]) == []
    assert list(opening[4]) == []
    assert opening[6] == ALL_ZEROED


def test_opening__zeroed_block__opens_nothing_for_it(history):
    history.block_zeroed(0, 5)
    *_, opening = prove(examine(history, 1), [4, 5])
    assert len(opening[2]) == 5
    assert opening[6] == 1 << 5


def test_opening__parent_named_other_bonds__unknown(history):
    lie = list(history.result(0).words)
    lie[1 + 6 * 5 + 4] ^= 1
    propose(history, 0, 2, lie)
    examination = examine(history, 1)
    challenge_block(examination, 4)
    with pytest.raises(UnknownBonds, match="block 5"):
        challenge_block(examination, 5)
    with pytest.raises(UnknownBonds):
        answer(history.epochs[0], history.result(0).bonds, 5)


def test_sums__partials_of_every_block(history):
    number, blocks, seats, posted, partials = sums(examine(history, 1))
    assert (number, blocks, seats) == (NETUID << 128 | 1 << 64 | 1, 8, 5)
    assert len(partials) == 8 * 2
    assert tuple(posted) == history.result(1).words


def test_examine__nothing_proposed__refused():
    history = History(NETUID)
    feed(history, *frozen_epoch(Random(1)))
    with pytest.raises(InvalidSubmission, match="no proposal"):
        examine(history, 0)
