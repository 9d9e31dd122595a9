# SPDX-License-Identifier: Apache-2.0
"""An epoch of the root, from commits to the subnets' shares.

when an epoch is final     - the normalised ranks are the shares; emission follows to the rao
                           - nobody is paid but the proposer; the rest is recycled
when a subnet has ended    - its column gets nothing, its bonds are dropped
when a subnet is new       - it waits for the root's word
when nobody has a rank     - the shares stay as they were
when a proposal is false   - it is struck as everywhere
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from offchain.settlement import challenge
from offchain.settlement.frozen import pack_generations
from offchain.settlement.root import pack_shares, shares, unpack_incarnations
from offchain.settlement.trace import unpack_trace
from tests.contracts import life
from tests.contracts.deployment import role_address, seeded
from tests.contracts.root.rooting import ROOT, Root, logs, open_root
from tests.contracts.Settlement.test_soundness import (
    TRANSACTION_GAS,
    corruptions,
    refuse_all,
    strike_all,
    wrong_challenges,
)

SEVENTY_THIRTY = {1: 46_666, 2: 20_000}
NOW = 2**256 - 1


def agreed(row: dict[int, int]) -> dict[int, dict[int, int]]:
    """The same row from all three members."""
    return dict.fromkeys(range(3), row)


ALL_AGREE = agreed(SEVENTY_THIRTY)


@pytest.fixture(scope="module")
def opened() -> Root:
    """Two subnets, three members, the first tick of the root's epoch 0."""
    return open_root()


@pytest.fixture
def root(opened: Root) -> Root:
    """The same with a history of its own, as the chain is taken back after every test."""
    return Root(opened.world, opened.voting)


def incarnations(root: Root) -> tuple[int, ...]:
    return unpack_incarnations(root.world.subnets.incarnations_at(NOW))


