# SPDX-License-Identifier: Apache-2.0
"""Bonds of the newest final epoch survive a restart, and are used by no other history."""

import pytest

from offchain.settlement.history import History
from offchain.watcher.memory import Memory
from tests.watcher.epochs import NETUID, close, propose


def lived(epochs=3, **last) -> History:
    history = History(NETUID)
    for epoch in range(epochs):
        close(history, epoch, **(last if epoch == epochs - 1 else {}))
        if epoch < epochs - 1:
            history.epoch_finalized(epoch, propose(history, epoch), ())
    return history


def test_memory__restart__the_newest_result_without_the_old_ones(tmp_path, monkeypatch):
    history = lived()
    Memory(tmp_path).keep(history)
    restarted = lived()
    restarted._results.clear()
    assert Memory(tmp_path).recall(restarted)
    computed = []
    compute = restarted._parent_bonds
    monkeypatch.setattr(restarted, "_parent_bonds", lambda e: computed.append(e) or compute(e))
    assert restarted.result(2).words == history.result(2).words
    assert computed == [2]


def test_memory__another_history__not_used(tmp_path):
    Memory(tmp_path).keep(lived())
    other = History(NETUID)
    close(other, 0, closed_tick=99)
    other.epoch_finalized(0, propose(other, 0), ())
    close(other, 1)
    other.epoch_finalized(1, propose(other, 1), ())
    assert not Memory(tmp_path).recall(other)
    assert not Memory(tmp_path).recall(History(NETUID))


@pytest.mark.parametrize("content", ["", "{}", '{"epoch": 1}', "[1]", '{"bonds": 1, "epoch": 0}'])
def test_memory__damaged_file__not_used(tmp_path, content):
    (tmp_path / f"bonds-{NETUID}.json").write_text(content)
    assert not Memory(tmp_path).recall(lived())


def test_memory__bonds_of_a_final_lie__the_true_ones_are_kept(tmp_path):
    history = History(NETUID)
    close(history, 0)
    history.epoch_finalized(0, propose(history, 0, change=5), ())
    history.block_answered(0, 0, [0, 0])
    close(history, 1)
    Memory(tmp_path).keep(history)
    restarted = History(NETUID)
    close(restarted, 0)
    restarted.epoch_finalized(0, propose(restarted, 0, change=5), ())
    restarted.block_answered(0, 0, [0, 0])
    close(restarted, 1)
    restarted._results.clear()
    assert Memory(tmp_path).recall(restarted)
    assert restarted.result(1).words == history.result(1).words
