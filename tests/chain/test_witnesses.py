# SPDX-License-Identifier: Apache-2.0
"""Before a bond is at risk every node has told the same of what the result follows from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from offchain.chain.connection import Connection
from offchain.chain.errors import NodesDisagree, Unconfirmed
from offchain.chain.presets import LOCALNET, MAINNET
from offchain.chain.settlement import EpochClosed, EpochProposed
from offchain.chain.witnesses import Witnesses
from offchain.settlement.history import History
from offchain.watcher.plan import Move, Verb
from offchain.watcher.service import Watcher
from tests.chain.fake_node import FakeNode
from tests.chain.test_rpc import rpc_of
from tests.watcher.epochs import NETUID, close, propose

CLOSED_BLOCK, PROPOSED_BLOCK = 1, 1  # tests.watcher.epochs says that epoch 1 did so in block 1
HEAD = 20


def topic(kind: type[Any]) -> str:
    return f"0x{kind.__name__.encode().hex():0<64}"


def log_of(kind: type[Any], epoch: int, block: int, data: str = "0xaa") -> dict[str, Any]:
    topics = [topic(kind), f"0x{NETUID:064x}", f"0x{epoch:064x}"]
    return {"blockNumber": hex(block), "topics": topics, "data": data, "extra": id(data)}


@pytest.fixture
def history() -> History:
    made = History(NETUID)
    close(made, 0)
    propose(made, 0)
    close(made, 1)
    propose(made, 1)
    return made


def nodes(count: int) -> list[FakeNode]:
    """Each serves whatever logs are asked for of a block, as FakeNode does not filter topics."""
    made = [FakeNode(number=HEAD) for _ in range(count)]
    for node in made:
        node.logs = [log_of(EpochProposed, 0, 0), log_of(EpochClosed, 1, CLOSED_BLOCK)]
    return made


def witnesses_of(
    served: list[FakeNode], confirmations: int | None = 0, preset: str = "localnet"
) -> Witnesses:
    rpc, _ = rpc_of(*served)
    settlement = SimpleNamespace(address="0x" + "33" * 20, topic=topic)
    network = SimpleNamespace(
        connection=Connection(rpc),
        settlement=settlement,
        deployment=SimpleNamespace(preset=preset, tick_seconds=1),
    )
    return Witnesses(cast(Any, network), confirmations)


def vouch(witnesses: Witnesses, history: History) -> None:
    head = witnesses._network.connection.head()
    witnesses.vouch_for_inputs(history, 1, head)


def test_inputs__all_nodes_tell_the_same__are_asked_once(history: History) -> None:
    served = nodes(3)
    witnesses = witnesses_of(served)
    vouch(witnesses, history)
    asked = [node.calls.count("eth_getLogs") for node in served]
    assert asked == [2, 2, 2], "the close of epoch 1 and the proposal of its parent"
    vouch(witnesses, history)
    assert [node.calls.count("eth_getLogs") for node in served] == asked


@pytest.mark.parametrize("which", [0, 1], ids=["the parent's proposal", "the close"])
def test_J2_inputs__one_node_forges_a_log__no_bond(history: History, which: int) -> None:
    served = nodes(3)
    served[2].logs[which]["data"] = "0xbb"
    with pytest.raises(NodesDisagree, match="2 different answers"):
        vouch(witnesses_of(served), history)


def test_J2_inputs__no_node_has_the_log_any_more__no_bond(history: History) -> None:
    served = nodes(2)
    for node in served:
        node.logs = []
    with pytest.raises(NodesDisagree, match="no node has EpochClosed"):
        vouch(witnesses_of(served), history)


def test_E9_inputs__a_reorganisation__is_asked_again(history: History) -> None:
    served = nodes(2)
    witnesses = witnesses_of(served)
    vouch(witnesses, history)
    for node in served:
        node.reorg("b")
    served[1].logs[1]["data"] = "0xbb"
    with pytest.raises(NodesDisagree):
        vouch(witnesses, history)


def test_inputs__one_node__has_nobody_to_contradict_it(history: History) -> None:
    served = nodes(1)
    vouch(witnesses_of(served), history)
    assert "eth_getLogs" not in served[0].calls


def test_FI_21_inputs__not_deep_enough__no_bond(history: History) -> None:
    served = nodes(1)
    vouch(witnesses_of(served, HEAD - CLOSED_BLOCK), history)
    with pytest.raises(Unconfirmed, match="19 blocks deep, wanted 20"):
        vouch(witnesses_of(served, HEAD - CLOSED_BLOCK + 1), history)


def test_presets__mainnet_waits_for_blocks_and_the_demo_does_not(history: History) -> None:
    assert MAINNET.confirmations > 0 == LOCALNET.confirmations
    fresh = [FakeNode(number=CLOSED_BLOCK)]
    vouch(witnesses_of(fresh, None, "localnet"), history)
    with pytest.raises(Unconfirmed, match="0 blocks deep, wanted 12"):
        vouch(witnesses_of(fresh, None, "mainnet"), history)


@pytest.mark.parametrize(("seconds_left", "strikes"), [(3.0, False), (1.4, True)])
def test_watcher__nodes_quarrel_over_a_lie__strikes_in_the_second_half_of_the_window(
    history: History, monkeypatch: pytest.MonkeyPatch, seconds_left: float, strikes: bool
) -> None:
    served = nodes(2)
    for node in served:
        node.logs.append(log_of(EpochProposed, 1, PROPOSED_BLOCK))
    served[1].logs[-1]["data"] = "0xbb"
    watcher = Watcher.__new__(Watcher)
    watcher._witnesses = witnesses_of(served)
    watcher._network = watcher._witnesses._network
    monkeypatch.setattr(watcher, "_seconds_left", lambda *_: seconds_left)
    head = watcher._network.connection.head()
    strike = Move(Verb.CHALLENGE_SUM, NETUID, 1, proposal_id=1)
    if strikes:
        watcher._hear_witnesses(strike, history, head)
    else:
        with pytest.raises(NodesDisagree):
            watcher._hear_witnesses(strike, history, head)
    watcher._hear_witnesses(Move(Verb.ANSWER, NETUID, 1), history, head)  # risks nothing
