# SPDX-License-Identifier: Apache-2.0
"""A chain as we need it: blocks, code, balances, view calls, logs; nothing of our contracts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from web3 import Web3

from offchain.chain.codec import CODEC
from offchain.chain.errors import NodeRefused, NodesDisagree, NodeUnreachable, Reverted
from offchain.chain.rpc import RetryPolicy, Rpc, Web3Provider

ERROR_SELECTOR = "0x08c379a0"  # Error(string)
PANIC_SELECTOR = "0x4e487b71"  # Panic(uint256)
_REASON_IN_MESSAGE = re.compile(r"revert(?:ed)?:?\s+(?:with reason string )?['\"]?(.+?)['\"]?$")


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header. `timestamp` in Unix seconds; `base_fee_wei` 0 before London."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    base_fee_wei: int
    gas_limit: int


@dataclass(frozen=True, slots=True)
class ViewCall:
    """An `eth_call` that is not sent yet. `data` is hexadecimal with 0x."""

    to: str | None
    data: str
    sender: str | None = None
    doing: str = ""
    gas: int | None = None

    def params(self) -> dict[str, str]:
        gas = None if self.gas is None else hex(self.gas)
        fields = {"to": self.to, "data": self.data, "from": self.sender, "gas": gas}
        return {name: value for name, value in fields.items() if value is not None}


class Connection:
    """One chain behind one or more nodes."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc
        self.web3 = Web3(Web3Provider(rpc))
        self.web3.codec = CODEC

    @cached_property
    def chain_id(self) -> int:
        return int(self.rpc.call("eth_chainId"), 16)

    @cached_property
    def genesis_hash(self) -> str:
        return self.block(0).hash

    @cached_property
    def client(self) -> str:
        """The node's own name and version, e.g. `anvil/v1.7.1`."""
        return str(self.rpc.call("web3_clientVersion"))

    def head(self) -> Block:
        """The latest block."""
        return self.block("latest")

    def block(self, number: int | str) -> Block:
        """A block by number or tag; raises `NodeRefused` when the node does not have it."""
        tag = hex(number) if isinstance(number, int) else number
        raw = self.rpc.call("eth_getBlockByNumber", tag, False)
        if raw is None:
            raise NodeRefused(f"the node has no block {number}")
        return _block(raw)

    def code(self, address: str) -> bytes:
        return bytes.fromhex(self.rpc.call("eth_getCode", address, "latest")[2:])

    def balance_wei(self, address: str) -> int:
        """The chain's own coin, for gas."""
        return int(self.rpc.call("eth_getBalance", address, "latest"), 16)

    def nonce(self, address: str, tag: str = "pending") -> int:
        return int(self.rpc.call("eth_getTransactionCount", address, tag), 16)

    def receipt(self, transaction_hash: str) -> dict[str, Any] | None:
        """The raw receipt, or None while the transaction is not in a block."""
        raw = self.rpc.call("eth_getTransactionReceipt", transaction_hash)
        return raw if isinstance(raw, dict) else None

    def view(self, call: ViewCall, block: int | str = "latest") -> bytes:
        """What a view call returns; raises `Reverted` or `NodeRefused`."""
        return self.views([call], block)[0]

    def views(self, calls: Sequence[ViewCall], block: int | str = "latest") -> list[bytes]:
        """Many view calls in few requests; the first that reverts raises."""
        return [_raise_if_error(answer) for answer in self.try_views(calls, block)]

    def try_views(
        self, calls: Sequence[ViewCall], block: int | str = "latest"
    ) -> list[bytes | Reverted | NodeRefused]:
        """Like `views`, with a refusal as a value in its place."""
        tag = hex(block) if isinstance(block, int) else block
        responses = self.rpc.batch([("eth_call", (call.params(), tag)) for call in calls])
        return [_view_result(r, call) for r, call in zip(responses, calls, strict=True)]

    def estimate_gas(self, call: ViewCall) -> int:
        """Gas that a transaction would use; raises `Reverted` or `NodeRefused`."""
        (response,) = self.rpc.batch([("eth_estimateGas", (call.params(),))])
        answer = _view_result(response, call, "eth_estimateGas")
        return int.from_bytes(_raise_if_error(answer), "big")

    def agreed_view(self, call: ViewCall, block: Block) -> bytes:
        """A view that every node answers alike, for decisions that risk a bond (security J2).

        Raises `NodesDisagree` when nodes differ about the block or the answer, or too few answer.
        """
        value = self._agreed(
            block,
            lambda url: str(self.rpc.call_at(url, "eth_call", call.params(), hex(block.number))),
        )
        return bytes.fromhex(value[2:])

    def agreed_logs(
        self, address: str, topics: Sequence[str], block: Block
    ) -> tuple[tuple[str, ...], ...]:
        """Topics and data of the logs of one block, which every node gives alike.

        Raises `NodesDisagree` as `agreed_view`.
        """
        number = hex(block.number)
        asked = {"address": address, "topics": topics, "fromBlock": number, "toBlock": number}

        def ask(url: str) -> str:
            logs = self.rpc.call_at(url, "eth_getLogs", asked)
            return json.dumps([[*log["topics"], log["data"]] for log in logs])

        return tuple(tuple(log) for log in json.loads(self._agreed(block, ask)))

    def _agreed(self, block: Block, ask: Callable[[str], str]) -> str:
        """What every node of at least half of them answers about a block that all of them have."""
        answers: dict[str, list[str]] = {}
        silent: list[str] = []
        for url in self.rpc.urls:
            try:
                raw = self.rpc.call_at(url, "eth_getBlockByNumber", hex(block.number), False)
                value = ask(url)
            except (NodeRefused, NodeUnreachable, TypeError, KeyError):
                silent.append(url)
                continue
            answers.setdefault(f"{raw['hash']} {value}", []).append(url)
        wanted = len(self.rpc.urls) // 2 + 1
        agreeing = sum(len(urls) for urls in answers.values())
        if len(answers) != 1 or agreeing < wanted:
            raise NodesDisagree(
                f"{len(self.rpc.urls)} nodes give {len(answers)} different answers about block "
                f"{block.number}, {len(silent)} give none",
                next_step="Find out which node is wrong before anything with a bond is sent.",
            )
        return next(iter(answers)).split(" ", 1)[1]


