# SPDX-License-Identifier: Apache-2.0
"""Sends a watcher's calls, each once, and books what every mined one has cost.

The outbox holds a call from before it leaves until its receipt is booked, under a purpose made of
its bytes: after a kill the same call is found there and not sent a second time, and what was mined
in the meantime is booked.
"""

from __future__ import annotations

from eth_hash.auto import keccak

from offchain.chain.contract import Call
from offchain.chain.errors import Reverted, TransactionFailed
from offchain.chain.mempool import is_pending
from offchain.chain.network import Network
from offchain.chain.outbox import Entry
from offchain.chain.settlement import ProposalStruck
from offchain.chain.transactions import Receipt, Sender
from offchain.watcher.accounts import AccountBook, Spending

PURPOSE = "watch "
ANYBODY = ""


class Dispatcher:
    """One account's hands."""

    def __init__(self, network: Network, sender: Sender, book: AccountBook) -> None:
        self._network = network
        self._sender = sender
        self._book = book
        self._unseen: set[int] = set()

    @property
    def address(self) -> str:
        return self._sender.address

    def recover(self) -> int:
        """After a start: send again what a killed run left; how much still waits."""
        waiting = self._sender.recover()
        self.tidy()
        return len(waiting)

    def is_under_way(self, call: Call) -> bool:
        """Whether anybody's transaction waits to do the same; ours too, after a reorganisation."""
        return is_pending(self._network.connection, call, ANYBODY)

    def rehearsed(self, call: Call) -> Call:
        """The call with its gas. Raises `Reverted` if the contract would refuse it now."""
        return self._sender.rehearsed(call)

    def submit(self, call: Call, *, urgent: bool) -> Entry:
        """Send what was rehearsed, without waiting."""
        digest = keccak(bytes.fromhex(call.data[2:])).hex()[:16]
        purpose = f"{PURPOSE}{digest}"
        return self._sender.submit(call, purpose=purpose, rehearse=False, urgent=urgent)

    def send(self, call: Call) -> Receipt:
        """Rehearse, submit, collect."""
        return self.collect(self.submit(self.rehearsed(call), urgent=False), urgent=False)

    def collect(self, entry: Entry, *, urgent: bool) -> Receipt:
        """Wait for what was submitted, and book it. Raises `Reverted`, `TransactionFailed`."""
        try:
            receipt = self._sender.wait(entry, urgent=urgent)
        except (Reverted, TransactionFailed):
            self.tidy()
            raise
        self.tidy()
        return receipt

    def tidy(self) -> None:
        """Book everything that is in a block, and forget it: from then on the chain knows."""
        outbox = self._sender.outbox
        entries = [e for e in outbox.entries() if e.purpose.startswith(PURPOSE)]
        if not entries:
            return
        mined = self._network.connection.nonce(self.address, "latest")
        for entry in entries:
            if entry.nonce >= mined:
                continue
            if not self._book_entry(entry) and entry.nonce not in self._unseen:
                self._unseen.add(entry.nonce)  # a node may show the nonce before the receipt
                continue
            self._unseen.discard(entry.nonce)
            with outbox.lock():
                outbox.forget(entry.nonce)

    def reconcile(self) -> None:
        """Take back what is in no block any more. One receipt tells whether there is anything."""
        receipt = self._network.connection.receipt
        newest, missing = self._book.doubtful
        if any(receipt(h) is None for h in newest) or any(receipt(h) for h in missing):
            self._book.reconcile(lambda transaction_hash: receipt(transaction_hash) is not None)

    def _book_entry(self, entry: Entry) -> bool:
        for transaction_hash in reversed(entry.hashes):
            raw = self._network.connection.receipt(transaction_hash)
            if raw is None or raw.get("blockNumber") is None:
                continue
            struck = self._network.settlement.events(ProposalStruck, raw["logs"])
            self._book.book(
                Spending(
                    transaction_hash=transaction_hash,
                    gas_used=int(raw["gasUsed"], 16),
                    gas_price_wei=int(raw.get("effectiveGasPrice") or "0x0", 16),
                    is_reverted=int(raw["status"], 16) == 0,
                    struck=len(struck),
                )
            )
            return True
        return False
