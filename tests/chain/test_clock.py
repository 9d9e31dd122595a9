# SPDX-License-Identifier: Apache-2.0
"""Chain time: the chain decides, ours only fills the gap between two looks."""

import pytest

from offchain.chain.clock import MAX_SILENT_SECONDS, ChainClock
from offchain.chain.connection import Connection
from offchain.chain.errors import NodeBehind
from offchain.chain.rpc import RetryPolicy, Rpc
from tests.chain.fake_node import FakeNode


class Time:
    def __init__(self, node: FakeNode) -> None:
        self.node, self.seconds = node, 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.node.number += int(seconds) or 1


def make(node: FakeNode, tick_seconds: int = 12) -> tuple[ChainClock, Time]:
    time = Time(node)
    rpc = Rpc(["http://n"], RetryPolicy(attempts=1), transport=node.transport())
    clock = ChainClock(Connection(rpc), 1_000, tick_seconds, now=time.now, sleep=time.sleep)
    return clock, time


def test_tick__is_of_the_newest_block() -> None:
    node = FakeNode(number=0)
    clock, _ = make(node)
    for number, tick in ((0, 0), (11, 0), (12, 1), (35, 2), (36, 3)):
        node.number = number
        assert clock.tick() == tick
    assert clock.timestamp_of(3) == 1_036


def test_chain_time__from_memory__goes_on_between_blocks() -> None:
    node = FakeNode(number=12)
    clock, time = make(node)
    assert clock.chain_time() == 1_012
    asked = len(node.calls)
    time.seconds += 7.9
    assert clock.chain_time() == 1_019
    assert clock.estimated_tick() == 1
    assert len(node.calls) == asked


def test_wait_for__returns_a_block_of_that_tick() -> None:
    node = FakeNode(number=1)
    clock, time = make(node)
    block = clock.wait_for(10)
    assert block.timestamp >= clock.timestamp_of(10)
    assert time.seconds < 10 * 12 + 2


def test_FI_20_chain_stands_still__is_said_once_it_is_long() -> None:
    node = FakeNode(number=5)
    clock, time = make(node)
    clock.head()
    time.seconds += MAX_SILENT_SECONDS
    clock.head()
    time.seconds += 1
    with pytest.raises(NodeBehind, match="no block after 5"):
        clock.head()
    node.number += 1
    assert clock.head().number == 6


def test_FI_12_node_shows_a_stale_head__is_shunned() -> None:
    fresh, stale = FakeNode(number=100), FakeNode(number=50)

    def route(request):  # type: ignore[no-untyped-def]
        return (fresh if request.url.host == "fresh" else stale).handle(request)

    import httpx

    rpc = Rpc(
        ["http://fresh", "http://stale"],
        RetryPolicy(attempts=1),
        transport=httpx.MockTransport(route),
    )
    clock = ChainClock(Connection(rpc), 1_000, 12)
    assert clock.head().number == 100
    rpc.shun("http://fresh")
    with pytest.raises(NodeBehind, match="block 50 after block 100"):
        clock.head()
    rpc._forgive("http://fresh")
    assert clock.head().number == 100
