# SPDX-License-Identifier: Apache-2.0
"""A node in memory that misbehaves on request: JSON-RPC over an httpx transport."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_hash.auto import keccak
from hexbytes import HexBytes

CHAIN_ID = 31_337
GWEI = 10**9


@dataclass
class Sent:
    """A transaction in the pool."""

    sender: str
    hash: str
    fields: dict[str, Any]


@dataclass
class FakeNode:
    """Blocks are made by `mine`; `broken` answers in its stead, None for a normal answer."""

    base_fee: int = GWEI
    balance: int = 10**18
    number: int = 1
    seconds_per_block: int = 1
    client: str = "fake/1"
    call_gas: int = 50_000
    pool: list[Sent] = field(default_factory=list)
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    mined_nonces: dict[str, int] = field(default_factory=dict)
    accepted: list[Sent] = field(default_factory=list)
    reverts: str = ""
    status: int = 1
    salt: str = "a"
    logs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    broken: Callable[[str], httpx.Response | None] = lambda method: None

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        many = body if isinstance(body, list) else [body]
        for one in many:
            replaced = self.broken(one["method"])
            if replaced is not None:
                return replaced
        answers = [self.answer(one) for one in many]
        return httpx.Response(200, json=answers if isinstance(body, list) else answers[0])

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(body["method"])
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": body["id"]}
        try:
            reply["result"] = getattr(self, body["method"])(*body["params"])
        except RefusalError as error:
            reply["error"] = error.args[0]
        return reply

    def mine(self, blocks: int = 1) -> None:
        """Blocks; each takes the pool's transactions that pay the base fee, in order of nonce."""
        for _ in range(blocks):
            self.number += 1
            for sent in sorted(self.pool, key=lambda s: (s.sender, s.fields["nonce"])):
                wanted = self.mined_nonces.get(sent.sender, 0)
                affordable = sent.fields["maxFeePerGas"] >= self.base_fee
                if sent.fields["nonce"] == wanted and affordable:
                    self.mined_nonces[sent.sender] = wanted + 1
                    self.receipts[sent.hash] = self._receipt(sent)
            self.pool = [
                s for s in self.pool if s.fields["nonce"] >= self.mined_nonces.get(s.sender, 0)
            ]

    def reorg(self, salt: str) -> None:
        """Every block gets another hash, and what was mined is gone, from the pool too."""
        self.salt = salt
        self.receipts.clear()
        self.mined_nonces.clear()
        self.pool.clear()

    def block_hash(self, number: int) -> str:
        return "0x" + keccak(f"{self.salt} {number}".encode()).hex()

    def _receipt(self, sent: Sent) -> dict[str, Any]:
        return {
            "transactionHash": sent.hash,
            "blockNumber": hex(self.number),
            "blockHash": self.block_hash(self.number),
            "gasUsed": "0x5208",
            "status": hex(self.status),
            "contractAddress": None,
            "logs": [],
        }

    # JSON-RPC, by its names

    def eth_chainId(self) -> str:
        return hex(CHAIN_ID)

    def web3_clientVersion(self) -> str:
        return self.client

    def eth_getBlockByNumber(self, tag: str, _full: bool) -> dict[str, Any] | None:
        number = self.number if tag in ("latest", "pending") else int(tag, 16)
        if number > self.number:
            return None
        return {
            "number": hex(number),
            "hash": self.block_hash(number),
            "parentHash": self.block_hash(number - 1),
            "timestamp": hex(1_000 + number * self.seconds_per_block),
            "baseFeePerGas": hex(self.base_fee),
            "gasLimit": hex(30_000_000),
        }

    def eth_getTransactionCount(self, address: str, tag: str) -> str:
        count = self.mined_nonces.get(address.lower(), 0)
        if tag == "pending":
            nonces = {s.fields["nonce"] for s in self.pool if s.sender == address.lower()}
            while count in nonces:
                count += 1
        return hex(count)

    def eth_getBalance(self, _address: str, _tag: str) -> str:
        return hex(self.balance)

    def eth_call(self, call: dict[str, Any], _tag: str) -> str:
        if self.reverts:
            message = f"execution reverted: {self.reverts}"
            raise RefusalError({"code": 3, "message": message})
        if "gas" in call and int(call["gas"], 16) < self.call_gas:
            raise RefusalError({"code": -32000, "message": "out of gas"})
        return "0x"

    def eth_estimateGas(self, _call: dict[str, Any]) -> str:
        return hex(self.call_gas)

    def eth_getTransactionReceipt(self, transaction_hash: str) -> dict[str, Any] | None:
        return self.receipts.get(transaction_hash)

    def eth_sendRawTransaction(self, raw: str) -> str:
        sent = decode_raw(raw)
        if sent.fields["nonce"] < self.mined_nonces.get(sent.sender, 0):
            raise RefusalError({"code": -32000, "message": "nonce too low"})
        same = [
            s
            for s in self.pool
            if (s.sender, s.fields["nonce"]) == (sent.sender, sent.fields["nonce"])
        ]
        for other in same:
            if other.hash == sent.hash:
                raise RefusalError({"code": -32000, "message": "already known"})
            if sent.fields["maxFeePerGas"] * 10 < other.fields["maxFeePerGas"] * 11:
                message = "replacement transaction underpriced"
                raise RefusalError({"code": -32000, "message": message})
            self.pool.remove(other)
        self.pool.append(sent)
        self.accepted.append(sent)
        return sent.hash

    def eth_getLogs(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        return [log for log in self.logs if first <= int(log["blockNumber"], 16) <= last]


class RefusalError(Exception):
    """A JSON-RPC error object."""


def decode_raw(raw: str) -> Sent:
    data = bytes.fromhex(raw[2:])
    return Sent(
        sender=Account.recover_transaction(data).lower(),
        hash="0x" + keccak(data).hex(),
        fields=dict(TypedTransaction.from_bytes(HexBytes(data)).as_dict()),
    )