def test_final_epoch__ranks_are_the_shares(root):
    assert root.world.emission.shares()[:3] == [1, 1, 0]
    log = root.settle(0, {0: SEVENTY_THIRTY, 1: SEVENTY_THIRTY, 2: {1: 1}})
    record = root.history.epochs[0]
    wanted = shares(record.frozen, root.history.result(0).trace, incarnations(root))
    assert wanted is not None
    assert wanted[0] > wanted[1] > 0
    assert not any(wanted[2:])
    # the third member's weight is clipped to what the majority says
    trace = root.history.result(0).trace
    ranks = [rank for block in trace.blocks for rank in block.ranks]
    assert wanted[:2] == tuple((rank << 32) // trace.total_rank for rank in ranks[:2])
    assert root.world.emission.shares() == list(wanted)
    assert root.world.emission.total_share() == sum(wanted)
    assert (log.payouts_rao, log.owner_rao, log.pot_rao, log.root) == (0, 0, 0, bytes(32))
    assert list(log.cumulatives) == []
    assert log.proposer_rao == record.frozen.header.proposer_rao > 0
    assert log.recycled_rao == record.frozen.header.rao_emission + record.frozen.header.owner_rao
    assert root.world.settlement.pot_rao(ROOT) == 0


def test_emission_after_it__follows_the_vector_to_the_rao(root):
    root.settle(0, ALL_AGREE)
    emission, near = root.world.emission, root.world.address["Settlement"]
    given = emission.shares()
    assert 0.6999 < given[0] / sum(given) < 0.7001
    for netuid in (1, 2):
        emission.drain(netuid, NOW, sender=near)
    before = [emission.pending_q96(netuid) for netuid in (0, 1, 2)]
    index, remainder = 0, emission.remainder_q96()
    for ticks in (7, 24, 1):
        accrued = emission.accrued_rao()
        root.world.warp(ticks)
        emission.accrue()
        rest = emission.accrued_rao() - accrued
        root_rao = (emission.pending_q96(0) - before[0]) >> 96
        before[0] = emission.pending_q96(0)
        gained, remainder = divmod((rest - root_rao << 96) + remainder, sum(given))
        index += gained
    for netuid in (1, 2):
        wanted = before[netuid] + given[netuid - 1] * index >> 96
        assert emission.drain(netuid, NOW, sender=near) == wanted


def test_money__drained_equals_proposer_and_recycled(root):
    root.vote(0, ALL_AGREE)
    supply = root.world.tao.totalSupply()
    record = root.close(0)
    header = record.frozen.header
    total = root.world.tao.totalSupply() - supply
    assert total == header.rao_emission + header.owner_rao + header.proposer_rao > 0
    recycled = root.world.emission.recycled_rao()
    root.propose(0)
    log = root.finalize(0)
    assert log.proposer_rao + log.recycled_rao == total
    assert root.world.emission.recycled_rao() == recycled + log.recycled_rao
    assert root.world.tao.balanceOf(root.world.settlement) == (
        root.world.settlement.withdrawable_rao(role_address("root proposer"))
        + root.world.settlement.proposal_of(log.proposal_id).bond_rao
    )


def test_rewards__know_nothing_of_the_root(root):
    log = root.settle(0, ALL_AGREE)
    assert root.world.rewards.root_of(ROOT, 0) == bytes(32)
    assert root.world.rewards.received_rao(ROOT) == 0
    assert log.root == bytes(32)
    assert not logs(root.world.neurons, "ScoresRecorded")


def test_frozen_columns__are_incarnations_at_the_start(root):
    root.vote(0, ALL_AGREE)
    record = root.close(0)
    assert record.frozen.header.max_uids == 128
    assert record.frozen.header.owner_uid is None
    assert record.frozen.generations == (1, 1) + (0,) * 126
    assert all(seat.uid == 1_023 for seat in record.frozen.seats[:3])
    assert [seat.generation for seat in record.frozen.seats[:4]] == [1, 2, 3, 0]


def test_new_subnet__waits_for_the_roots_word(root):
    root.settle(0, ALL_AGREE)
    netuid = life.create(root.world, owner="late owner")
    life.start(root.world, netuid)
    assert root.world.emission.share_of(netuid) == 0
    running = root.world.subnets.next_epoch(ROOT)
    # it is no column of the epoch in which it was started, whatever anybody writes there
    root.settle(running, agreed({1: 1, netuid: 1}))
    assert root.history.epochs[running].frozen.header.replaced[netuid - 1]
    given = root.world.emission.shares()
    assert given[netuid - 1] == given[0] > 0 == given[1]


def test_evicted_subnet__gets_nothing_and_its_successor_begins_anew():
    root = open_root(subnets=3, asleep=125)
    root.settle(0, agreed({2: 1, 3: 1}))
    epoch = root.world.subnets.next_epoch(ROOT)
    root.vote(epoch, agreed({1: 6, 2: 1, 3: 1}))
    record = root.close(epoch)
    root.propose(epoch)
    assert record.frozen.generations[:4] == (1, 1, 1, 0)
    # between close and finalize the oldest of those without a share makes room
    assert life.create(root.world, owner="newcomer") == 1
    root.finalize(epoch)
    given = root.world.emission.shares()
    assert given[0] == 0 < given[1] == given[2]
    assert sum(given) == given[1] + given[2]

    life.start(root.world, 1)
    epoch = root.world.subnets.next_epoch(ROOT)
    root.settle(epoch, agreed({1: 2, 2: 1, 3: 1}))
    header = root.history.epochs[epoch].frozen.header
    assert root.history.epochs[epoch].frozen.generations[:4] == (2, 1, 1, 0)
    assert [column for column, bit in enumerate(header.replaced) if bit] == [0]
    given = root.world.emission.shares()
    assert abs(given[0] - 2 * given[1]) < 8


def test_weight_on_nothing__counts_in_the_sum_and_goes_to_nobody(root):
    root.settle(0, agreed({1: 1, 77: 3}))
    given = root.world.emission.shares()
    assert given[0] == (1 << 30) - 1  # a quarter, rounded down on the way
    assert sum(given) == given[0]


def test_no_rank__the_shares_stay(root):
    root.settle(0, ALL_AGREE)
    before = root.world.emission.shares()
    running = root.world.subnets.next_epoch(ROOT)
    root.settle(running, {0: {77: 5}, 1: {77: 5}, 2: {}})
    assert not logs(root.world.emission, "SharesSet")
    assert root.world.emission.shares() == before
    assert root.history.epochs[running].parent_epoch == 0


def test_second_epoch__builds_on_the_bonds_of_the_first(root):
    root.settle(0, ALL_AGREE)
    following = root.world.subnets.next_epoch(ROOT)
    root.vote(following, {0: {1: 1}, 1: {2: 1}, 2: {1: 3, 2: 1}})
    root.close(following)
    assert any(map(any, root.history.true_bonds(0)))
    proposal_id = root.propose(following)
    examined = root.history.epochs[following].live
    assert examined is not None
    assert examined.proposal_id == proposal_id
    log = root.finalize(following)
    wanted = shares(
        root.history.epochs[following].frozen,
        root.history.result(following).trace,
        incarnations(root),
    )
    assert root.world.emission.shares() == list(wanted)
    assert log.epoch == following


def test_void__hands_nothing_on_and_the_next_epoch_settles(root):
    root.vote(0, ALL_AGREE)
    record = root.close(0)
    header = record.frozen.header
    root.world.warp_to(header.closed_tick + 3 * header.tempo)
    root.settlement.void(*challenge.void(record))
    root.history.epoch_voided(0)
    following = root.world.subnets.next_epoch(ROOT)
    root.settle(following, ALL_AGREE)
    assert root.world.emission.has_shares()


def hunt(root: Root, corrupt: int, grief: int) -> tuple[int, int]:
    """Lies about the root's second epoch that were struck, and wrong challenges that failed."""
    root.settle(0, ALL_AGREE)
    epoch = root.world.subnets.next_epoch(ROOT)
    root.vote(epoch, {0: {1: 9, 2: 1}, 1: {1: 1, 2: 8, 60: 7}, 2: {1: 5, 2: 5}})
    root.close(epoch)
    random = Random(6)
    words = root.history.result(epoch).words
    struck = strike_all(root, epoch, corruptions(random, words, 8, corrupt))
    root.propose(epoch)
    refused = refuse_all(root, epoch, wrong_challenges(random, root, epoch, grief))
    root.prove(epoch)
    root.finalize(epoch)
    return struck, refused


def test_sample__every_wrong_word_struck_no_wrong_challenge_succeeds(root):
    assert hunt(root, 12, 20) == (12, 20)


@pytest.mark.soundness
@pytest.mark.slow
def test_full_set__every_wrong_word_struck_no_wrong_challenge_succeeds(root):
    assert hunt(root, 72, 72) == (72, 72)


def words_of_examiner(
    root: Root, examiner: Any, generations: Sequence[int], trace: Sequence[int] = ()
) -> tuple[int, ...]:
    """What Examiner says of epoch 0, had it frozen those columns, of the live or another trace."""
    record = root.history.epochs[0]
    assert record.live is not None
    pay = examiner.finalize(
        record.live.proposal_id,
        list(record.header),
        list(record.seats),
        list(generations),
        list(trace or record.live.trace),
        [],
        [0] * 4,
    )
    return tuple(pay.scores)


def ended_columns(root: Root) -> list[tuple[list[int], tuple[int, ...]]]:
    """Frozen columns, and the words that they give: as they are, and with subnets that ended."""
    record = root.history.epochs[0]
    found = []
    for weighed in ((1, 1), (1, 7), (0, 1), (2, 3)):
        frozen = replace(record.frozen, generations=(*weighed, *(0,) * 126))
        wanted = shares(frozen, root.history.result(0).trace, incarnations(root))
        words = () if wanted is None else pack_shares(wanted)
        found.append((list(pack_generations(frozen.generations)), words))
    return found


def test_full_root__finalize_fits_a_transaction():
    """128 open subnets, none of which was ever settled: the most that set_shares can cost."""
    root = open_root(subnets=128)
    everybody = dict.fromkeys(range(1, 129), 1)
    root.vote(0, agreed(everybody))
    root.close(0)
    assert root.settlement._computation.get_gas_used() < TRANSACTION_GAS
    root.propose(0)
    root.finalize(0)
    used = root.settlement._computation.get_gas_used()
    print(f"finalize of a root with 128 subnets: {used:,} gas")
    assert used < TRANSACTION_GAS
    assert len(set(root.world.emission.shares())) == 1


@pytest.fixture
def proposed(root: Root) -> Root:
    """A live proposal of epoch 0."""
    root.vote(0, {0: {1: 5, 2: 9}, 1: {1: 7, 2: 1}, 2: {2: 1}})
    root.close(0)
    root.propose(0)
    return root


def test_share_words__subnets_that_ended_get_nothing__as_off_chain(proposed):
    for generations, words in ended_columns(proposed):
        assert words_of_examiner(proposed, proposed.world.examiner, generations) == words


@pytest.mark.parametrize("seed", range(8))
def test_share_words__of_any_trace_whatever__as_off_chain_and_bounded(proposed, seed):
    """A false result may become final when nobody watches; even then nothing reverts."""
    random, record = Random(seed), proposed.history.epochs[0]
    largest = random.choice((0, 1, 2**64 - 1, 2**256 - 1))
    words = [random.choice((0, random.randrange(largest + 1), largest)) for _ in record.live.trace]
    trace = unpack_trace(words, 8, len(record.frozen.seats))
    wanted = shares(record.frozen, trace, incarnations(proposed))
    told = words_of_examiner(proposed, proposed.world.examiner, record.generations, words)
    assert told == (() if wanted is None else pack_shares(wanted))
    assert max(wanted or (0,)) <= 1 << 32


BUGS = {
    "shares of another total": (
        "modules/root_shares.vy",
        "share = (rank << 32) // total_rank",
        "share = (rank << 31) // total_rank + 1",
    ),
    "dead columns are paid": (
        "modules/root_shares.vy",
        "if generation != 0 and generation ==",
        "if generation != 0 and 0 <=",
    ),
}


@pytest.mark.slow
@pytest.mark.soundness
@pytest.mark.parametrize("bug", BUGS, ids=list(BUGS))
def test_seeded_bug__the_twin_finds_it(proposed, bug):
    known = proposed.world.address
    broken = seeded("Examiner", BUGS[bug]).deploy(
        *(known[n] for n in ("Subnets", "Neurons", "Weights", "YumaKernel", "Rewards"))
    )
    assert any(
        words_of_examiner(proposed, broken, generations) != words
        for generations, words in ended_columns(proposed)
    )
