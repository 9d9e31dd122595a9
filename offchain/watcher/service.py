# SPDX-License-Identifier: Apache-2.0
"""The watcher: checks every proposal of every subnet from public data, and strikes what is false.

It needs no seat, no stake and no trust: a key with gas. What it knows it has from logs, which it
keeps, so that a restart reads only what is new; a reorganisation makes it read again.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from eth_hash.auto import keccak

from offchain.chain.contract import Call, read_all
from offchain.chain.errors import Reverted
from offchain.chain.hotkey import Hotkey
from offchain.chain.mempool import is_pending
from offchain.chain.network import Network
from offchain.chain.settlement import ProposalStruck
from offchain.chain.subnet_history import Histories
from offchain.chain.transactions import Receipt, Sender
from offchain.protocol.errors import ChainError, ConfigError, ConsensusMismatch
from offchain.settlement import challenge
from offchain.settlement.history import History, State
from offchain.watcher.accounts import AccountBook, Accounts
from offchain.watcher.plan import Mandate, Move, Verb, moves

log = structlog.get_logger("evmtensor.watcher")

# Watchers that see the same lie wait differently long before they look who else is at it.
STAGGER_SLOTS = 8
STAGGER_SECONDS = 0.1
BLOCKS_PER_PROOF = 16  # 16 blocks of 64 seats fill one opening


@dataclass(frozen=True, slots=True)
class WatcherSettings:
    """What a watcher needs.

    netuids: None watches all subnets. mandate: what it does besides challenging. home: its logs
    and accounts live under it. confirmations: blocks on top of a log before it is believed.
    """

    network: Network
    sender: Sender
    home: Path
    netuids: frozenset[int] | None = None
    mandate: Mandate = field(default_factory=Mandate)
    confirmations: int = 0
    poll_seconds: float = 0.4


def run(settings: WatcherSettings) -> int:
    """Watch until SIGTERM or SIGINT; the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watcher = Watcher(settings)
    log.info("watcher running", account=settings.sender.address)
    while not stop.is_set():
        try:
            watcher.step()
        except ChainError as error:
            log.warning("chain", error=str(error))
        stop.wait(settings.poll_seconds)
    totals = watcher.accounts
    log.info("watcher stopped", struck=totals.struck, earned_rao=totals.earned_rao)
    return 0


