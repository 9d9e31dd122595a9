# SPDX-License-Identifier: Apache-2.0
"""Real subnets on one Anvil, closed and ready to be lied about, within seconds.

Time is jumped over while everything is set up; after that a block comes every second. `Town.reset`
goes back to that moment, so that many tests share one set-up.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_utils.abi import function_abi_to_4byte_selector

from offchain.chain.build import build
from offchain.chain.coldkey import Coldkey, allow
from offchain.chain.connection import open_connection
from offchain.chain.deployment import deploy
from offchain.chain.events import read_events
from offchain.chain.hotkey import Hotkey
from offchain.chain.network import Network, open_network
from offchain.chain.outbox import Outbox
from offchain.chain.presets import MINIMAL
from offchain.chain.settlement import ProposalStruck
from offchain.chain.subnet_history import SubnetHistory
from offchain.chain.transactions import Patience, Sender
from offchain.keys.development import development_signer
from offchain.localnet.chain_process import ChainProcess, ChainSettings, start_chain
from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.identifiers import RAO_PER_TAO
from offchain.protocol.rows import pack_row, row_hash

TAO = RAO_PER_TAO
TEMPO, REVEAL_TICKS, WINDOW_TICKS = 240, 40, 100
NUMBERS = replace(MINIMAL, tempo=TEMPO, reveal_ticks=REVEAL_TICKS, window_ticks=WINDOW_TICKS)
PATIENCE = Patience(poll_seconds=0.05, resend_seconds=1.0)
MAX_UIDS = 16
MINERS = 3
OWNER, VALIDATOR, LIAR, WATCHERS = 0, 1, 2, range(10, 18)  # test accounts


@dataclass
class Town:
    """Subnets whose epoch 0 is closed and has no proposal. After `reset` blocks come by `mine`."""

    chain: ChainProcess
    path: Path
    network: Network
    netuids: tuple[int, ...]
    _snapshot: str = ""
    _histories: dict[int, SubnetHistory] = field(default_factory=dict)

    # keys

    def sender(self, index: int, outbox: Path | None = None) -> Sender:
        signer = development_signer(f"dev:{index}", self.chain.chain_id)
        connection = open_connection([self.chain.url])
        return Sender(connection, signer, Outbox(outbox), patience=PATIENCE)

    def address(self, index: int) -> str:
        return development_signer(f"dev:{index}", self.chain.chain_id).address

    # time

    def rpc(self, method: str, *parameters: Any) -> Any:
        return self.network.connection.rpc.call(method, *parameters)

    def where(self) -> list[str]:
        """Flags that lead the command line here."""
        return ["--url", self.chain.url, "--deployment", str(self.path)]

    def tick_every_second(self) -> None:
        self.rpc("evm_setAutomine", False)
        self.rpc("evm_setIntervalMining", 1)

    def mine_at_once(self) -> None:
        self.rpc("evm_setIntervalMining", 0)
        self.rpc("evm_setAutomine", True)

    def mine_by_hand(self) -> None:
        self.rpc("evm_setIntervalMining", 0)
        self.rpc("evm_setAutomine", False)

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.rpc("evm_mine")

    def warp_to(self, tick: int) -> None:
        """A block of that tick; the next ones follow it."""
        self.rpc("evm_setNextBlockTimestamp", self.network.clock.timestamp_of(tick))
        self.rpc("evm_mine")

    def reset(self) -> None:
        """Back to the moment after the set-up."""
        self.mine_by_hand()
        if self._snapshot:
            assert self.rpc("evm_revert", self._snapshot)
        self._snapshot = self.rpc("evm_snapshot")
        self._histories.clear()

    # what happens

    def history(self, netuid: int) -> Any:
        if netuid not in self._histories:
            self._histories[netuid] = SubnetHistory(self.network, netuid)
        self._histories[netuid].poll()
        return self._histories[netuid].history

    def lie(self, netuid: int, epoch: int = 0, word: int = 1, bit: int = 0, by: int = LIAR) -> int:
        """Post the true result with one bit of one word changed; the proposal's id."""
        words = list(self.history(netuid).result(epoch).words)
        words[word] ^= 1 << bit
        return self.propose(netuid, epoch, words, by)

    def propose(self, netuid: int, epoch: int, words: Sequence[int], by: int = LIAR) -> int:
        parent_id = self.history(netuid).parent_id(epoch)
        liar = Hotkey(self.network, self.sender(by), netuid)
        return liar.propose(epoch, parent_id, words).proposal_id

    def strikes(self) -> list[ProposalStruck]:
        first = self.network.deployment.first_block
        return read_events(self.network.settlement, ProposalStruck, first)

    def challenges_of(self, accounts: Sequence[int]) -> list[bool]:
        """Whether they succeeded, of all challenges that these accounts have in blocks."""
        settlement = self.network.settlement
        selectors = {
            "0x" + function_abi_to_4byte_selector(entry).hex()
            for entry in settlement.abi
            if entry.get("name", "").startswith("challenge_")
        }
        assert len(selectors) == 2
        addresses = {self.address(index).lower() for index in accounts}
        found = []
        for number in range(self.network.connection.head().number + 1):
            block = self.rpc("eth_getBlockByNumber", hex(number), True)
            for transaction in block["transactions"]:
                is_theirs = transaction["from"].lower() in addresses
                if is_theirs and transaction["input"][:10] in selectors:
                    receipt = self.network.connection.receipt(transaction["hash"])
                    assert receipt is not None
                    found.append(int(receipt["status"], 16) == 1)
        return found


