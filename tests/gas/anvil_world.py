# SPDX-License-Identifier: Apache-2.0
"""The contracts on a real Anvil of the newest hard fork, spoken to like those in titanoboa's EVM.

Every account can be spoken for, gas costs nothing, and time only moves as told, so that the same
run uses the same gas. `node.receipt` is that of the last transaction.
"""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from web3 import HTTPProvider, Web3
from web3.logs import DISCARD
from web3.utils import get_create_address

from offchain.chain.artifacts import load_artifact
from offchain.chain.build import build
from tests.contracts.deployment import CONSTRUCTORS, Preset, World, role_address

EVM = "cancun"
HARDFORK = "osaka"
MAX_TRANSACTION_GAS = 2**24
GENESIS_AT = 2_000_000_000
CHAIN_ID = 1  # that of titanoboa, which the tests' helpers sign for


class Node:
    """One Anvil."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.w3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 120}))
        self.receipt: Any = None

    def rpc(self, method: str, *arguments: Any) -> Any:
        answer = self.w3.provider.make_request(method, list(arguments))  # type: ignore[arg-type]
        assert "error" not in answer, f"{method}: {answer.get('error')}"
        return answer.get("result")

    def send(self, sender: str, data: str, to: str | None = None) -> Any:
        """Mine one transaction; its receipt. The limit is the most that a transaction may use."""
        call = {"from": sender, "data": data, "gas": hex(MAX_TRANSACTION_GAS), "gasPrice": "0x0"}
        transaction = self.rpc("eth_sendTransaction", call if to is None else {**call, "to": to})
        self.receipt = self.w3.eth.wait_for_transaction_receipt(transaction, 200, 0.002)
        assert self.receipt["status"] == 1, f"{sender} to {to}: reverted"
        return self.receipt

    @property
    def timestamp(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def mine_at(self, timestamp: int) -> None:
        self.rpc("evm_setNextBlockTimestamp", timestamp)
        self.rpc("evm_mine")

    def slots_in_use(self) -> int:
        """Storage slots of all accounts that are not zero."""
        state = json.loads(gzip.decompress(bytes.fromhex(self.rpc("anvil_dumpState")[2:])))
        storages = [account.get("storage", {}) for account in state["accounts"].values()]
        return sum(int(word, 16) != 0 for storage in storages for word in storage.values())

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What happens inside is taken back."""
        snapshot = self.rpc("evm_snapshot")
        try:
            yield
        finally:
            self.rpc("evm_revert", snapshot)


class AnvilContract:
    """`contract.function(*arguments, sender=...)`, as titanoboa has it."""

    def __init__(self, node: Node, name: str, address: str) -> None:
        self.node, self.address = node, address
        self._contract = node.w3.eth.contract(
            address=address, abi=load_artifact(name, EVM).abi, decode_tuples=True
        )

    def __getattr__(self, name: str) -> Any:
        function = self._contract.functions[name]

        def call(*arguments: Any, sender: str | None = None) -> Any:
            bound = function(*arguments)
            if bound.abi["stateMutability"] in ("view", "pure"):
                return bound.call()
            speaker = sender or role_address("stranger")
            answer = bound.call({"from": speaker}) if bound.abi["outputs"] else None
            data = self._contract.encode_abi(name, list(arguments))
            self.node.send(speaker, data, self.address)
            return answer

        return call

    def last(self, event: str) -> Any:
        """The one event of that name in the last transaction."""
        (log,) = self._contract.events[event]().process_receipt(self.node.receipt, errors=DISCARD)
        return log["args"]


@dataclass(frozen=True, slots=True)
class AnvilWorld(World):
    """A world whose time is a node's."""

    node: Any = None

    @property
    def tick(self) -> int:
        return int((self.node.timestamp - self.genesis_at) // self.preset.tick_seconds)

    def warp(self, ticks: int) -> int:
        self.node.mine_at(self.node.timestamp + ticks * self.preset.tick_seconds)
        return self.tick

    def warp_to(self, tick: int) -> None:
        now = self.tick
        assert tick >= now, f"it is tick {now}, the past cannot be reached"
        if tick > now:
            self.node.mine_at(self.genesis_at + tick * self.preset.tick_seconds)


def deploy(node: Node, preset: Preset) -> AnvilWorld:
    """Every contract, cancun bytecode; the tests' faucet holds the genesis."""
    build(EVM)
    deployer = role_address("deployer")
    address = {name: get_create_address(deployer, nonce) for nonce, name in enumerate(CONSTRUCTORS)}
    address |= {"deployer": deployer, "faucet": role_address("faucet")}
    genesis_at = node.timestamp
    for name, arguments in CONSTRUCTORS.items():
        artifact = load_artifact(name, EVM)
        factory = node.w3.eth.contract(abi=artifact.abi, bytecode=artifact.initcode)
        made = factory.constructor(*arguments(preset, address, genesis_at))
        receipt = node.send(deployer, made.data_in_transaction)
        assert receipt["contractAddress"] == address[name]
    contracts = {name: AnvilContract(node, name, address[name]) for name in CONSTRUCTORS}
    return AnvilWorld(preset, genesis_at, address, contracts, node)


@contextmanager
def anvil() -> Iterator[Node]:
    """An Anvil on a free port, for as long as the context lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).parent / "anvil"
    settings = {
        "port": port,
        "hardfork": HARDFORK,
        "chain-id": CHAIN_ID,
        "timestamp": GENESIS_AT,
        "gas-limit": 10**9,
        "gas-price": 0,
        "block-base-fee-per-gas": 0,
    }
    flags = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [str(program), *flags, "--auto-impersonate", "--silent"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        node = Node(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 120
        while not node.w3.is_connected():
            assert process.poll() is None, "anvil ended before it answered"
            assert time.monotonic() < deadline, "anvil did not answer within 120 seconds"
            time.sleep(0.05)
        node.rpc("anvil_setBlockTimestampInterval", 1)
        yield node
    finally:
        process.terminate()
        process.wait(10)
