# SPDX-License-Identifier: Apache-2.0
"""The validator: asks miners all epoch long, and owes the chain what `plan` says.

Two loops share nothing but a snapshot of the subnet. `_settle_forever` talks to the chain in one
thread; `_measure_forever` talks to miners on the event loop, so that a slow node never costs a
measurement and a slow miner never costs a reveal.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import structlog

from offchain.chain.hotkey import Hotkey
from offchain.chain.network import Network
from offchain.chain.transactions import Sender
from offchain.keys.development import LOCAL_CHAIN_IDS
from offchain.keys.signer import Signer
from offchain.protocol.eras import EpochWindow
from offchain.protocol.errors import ChainError
from offchain.subnets.base import load
from offchain.validator.audit import Auditor, Reexecute
from offchain.validator.examine import Examiner
from offchain.validator.plan import commit_from_tick
from offchain.validator.roster import Roster
from offchain.validator.settler import Settler, journal_folder
from offchain.wire import Dendrite, Domain, Egress

log = structlog.get_logger("evmtensor.validator")

ROUNDS_PER_EPOCH = 8


@dataclass(frozen=True, slots=True)
class Listening:
    """Where miners behind firewalls find a validator. host, port: where it listens, port 0 takes a
    free one. public_host: what the chain is told.
    """

    host: str
    port: int
    public_host: str


@dataclass(frozen=True, slots=True)
class ValidatorSettings:
    """What a validator needs.

    Attributes:
        network: an opened deployment.
        signer, sender: the hotkey's.
        netuid: the subnet.
        home: the journal and the averages live under it.
        subnet: module of `offchain/subnets`.
        poll_seconds: pause between two looks at the chain.
        rounds_per_epoch: how often every miner is asked before the commit.
        reexecute: runs a published model on a question and compares; None: no audits.
        listening: for miners that dial out; None: only miners that announce an address are asked.
    """

    network: Network
    signer: Signer
    sender: Sender
    netuid: int
    home: Path
    subnet: str = "vision"
    poll_seconds: float = 0.4
    rounds_per_epoch: int = ROUNDS_PER_EPOCH
    reexecute: Reexecute | None = None
    listening: Listening | None = None


def run(settings: ValidatorSettings) -> int:
    """Validate until SIGTERM or SIGINT; the exit code.

    Raises:
        ConfigError: the hotkey is not registered, or another process validates with it.
    """
    return asyncio.run(Validator(settings).run())


class Validator:
    """One hotkey in one subnet. `weigh` may be replaced by a child that has other plans."""

    def __init__(self, settings: ValidatorSettings) -> None:
        network = settings.network
        self.settings = settings
        self.network = network
        self.hotkey = Hotkey(network, settings.sender, settings.netuid)
        self.domain = Domain(network.deployment.chain_id, network.neurons.address)
        self.subnet: ModuleType = load(settings.subnet)
        self.roster = Roster(network, settings.netuid)
        folder = journal_folder(settings.home, self.hotkey)
        self._settler = Settler(network, self.hotkey, folder, self.weigh, self.roster.refresh)
        self._averages_path = folder / "averages.json"
        self.examiner: Examiner | None = None
        self.auditor: Auditor | None = None
        self.dendrite: Dendrite | None = None

    async def run(self) -> int:
        """Validate until SIGTERM or SIGINT; the exit code."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await asyncio.to_thread(self.hotkey.require_uid)
        self.dendrite = self._new_dendrite()
        if self.settings.listening is not None:
            await self._listen(self.dendrite, self.settings.listening)
        self.auditor = self._new_auditor(self.dendrite)
        self.examiner = Examiner(
            self.subnet,
            self.dendrite,
            self._settler.journal.task_secret(),
            self._averages_path,
            self.auditor,
        )
        await self.begin()
        log.info("validator running", netuid=self.settings.netuid, hotkey=self.hotkey.address)
        loops = [
            asyncio.create_task(self._measure_forever()),
            asyncio.create_task(self._settle_forever()),
        ]
        await asyncio.wait(
            [asyncio.create_task(stop.wait()), *loops], return_when=asyncio.FIRST_COMPLETED
        )
        self._settler.stop()  # the thread ends after the transaction it waits for
        for task in loops:
            task.cancel()
        ended = await asyncio.gather(*loops, return_exceptions=True)
        await self.end()
        if self.auditor is not None:
            await self.auditor.close()
        await self.dendrite.close()
        self._settler.close()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome
        return 0

    async def begin(self) -> None:
        """For children: what else to start, before the first look at the chain."""

    async def end(self) -> None:
        """For children: what else to stop."""

    def weigh(self, window: EpochWindow) -> list[int]:
        """The row for the running epoch: measured averages, without copies of others' models."""
        snapshot = self.roster.snapshot
        assert self.examiner is not None
        assert snapshot is not None  # a commit is due only after a look at the chain
        ids = {neuron.uid: neuron.registration_id for neuron in snapshot.neurons}
        return self.examiner.row(ids, snapshot.commitments, snapshot.max_uids)

    async def _listen(self, dendrite: Dendrite, there: Listening) -> None:
        await dendrite.listen(there.host, there.port, self._is_neuron)
        await asyncio.to_thread(self.hotkey.serve_axon, there.public_host, dendrite.port)
        log.info("listening for miners", host=there.public_host, port=dendrite.port)

    def _is_neuron(self, hotkey: str) -> bool:
        snapshot = self.roster.snapshot
        return snapshot is not None and snapshot.has_neuron(hotkey)

    async def _measure_forever(self) -> None:
        assert self.examiner is not None
        round_number = 0
        while True:
            snapshot = self.roster.snapshot
            if snapshot is None or snapshot.window is None or self._settler.is_evicted:
                await asyncio.sleep(self.settings.poll_seconds)
                continue
            examinees = [n for n in snapshot.neurons if n.uid not in snapshot.seat_uids]
            round_number += 1
            marks = await self.examiner.examine(
                examinees, snapshot.block_hash, round_number, snapshot.commitments
            )
            log.debug("round", marks={m.uid: f"{m.score:.3f} {m.code}" for m in marks})
            await asyncio.sleep(self._pause(snapshot.window))

    def _pause(self, window: EpochWindow) -> float:
        """Seconds between two rounds, so that `rounds_per_epoch` fit before the commit."""
        ticks = commit_from_tick(window) - window.start_tick
        seconds = ticks * self.network.deployment.tick_seconds
        return max(0.2, seconds / self.settings.rounds_per_epoch)

    async def _settle_forever(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._settler.step)
            except ChainError as error:
                log.warning("chain", error=str(error))
            await asyncio.sleep(self.settings.poll_seconds)

    def _new_auditor(self, dendrite: Dendrite) -> Auditor | None:
        wanted = getattr(self.subnet, "REEXECUTION", "off") != "off"
        if self.settings.reexecute is None or not wanted:
            return None
        folder = self._averages_path.parent / "audits"
        return Auditor(self.subnet, dendrite, folder, self.settings.reexecute)

    def _new_dendrite(self) -> Dendrite:
        is_local = self.network.deployment.chain_id in LOCAL_CHAIN_IDS
        return Dendrite(
            self.settings.signer,
            self.domain,
            chain_time=self.network.clock.chain_time,
            egress=Egress(localnet=is_local),
        )