class Watcher:
    """One account that watches."""

    def __init__(self, settings: WatcherSettings) -> None:
        network = settings.network
        folder = settings.home / "watcher" / f"{network.deployment.chain_id}-{_short(network)}"
        self._settings = settings
        self._network = network
        self._sender = settings.sender
        self._book = AccountBook(folder / f"{settings.sender.address}.json")
        self._histories = Histories(
            network,
            settings.netuids,
            confirmations=settings.confirmations,
            store=folder / "logs.json",
        )
        self._head_hash = ""
        self._mismatched: set[tuple[int, int]] = set()

    @property
    def accounts(self) -> Accounts:
        """Spent and earned since the account's first run."""
        return self._book.totals

    def step(self) -> list[Move]:
        """Look once and do what is due; what was done.

        Raises:
            ChainError: the node does not answer; the next step tries again.
        """
        head = self._network.clock.head()
        if head.hash == self._head_hash:
            return []
        self._histories.poll()
        tick = self._network.clock.ticks.tick_at(head.timestamp)
        done = []
        for netuid in self._histories.netuids:
            for move in self._moves(netuid, tick):
                if self._make(netuid, move):
                    done.append(move)
        self._head_hash = head.hash
        return done

    def _moves(self, netuid: int, tick: int) -> list[Move]:
        history = self._histories.of(netuid)
        live = [
            r.live.proposal_id
            for r in history.epochs.values()
            if r.state is State.CLOSED and r.live is not None
        ]
        settlement = self._network.settlement
        queries = [settlement.query("proposal_of", i) for i in live]
        queries += [settlement.query("proven_of", i) for i in live]
        answers = read_all(self._network.connection, queries) if queries else []
        ticks = {i: int(answer[1]) for i, answer in zip(live, answers, strict=False)}
        proven = {i: int(word) for i, word in zip(live, answers[len(live) :], strict=True)}
        try:
            return moves(history, tick, ticks, proven, self._settings.mandate)
        except ConsensusMismatch as error:
            if (netuid, len(history.epochs)) not in self._mismatched:
                log.error("mismatch", netuid=netuid, error=str(error))
                self._mismatched.add((netuid, len(history.epochs)))
            return []

    def _make(self, netuid: int, move: Move) -> bool:
        """Send one move; False if it was not worth it or somebody else was faster."""
        history = self._histories.of(netuid)
        try:
            call = self._call(netuid, move, history)
            if call is None or self._is_taken(move, call):
                return False
            receipt = self._sender.send(call, urgent=move.verb in _URGENT)
        except Reverted as error:
            log.info("not done", verb=move.verb.value, epoch=move.epoch, reason=str(error))
            return False
        except ConfigError as error:
            log.warning("cannot", verb=move.verb.value, reason=str(error), next=error.next_step)
            return False
        self._account(receipt)
        log.info(
            move.verb.value, netuid=netuid, epoch=move.epoch, block=move.block,
            gas=receipt.gas_used,
        )  # fmt: skip
        self._histories.poll()
        return True

    def _call(self, netuid: int, move: Move, history: History) -> Call | None:
        settlement, record = self._network.settlement, history.epochs[move.epoch]
        match move.verb:
            case Verb.CHALLENGE_BLOCK:
                examination = challenge.examine(history, move.epoch)
                try:
                    arguments = challenge.challenge_block(examination, move.block)
                except challenge.UnknownBonds:
                    return self._demand(netuid, move, history)
                return settlement.open("challenge_block", arguments)
            case Verb.CHALLENGE_SUM:
                examination = challenge.examine(history, move.epoch)
                return settlement.open("challenge_sum", challenge.sums(examination))
            case Verb.PROVE:
                return self._next_proof(move, history)
            case Verb.PROPOSE:
                self._propose(netuid, move.epoch, history)
                return None
            case Verb.FINALIZE:
                assert record.live is not None  # planned only with a live proposal
                base, carried = history.base(move.epoch), history.carried(move.epoch)
                return settlement.finalize(record, record.live, base, carried)
            case Verb.VOID:
                return settlement.open("void", challenge.void(record))

    def _demand(self, netuid: int, move: Move, history: History) -> Call | None:
        """Nobody has shown the old bonds that a challenge has to open: ask for them."""
        parent = history.parent_of(move.epoch)
        if parent is None:
            return None
        deposit = self._network.settlement.deposit_rao()
        self._allow(deposit)
        return self._network.settlement.demand(netuid, parent.epoch, move.block)

    def _next_proof(self, move: Move, history: History) -> Call:
        """Blocks that are not proven yet, as many as one transaction takes; the sums at last."""
        settlement = self._network.settlement
        proven = settlement.proven_of(move.proposal_id)
        examination = challenge.examine(history, move.epoch)
        missing = [b for b in range(examination.frozen.header.blocks) if not proven >> b & 1]
        if missing:
            return settlement.open(
                "prove", challenge.prove(examination, missing[:BLOCKS_PER_PROOF])
            )
        return settlement.open("prove_sum", challenge.sums(examination))

    def _propose(self, netuid: int, epoch: int, history: History) -> None:
        parent_id = history.parent_id(epoch)
        assert parent_id is not None  # planned only when it may be proposed
        hotkey = Hotkey(self._network, self._sender, netuid)
        hotkey.propose(epoch, parent_id, history.result(epoch).words)
        log.info("propose", netuid=netuid, epoch=epoch)

    def _allow(self, amount_rao: int) -> None:
        tao, settlement = self._network.tao, self._network.settlement
        if tao.allowance(self._sender.address, settlement.address) < amount_rao:
            self._sender.send(tao.approve(settlement.address, amount_rao))

    def _is_taken(self, move: Move, call: Call) -> bool:
        """Whether somebody else's transaction already waits to do the same."""
        if move.proposal_id == 0:
            return False
        seed = keccak(
            bytes.fromhex(self._sender.address[2:]) + move.proposal_id.to_bytes(32, "big")
        )
        self._pause(seed[0] % STAGGER_SLOTS * STAGGER_SECONDS)
        return is_pending(self._network.connection, call, self._sender.address)

    def _pause(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def _account(self, receipt: Receipt) -> None:
        self._book.spend(receipt.gas_used, receipt.gas_price_wei)
        for event in self._network.settlement.events(ProposalStruck, receipt.logs):
            self._book.strike(event.reward_rao)


_URGENT = frozenset({Verb.CHALLENGE_BLOCK, Verb.CHALLENGE_SUM})


def _short(network: Network) -> str:
    return network.settlement.address[2:10].lower()
