# SPDX-License-Identifier: Apache-2.0
"""The watcher: checks every proposal of every subnet from public data, and strikes what is false.

It needs no seat, no stake and no trust: a key with gas. What it knows it has from logs, which it
keeps, so that a restart reads only what is new; a reorganisation makes it read again.
"""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from offchain.chain.connection import Block
from offchain.chain.errors import NodesDisagree, Reorged, Reverted
from offchain.chain.network import Network
from offchain.chain.outbox import Entry
from offchain.chain.subnet_history import Histories
from offchain.chain.transactions import Sender
from offchain.chain.witnesses import Witnesses
from offchain.protocol.errors import (
    ChainError,
    ConfigError,
    ConsensusMismatch,
    EvmtensorError,
    InvalidSubmission,
)
from offchain.protocol.identifiers import Tick, incarnation_of_epoch
from offchain.protocol.phases import final_from
from offchain.settlement.history import History
from offchain.settlement.result import warm_up
from offchain.watcher.accounts import AccountBook, Accounts
from offchain.watcher.calls import call_for, pulled_rao
from offchain.watcher.dispatch import Dispatcher
from offchain.watcher.memory import Memory
from offchain.watcher.outlook import look
from offchain.watcher.plan import Mandate, Move, Outlook, Verb, moves
from offchain.watcher.purse import Purse, purse_of
from offchain.watcher.turns import Turns

log = structlog.get_logger("evmtensor.watcher")

REFUSED_TICKS = 2  # what a contract refused is not tried again for so long
UNAFFORDABLE_TICKS = 20  # nor what the account could not pay
MISMATCH_SECONDS = 5.0  # before the logs of a node that contradicts itself are read again
PATIENT_SECONDS = 2.0  # time left for what is not urgent
WITHDRAW_TICKS = 10  # how often it looks whether its earnings are worth a transaction
KEPT_EPOCHS = 8  # final ones, in memory and on disk; nothing can be disputed in older ones
ALLOWED_BONDS = 100  # one approval serves so many


@dataclass(frozen=True, slots=True)
class WatcherSettings:
    """What a watcher needs.

    netuids: None watches all subnets. mandate: what it does besides challenging. home: its logs,
    bonds and accounts live under it. confirmations: blocks on top of a log before it is believed.
    """

    network: Network
    sender: Sender
    home: Path
    netuids: frozenset[int] | None = None
    mandate: Mandate = field(default_factory=Mandate)
    confirmations: int = 0
    poll_seconds: float = 0.2


