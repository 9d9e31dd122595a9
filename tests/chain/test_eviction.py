# SPDX-License-Identifier: Apache-2.0
"""Services that run while their subnet is evicted and its number lives again, on a real chain.

They say one sentence, commit nothing to the successor, bring what was closed to its end, and get
its pay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from offchain.chain.claims import open_claims
from offchain.chain.coldkey import Coldkey
from offchain.chain.events import read_events
from offchain.chain.hotkey import Hotkey
from offchain.chain.metagraph import read_metagraph
from offchain.chain.miner_port import MinerPort
from offchain.chain.network import open_network
from offchain.chain.settlement import EpochFinalized
from offchain.chain.transactions import Sender
from offchain.chain.weights import WeightsCommitted
from offchain.keys import Signer
from offchain.protocol.identifiers import RAO_PER_TAO, first_epoch
from offchain.validator.plan import commit_from_tick
from offchain.validator.settler import Settler, journal_folder
from offchain.watcher.plan import Mandate
from offchain.watcher.service import Watcher, WatcherSettings
from tests.chain.conftest import PATIENCE, Localnet

TAO = RAO_PER_TAO
SECOND = first_epoch(2)
UIDS = 16
LAYOUT = Path(__file__).parents[1] / "snapshots" / "cancun" / "Subnets.layout.json"
SENTENCE = "was evicted; another one has its number now"


@dataclass
class Town:
    """A subnet's owner, a validator (uid 0) with stake and a miner (uid 1)."""

    localnet: Localnet
    owner: Coldkey
    netuid: int
    validating: Sender
    mining: Sender
    folder: Path

    def settler(self) -> Settler:
        """The validator's process, begun anew."""
        network = open_network([self.localnet.url], self.localnet.path)
        sender = Sender(network.connection, self.validating.signer, patience=PATIENCE)
        hotkey = Hotkey(network, sender, self.netuid)
        folder = journal_folder(self.folder, hotkey)
        return Settler(network, hotkey, folder, lambda window: [0, 7] + [0] * (UIDS - 2))

    def start(self) -> None:
        """Both register, the validator takes a seat at its next look, and epochs begin."""
        clock = self.localnet.network.clock
        for sender in (self.validating, self.mining):
            self.owner.register(self.netuid, sender.signer, 5 * TAO)
        self.owner.add_stake(self.validating.address, 100 * TAO)
        self.localnet.jump_to(clock.tick() + 1)
        self.owner.start_subnet(self.netuid, clock.tick() + 100)

    def vote(self, settler: Settler, epoch: int) -> None:
        """Commit in an epoch, reveal, close and propose."""
        window = self.localnet.network.subnets.window_of(self.netuid, epoch)
        revealed_tick = window.end_tick + window.reveal_ticks
        for tick in (commit_from_tick(window), window.end_tick, revealed_tick, revealed_tick + 1):
            self.localnet.jump_to(tick)
            settler.step()

    def finalize(self, settler: Settler, steps: int = 3) -> None:
        """Let the window of what was proposed pass; the rest of the steps claims."""
        clock = self.localnet.network.clock
        self.localnet.jump_to(clock.tick() + 201)
        for _ in range(steps):
            settler.step()
            self.localnet.mine(1)

    def evict(self) -> None:
        """All numbers are taken, as far as the contract knows, and somebody wants one."""
        network, rpc = self.localnet.network, self.localnet.network.connection.rpc
        immune_until = int(network.subnets.read("immune_until", self.netuid))
        self.localnet.jump_to(immune_until)
        slot = json.loads(LAYOUT.read_text())["storage_layout"]["subnet_count"]["slot"]
        at = (network.subnets.address, hex(slot))
        rpc.call("anvil_setStorageAt", *at, f"0x{128:064x}")
        heir = Coldkey(network, self.localnet.funded(5_000))
        made = heir.create_subnet(Signer.random(), UIDS, 4, 3_000 * TAO)
        assert (made.netuid, made.incarnation) == (self.netuid, 2)
        self.owner = heir

    def epochs_committed(self) -> list[int]:
        network = self.localnet.network
        first = network.deployment.first_block
        found = read_events(network.weights, WeightsCommitted, first, indexed=(self.netuid,))
        return [event.epoch for event in found]

    def final_epochs(self) -> list[int]:
        network = self.localnet.network
        first = network.deployment.first_block
        found = read_events(network.settlement, EpochFinalized, first, indexed=(self.netuid,))
        return [event.epoch for event in found]


