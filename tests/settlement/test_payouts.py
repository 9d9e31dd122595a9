# SPDX-License-Identifier: Apache-2.0
"""Pay from a trace: equal to the engine's split, bounded for any trace, and provable."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.protocol.leaves import leaf, leaf_prefix, root_from
from offchain.settlement.payouts import (
    PayTree,
    pack_cumulatives,
    settle,
    unpack_cumulatives,
)
from offchain.settlement.result import compute
from offchain.settlement.trace import pack_trace, trace_length, unpack_trace
from tests.settlement.epochs import NETUID, frozen_epoch

REWARDS = "0x" + "11" * 20


@pytest.mark.parametrize("seed", range(3))
def test_settle__the_true_trace__the_engines_split(seed):
    frozen, rows = frozen_epoch(Random(seed), owner_uid=5)
    result = compute(frozen, rows)
    pay = settle(frozen, result.trace)
    assert pay.is_paid
    assert tuple(gain.server_rao for gain in pay.gains) == result.yuma.server_emission
    assert pay.cumulatives[5].server_rao == 0
    assert pay.recycled_rao == result.yuma.server_emission[5]
    assert pay.paid_rao + pay.recycled_rao + pay.dust_rao == frozen.header.rao_emission
    assert 0 <= pay.dust_rao < 2 * frozen.header.max_uids


def test_settle__a_second_epoch__adds_up_and_forgets_the_replaced():
    random = Random(4)
    frozen, rows = frozen_epoch(random, replaced=(2,))
    base = settle(frozen, compute(frozen, rows).trace).cumulatives
    carried = tuple(uid == 9 for uid in range(32))
    pay = settle(frozen, compute(frozen, rows).trace, base, carried)
    for uid in range(32):
        old = 0 if uid in (2, 9) else base[uid].server_rao
        assert pay.cumulatives[uid].server_rao == old + pay.gains[uid].server_rao


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_settle__any_trace_whatever__never_more_than_the_emission(data):
    frozen, _ = frozen_epoch(Random(1), total_rao=data.draw(st.integers(0, 21 * 10**15)))
    word = st.one_of(st.integers(0, 2**256 - 1), st.sampled_from([0, 1, 2**64 - 1, 2**256 - 1]))
    length = trace_length(2, 4)
    words = data.draw(st.lists(word, min_size=length, max_size=length))
    pay = settle(frozen, unpack_trace(words, 2, 4))
    assert pay.paid_rao + pay.recycled_rao + pay.dust_rao == frozen.header.rao_emission
    assert min(pay.paid_rao, pay.recycled_rao, pay.dust_rao) >= 0


def test_settle__no_rank__everything_recycled():
    frozen, _ = frozen_epoch(Random(1))
    pay = settle(frozen, unpack_trace([0] * trace_length(2, 4), 2, 4))
    assert not pay.is_paid
    assert pay.recycled_rao == frozen.header.rao_emission
    assert set(pay.scores_u16) == {0}


def test_trace__packs_and_unpacks():
    frozen, rows = frozen_epoch(Random(2))
    result = compute(frozen, rows)
    assert unpack_trace(result.words, 2, 4) == result.trace
    assert pack_trace(result.trace) == result.words


def test_cumulatives__pack_and_unpack():
    frozen, rows = frozen_epoch(Random(2))
    vector = settle(frozen, compute(frozen, rows).trace).cumulatives
    words = pack_cumulatives(vector)
    assert len(words) == 16
    assert words[0] >> 192 == vector[0].server_rao
    assert words[0] & 2**64 - 1 == vector[1].validator_rao
    assert unpack_cumulatives(words) == vector


def test_tree__every_proof_leads_to_the_root_from_its_own_position_only():
    frozen, rows = frozen_epoch(Random(2))
    vector = settle(frozen, compute(frozen, rows).trace).cumulatives
    tree = PayTree(frozen, vector, 31_337, REWARDS)
    prefix = leaf_prefix(31_337, REWARDS, NETUID)
    for uid in range(32):
        own = leaf(
            prefix,
            NETUID << 64 | uid << 48 | 1,
            vector[uid].server_rao,
            vector[uid].validator_rao,
        )
        assert root_from(own, uid, tree.proof(uid)) == tree.root
        assert root_from(own, uid ^ 1, tree.proof(uid)) != tree.root