def open_connection(urls: Sequence[str], policy: RetryPolicy | None = None) -> Connection:
    """Raises `ConfigError` for malformed addresses; sends nothing yet."""
    return Connection(Rpc(urls, policy))


def _block(raw: dict[str, Any]) -> Block:
    return Block(
        number=int(raw["number"], 16),
        hash=raw["hash"],
        parent_hash=raw["parentHash"],
        timestamp=int(raw["timestamp"], 16),
        base_fee_wei=int(raw.get("baseFeePerGas") or "0x0", 16),
        gas_limit=int(raw["gasLimit"], 16),
    )


def _raise_if_error(answer: bytes | Reverted | NodeRefused) -> bytes:
    if isinstance(answer, bytes):
        return answer
    raise answer


def _view_result(
    response: dict[str, Any], call: ViewCall, method: str = "eth_call"
) -> bytes | Reverted | NodeRefused:
    if "error" not in response:
        digits = response["result"][2:]
        return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    error = response["error"] if isinstance(response["error"], dict) else {}
    reason = revert_reason(error)
    if reason is not None:
        return Reverted(reason, doing=call.doing)
    message = error.get("message", "no message")
    return NodeRefused(f"{call.doing or method}: the node says {message}")


def revert_reason(error: dict[str, Any]) -> str | None:
    """The contract's text in a JSON-RPC error; "" for a revert without one, None for no revert.

    Anvil puts the revert data into `data`; Ganache too, or nests it; both repeat it in `message`.
    """
    data = error.get("data")
    if isinstance(data, dict):
        data = data.get("result") or data.get("data")
    message = str(error.get("message", ""))
    if isinstance(data, str) and data.startswith(ERROR_SELECTOR):
        return str(CODEC.decode(["string"], bytes.fromhex(data[10:]))[0])
    if isinstance(data, str) and data.startswith(PANIC_SELECTOR):
        return f"arithmetic failed (panic {int(data[10:], 16)})"
    found = _REASON_IN_MESSAGE.search(message)
    if found:
        return found[1]
    return "" if "revert" in message.lower() or error.get("code") == 3 else None
