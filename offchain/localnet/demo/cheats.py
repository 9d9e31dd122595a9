# SPDX-License-Identifier: Apache-2.0
"""The demo's cheats as processes: `python -m offchain.localnet.demo.cheats ROLE ...`.

liar: posts one result in which a friend takes half of all rank. random: answers at random.
relay: sells another miner's answers, which its friend fetches, and commits to a copy of that
miner's model. validator: the friend; gives everything to the two.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from offchain.chain.coldkey import allow
from offchain.chain.errors import Reverted
from offchain.chain.hotkey import Hotkey
from offchain.chain.miner_port import MinerPort
from offchain.chain.network import Network, open_network
from offchain.chain.outbox import Outbox
from offchain.chain.subnet_history import SubnetHistory
from offchain.chain.transactions import Sender
from offchain.keys.development import development_signer
from offchain.keys.signer import Signer
from offchain.localnet.adversaries import Friend, ask_friend, random_miner, relay_miner
from offchain.localnet.demo.cast import LIE_EPOCH
from offchain.protocol.eras import EpochWindow
from offchain.protocol.errors import ChainError
from offchain.protocol.identifiers import RAO_PER_TAO
from offchain.protocol.rows import U16_MAX
from offchain.settlement.trace import BLOCK_COLUMNS, Trace, pack_trace
from offchain.validator.service import Validator, ValidatorSettings
from offchain.wire import Dendrite, Domain, Egress, Endpoint

if TYPE_CHECKING:
    from miners import Miner

LOOPBACK = "127.0.0.1"
ANNOUNCED = "127.0.0.2"  # Neurons refuses 127.0.0.1, as Bittensor does
LIAR_ALLOWANCE_RAO = 500 * RAO_PER_TAO
LIAR_POLL_SECONDS = 0.05  # while the epoch may be closed: honest validators are quick
POLL_SECONDS = 0.3


class CheatingValidator(Validator):
    """Votes for its friends only, and fetches the victim's answers for the relay."""

    def __init__(
        self, settings: ValidatorSettings, friends: frozenset[str], victim: str, friend_port: int
    ) -> None:
        super().__init__(settings)
        self._friends = friends
        self._victim = victim
        self._friend_port = friend_port
        self._friend: Friend | None = None

    async def begin(self) -> None:
        """Open the back door for the relay."""
        assert self.dendrite is not None
        self._friend = Friend(
            self.settings.signer,
            self.domain,
            self.dendrite,
            subnet=self.settings.subnet,
            accomplices=self._friends,
            victim=self._victim_endpoint,
            chain_time=self.network.clock.chain_time,
        )
        await self._friend.serve(LOOPBACK, self._friend_port)

    async def end(self) -> None:
        """Close it."""
        if self._friend is not None:
            await self._friend.close()

    def weigh(self, window: EpochWindow) -> list[int]:
        """Everything for the friends."""
        snapshot = self.roster.snapshot
        assert snapshot is not None
        row = [0] * snapshot.max_uids
        for neuron in snapshot.neurons:
            if neuron.endpoint is not None and neuron.endpoint.hotkey in self._friends:
                row[neuron.uid] = U16_MAX
        return row

    def _victim_endpoint(self) -> Endpoint:
        snapshot = self.roster.snapshot
        for neuron in snapshot.neurons if snapshot else ():
            if neuron.endpoint is not None and neuron.endpoint.hotkey == self._victim:
                return neuron.endpoint
        raise ChainError(f"{self._victim} serves nowhere")


def lie_once(network: Network, sender: Sender, netuid: int, friend_uid: int) -> None:
    """Post one result with the friend's rank inflated, of the first epoch where it comes first."""
    allow(network, sender, network.settlement, LIAR_ALLOWANCE_RAO, LIAR_ALLOWANCE_RAO)
    follower, liar = SubnetHistory(network, netuid), Hotkey(network, sender, netuid)
    epoch = LIE_EPOCH
    while True:
        follower.poll()
        history = follower.history
        epoch = max(epoch, history.last_closed or 0)
        if epoch in history.epochs and history.may_propose(epoch):
            lie = profitable_lie(history.result(epoch).trace, friend_uid)
            parent_id = history.parent_id(epoch)
            assert parent_id is not None  # may_propose says so
            try:
                liar.propose(epoch, parent_id, pack_trace(lie))
            except Reverted:
                epoch += 1  # somebody honest was faster
                continue
            return
        is_near = history.last_closed == epoch - 1 or epoch in history.epochs
        time.sleep(LIAR_POLL_SECONDS if is_near else POLL_SECONDS)


