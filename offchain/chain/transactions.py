# SPDX-License-Identifier: Apache-2.0
"""Sends transactions of one key and survives what chains do to them.

    sender = Sender(connection, signer, Outbox(folder))
    receipt = sender.send(weights.commit(...), purpose="commit 1 17", deadline=timestamp)

- one nonce at a time, over all threads and processes of this machine (`Outbox.lock`);
- rehearsed with `eth_call` first, so that what a contract refuses is never sent;
- on disk before it leaves; the same purpose sends the same bytes again, never a second transaction;
- re-sent while it waits, replaced at +12.5 % when the fee is too low, within a cap;
- cancelled when its deadline has passed, so that it never blocks its successors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from offchain.chain.connection import Connection, ViewCall
from offchain.chain.contract import Call
from offchain.chain.errors import (
    DeadlinePassed,
    InsufficientFunds,
    NodeRefused,
    NonceTaken,
    Reverted,
    TransactionFailed,
)
from offchain.chain.gas import gas_for
from offchain.chain.outbox import Entry, Outbox

BUMP_NUMERATOR, BUMP_DENOMINATOR = 1125, 1000  # nodes refuse replacements below +10 %
TRANSFER_GAS = 21_000
_KNOWN = ("already known", "already imported", "known transaction", "alreadyknown")
_TOO_LOW = ("nonce too low", "nonce is too low", "the tx doesn't have the correct nonce")
_UNDERPRICED = ("underpriced", "fee too low", "max fee per gas less than block base fee")


class TransactionSigner(Protocol):
    """What this module needs of a key."""

    @property
    def address(self) -> str: ...

    def sign_transaction(self, fields: Mapping[str, Any]) -> bytes: ...


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """What a transaction may cost per gas, in wei.

    tip_wei: to the block's maker. cap_wei: the most for ordinary work; urgent_cap_wei: for a
    reveal or a challenge, which is worthless when late (security FI-19).
    """

    tip_wei: int = 1_000_000_000
    cap_wei: int = 500_000_000_000
    urgent_cap_wei: int = 5_000_000_000_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How to wait, in seconds. Replacement is a step of its own after `replace_seconds`."""

    poll_seconds: float = 0.25
    resend_seconds: float = 5.0
    replace_seconds: float = 20.0
    give_up_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction in a block. `logs` are raw, for `Contract.events`."""

    transaction_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    gas_price_wei: int
    contract_address: str | None
    logs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Presigned:
    """A call signed in advance for one nonce; `send_presigned` signs again if the nonce is gone."""

    call: Call
    nonce: int
    raw: bytes
    max_fee_wei: int
    tip_wei: int


class Sender:
    """Everything that one key sends on one chain."""

    def __init__(
        self,
        connection: Connection,
        signer: TransactionSigner,
        outbox: Outbox | None = None,
        *,
        fees: FeePolicy | None = None,
        patience: Patience | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = connection
        self.signer = signer
        self.outbox = outbox or Outbox(None)
        self.fees = fees or FeePolicy()
        self.patience = patience or Patience()
        self._now = now
        self._sleep = sleep

    @property
    def address(self) -> str:
        return self.signer.address

    def send(
        self, call: Call, *, purpose: str = "", deadline: int | None = None, urgent: bool = False
    ) -> Receipt:
        """Send one call and wait until it is in a block.

        purpose: names the intent for ever; a second call with it never becomes a second
        transaction. deadline: chain time in Unix seconds after which the call is pointless.
        Raises `Reverted`, `InsufficientFunds`, `DeadlinePassed`, `NonceTaken`, `NodeUnreachable`.
        """
        entry = self._enqueue(call, purpose, urgent, rehearse=True)
        return self._wait(entry, deadline, urgent)

    def send_all(self, calls: Sequence[Call], *, urgent: bool = False) -> list[Receipt]:
        """Send calls on successive nonces without waiting in between, then wait for all.

        They are not rehearsed, because each may need its predecessors: give them gas. Raises on
        the first that failed, after all have been waited for.
        """
        with self.outbox.lock():
            entries = [self._enqueue(call, "", urgent, rehearse=False) for call in calls]
        return self._wait_all(entries)

    def rehearsed(self, call: Call) -> Call:
        """The call with its gas fixed. Raises `Reverted` if the contract would refuse it now."""
        return replace(call, gas=self._gas(call, rehearse=True))

    def submit(
        self, call: Call, *, purpose: str = "", rehearse: bool = True, urgent: bool = False
    ) -> Entry:
        """Send without waiting; give what it returns to `wait`."""
        return self._enqueue(call, purpose, urgent, rehearse=rehearse)

    def wait(self, entry: Entry, *, deadline: int | None = None, urgent: bool = False) -> Receipt:
        """Wait for something submitted."""
        return self._wait(entry, deadline, urgent)

    def next_nonce(self) -> int:
        """The node's count, or one more than our newest entry that is not in a block yet."""
        pending = self.connection.nonce(self.address, "pending")
        mined = self.connection.nonce(self.address, "latest")
        self.outbox.prune(mined)
        own = [e.nonce + 1 for e in self.outbox.entries() if e.nonce >= mined]
        return max([pending, mined, *own])  # a block may have come between the two questions

    def presign(self, call: Call, *, urgent: bool = True, skip: int = 0) -> Presigned:
        """Sign now, send later: needs fixed gas. `skip` leaves nonces for what is sent before."""
        if call.gas is None:
            raise TransactionFailed(
                f"{call.doing} cannot be signed in advance without a fixed gas",
                next_step="Give the call its gas.",
            )
        max_fee, tip = self._fees(urgent)
        nonce = self.next_nonce() + skip
        raw = self._sign(call.to, call.data, call.value_wei, call.gas, nonce, max_fee, tip)
        return Presigned(call, nonce, raw, max_fee, tip)

    def send_presigned(
        self, presigned: Presigned, *, purpose: str = "", deadline: int | None = None
    ) -> Receipt:
        """Send what was signed in advance; signs again only if the nonce or the fee moved on."""
        call = presigned.call
        with self.outbox.lock():
            entry = self.outbox.find(purpose)
            base_fee = self.connection.head().base_fee_wei
            usable = presigned.nonce == self.next_nonce() and presigned.max_fee_wei > base_fee
            if entry is None and usable:
                entry = Entry(
                    nonce=presigned.nonce,
                    purpose=purpose,
                    doing=call.doing,
                    to=call.to,
                    data=call.data,
                    value_wei=call.value_wei,
                    gas=call.gas or 0,
                    max_fee_wei=presigned.max_fee_wei,
                    tip_wei=presigned.tip_wei,
                    raw=["0x" + presigned.raw.hex()],
                    hashes=[_hash(presigned.raw)],
                )
                self.outbox.put(entry)
                self._broadcast(entry)
        if entry is None:
            return self.send(call, purpose=purpose, deadline=deadline, urgent=True)
        return self._wait(entry, deadline, urgent=True)

    def recover(self) -> list[Entry]:
        """After a start: send again what a killed process left, forget what is mined.

        Returns what is still waiting.
        """
        with self.outbox.lock():
            mined = self.connection.nonce(self.address, "latest")
            waiting = []
            for entry in self.outbox.entries():
                if entry.nonce < mined:
                    if not entry.purpose:
                        self.outbox.forget(entry.nonce)
                    continue
                self._broadcast(entry)
                waiting.append(entry)
        return waiting

    def forget(self, purpose_prefix: str) -> None:
        """Drop what is final and will never be sent again, e.g. all of an old epoch."""
        mined = self.connection.nonce(self.address, "latest")
        with self.outbox.lock():
            for entry in self.outbox.entries():
                if entry.purpose.startswith(purpose_prefix) and entry.nonce < mined:
                    self.outbox.forget(entry.nonce)

    # how a call becomes an entry

    def _enqueue(self, call: Call, purpose: str, urgent: bool, *, rehearse: bool) -> Entry:
        with self.outbox.lock():
            entry = self.outbox.find(purpose)
            if entry is not None:
                if self._is_lost(entry):
                    self.outbox.forget(entry.nonce)
                else:
                    self._broadcast(entry)
                    return entry
            gas = self._gas(call, rehearse)
            max_fee, tip = self._fees(urgent)
            self._check_funds(call, gas * max_fee + call.value_wei)
            nonce = self.next_nonce()
            raw = self._sign(call.to, call.data, call.value_wei, gas, nonce, max_fee, tip)
            entry = Entry(
                nonce=nonce,
                purpose=purpose,
                doing=call.doing,
                to=call.to,
                data=call.data,
                value_wei=call.value_wei,
                gas=gas,
                max_fee_wei=max_fee,
                tip_wei=tip,
                raw=["0x" + raw.hex()],
                hashes=[_hash(raw)],
            )
            self.outbox.put(entry)
            try:
                self._broadcast(entry)
            except NodeRefused:
                self.outbox.forget(nonce)  # refused outright: nothing is half-sent
                raise
            return entry

    def _is_lost(self, entry: Entry) -> bool:
        """Whether its nonce went to something else, after a reorg or by another machine."""
        if entry.nonce >= self.connection.nonce(self.address, "latest"):
            return False
        receipt = self._receipt(entry)
        return receipt is None or int(receipt["status"], 16) == 0

    def _gas(self, call: Call, rehearse: bool) -> int:
        if call.gas is not None:
            if rehearse:
                self.connection.view(call.view(self.address))
            return call.gas
        return gas_for(self.connection, call.view(self.address))

    def _fees(self, urgent: bool) -> tuple[int, int]:
        cap = self.fees.urgent_cap_wei if urgent else self.fees.cap_wei
        base = self.connection.head().base_fee_wei
        tip = min(self.fees.tip_wei, cap)
        if base + tip > cap:
            raise TransactionFailed(
                f"gas costs {base} wei now, more than the cap of {cap}",
                next_step="Wait for cheaper gas, or raise the cap.",
            )
        return min(2 * base + tip, cap), tip

    def _check_funds(self, call: Call, needed_wei: int) -> None:
        balance = self.connection.balance_wei(self.address)
        if balance < needed_wei:
            raise InsufficientFunds(
                f"{call.doing}: {self.address} has {_ether(balance)} ETH for gas, "
                f"needs up to {_ether(needed_wei)}",
                next_step="Send it some of the chain's own coin; nothing was sent.",
            )

    def _sign(
        self, to: str | None, data: str, value: int, gas: int, nonce: int, max_fee: int, tip: int
    ) -> bytes:
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self.connection.chain_id,
            "nonce": nonce,
            "gas": gas,
            "maxFeePerGas": max_fee,
            "maxPriorityFeePerGas": min(tip, max_fee),
            "value": value,
            "data": data,
        }
        if to is not None:
            fields["to"] = to_checksum_address(to)
        return self.signer.sign_transaction(fields)

    # how an entry becomes a receipt

    def _broadcast(self, entry: Entry) -> None:
        """Hand the newest raw to the node; that it has it already is as good as news."""
        try:
            self.connection.rpc.call("eth_sendRawTransaction", entry.raw[-1])
        except NodeRefused as error:
            message = str(error).lower()
            if any(text in message for text in (*_KNOWN, *_TOO_LOW, *_UNDERPRICED)):
                return  # waiting decides: mined, taken, or to be replaced
            if "insufficient funds" in message:
                raise InsufficientFunds(
                    f"{entry.doing}: {self.address} cannot pay the gas",
                    next_step="Send it some of the chain's own coin.",
                ) from error
            raise

    def _wait_all(self, entries: Sequence[Entry]) -> list[Receipt]:
        receipts: list[Receipt] = []
        failure: TransactionFailed | Reverted | None = None
        for entry in entries:
            try:
                receipts.append(self._wait(entry, None, urgent=False))
            except (TransactionFailed, Reverted) as error:
                failure = failure or error
        if failure:
            raise failure
        return receipts

    def _wait(self, entry: Entry, deadline: int | None, urgent: bool) -> Receipt:
        started = resent = replaced = self._now()
        while True:
            raw = self._receipt(entry)
            if raw is not None:
                return self._finish(entry, raw)
            self._check_not_taken(entry)
            now = self._now()
            if deadline is not None and self.connection.head().timestamp >= deadline:
                return self._cancel(entry, f"its deadline {deadline} has passed", urgent)
            patience_ends = self.patience.give_up_seconds
            if entry.cancelled:
                patience_ends = self.patience.replace_seconds
            if now - started > patience_ends:
                return self._cancel(entry, f"waited {now - started:.0f} s", urgent)
            if now - replaced > self.patience.replace_seconds:
                replaced = resent = now
                self._replace(entry, urgent)
            elif now - resent > self.patience.resend_seconds:
                resent = now
                self._broadcast(entry)
            self._sleep(self.patience.poll_seconds)

    def _receipt(self, entry: Entry) -> dict[str, Any] | None:
        for transaction_hash in reversed(entry.hashes):
            raw = self.connection.receipt(transaction_hash)
            if raw is not None and raw.get("blockNumber") is not None:
                return raw
        return None

    def _check_not_taken(self, entry: Entry) -> None:
        if self.connection.nonce(self.address, "latest") <= entry.nonce:
            return
        if self._receipt(entry) is not None:
            return  # mined between the two questions
        with self.outbox.lock():
            self.outbox.forget(entry.nonce)
        raise NonceTaken(
            f"{entry.doing}: nonce {entry.nonce} of {self.address} went to another transaction",
            next_step="Stop the other program that sends with this key, and try again.",
        )

    def _finish(self, entry: Entry, raw: dict[str, Any]) -> Receipt:
        if not entry.purpose:
            with self.outbox.lock():
                self.outbox.forget(entry.nonce)
        if int(raw["status"], 16) != 1:
            raise self._why_it_failed(entry, raw)
        if entry.cancelled and raw["transactionHash"] == entry.hashes[-1]:
            raise DeadlinePassed(
                f"{entry.doing}: not mined in time, and cancelled",
                next_step="Try again in the next epoch; check the node and the gas price.",
            )
        return _receipt(raw)

    def _why_it_failed(self, entry: Entry, raw: dict[str, Any]) -> Reverted | TransactionFailed:
        """Run it again on the state before its block to hear the reason."""
        view = ViewCall(to=entry.to, data=entry.data, sender=self.address, doing=entry.doing)
        try:
            self.connection.view(view, int(raw["blockNumber"], 16) - 1)
        except Reverted as error:
            return error
        except NodeRefused as error:
            reason = f"failed, and the reason is unknown: {error}"
        else:
            reason = "failed in its block, although it works on the state before"
        if int(raw["gasUsed"], 16) >= entry.gas * 63 // 64:
            reason = f"ran out of its {entry.gas} gas"
        return TransactionFailed(
            f"{entry.doing}: transaction {raw['transactionHash']} {reason}",
            next_step="Try again.",
        )

    def _replace(self, entry: Entry, urgent: bool) -> None:
        """The same call at +12.5 %, unless the cap is reached."""
        cap = self.fees.urgent_cap_wei if urgent else self.fees.cap_wei
        max_fee = max(_bump(entry.max_fee_wei), 2 * self.connection.head().base_fee_wei)
        max_fee = min(max_fee, cap)
        if max_fee < _bump(entry.max_fee_wei):
            self._broadcast(entry)
            return
        self._resign(entry, entry.to, entry.data, entry.value_wei, entry.gas, max_fee)

    def _cancel(self, entry: Entry, why: str, urgent: bool) -> Receipt:
        """Free the nonce with an empty transfer to ourselves; what is mined first decides."""
        if entry.cancelled:
            raise DeadlinePassed(
                f"{entry.doing}: {why}, and even its cancellation is not mined yet",
                next_step="Check the node and the gas price.",
            )
        entry.cancelled = True
        wanted = min(2 * self.connection.head().base_fee_wei, self.fees.urgent_cap_wei)
        max_fee = max(wanted, _bump(entry.max_fee_wei))
        self._resign(entry, self.address, "0x", 0, TRANSFER_GAS, max_fee)
        return self._wait(entry, None, urgent)

    def _resign(
        self, entry: Entry, to: str | None, data: str, value: int, gas: int, max_fee: int
    ) -> None:
        tip = min(_bump(entry.tip_wei), max_fee)
        raw = self._sign(to, data, value, gas, entry.nonce, max_fee, tip)
        entry.max_fee_wei, entry.tip_wei = max_fee, tip
        entry.raw.append("0x" + raw.hex())
        entry.hashes.append(_hash(raw))
        with self.outbox.lock():
            self.outbox.put(entry)
            self._broadcast(entry)


def _bump(fee_wei: int) -> int:
    """At least +12.5 %, rounded up."""
    return -(-fee_wei * BUMP_NUMERATOR // BUMP_DENOMINATOR)


def _hash(raw: bytes) -> str:
    return "0x" + keccak(raw).hex()


def _ether(wei: int) -> str:
    return f"{wei / 10**18:.6f}"


def _receipt(raw: Mapping[str, Any]) -> Receipt:
    created = raw.get("contractAddress")
    return Receipt(
        transaction_hash=raw["transactionHash"],
        block_number=int(raw["blockNumber"], 16),
        block_hash=raw["blockHash"],
        gas_used=int(raw["gasUsed"], 16),
        gas_price_wei=int(raw.get("effectiveGasPrice") or "0x0", 16),
        contract_address=to_checksum_address(created) if created else None,
        logs=tuple(raw["logs"]),
    )