def run(settings: WatcherSettings) -> int:
    """Watch until SIGTERM or SIGINT; the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watcher = _begin(settings, stop)
    while watcher is not None and not stop.is_set():
        try:
            watcher.step()
        except ConsensusMismatch as error:
            log.error("mismatch", error=str(error), next=error.next_step)
            stop.wait(MISMATCH_SECONDS)
        except EvmtensorError as error:
            log.warning("again", error=str(error), kind=type(error).__name__)
        stop.wait(settings.poll_seconds)
    if watcher is not None:
        log.info("watcher stopped", struck=watcher.accounts.struck)
    return 0


def _begin(settings: WatcherSettings, stop: threading.Event) -> Watcher | None:
    """A watcher, once its node answers; None if it is stopped before."""
    while not stop.is_set():
        try:
            watcher = Watcher(settings)
        except ChainError as error:
            log.warning("again", error=str(error), kind=type(error).__name__)
            stop.wait(1.0)
        else:
            log.info("watcher running", account=settings.sender.address)
            warm_up()  # a lie may be struck in the first ticks after it
            return watcher
    return None


class Watcher:
    """One account that watches."""

    def __init__(
        self, settings: WatcherSettings, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        network, address = settings.network, settings.sender.address
        chain = f"{network.deployment.chain_id}-{network.settlement.address[2:10].lower()}"
        self._folder = settings.home / "watcher" / chain
        self._settings = settings
        self._network = network
        self._now = now
        self._book = AccountBook(self._folder / f"{address}.json")
        self._dispatcher = Dispatcher(network, settings.sender, self._book)
        self._turns = Turns(address)
        self._witnesses = Witnesses(network)
        self._refused: dict[Move, int] = {}
        self._next_withdraw = 0
        self._head_hash = ""
        self._outlooks: dict[int, Outlook] = {}
        self._lives: dict[int, int] = {}
        self._rebuild()
        self._dispatcher.recover()

    @property
    def accounts(self) -> Accounts:
        """Spent since the account's first run."""
        return self._book.totals

    @property
    def purse(self) -> Purse:
        """Earned since the deployment."""
        return purse_of(self._network, self._dispatcher.address, self._histories)

    def step(self) -> list[Move]:
        """Look once and do what is due; what was done.

        Raises:
            ChainError: the node does not answer; the next step tries again.
            ConsensusMismatch: the node's logs contradict themselves; the next step reads all of
                them again.
        """
        head = self._network.clock.head()
        if head.hash == self._head_hash and not self._turns.is_waiting:
            return []
        self._follow()
        tick = self._network.clock.ticks.tick_at(head.timestamp)
        found = [self._moves(netuid, tick) for netuid in self._histories.netuids]
        self._turns.keep({move for planned in found for move in planned})
        done = self._make_all([m for planned in found for m in planned if m.is_urgent], head)
        for planned in found:
            done += self._make_first([m for m in planned if not m.is_urgent], head)
        if not done:
            self._withdraw(tick)
        self._head_hash = head.hash
        return done

    def _rebuild(self) -> None:
        """Start from the stored logs; without a store from the deployment's first block."""
        settings = self._settings
        self._is_sound = True
        self._histories = Histories(
            self._network,
            settings.netuids,
            confirmations=settings.confirmations,
            store=self._folder / "logs",
            keep=KEPT_EPOCHS,
        )
        self._rollbacks = 0
        self._memory = Memory(self._folder)
        for netuid in self._histories.netuids:
            self._memory.recall(self._histories.of(netuid))

    def _follow(self) -> None:
        """Take in what is new, and book what is mined."""
        if not self._is_sound:
            shutil.rmtree(self._folder / "logs", ignore_errors=True)
            self._rebuild()
        try:
            self._histories.poll()
        except (Reorged, ConsensusMismatch):
            self._is_sound = False
            raise
        except (LookupError, ValueError, TypeError) as error:
            # an event about something that no event has announced, or one that cannot be read
            self._is_sound = False
            raise ConsensusMismatch(
                f"the node's logs do not add up: {error!r}",
                next_step="They are read again from the beginning; ask another node if it stays.",
            ) from error
        if self._histories.rollbacks != self._rollbacks:
            self._rollbacks = self._histories.rollbacks
            log.warning("reorganisation", times=self._rollbacks)
            self._memory.distrust()
            self._refused.clear()
        self._dispatcher.tidy()
        self._dispatcher.reconcile()

    def _moves(self, netuid: int, tick: int) -> list[Move]:
        """What is to be done in one subnet; a subnet that does not add up stops no other."""
        history = self._histories.of(netuid)
        self._notice_life(history)
        try:
            mandate, account = self._settings.mandate, self._dispatcher.address
            outlook = look(self._network, history, tick, account, settles=mandate.settle)
            self._outlooks[netuid] = outlook
            planned = moves(history, outlook, mandate)
            self._memory.keep(history)
        except (ConsensusMismatch, InvalidSubmission, Reverted) as error:
            log.error("cannot judge", netuid=netuid, error=str(error))
            return []
        return [m for m in planned if self._refused.get(m, -1) < tick]

    def _notice_life(self, history: History) -> None:
        """Say it when the first epoch of another subnet with a known number is closed."""
        if history.last_closed is None:
            return
        incarnation = incarnation_of_epoch(history.last_closed)
        if self._lives.setdefault(history.netuid, incarnation) != incarnation:
            self._lives[history.netuid] = incarnation
            log.info(
                "another subnet has the number now; both are watched",
                netuid=history.netuid, incarnation=incarnation,
            )  # fmt: skip

    def _make_all(self, planned: list[Move], head: Block) -> list[Move]:
        """Send independent moves at once and wait for all of them."""
        sent = [(move, self._submit(move, head)) for move in planned]
        return [move for move, entry in sent if entry and self._collect(move, entry, head)]

    def _make_first(self, planned: list[Move], head: Block) -> list[Move]:
        """The first move that can be made: the others may depend on it."""
        for move in planned:
            entry = self._submit(move, head)
            if entry is not None:
                return [move] if self._collect(move, entry, head) else []
        return []

    def _submit(self, move: Move, head: Block) -> Entry | None:
        """Send one move; None if it is not our turn, is not worth it or is refused."""
        history = self._histories.of(move.netuid)
        if not self._turns.is_due(move, self._now(), self._seconds_left(move, history, head)):
            return None
        try:
            self._hear_witnesses(move, history, head)
            call = call_for(self._network, history, move, self._dispatcher.address)
            if call is None:
                return None
            self._allow(pulled_rao(self._network, move))
            call = self._dispatcher.rehearsed(call)
            # looked at last: from here to the mempool is the only time that two can meet in
            if self._dispatcher.is_under_way(call) and self._turns.gives_way(move, head.number):
                return None
            return self._dispatcher.submit(call, urgent=move.is_urgent)
        except (ChainError, ConfigError, InvalidSubmission) as error:
            self._put_off(move, head, error)
            return None

    def _hear_witnesses(self, move: Move, history: History, head: Block) -> None:
        """A bond waits until nodes agree; a strike, which risks gas, at most for half of its time:
        one node that lies must not protect a liar.
        """
        if move.verb is Verb.PROPOSE:
            self._witnesses.vouch_for_inputs(history, move.epoch, head)
        elif move.verb in (Verb.CHALLENGE_BLOCK, Verb.CHALLENGE_SUM):
            window = history.epochs[move.epoch].frozen.header.window_ticks
            half = window * self._network.deployment.tick_seconds / 2
            try:
                self._witnesses.vouch_for_lie(history, move.epoch)
            except NodesDisagree as error:
                if self._seconds_left(move, history, head) > half:
                    raise
                log.warning("strikes all the same", netuid=move.netuid, reason=str(error))

    def _collect(self, move: Move, entry: Entry, head: Block) -> bool:
        try:
            receipt = self._dispatcher.collect(entry, urgent=move.is_urgent)
        except ChainError as error:
            self._put_off(move, head, error)
            return False
        log.info(
            move.verb.value, netuid=move.netuid, epoch=move.epoch, block=move.block,
            gas=receipt.gas_used,
        )  # fmt: skip
        return True

    def _put_off(self, move: Move, head: Block, error: EvmtensorError) -> None:
        """Try again later; a strike with the next block."""
        pause = UNAFFORDABLE_TICKS if isinstance(error, ConfigError) else REFUSED_TICKS
        tick = self._network.clock.ticks.tick_at(head.timestamp)
        self._refused[move] = tick if move.is_urgent else tick + pause
        log.info(
            "not done", verb=move.verb.value, netuid=move.netuid, epoch=move.epoch,
            reason=str(error), next=error.next_step,
        )  # fmt: skip

    def _seconds_left(self, move: Move, history: History, head: Block) -> float:
        """Until a strike or an answer would be too late."""
        record = history.epochs.get(move.epoch)
        if not move.is_urgent or record is None:
            return PATIENT_SECONDS
        header, clock = record.frozen.header, self._network.clock
        if move.proposal_id:
            proposed = self._outlooks[move.netuid].proposed_ticks[move.proposal_id]
            end = final_from(proposed, header.window_ticks)
        else:
            end = Tick(record.demands[move.block].deadline_tick)
        return float(clock.timestamp_of(end) - head.timestamp)

    def _allow(self, amount_rao: int) -> None:
        """Let Settlement take a bond or a deposit."""
        if amount_rao == 0:
            return
        tao, settlement = self._network.tao, self._network.settlement
        if tao.allowance(self._dispatcher.address, settlement.address) < amount_rao:
            self._dispatcher.send(tao.approve(settlement.address, ALLOWED_BONDS * amount_rao))

    def _withdraw(self, tick: int) -> None:
        """Take earnings home when they are worth a transaction."""
        if tick < self._next_withdraw:
            return
        self._next_withdraw = tick + WITHDRAW_TICKS
        settlement, address = self._network.settlement, self._dispatcher.address
        if settlement.withdrawable_rao(address) < max(1, settlement.deposit_rao()):
            return
        self._dispatcher.send(settlement.withdraw(address))
        log.info("withdrawn", earned_rao=self.purse.earned_rao)