def profitable_lie(true: Trace, friend_uid: int) -> Trace:
    """The friend takes half of all rank; the total is the sum, so only recomputing shows it."""
    block, column = divmod(friend_uid, BLOCK_COLUMNS)
    ranks = list(true.blocks[block].ranks)
    gain = true.total_rank - ranks[column]
    ranks[column] += gain
    blocks = list(true.blocks)
    blocks[block] = replace(blocks[block], ranks=tuple(ranks))
    return replace(true, total_rank=true.total_rank + gain, blocks=tuple(blocks))


def committed_model(network: Network, netuid: int, hotkey: str) -> bytes:
    """Wait until a hotkey has committed to a model, and copy its hash."""
    while True:
        epoch = network.subnets.next_epoch(netuid)
        uid = network.neurons.uid_of(netuid, hotkey, epoch)
        if uid is not None:
            registration_id = network.neurons.registration_at(netuid, uid, epoch)
            model = network.neurons.model_of(registration_id)
            if model is not None:
                return model.model_hash
        time.sleep(POLL_SECONDS)


def main() -> int:
    """Command line; exit code."""
    from miners import Settings

    arguments = _parse()
    network = open_network([arguments.url], arguments.deployment)
    plot = Plot(arguments, network)
    if arguments.role == "liar":
        lie_once(network, plot.sender, arguments.netuid, plot.friend_uid())
        return 0
    if arguments.role == "validator":
        return asyncio.run(plot.validator().run())
    chain = MinerPort(network, arguments.netuid, plot.signer, plot.sender, plot.domain)
    miner = random_miner(seed=arguments.netuid) if arguments.role == "random" else plot.relay()
    listens = Settings(
        host="0.0.0.0",
        port=arguments.port,
        public_host=ANNOUNCED,
        public_port=arguments.external_port,
    )
    miner.run(chain, plot.signer, listens)
    return 0


class Plot:
    """Who cheats with whom, from the command line."""

    def __init__(self, arguments: argparse.Namespace, network: Network) -> None:
        self._arguments = arguments
        self._network = network
        self.signer = self._signer(arguments.hotkey)
        outbox = Outbox(arguments.home / "outbox")
        self.sender = Sender(network.connection, self.signer, outbox)
        self.domain = Domain(network.deployment.chain_id, network.neurons.address)

    def validator(self) -> CheatingValidator:
        """The friend."""
        a = self._arguments
        settings = ValidatorSettings(self._network, self.signer, self.sender, a.netuid, home=a.home)
        friends = frozenset(self._signer(name).address for name in a.friends)
        return CheatingValidator(settings, friends, self._victim, a.friend_port)

    def relay(self) -> Miner:
        """The miner that sells the victim's answers and names the victim's model as its own."""
        a, network = self._arguments, self._network
        model_hash = committed_model(network, a.netuid, self._victim)
        friend = Endpoint(self._signer(a.friends[0]).address, LOOPBACK, a.friend_port)
        dendrite = Dendrite(
            self.signer,
            self.domain,
            chain_time=network.clock.chain_time,
            egress=Egress(localnet=True),
        )
        return relay_miner("vision", ask_friend(dendrite, friend), model_hash)

    def friend_uid(self) -> int:
        """Uid of the neuron for whom the liar lies."""
        a, network = self._arguments, self._network
        epoch = network.subnets.next_epoch(a.netuid)
        uid = network.neurons.uid_of(a.netuid, self._signer(a.friends[0]).address, epoch)
        assert uid is not None  # the demo registers everybody first
        return uid

    @property
    def _victim(self) -> str:
        return self._signer(self._arguments.victim).address

    def _signer(self, reference: str) -> Signer:
        return development_signer(reference, self._network.deployment.chain_id)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A cheat for the demo")
    parser.add_argument("role", choices=["liar", "random", "relay", "validator"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--deployment", type=Path, required=True)
    parser.add_argument("--netuid", type=int, required=True)
    parser.add_argument("--hotkey", required=True, help="dev:N")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--friends", nargs="*", default=[], help="dev:N ...")
    parser.add_argument("--victim", default="", help="dev:N")
    parser.add_argument("--port", type=int, default=0, help="where a miner listens")
    parser.add_argument("--external-port", type=int, default=0, help="what the chain is told")
    parser.add_argument("--friend-port", type=int, default=0, help="of the back door")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
