# SPDX-License-Identifier: Apache-2.0
"""The largest legal subnet is computed long before its proposal has to be there."""

from random import Random
from time import process_time

from offchain.chain.presets import MAINNET
from offchain.settlement.payouts import PayTree, settle
from offchain.settlement.result import compute
from tests.settlement.epochs import frozen_epoch

REWARDS = "0x" + "11" * 20
SEATS, UIDS = 64, 1_024


def test_E8_largest_subnet__result_and_tree__in_a_tenth_of_the_shortest_window() -> None:
    """A window of one tick is legal. CPU seconds, best of three, so that neighbours do not count;
    0.15 seen."""
    random = Random(8)
    first, first_rows = frozen_epoch(random, max_uids=UIDS, seats=SEATS)
    frozen, rows = frozen_epoch(random, epoch=1, parent=0, max_uids=UIDS, seats=SEATS)
    before = compute(first, first_rows)
    base = settle(first, before.trace).cumulatives
    took = []
    for _ in range(3):
        began = process_time()
        result = compute(frozen, rows, before.bonds)
        pay = settle(frozen, result.trace, base)
        tree = PayTree(frozen, pay.cumulatives, 31_337, REWARDS)
        took.append(process_time() - began)
    assert pay.is_paid
    assert len(tree.proof(UIDS - 1)) == 10
    assert min(took) <= MAINNET.tick_seconds / 10