@pytest.fixture
def town(anvil: Localnet, tmp_path: Path) -> Town:
    owner = Coldkey(anvil.network, anvil.funded(5_000))
    netuid = owner.create_subnet(Signer.random(), UIDS, 4, 3_000 * TAO).netuid
    return Town(anvil, owner, netuid, anvil.funded(9_000), anvil.funded(1), tmp_path)


def sentences(logs: list[dict[str, object]]) -> list[str]:
    return [str(entry["reason"]) for entry in logs if entry["event"] == "evicted"]


@pytest.mark.chain
@pytest.mark.timeout(600)
def test_services__subnet_evicted_between_proposal_and_result__old_pay_new_life(
    town: Town,
) -> None:
    anvil, netuid = town.localnet, town.netuid
    network, staking = anvil.network, anvil.network.staking
    town.start()
    first_owner = town.owner
    settler = town.settler()
    settler.step()  # takes a seat
    port = MinerPort(network, netuid, town.mining.signer, town.mining, "domain")
    watching = Sender(network.connection, anvil.funded(50).signer, patience=PATIENCE)
    watcher = Watcher(
        WatcherSettings(network, watching, town.folder, frozenset({netuid}), Mandate())
    )
    town.vote(settler, 0)
    town.vote(settler, 1)
    port.refresh()
    watcher.step()
    assert town.epochs_committed() == [0, 1]
    assert town.final_epochs() == [0]

    town.evict()
    with capture_logs() as logs:
        for _ in range(3):
            settler.step()
            port.refresh()
            watcher.step()
            anvil.mine(1)
    assert [SENTENCE in text for text in sentences(logs)].count(True) >= 1
    assert settler.is_evicted

    # what was proposed becomes final, though its subnet is no more, and pays
    had = staking.stake_of(town.validating.address)
    town.finalize(settler)
    assert town.final_epochs() == [0, 1]
    assert staking.stake_of(town.validating.address) > had
    watcher.step()
    purse = first_owner.balance_rao()
    owed_rao, _ = port.pay_due()
    assert owed_rao > 0
    assert port.claim() == owed_rao
    assert first_owner.balance_rao() == purse + owed_rao
    assert open_claims(network, netuid) == []

    # the number lives again; the old process, still running, stays out of it
    town.owner, heir = first_owner, town.owner
    for sender in (town.validating, town.mining):
        town.owner.register(netuid, sender.signer, 5 * TAO)
    clock = network.clock
    heir.start_subnet(netuid, clock.tick() + 100)
    graph = read_metagraph(network, netuid)
    assert graph.final_epoch is None
    settler.step()
    anvil.jump_to(commit_from_tick(network.subnets.window_of(netuid, SECOND)))
    settler.step()
    assert town.epochs_committed() == [0, 1]
    settler.close()

    # begun anew, it is the successor's validator
    renewed = town.settler()
    renewed.step()  # takes a seat of the next epoch
    town.vote(renewed, SECOND + 1)
    town.finalize(renewed)
    assert town.epochs_committed() == [0, 1, SECOND + 1]
    assert town.final_epochs() == [0, 1, SECOND + 1]
    with capture_logs() as logs:
        port.refresh()
        watcher.step()
    assert len(sentences(logs)) <= 1
    assert [e["incarnation"] for e in logs if "incarnation" in e] == [2]
    assert port.pay_due()[0] > 0
    assert port.claim() > 0
    assert not renewed.is_evicted
    renewed.close()
