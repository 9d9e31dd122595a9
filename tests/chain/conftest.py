# SPDX-License-Identifier: Apache-2.0
"""A real chain with everything deployed, one per test file and kind.

What a test sees of it is therefore the same alone, in a whole run and on any worker of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from offchain.chain.build import build
from offchain.chain.coldkey import Coldkey
from offchain.chain.connection import Connection, open_connection
from offchain.chain.deployment import deploy
from offchain.chain.network import Network, open_network
from offchain.chain.outbox import Outbox
from offchain.chain.presets import MINIMAL, Preset
from offchain.chain.transactions import Patience, Sender
from offchain.keys import Signer
from offchain.keys.development import development_signer
from offchain.localnet.chain_process import ChainProcess, ChainSettings, start_chain
from offchain.protocol.identifiers import RAO_PER_TAO

PATIENCE = Patience(poll_seconds=0.05)
# Phases that no machine is too slow for: nobody waits for their ends, `jump_to` goes there.
ROOMY = replace(
    MINIMAL,
    tempo=600,
    reveal_ticks=200,
    window_ticks=200,
    unbonding_ticks=200,
    vesting_ticks=5,
    voting_delay_ticks=200,
    voting_period_ticks=400,
)


@dataclass(frozen=True, slots=True)
class Localnet:
    """A running chain and what is deployed on it."""

    chain: ChainProcess
    path: Path
    network: Network

    @property
    def url(self) -> str:
        return self.chain.url

    def jump_to(self, tick: int) -> None:
        jump_to(self.network, tick)

    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self.network.connection.rpc.call("evm_mine")

    def development(self, index: int) -> Sender:
        """The sender of a test account; account 0 deployed and holds the genesis allocation."""
        signer = development_signer(f"dev:{index}", self.chain.chain_id)
        return Sender(self.network.connection, signer, patience=PATIENCE)

    def funded(self, tao: int = 1_000, ether: int = 10) -> Sender:
        """A new key with some TAO, and some ether for gas."""
        signer = Signer.random()
        connection = self.network.connection
        give_ether(connection, signer.address, ether)
        if tao:
            faucet = Coldkey(self.network, self.development(0))
            faucet.transfer(signer.address, tao * RAO_PER_TAO)
        return Sender(connection, signer, patience=PATIENCE)


def jump_to(network: Network, tick: int) -> None:
    """A block of that tick now, unless it has come already; later blocks follow it."""
    connection, clock = network.connection, network.clock
    if clock.timestamp_of(tick) <= connection.head().timestamp:
        return
    if "Ganache" in connection.client:
        connection.rpc.call("evm_setTime", clock.timestamp_of(tick) * 1_000)
    else:
        connection.rpc.call("evm_setNextBlockTimestamp", clock.timestamp_of(tick))
    connection.rpc.call("evm_mine")
    assert clock.tick() >= tick


def give_ether(connection: Connection, account: str, ether: int) -> None:
    """Set a balance by the node's own command."""
    method = "evm_setAccountBalance" if "Ganache" in connection.client else "anvil_setBalance"
    connection.rpc.call(method, account, hex(ether * 10**18))


def start_localnet(
    kind: str, folder: Path, numbers: Preset = ROOMY, block_seconds: int = 0
) -> Iterator[Localnet]:
    """block_seconds: 0 makes a block of every transaction at once, and none between."""
    settings = ChainSettings(
        kind=kind,  # type: ignore[arg-type]
        block_seconds=block_seconds,
        log_file=folder / "chain.log",
    )
    with start_chain(settings) as chain:
        build(chain.evm)
        connection = open_connection([chain.url])
        signer = development_signer("dev:0", chain.chain_id)
        sender = Sender(connection, signer, Outbox(folder / "outbox"), patience=PATIENCE)
        path = folder / f"{chain.chain_id}.json"
        deploy(sender, numbers, path)
        yield Localnet(chain, path, open_network([chain.url], path))


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """Anvil, with a block of every transaction at once."""
    yield from start_localnet("anvil", tmp_path_factory.mktemp("anvil"))


@pytest.fixture(scope="module")
def ganache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """Ganache likewise, on the shanghai build."""
    yield from start_localnet("ganache", tmp_path_factory.mktemp("ganache"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """titanoboa wraps tests in snapshots of its own EVM; these have a chain of their own."""
    for item in items:
        if "tests/chain" in item.path.as_posix() or "tests/cli" in item.path.as_posix():
            item.add_marker("ignore_isolation")
