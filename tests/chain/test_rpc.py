# SPDX-License-Identifier: Apache-2.0
"""FI-11: what nodes send instead of answers."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from offchain.chain.connection import Connection, ViewCall, revert_reason
from offchain.chain.errors import NodeRefused, NodesDisagree, NodeUnreachable, Reverted
from offchain.chain.rpc import RetryPolicy, Rpc
from offchain.protocol.errors import ConfigError
from tests.chain.fake_node import FakeNode

BROKEN: dict[str, Callable[[str], httpx.Response | None]] = {
    "429": lambda _: httpx.Response(429, json={}),
    "500": lambda _: httpx.Response(500, text="oops"),
    "half JSON": lambda _: httpx.Response(200, text='{"jsonrpc": "2.0", "id"'),
    "HTML": lambda _: httpx.Response(200, text="<html>hello</html>"),
    "wrong id": lambda _: httpx.Response(200, json={"jsonrpc": "2.0", "id": -7, "result": "0x1"}),
    "no result": lambda _: httpx.Response(200, json={"jsonrpc": "2.0", "id": 1}),
    "a number": lambda _: httpx.Response(200, json=5),
    "rate limit": lambda _: httpx.Response(
        200, json={"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "slow down"}}
    ),
}


def timeout(method: str) -> httpx.Response | None:
    raise httpx.ReadTimeout("30 s")


def rpc_of(*nodes: FakeNode, attempts: int = 4) -> tuple[Rpc, list[float]]:
    """Several nodes behind one transport, by host; the pauses that were made."""
    pauses: list[float] = []

    def route(request: httpx.Request) -> httpx.Response:
        return nodes[int(request.url.host[1:])].handle(request)

    urls = [f"http://n{i}" for i in range(len(nodes))]
    transport = httpx.MockTransport(route)
    policy = RetryPolicy(attempts=attempts)
    return Rpc(urls, policy, transport=transport, sleep=pauses.append, now=lambda: 0.0), pauses


@pytest.mark.parametrize("how", [*BROKEN, "timeout"])
def test_FI_11_node_breaks_for_ever__bounded_tries_then_one_error(how: str) -> None:
    node = FakeNode()
    asked: list[str] = []

    def broken(method: str) -> httpx.Response | None:
        asked.append(method)
        return BROKEN[how](method) if how in BROKEN else timeout(method)

    node.broken = broken
    rpc, pauses = rpc_of(node)
    with pytest.raises(NodeUnreachable, match="no node answers at http://n0"):
        rpc.call("eth_chainId")
    assert len(asked) == 4
    assert len(pauses) == 3
    assert sum(pauses) < 10


@pytest.mark.parametrize("how", BROKEN)
def test_FI_11_node_breaks_once__is_asked_again(how: str) -> None:
    node = FakeNode()
    failures = iter([True, False])
    node.broken = lambda m: BROKEN[how](m) if next(failures) else None
    rpc, _ = rpc_of(node)
    assert rpc.call("eth_chainId") == "0x7a69"


def test_FI_11_first_node_breaks__second_answers_without_a_pause() -> None:
    bad, good = FakeNode(), FakeNode()
    bad.broken = timeout
    rpc, pauses = rpc_of(bad, good)
    assert rpc.call("eth_chainId") == "0x7a69"
    assert pauses == []
    assert rpc.best_url() == "http://n1"


def test_pauses__grow_and_are_spread() -> None:
    policy = RetryPolicy(base_seconds=0.2, limit_seconds=2.0)
    low = [policy.pause_seconds(n, 0.0) for n in range(8)]
    high = [policy.pause_seconds(n, 0.999) for n in range(8)]
    assert low == sorted(low)
    assert low[-1] == 1.0
    assert max(high) < 3.0
    assert all(a < b for a, b in zip(low, high, strict=True))


def test_batch__answers_out_of_order__are_put_in_order() -> None:
    def reverse(request: httpx.Request) -> httpx.Response:
        bodies = json.loads(request.content)
        answers = [{"jsonrpc": "2.0", "id": b["id"], "result": b["params"][0]} for b in bodies]
        return httpx.Response(200, json=answers[::-1])

    rpc = Rpc(["http://n"], transport=httpx.MockTransport(reverse))
    assert [a["result"] for a in rpc.batch([("m", [i]) for i in range(5)])] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("url", ["", "127.0.0.1:8545", "ws://node", "ftp://node", "http://"])
def test_url__not_http__is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not the address of a node"):
        Rpc([url])


def test_unreachable__password_in_the_address__is_not_repeated() -> None:
    node = FakeNode()
    node.broken = timeout
    rpc = Rpc(
        ["http://user:hunter2@n0"],
        RetryPolicy(attempts=1),
        transport=node.transport(),
    )
    with pytest.raises(NodeUnreachable) as caught:
        rpc.call("eth_chainId")
    assert "hunter2" not in str(caught.value)


def test_refusal__of_the_node__is_not_retried() -> None:
    node = FakeNode(reverts="settlement: already closed")
    rpc, pauses = rpc_of(node)
    with pytest.raises(NodeRefused):
        rpc.call("eth_call", {}, "latest")
    assert node.calls == ["eth_call"]
    assert pauses == []


def test_J2_FI_21_one_node_lies_about_one_slot__nothing_is_believed() -> None:
    honest, same, liar = FakeNode(), FakeNode(), FakeNode()
    liar.reverts = ""
    rpc, _ = rpc_of(honest, same, liar)
    connection = Connection(rpc)
    call = ViewCall(to="0x" + "22" * 20, data="0x")
    assert connection.agreed_view(call, connection.head()) == b""
    liar.eth_call = lambda call, tag: "0x01"  # type: ignore[method-assign]
    with pytest.raises(NodesDisagree, match="2 different answers"):
        connection.agreed_view(call, connection.head())


def test_J2_too_few_nodes_answer__nothing_is_believed() -> None:
    nodes = [FakeNode(), FakeNode(), FakeNode()]
    rpc, _ = rpc_of(*nodes)
    connection = Connection(rpc)
    head = connection.head()
    for node in nodes[1:]:
        node.broken = timeout
    with pytest.raises(NodesDisagree, match="2 give none"):
        connection.agreed_view(ViewCall(to=None, data="0x"), head)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": 3, "message": "execution reverted: a: b", "data": "0x"}, "a: b"),
        (
            {"code": -32000, "message": "VM Exception while processing transaction: revert a: b"},
            "a: b",
        ),
        ({"code": 3, "message": "execution reverted", "data": "0x"}, ""),
        ({"code": -32000, "message": "header not found"}, None),
        (
            {
                "code": 3,
                "message": "x",
                "data": "0x08c379a0" + f"{32:064x}{4:064x}" + b"a: b".hex().ljust(64, "0"),
            },
            "a: b",
        ),
        (
            {"code": 3, "message": "x", "data": "0x4e487b71" + f"{17:064x}"},
            "arithmetic failed (panic 17)",
        ),
    ],
)
def test_revert_reason__of_each_node(error: dict[str, object], reason: str | None) -> None:
    assert revert_reason(error) == reason


def test_view__revert__carries_the_reason() -> None:
    rpc, _ = rpc_of(FakeNode(reverts="neurons: not registered"))
    with pytest.raises(Reverted, match="serve: neurons: not registered"):
        Connection(rpc).view(ViewCall(to=None, data="0x", doing="serve"))
