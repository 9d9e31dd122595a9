# SPDX-License-Identifier: Apache-2.0
"""Logs: each once, in order, and taken back when the chain takes them back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from offchain.chain.connection import Connection
from offchain.chain.errors import NodeRefused, Reorged
from offchain.chain.events import LogFollower, fetch_logs
from offchain.chain.rpc import RetryPolicy, Rpc
from tests.chain.fake_node import FakeNode, RefusalError

WHO = "0x" + "aa" * 20
TOPIC = "0x" + "01" * 32


def connect(node: FakeNode) -> Connection:
    rpc = Rpc(["http://n"], RetryPolicy(attempts=1), transport=node.transport())
    return Connection(rpc)


def log(node: FakeNode, block: int, index: int = 0, **changed: Any) -> dict[str, Any]:
    made = {
        "address": WHO,
        "topics": [TOPIC],
        "data": "0x",
        "blockNumber": hex(block),
        "blockHash": node.block_hash(block),
        "transactionHash": "0x" + f"{block:032x}{index:032x}",
        "transactionIndex": "0x0",
        "logIndex": hex(index),
    }
    return made | changed


def places(logs: Any) -> list[tuple[int, int]]:
    return [(int(entry["blockNumber"], 16), int(entry["logIndex"], 16)) for entry in logs]


def test_FI_17_logs_doubled_and_out_of_order__come_once_in_order() -> None:
    node = FakeNode(number=20)
    node.logs = [log(node, 9), log(node, 3, 1), log(node, 3, 0), log(node, 9)]
    assert places(fetch_logs(connect(node), [WHO], [TOPIC], 0, 20)) == [(3, 0), (3, 1), (9, 0)]


def test_FI_17_range_refused__is_halved_and_nothing_is_lost() -> None:
    node = FakeNode(number=10_000)
    node.logs = [log(node, block) for block in range(0, 10_000, 499)]
    answer = node.eth_getLogs
    asked: list[int] = []

    def limited(query: dict[str, Any]) -> list[dict[str, Any]]:
        size = int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1
        asked.append(size)
        if size > 700:
            raise RefusalError({"code": -32602, "message": "range too large"})
        return answer(query)

    node.eth_getLogs = limited  # type: ignore[method-assign]
    found = places(fetch_logs(connect(node), [WHO], [TOPIC], 0, 9_999))
    assert found == [(block, 0) for block in range(0, 10_000, 499)]
    assert max(asked) == 5_000


def test_FI_17_one_block_refused__is_an_error() -> None:
    node = FakeNode(number=9)

    def never(query: dict[str, Any]) -> list[dict[str, Any]]:
        raise RefusalError({"code": -32602, "message": "no"})

    node.eth_getLogs = never  # type: ignore[method-assign]
    with pytest.raises(NodeRefused):
        fetch_logs(connect(node), [WHO], [TOPIC], 0, 9)


@pytest.mark.parametrize(
    "changed",
    [
        {"address": "0x" + "bb" * 20},
        {"topics": ["0x" + "02" * 32]},
        {"topics": []},
        {"removed": True},
    ],
)
def test_I11_log_that_was_not_asked_for__is_not_believed(changed: dict[str, Any]) -> None:
    node = FakeNode(number=9)
    node.logs = [log(node, 5, **changed), log(node, 6)]
    assert places(fetch_logs(connect(node), [WHO], [TOPIC], 0, 9)) == [(6, 0)]


def test_follow__confirmations__waits_for_them() -> None:
    node = FakeNode(number=10)
    node.logs = [log(node, 5), log(node, 9)]
    follower = LogFollower(connect(node), [WHO], 0, confirmations=3)
    assert places(follower.poll().logs) == [(5, 0)]
    assert follower.poll().logs == ()
    node.number = 12
    assert places(follower.poll().logs) == [(9, 0)]


def test_FI_13_reorg__is_taken_back_and_read_again() -> None:
    node = FakeNode(number=10)
    node.logs = [log(node, 5), log(node, 9)]
    follower = LogFollower(connect(node), [WHO], 3)
    assert places(follower.poll().logs) == [(5, 0), (9, 0)]
    node.salt = "b"
    node.logs = [log(node, 8)]
    delta = follower.poll()
    assert delta.rolled_back_to == 3
    assert places(delta.logs) == [(8, 0)]
    assert follower.poll().rolled_back_to is None


def test_FI_14_reorg_while_reading__gives_nothing_yet() -> None:
    node = FakeNode(number=10)
    node.logs = [log(node, 5)]
    answer = node.eth_getLogs

    def reorg_meanwhile(query: dict[str, Any]) -> list[dict[str, Any]]:
        found = answer(query)
        node.salt, node.logs = "b", []
        return found

    node.eth_getLogs = reorg_meanwhile  # type: ignore[method-assign]
    follower = LogFollower(connect(node), [WHO], 0)
    assert follower.poll().logs == ()
    node.eth_getLogs = answer  # type: ignore[method-assign]
    assert follower.poll().logs == ()


def test_FI_16_reorg_deeper_than_memory__halts() -> None:
    node = FakeNode(number=10)
    follower = LogFollower(connect(node), [WHO], 0)
    for _ in range(300):
        node.number += 1
        follower.poll()
    node.salt = "b"
    with pytest.raises(Reorged, match="deeper than we remember"):
        follower.poll()


def test_follow__node_down__is_an_error_and_loses_nothing() -> None:
    node = FakeNode(number=10)
    node.logs = [log(node, 5)]
    follower = LogFollower(connect(node), [WHO], 0)
    node.broken = lambda m: httpx.Response(500) if m == "eth_getLogs" else None
    with pytest.raises(Exception, match="no node answers"):
        follower.poll()
    node.broken = lambda m: None
    assert places(follower.poll().logs) == [(5, 0)]