@contextmanager
def open_town(folder: Path, subnets: int = 2) -> Iterator[Town]:
    """Deploy, create subnets with one validator and some miners each, and close epoch 0."""
    settings = ChainSettings(log_file=folder / "chain.log", block_seconds=0)
    with start_chain(settings) as chain:
        build(chain.evm)
        connection = open_connection([chain.url])
        deployer = Sender(
            connection, development_signer("dev:0", chain.chain_id), patience=PATIENCE
        )
        path = folder / f"{chain.chain_id}.json"
        deploy(deployer, NUMBERS, path)
        network = open_network([chain.url], path)
        town = Town(chain, path, network, ())
        town.netuids = tuple(range(1, subnets + 1))
        _found(town)
        _vote(town)
        town.reset()
        yield town


def _found(town: Town) -> None:
    """Subnets, neurons, stake, money for the liar and the watchers."""
    network = town.network
    owner = Coldkey(network, town.sender(OWNER))
    for index in (LIAR, VALIDATOR, *WATCHERS):
        owner.transfer(town.address(index), 20_000 * TAO)
        allow(network, town.sender(index), network.settlement, 10**6 * TAO, 10**6 * TAO)
    validator = town.sender(VALIDATOR)
    for netuid in town.netuids:
        hotkey = town.sender(OWNER).signer
        created = owner.create_subnet(hotkey, MAX_UIDS, 2, 10**5 * TAO)  # type: ignore[arg-type]
        assert created.netuid == netuid
        owner.register(netuid, validator.signer, 100 * TAO)  # type: ignore[arg-type]
        for miner in range(MINERS):
            signer = development_signer(f"dev:{20 + miner}", town.chain.chain_id)
            owner.register(netuid, signer, 100 * TAO)
    owner.add_stake(validator.address, 100 * TAO)
    town.warp_to(network.clock.tick() + 2)
    start = network.clock.tick() + 30
    for netuid in town.netuids:
        owner.start_subnet(netuid, start)
        hotkey = Hotkey(network, validator, netuid)
        seat = hotkey.best_poke()
        assert seat is not None
        hotkey.poke(seat, hotkey.require_uid())
    town.warp_to(start)


def _vote(town: Town, epoch: int = 0, *, closes: bool = True) -> None:
    """Commit, reveal and perhaps close an epoch of every subnet."""
    network = town.network
    salts = {netuid: secrets.token_bytes(32) for netuid in town.netuids}
    window = network.subnets.window_of(town.netuids[0], epoch)
    for netuid in town.netuids:
        hotkey = Hotkey(network, town.sender(VALIDATOR), netuid)
        seat = hotkey.require_seat(epoch)
        commitment = Commitment(
            chain_id=town.chain.chain_id,
            weights=network.weights.address,
            netuid=netuid,
            epoch=epoch,
            registration_id=seat.registration_id,
        )
        digest = commit_hash(commitment, row_hash(_row(epoch)), salts[netuid])
        hotkey.commit(window, seat.seat, digest)
    town.warp_to(window.end_tick)
    for netuid in town.netuids:
        hotkey = Hotkey(network, town.sender(VALIDATOR), netuid)
        seat = hotkey.require_seat(epoch)
        call = hotkey.reveal_call(window, seat.seat, _row(epoch), salts[netuid])
        hotkey.reveal(window, call)
    town.warp_to(window.end_tick + window.reveal_ticks)
    for netuid in town.netuids if closes else ():
        Hotkey(network, town.sender(OWNER), netuid).close(epoch)


def vote(town: Town, epoch: int) -> None:
    """Live through one more epoch, with blocks made at once; somebody may close it then."""
    town.mine_at_once()
    start = town.network.subnets.window_of(town.netuids[0], epoch).start_tick
    if town.network.clock.tick() < start:
        town.warp_to(start)
    _vote(town, epoch, closes=False)
    town.mine_by_hand()


def _row(epoch: int) -> bytes:
    return pack_row([0, 9 + epoch, 6, 3] + [0] * (MAX_UIDS - 4))
