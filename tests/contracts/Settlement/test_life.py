# SPDX-License-Identifier: Apache-2.0
"""One epoch after the other: close, propose, finalize, on random content."""

from random import Random

import pytest

from offchain.settlement.payouts import PayTree, settle
from tests.contracts.Settlement.worlds import NETUID, open_stage, random_content


@pytest.mark.parametrize("max_uids, seats", [(16, 1), (16, 3), (32, 5), (64, 8), (256, 4)])
def test_two_epochs__any_size__pay_and_root_as_off_chain(max_uids, seats):
    random = Random(max_uids + seats)
    stage = open_stage(max_uids)
    base = ()
    for epoch in range(2):
        log = stage.settle(epoch, random_content(random, epoch, max_uids, seats))
        record = stage.history.epochs[epoch]
        pay = settle(record.frozen, stage.history.result(epoch).trace, base)
        assert log.payouts_rao == pay.paid_rao
        assert stage.history.cumulatives(epoch) == pay.cumulatives
        tree = PayTree(record.frozen, pay.cumulatives, 1, stage.rewards.address)
        assert log.root == tree.root
        assert stage.rewards.root_of(NETUID, epoch) == tree.root
        base = pay.cumulatives
