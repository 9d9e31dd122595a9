# SPDX-License-Identifier: Apache-2.0
"""The validator: asks miners all epoch long, and owes the chain what `plan` says.

Two loops share nothing but a snapshot of the subnet. `_settle_forever` talks to the chain in one
thread; `_measure_forever` talks to miners on the event loop, so that a slow node never costs a
measurement and a slow miner never costs a reveal.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import structlog

from offchain.chain.hotkey import Hotkey
from offchain.chain.network import Network
from offchain.chain.subnet_history import SubnetHistory
from offchain.chain.transactions import Sender
from offchain.keys.signer import Signer
from offchain.protocol.eras import EpochWindow
from offchain.protocol.errors import ChainError, ConfigError, ConsensusMismatch
from offchain.subnets.base import load
from offchain.validator.audit import Auditor, Reexecute
from offchain.validator.examine import Examiner
from offchain.validator.journal import Journal, SaltScope
from offchain.validator.office import Office
from offchain.validator.plan import Duty, Verb, commit_from_tick, duties
from offchain.validator.roster import Roster
from offchain.validator.view import View
from offchain.wire import Dendrite, Domain, Egress

log = structlog.get_logger("evmtensor.validator")

LOCAL_CHAIN_IDS = frozenset({31_337, 1_337})
ROUNDS_PER_EPOCH = 8
WITHDRAW_EVERY_EPOCHS = 4


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


def run(settings: ValidatorSettings) -> int:
    """Validate until SIGTERM or SIGINT; the exit code.

    Raises:
        ConfigError: the hotkey is not registered, or another process validates with it.
    """
    return asyncio.run(Validator(settings).run())


@dataclass(slots=True)
class Memory:
    """What only saves work: everything in it is found again on chain or on disk."""

    head_hash: str = ""
    is_started: bool = False
    wants_seat: dict[int, bool] = field(default_factory=dict)
    hopeless: set[Duty] = field(default_factory=set)
    claimed_epoch: int = -1
    withdrawn_epoch: int = -1


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
        self._view = View(network, self.hotkey)
        self._follower = SubnetHistory(network, settings.netuid)
        folder = _folder(settings)
        scope = SaltScope(network.deployment.chain_id, network.weights.address)
        self._journal = Journal(folder, scope)
        self._averages_path = folder / "averages.json"
        self._memory = Memory()
        self._office = Office(network, self.hotkey, self._journal, self._view, self.weigh)
        self._stopping = False
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
        self.auditor = self._new_auditor(self.dendrite)
        self.examiner = Examiner(
            self.subnet,
            self.dendrite,
            self._journal.task_secret(),
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
        self._stopping = True  # the thread ends after the transaction it waits for
        for task in loops:
            task.cancel()
        ended = await asyncio.gather(*loops, return_exceptions=True)
        await self.end()
        if self.auditor is not None:
            await self.auditor.close()
        await self.dendrite.close()
        self._journal.close()
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

    async def _measure_forever(self) -> None:
        assert self.examiner is not None
        round_number = 0
        while True:
            snapshot = self.roster.snapshot
            if snapshot is None or snapshot.window is None:
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
                await asyncio.to_thread(self.step)
            except ChainError as error:
                log.warning("chain", error=str(error))
            await asyncio.sleep(self.settings.poll_seconds)

    def step(self) -> None:
        """Look at the chain once and do what is due. May block; runs in one thread at a time.

        Raises:
            ChainError: the node does not answer; the next step tries again.
        """
        head = self.network.clock.head()
        if head.hash == self._memory.head_hash:
            return  # nothing can have changed
        tick = self.network.clock.ticks.tick_at(head.timestamp)
        window = self._view.window(tick)
        self.roster.refresh(window, head)
        self._follower.poll()
        history = self._follower.history
        running = None if window is None else self._view.running(window, tick)
        past = [] if window is None else self._view.past(window, tick, history)
        due = duties(tick, running, past, wants_seat=self._wants_seat(window))
        for duty in due:
            if not self._stopping and duty not in self._memory.hopeless:
                self._perform(duty)
        if running is not None and running.committed and not self._stopping:
            self._office.prepare_reveal(running.window)
        # claiming takes blocks: never where a reveal or a commit could come too late
        is_calm = window is not None and not due and tick < commit_from_tick(window)
        if is_calm and not self._stopping:
            self._collect()
        self._memory.head_hash = head.hash

    def _perform(self, duty: Duty) -> None:
        """One duty; whatever it meets concerns this duty only."""
        try:
            self._office.perform(duty, self._follower.history)
        except ChainError as error:
            # usually another validator was faster; what is still due comes back with the next step
            log.info("not done", duty=duty.verb.value, epoch=duty.epoch, reason=str(error))
        except ConfigError as error:
            log.warning(
                "cannot", duty=duty.verb.value, epoch=duty.epoch, reason=str(error),
                next_step=error.next_step,
            )  # fmt: skip
            if duty.verb is Verb.PROPOSE:
                self._memory.hopeless.add(duty)
        except ConsensusMismatch as error:
            log.error("mismatch", duty=duty.verb.value, epoch=duty.epoch, reason=str(error))
            self._memory.hopeless.add(duty)
        else:
            self._follower.poll()

    def _wants_seat(self, window: EpochWindow | None) -> bool:
        """Asked once per epoch until it is answered: the stake that decides is in the past."""
        if not self._memory.is_started:
            called = self.network.subnets.start_ticks(self.settings.netuid).called_tick
            self._memory.is_started = called is not None
        if not self._memory.is_started:
            return False
        following = 0 if window is None else window.epoch + 1
        known = self._memory.wants_seat
        if not known.get(following, True):
            return False
        known[following] = self.hotkey.best_poke() is not None
        return known[following]

    def _collect(self) -> None:
        """Claims after every final epoch, and now and then what waits in Settlement."""
        last = self._follower.history.last_final
        if last is None or last <= self._memory.claimed_epoch:
            return
        self._office.claim()
        self._memory.claimed_epoch = last
        if last >= self._memory.withdrawn_epoch + WITHDRAW_EVERY_EPOCHS:
            self._office.withdraw()
            self._memory.withdrawn_epoch = last

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


def _folder(settings: ValidatorSettings) -> Path:
    network = settings.network
    deployment = f"{network.deployment.chain_id}-{network.weights.address[2:10].lower()}"
    return settings.home / "validator" / deployment / f"{settings.netuid}-{settings.signer.address}"
