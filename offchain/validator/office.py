# SPDX-License-Identifier: Apache-2.0
"""Carries out duties: one transaction each, nothing half-sent, nothing remembered that the chain
or the journal does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from offchain.chain.claims import open_claims
from offchain.chain.hotkey import Hotkey
from offchain.chain.network import Network
from offchain.chain.transactions import Presigned
from offchain.chain.witnesses import Witnesses
from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.eras import EpochWindow
from offchain.protocol.identifiers import unpack_registration_id
from offchain.protocol.phases import Phase, phase_of
from offchain.protocol.rows import pack_row, row_hash
from offchain.settlement import challenge
from offchain.settlement.history import ClosedEpoch, History, State
from offchain.settlement.result import warm_up
from offchain.validator.journal import Entry, Journal
from offchain.validator.plan import Duty, Verb
from offchain.validator.view import View

log = structlog.get_logger("evmtensor.validator")

MakeRow = Callable[[EpochWindow], list[int]]


@dataclass(frozen=True, slots=True)
class SignedReveal:
    """What waits for the end of its window."""

    window: EpochWindow
    presigned: Presigned


class Office:
    """One validator's hands.

    Args:
        make_row: the dense u16 row for the running epoch, as measured until now.
    """

    def __init__(
        self, network: Network, hotkey: Hotkey, journal: Journal, view: View, make_row: MakeRow
    ) -> None:
        self._network = network
        self._hotkey = hotkey
        self._netuid = hotkey.netuid
        self._journal = journal
        self._view = view
        self._make_row = make_row
        self._witnesses = Witnesses(network)
        self._signed: dict[int, SignedReveal] = {}  # by epoch; signed again after a restart

    def perform(self, duty: Duty, history: History) -> None:
        """Send what the duty asks for and wait for its block.

        Raises:
            ChainError: the node or the contract refused; the duty stays due and is tried again.
            ConfigError: the operator has to act (no bond, no disk).
            ConsensusMismatch: this epoch cannot be helped any more.
        """
        match duty.verb:
            case Verb.POKE:
                self._poke()
            case Verb.COMMIT:
                self._commit(duty.epoch)
            case Verb.REVEAL:
                self._reveal(duty.epoch)
            case Verb.CLOSE:
                self._hotkey.close(duty.epoch)
                log.info("epoch closed", netuid=self._netuid, epoch=duty.epoch)
            case Verb.PROPOSE:
                self._propose(duty.epoch, history)
            case Verb.FINALIZE:
                self._finalize(history.epochs.get(duty.epoch), history)
            case Verb.VOID:
                self._void(history.epochs.get(duty.epoch))

    def prepare_reveal(self, window: EpochWindow) -> None:
        """Sign the reveal of a running epoch that is committed, so that its first tick only sends.

        Raises:
            ChainError: the node does not answer; the reveal is then signed when it is due.
        """
        signed = self._signed.get(window.epoch)
        if signed is not None and signed.presigned.nonce == self._hotkey.sender.next_nonce():
            return
        entry = self._journal.read(self._netuid, window.epoch)
        if entry is not None:
            presigned = self._sign_reveal(window, entry)
            self._signed = {window.epoch: SignedReveal(window, presigned)}
            log.info("reveal signed", netuid=self._netuid, epoch=window.epoch)

    def signed_reveals(self, tick: int) -> list[int]:
        """Epochs whose reveals are signed and can be sent at this tick."""
        return [
            epoch
            for epoch, signed in self._signed.items()
            if phase_of(signed.window, tick) is Phase.REVEAL
        ]

    def claim(self) -> int:
        """Claim what final epochs owe this hotkey, in any life of the netuid; rao paid."""
        claims = open_claims(self._network, self._netuid, self._hotkey.address)
        paid = sum(c.server_rao + c.validator_rao for c in self._hotkey.claim(claims))
        if paid:
            log.info("claimed", netuid=self._netuid, rao=paid)
        return paid

    def withdraw(self) -> None:
        """Take back what waits in Settlement: bonds that are free again, proposer's pay."""
        if self._hotkey.withdraw() is not None:
            log.info("withdrawn", netuid=self._netuid)

    def _poke(self) -> None:
        seat = self._hotkey.best_poke()
        if seat is None:
            return
        self._hotkey.take_seat(seat)
        log.info("seat taken", netuid=self._netuid, seat=seat)
        # What the first proposal would wait for, while reveals are due, is done before the epoch.
        self._hotkey.allow_bonds()
        warm_up()

    def _commit(self, epoch: int) -> None:
        window = self._network.subnets.window_of(self._netuid, epoch)
        entry = self._journal.read(self._netuid, epoch) or self._journal_row(window)
        self._hotkey.commit(window, entry.seat, entry.commit_hash)
        log.info("weights committed", netuid=self._netuid, epoch=epoch, seat=entry.seat)

    def _journal_row(self, window: EpochWindow) -> Entry:
        """Fix row and salt on disk before anything about them leaves this process."""
        seat = self._view.seats(window.epoch).mine
        assert seat is not None  # a commit is due only with a seat
        registration = unpack_registration_id(seat.registration_id)
        row = pack_row(self._make_row(window))
        salt = self._journal.salt(self._netuid, window.epoch)
        bound = Commitment(
            chain_id=self._network.deployment.chain_id,
            weights=self._network.weights.address,
            netuid=self._netuid,
            epoch=window.epoch,
            registration_id=seat.registration_id,
        )
        entry = Entry(
            netuid=self._netuid,
            epoch=window.epoch,
            seat=seat.seat,
            uid=registration.uid,
            generation=registration.generation,
            row=row,
            salt=salt,
            commit_hash=commit_hash(bound, row_hash(row), salt),
        )
        self._journal.write(entry)
        log.info("row journaled", netuid=self._netuid, epoch=window.epoch)
        return entry

    def _reveal(self, epoch: int) -> None:
        entry = self._journal.read(self._netuid, epoch)
        if entry is None:
            log.error("cannot reveal: no journal entry", netuid=self._netuid, epoch=epoch)
            return
        window = self._network.subnets.window_of(self._netuid, epoch)
        ready = self._signed.pop(epoch, None)
        signed = self._sign_reveal(window, entry, ready.presigned if ready else None)
        self._hotkey.reveal(window, signed)
        self._journal.forget_before(self._netuid, epoch - 1)
        log.info("weights revealed", netuid=self._netuid, epoch=epoch)

    def _sign_reveal(
        self, window: EpochWindow, entry: Entry, signed: Presigned | None = None
    ) -> Presigned:
        """`signed` again, unless the stake moved after it was signed."""
        call = self._hotkey.reveal_call(window, entry.seat, entry.row, entry.salt)
        if signed is not None and signed.call == call:
            return signed
        return self._hotkey.sender.presign(call)

    def _propose(self, epoch: int, history: History) -> None:
        parent = history.parent_of(epoch)
        if parent is not None and not is_honest(parent, history):
            log.warning("parent is false, not built upon", netuid=self._netuid, epoch=parent.epoch)
            return
        parent_id = history.parent_id(epoch)
        if parent_id is None:
            return  # the parent's proposal was struck while another duty waited for its block
        self._witnesses.vouch_for_inputs(history, epoch, self._network.clock.head())
        self._hotkey.propose(epoch, parent_id, history.result(epoch).words)
        log.info("epoch proposed", netuid=self._netuid, epoch=epoch)

    def _finalize(self, record: ClosedEpoch | None, history: History) -> None:
        if record is None or record.live is None:
            return  # struck, or lost to a reorganisation, while another duty waited for its block
        if not is_honest(record, history):
            log.error("proposal is false, not finalized", netuid=self._netuid, epoch=record.epoch)
            return
        base, carried = history.base(record.epoch), history.carried(record.epoch)
        call = self._network.settlement.finalize(record, record.live, base, carried)
        self._hotkey.sender.send(call)
        log.info("epoch finalized", netuid=self._netuid, epoch=record.epoch)

    def _void(self, record: ClosedEpoch | None) -> None:
        if record is None:
            return  # lost to a reorganisation while another duty waited for its block
        call = self._network.settlement.open("void", challenge.void(record))
        self._hotkey.sender.send(call)
        log.info("epoch voided", netuid=self._netuid, epoch=record.epoch)


def is_honest(record: ClosedEpoch, history: History) -> bool:
    """Whether what is posted for an epoch is what its inputs give; a void epoch posts nothing."""
    if record.state is State.VOID:
        return True
    if record.live is None:
        return True
    return record.live.trace == history.result(record.epoch).words
