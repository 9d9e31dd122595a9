# SPDX-License-Identifier: Apache-2.0
"""Looks at the chain and does what `plan` says is due: one hotkey, one subnet or the root.

Where the row comes from is nobody's business here: `make_row` gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from offchain.chain.connection import Block
from offchain.chain.hotkey import Hotkey
from offchain.chain.network import Network
from offchain.chain.subnet_history import SubnetHistory
from offchain.protocol.eras import EpochWindow
from offchain.protocol.errors import ChainError, ConfigError, ConsensusMismatch
from offchain.settlement.history import History
from offchain.validator.journal import Journal, SaltScope
from offchain.validator.office import MakeRow, Office
from offchain.validator.plan import Duty, Verb, duties, is_calm
from offchain.validator.view import View

log = structlog.get_logger("evmtensor.validator")

WITHDRAW_EVERY_EPOCHS = 4
KEPT_EPOCHS = 8  # final ones; nothing can be disputed in older ones


@dataclass(slots=True)
class Memory:
    """What only saves work: everything in it is found again on chain or on disk."""

    head_hash: str = ""
    is_started: bool = False
    wants_seat: dict[int, bool] = field(default_factory=dict)
    hopeless: set[Duty] = field(default_factory=set)
    warned: dict[Verb, int] = field(default_factory=dict)  # the epoch of the last warning
    claimed_epoch: int = -1
    incarnation: int = 0  # of the subnet that this process works in
    is_evicted: bool = False
    withdrawn_epoch: int = -1


class Settler:
    """One hotkey's part in the epochs of one subnet.

    Args:
        folder: of the journal; one process at a time.
        make_row: the dense u16 row for the running epoch.
        look: called at every step before anything is done, with the running epoch's window (None
            before the start) and the newest block.

    Raises:
        JournalLocked: another process validates with this hotkey.
    """

    def __init__(
        self,
        network: Network,
        hotkey: Hotkey,
        folder: Path,
        make_row: MakeRow,
        look: Callable[[EpochWindow | None, Block], None] = lambda window, head: None,
    ) -> None:
        self._network = network
        self._hotkey = hotkey
        self._look = look
        self._view = View(network, hotkey)
        self._follower = SubnetHistory(network, hotkey.netuid, keep=KEPT_EPOCHS)
        scope = SaltScope(network.deployment.chain_id, network.weights.address)
        self.journal = Journal(folder, scope)
        self._office = Office(network, hotkey, self.journal, self._view, make_row)
        self._memory = Memory()
        self._stopping = False

    @property
    def history(self) -> History:
        """The subnet's settlement as of the last step."""
        return self._follower.history

    @property
    def is_evicted(self) -> bool:
        """Whether another subnet has the number now: nothing more is measured or committed."""
        return self._memory.is_evicted

    def stop(self) -> None:
        """Begin nothing more; a step that runs ends after the transaction it waits for."""
        self._stopping = True

    def close(self) -> None:
        """Let another process have the journal."""
        self.journal.close()

    def step(self) -> None:
        """Look at the chain once and do what is due. May block; runs in one thread at a time.

        Raises:
            ChainError: the node does not answer; the next step tries again.
        """
        head = self._network.clock.head()
        if head.hash == self._memory.head_hash:
            return  # nothing can have changed
        tick = self._network.clock.ticks.tick_at(head.timestamp)
        self._send_signed_reveals(tick)
        if self._notice_eviction():
            self._settle_what_is_left(tick)
            self._memory.head_hash = head.hash
            return
        window = self._view.window(tick)
        self._look(window, head)
        self._follower.poll()
        running = None if window is None else self._view.running(window, tick)
        past = [] if window is None else self._view.past(window, tick, self.history)
        due = duties(tick, running, past, wants_seat=self._wants_seat(window))
        for duty in due:
            if not self._stopping and duty not in self._memory.hopeless:
                self._perform(duty)
        if running is not None and running.committed and not self._stopping:
            self._office.prepare_reveal(running.window)
        # claiming takes blocks: never where a reveal or a commit could come too late
        has_time = window is not None and not due and is_calm(window, tick)
        if has_time and not self._stopping:
            self._collect()
        self._memory.head_hash = head.hash

    def _send_signed_reveals(self, tick: int) -> None:
        """Before anything else is looked at: their window is short, and a busy node slow."""
        for epoch in self._office.signed_reveals(tick):
            if not self._stopping:
                self._perform(Duty(Verb.REVEAL, epoch))

    def _warn(self, duty: Duty, error: ConfigError) -> None:
        """Only its operator can help: a word in every epoch, not in every block."""
        if self._memory.warned.get(duty.verb) != duty.epoch:
            log.warning(
                "cannot", duty=duty.verb.value, epoch=duty.epoch, reason=str(error),
                next_step=error.next_step,
            )  # fmt: skip
            self._memory.warned[duty.verb] = duty.epoch

    def _notice_eviction(self) -> bool:
        """Whether another subnet has taken the number since this process began; said once.

        A successor has other miners, tasks and rules: who wants to validate there says so.
        """
        memory, netuid = self._memory, self._hotkey.netuid
        incarnation = self._network.subnets.incarnation_of(netuid)
        memory.incarnation = memory.incarnation or incarnation
        if incarnation != memory.incarnation and not memory.is_evicted:
            memory.is_evicted = True
            log.warning(
                "evicted", netuid=netuid,
                reason=f"subnet {netuid} was evicted; another one has its number now",
                next_step="What was closed is settled and claimed. To validate in the new one, "
                "register in it and start again.",
            )  # fmt: skip
        return memory.is_evicted

    def _settle_what_is_left(self, tick: int) -> None:
        """Bring closed epochs of the evicted subnet to their end, and claim."""
        self._follower.poll()
        left = self._view.left_over(self.history, self._memory.incarnation)
        due = duties(tick, None, left, wants_seat=False)
        for duty in due:
            if not self._stopping and duty not in self._memory.hopeless:
                self._perform(duty)
        if not due and not self._stopping:
            self._collect()

    def _perform(self, duty: Duty) -> None:
        """One duty; whatever it meets concerns this duty only."""
        try:
            self._office.perform(duty, self.history)
        except ChainError as error:
            # usually another validator was faster; what is still due comes back with the next step
            log.info("not done", duty=duty.verb.value, epoch=duty.epoch, reason=str(error))
        except ConfigError as error:
            self._warn(duty, error)
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
            called = self._network.subnets.start_ticks(self._hotkey.netuid).called_tick
            self._memory.is_started = called is not None
        if not self._memory.is_started:
            return False
        following = 0 if window is None else window.epoch + 1
        known = self._memory.wants_seat
        if not known.get(following, True):
            return False
        known[following] = self._hotkey.best_poke() is not None
        return known[following]

    def _collect(self) -> None:
        """Claims after every final epoch, and now and then what waits in Settlement."""
        last = self.history.last_final
        if last is None or last <= self._memory.claimed_epoch:
            return
        self._office.claim()
        self._memory.claimed_epoch = last
        if last >= self._memory.withdrawn_epoch + WITHDRAW_EVERY_EPOCHS:
            self._office.withdraw()
            self._memory.withdrawn_epoch = last


def journal_folder(home: Path, hotkey: Hotkey) -> Path:
    """Where a hotkey keeps what it must not lose, by deployment and subnet."""
    network = hotkey.network
    deployment = f"{network.deployment.chain_id}-{network.weights.address[2:10].lower()}"
    return home / "validator" / deployment / f"{hotkey.netuid}-{hotkey.address}"
