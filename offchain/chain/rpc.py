# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC over HTTP to one or more nodes: bounded retries with jitter, and failover.

A request goes to the node that has behaved best; whatever is not a proper JSON-RPC answer
(timeouts, status 429 or 5xx, half a body, HTML, a foreign id) counts against the node, and the
next one is asked. A node's own error (a revert, say) is an answer and is never retried here.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from offchain.chain.errors import NodeRefused, NodeUnreachable
from offchain.protocol.errors import ConfigError

MAX_BATCH = 100
_QUARANTINE_SECONDS = 5.0
_RATE_LIMIT_CODES = frozenset({-32005, 429})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to insist.

    attempts: over all nodes together. base_seconds: first pause, doubled each round and spread
    over +-50 %, so that many clients do not return at the same moment.
    """

    attempts: int = 5
    base_seconds: float = 0.2
    limit_seconds: float = 2.0
    timeout_seconds: float = 10.0

    def pause_seconds(self, attempt: int, jitter: float) -> float:
        """Pause after failed attempt 0, 1, ...; `jitter` is in [0, 1)."""
        doubled: float = min(self.base_seconds * 2.0**attempt, self.limit_seconds)
        return doubled * (0.5 + jitter)


class BadAnswer(Exception):
    """Not a JSON-RPC answer; never leaves this module."""


@dataclass(slots=True)
class _Node:
    url: str
    shunned_until: float = 0.0
    failures: int = field(default=0)


class Rpc:
    """A set of nodes of one chain; safe to use from several threads."""

    def __init__(
        self,
        urls: Sequence[str],
        policy: RetryPolicy | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `ConfigError` for an address that is not one of HTTP."""
        for url in urls:
            _check_url(url)
        if not urls:
            raise ConfigError("no node is named", next_step="Set EVMTENSOR_RPC or give --url.")
        self.policy = policy or RetryPolicy()
        self._nodes = [_Node(url) for url in urls]
        self._client = httpx.Client(
            timeout=httpx.Timeout(self.policy.timeout_seconds, connect=3.0),
            transport=transport,
            trust_env=False,  # a proxy from the environment would see every key's transactions
        )
        self._ids = itertools.count(1)
        self._sleep = sleep
        self._now = now
        self._random = random.Random()
        self._lock = threading.Lock()

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(node.url for node in self._nodes)

    def close(self) -> None:
        self._client.close()

    def call(self, method: str, *params: Any) -> Any:
        """The result of one request; raises `NodeRefused` or `NodeUnreachable`."""
        return _result(self.batch([(method, params)])[0], method)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[dict[str, Any]]:
        """JSON-RPC responses (each with `result` or `error`) in the order of `requests`."""
        responses: list[dict[str, Any]] = []
        for start in range(0, len(requests), MAX_BATCH):
            responses += self._insist(requests[start : start + MAX_BATCH])
        return responses

    def call_at(self, url: str, method: str, *params: Any) -> Any:
        """Like `call`, but of one certain node and without retries."""
        try:
            return _result(self._post(url, [(method, params)])[0], method)
        except (BadAnswer, httpx.HTTPError) as error:
            raise _unreachable([url], error) from error

    def shun(self, url: str) -> None:
        """Ask the other nodes first for a while."""
        with self._lock:
            for node in self._nodes:
                if node.url == url:
                    node.failures += 1
                    pause = _QUARANTINE_SECONDS * min(2 ** (node.failures - 1), 16)
                    node.shunned_until = self._now() + pause

    def best_url(self) -> str:
        """The node that the next request goes to."""
        with self._lock:
            now = self._now()
            return min(self._nodes, key=lambda n: max(n.shunned_until - now, 0.0)).url

    def _insist(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[dict[str, Any]]:
        last: Exception | None = None
        for attempt in range(self.policy.attempts):
            url = self.best_url()
            try:
                responses = self._post(url, requests)
            except (BadAnswer, httpx.HTTPError) as error:
                last = error
                self.shun(url)
                if attempt + 1 < self.policy.attempts:
                    everyone_failed = (attempt + 1) % len(self._nodes) == 0
                    if everyone_failed:
                        rounds = attempt // len(self._nodes)
                        self._sleep(self.policy.pause_seconds(rounds, self._random.random()))
                continue
            self._forgive(url)
            return responses
        raise _unreachable(self.urls, last) from last

    def _forgive(self, url: str) -> None:
        with self._lock:
            for node in self._nodes:
                if node.url == url:
                    node.failures, node.shunned_until = 0, 0.0

    def _post(
        self, url: str, requests: Sequence[tuple[str, Sequence[Any]]]
    ) -> list[dict[str, Any]]:
        bodies = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
            for method, params in requests
        ]
        response = self._client.post(
            url,
            content=json.dumps(bodies if len(bodies) > 1 else bodies[0]),
            headers={"Content-Type": "application/json"},
        )
        if response.status_code != 200 and not _is_json_error(response):
            raise BadAnswer(f"HTTP status {response.status_code}")
        try:
            answer = response.json()
        except ValueError as error:
            raise BadAnswer("the body is not JSON") from error
        answers = answer if isinstance(answer, list) else [answer]
        return _in_order(bodies, answers)


def _is_json_error(response: httpx.Response) -> bool:
    """Some nodes send a revert with status 4xx; a rate limit or a broken proxy is none."""
    return 400 <= response.status_code < 429 and response.text.lstrip().startswith(("{", "["))


def _in_order(bodies: list[dict[str, Any]], answers: list[Any]) -> list[dict[str, Any]]:
    by_id: dict[Any, dict[str, Any]] = {}
    for answer in answers:
        if not isinstance(answer, dict) or ("result" in answer) == ("error" in answer):
            raise BadAnswer("the body is not a JSON-RPC answer")
        by_id[answer.get("id")] = answer
    try:
        found = [by_id[body["id"]] for body in bodies]
    except KeyError as error:
        raise BadAnswer(f"no answer with id {error}") from error
    for answer in found:
        refusal = answer.get("error")
        if isinstance(refusal, dict) and refusal.get("code") in _RATE_LIMIT_CODES:
            raise BadAnswer("rate limit")
    return found


def _result(response: dict[str, Any], method: str) -> Any:
    if "error" not in response:
        return response["result"]
    error = response["error"] if isinstance(response["error"], dict) else {}
    message = str(error.get("message", "no message"))
    code = error.get("code", 0)
    raise NodeRefused(
        f"the node refuses {method}: {message}",
        code=code if isinstance(code, int) else 0,
        data=error.get("data"),
    )


def _check_url(url: str) -> None:
    try:
        parts = httpx.URL(url)
        usable = parts.scheme in ("http", "https") and bool(parts.host)
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise ConfigError(
            f"{url!r} is not the address of a node",
            next_step="Use one like http://127.0.0.1:8545.",
        )


def _unreachable(urls: Sequence[str], error: Exception | None) -> NodeUnreachable:
    shown = ", ".join(str(httpx.URL(url).copy_with(username=None, password=None)) for url in urls)
    detail = str(error) or type(error).__name__
    return NodeUnreachable(
        f"no node answers at {shown} ({detail})",
        next_step="Start one with `evmtensor localnet up`, or correct --url / EVMTENSOR_RPC.",
    )


class Web3Provider(JSONBaseProvider):
    """Lets web3's own objects speak through `Rpc`."""

    def __init__(self, rpc: Rpc) -> None:
        super().__init__()
        self._rpc = rpc

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        response = self._rpc.batch([(method, params)])[0]
        return cast(RPCResponse, response)  # web3 checks its fields
