# SPDX-License-Identifier: Apache-2.0
"""What a sender survives; names carry the rows of reference/security.md."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from offchain.chain.connection import Connection
from offchain.chain.contract import MAX_GAS, Call
from offchain.chain.errors import (
    DeadlinePassed,
    InsufficientFunds,
    NodeUnreachable,
    NonceTaken,
    OutboxFull,
    OutboxLocked,
    Reverted,
    TransactionFailed,
)
from offchain.chain.outbox import KEPT_TRANSACTIONS, Outbox
from offchain.chain.rpc import RetryPolicy, Rpc
from offchain.chain.transactions import FeePolicy, Patience, Sender
from offchain.keys import Signer
from tests.chain.fake_node import GWEI, FakeNode, RefusalError, decode_raw

KEY = Signer(b"\x11" * 32, "test")
CALL = Call(to="0x" + "22" * 20, data="0x01020304", doing="do a thing", gas=100_000)
PATIENCE = Patience(poll_seconds=1, resend_seconds=5, replace_seconds=20, give_up_seconds=200)


class Clock:
    """Time that passes only when somebody sleeps; every sleep may do something."""

    def __init__(self, on_sleep: Callable[[float], None]) -> None:
        self.time = 0.0
        self._on_sleep = on_sleep

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self._on_sleep(self.time)


def make(
    node: FakeNode,
    folder: Path | None = None,
    on_sleep: Callable[[float], None] | None = None,
    fees: FeePolicy | None = None,
) -> Sender:
    clock = Clock(on_sleep or (lambda _: node.mine()))
    rpc = Rpc(
        ["http://node"],
        RetryPolicy(attempts=3),
        transport=node.transport(),
        sleep=lambda _: None,
        now=clock.now,
    )
    return Sender(
        Connection(rpc),
        KEY,
        Outbox(folder),
        patience=PATIENCE,
        fees=fees,
        now=clock.now,
        sleep=clock.sleep,
    )


def test_send__ordinary__is_mined_once() -> None:
    node = FakeNode()
    receipt = make(node).send(CALL)
    assert receipt.transaction_hash == node.accepted[0].hash
    assert len(node.accepted) == 1


def test_send__contract_refuses__nothing_is_sent() -> None:
    node = FakeNode(reverts="weights: window closed")
    with pytest.raises(Reverted, match="do a thing: weights: window closed"):
        make(node).send(CALL)
    assert node.accepted == []


def test_send__contract_changes_between_rehearsal_and_estimate__says_the_reason() -> None:
    node = FakeNode()

    def refuse(_call: object) -> str:
        message = "execution reverted: settlement: already closed"
        raise RefusalError({"code": 3, "message": message})

    node.eth_estimateGas = refuse  # type: ignore[method-assign, assignment]
    with pytest.raises(Reverted, match="settlement: already closed"):
        make(node).send(replace(CALL, gas=None))
    assert node.accepted == []


@pytest.mark.parametrize(
    ("needed", "given"),
    [(50_000, 775_000), (500_001, 2_650_000), (8_000_001, MAX_GAS), (MAX_GAS, MAX_GAS)],
)
def test_send__to_ganache__is_never_estimated(needed: int, given: int) -> None:
    node = FakeNode(client="Ganache/v7.9.2", call_gas=needed, balance=10**20)
    make(node).send(replace(CALL, gas=None))
    assert "eth_estimateGas" not in node.calls
    assert [sent.fields["gas"] for sent in node.accepted] == [given]


def test_send__to_ganache__refused_since_the_first_question__nothing_is_sent() -> None:
    node = FakeNode(client="Ganache/v7.9.2")
    asked, answer = [], node.eth_call

    def change(call: dict[str, Any], tag: str) -> str:
        asked.append(call)
        node.reverts = "settlement: already closed" if len(asked) > 1 else ""
        return answer(call, tag)

    node.eth_call = change  # type: ignore[method-assign]
    with pytest.raises(Reverted, match="settlement: already closed"):
        make(node).send(replace(CALL, gas=None))
    assert len(asked) == 5
    assert node.accepted == []


def test_send__node_that_hides_its_name__is_estimated() -> None:
    node = FakeNode(call_gas=100_000)

    def refuse() -> str:
        raise RefusalError({"code": -32601, "message": "method not found"})

    node.web3_clientVersion = refuse  # type: ignore[method-assign]
    make(node).send(replace(CALL, gas=None))
    assert [sent.fields["gas"] for sent in node.accepted] == [275_000]


def test_send__to_another_node__is_estimated() -> None:
    node = FakeNode(call_gas=100_000)
    make(node).send(replace(CALL, gas=None))
    assert [sent.fields["gas"] for sent in node.accepted] == [275_000]


def test_send__cannot_pay_gas__nothing_is_sent(tmp_path: Path) -> None:
    node = FakeNode(balance=1)
    sender = make(node, tmp_path)
    with pytest.raises(InsufficientFunds, match=r"has 0\.000000 ETH for gas"):
        sender.send(CALL)
    assert node.accepted == []
    assert sender.outbox.entries() == []


def test_send__same_purpose_twice__is_one_transaction(tmp_path: Path) -> None:
    node = FakeNode()
    sender = make(node, tmp_path)
    first = sender.send(CALL, purpose="commit 1 7")
    second = sender.send(CALL, purpose="commit 1 7")
    assert first == second
    assert len(node.accepted) == 1
    sender.send(CALL, purpose="commit 1 8")
    assert len(node.accepted) == 2


def test_FI_02_killed_after_journal__sends_the_same_bytes(tmp_path: Path) -> None:
    node = FakeNode()
    node.broken = lambda m: httpx.Response(503) if m == "eth_sendRawTransaction" else None
    with pytest.raises(NodeUnreachable):
        make(node, tmp_path).send(CALL, purpose="commit 1 7")
    assert node.accepted == []
    node.broken = lambda m: None
    receipt = make(node, tmp_path).send(CALL, purpose="commit 1 7")
    assert [sent.hash for sent in node.accepted] == [receipt.transaction_hash]
    assert receipt.transaction_hash == Outbox(tmp_path).entries()[0].hashes[0]


def test_FI_03_killed_after_send__finds_its_transaction(tmp_path: Path) -> None:
    node = FakeNode()
    make(node, tmp_path).submit(CALL, purpose="commit 1 7")
    node.mine()
    receipt = make(node, tmp_path).send(CALL, purpose="commit 1 7")
    assert receipt.transaction_hash == node.accepted[0].hash
    assert len(node.accepted) == 1


def test_FI_03_recover__sends_again_what_is_not_mined(tmp_path: Path) -> None:
    node = FakeNode()
    sender = make(node, tmp_path)
    sender.submit(CALL, purpose="commit 1 7")
    sender.submit(CALL)
    node.pool.clear()  # the node forgot, too
    waiting = make(node, tmp_path).recover()
    assert [entry.nonce for entry in waiting] == [0, 1]
    assert [s.fields["nonce"] for s in node.pool] == [0, 1]
    node.mine()
    assert make(node, tmp_path).recover() == []


def test_FI_13_reorg_over_a_commit__sends_the_same_bytes_again(tmp_path: Path) -> None:
    node = FakeNode()
    sender = make(node, tmp_path)
    first = sender.send(CALL, purpose="commit 1 7")
    node.reorg("b")
    second = sender.send(CALL, purpose="commit 1 7")
    assert first.transaction_hash == second.transaction_hash
    assert first.block_hash != second.block_hash


def test_FI_08_fee_too_low__is_replaced_in_steps_until_mined(tmp_path: Path) -> None:
    node = FakeNode()

    def fees_rise_then_blocks(time: float) -> None:
        if time == 2:
            node.base_fee = 4 * GWEI
        node.mine()

    sender = make(node, tmp_path, fees_rise_then_blocks)
    receipt = sender.send(CALL)
    fees = [sent.fields["maxFeePerGas"] for sent in node.accepted]
    assert receipt.transaction_hash in {sent.hash for sent in node.accepted}
    assert all(later * 1000 >= earlier * 1125 for earlier, later in pairwise(fees))
    assert {sent.fields["nonce"] for sent in node.accepted} == {0}
    assert sum(s.hash in node.receipts for s in node.accepted) == 1
    sender.send(CALL)
    assert node.accepted[-1].fields["nonce"] == 1


def test_FI_08_seeded_bug__bump_of_ten_percent_less_is_refused_by_nodes() -> None:
    node = FakeNode(base_fee=4 * GWEI)
    sender = make(node, on_sleep=lambda _: None)
    entry = sender.submit(CALL)
    raw = sender._sign(
        CALL.to, CALL.data, 0, 100_000, entry.nonce, entry.max_fee_wei * 109 // 100, 1
    )
    before = len(node.accepted)
    sender.connection.rpc.batch([("eth_sendRawTransaction", ["0x" + raw.hex()])])
    assert len(node.accepted) == before


def test_deadline_passes__is_cancelled_and_frees_the_nonce() -> None:
    node = FakeNode()
    myself = bytes.fromhex(KEY.address[2:])

    def stuck_until_cancelled(time: float) -> None:
        is_cancelled = any(sent.fields["to"] == myself for sent in node.pool)
        if is_cancelled:
            node.mine()
        else:
            node.number += 1

    sender = make(node, on_sleep=stuck_until_cancelled)
    sender.patience = Patience(poll_seconds=1, replace_seconds=1_000)
    with pytest.raises(DeadlinePassed, match="cancelled"):
        sender.send(CALL, deadline=1_000 + node.number + 6)
    first, cancellation = node.accepted
    assert cancellation.fields["nonce"] == first.fields["nonce"] == 0
    assert cancellation.fields["value"] == 0
    assert list(node.receipts) == [cancellation.hash]
    after = sender.submit(CALL)
    node.mine()
    assert (after.nonce, sender.wait(after).transaction_hash) == (1, after.hashes[0])


def test_FI_19_gas_above_the_cap__ordinary_work_waits_and_urgent_work_goes() -> None:
    node = FakeNode(base_fee=100 * GWEI)
    fees = FeePolicy(tip_wei=GWEI, cap_wei=50 * GWEI, urgent_cap_wei=1_000 * GWEI)
    sender = make(node, fees=fees)
    with pytest.raises(TransactionFailed, match="more than the cap"):
        sender.send(CALL)
    assert node.accepted == []
    sender.send(CALL, urgent=True)
    assert node.accepted[0].fields["maxFeePerGas"] <= 1_000 * GWEI


def test_nonce_taken_by_another_machine__is_said(tmp_path: Path) -> None:
    node = FakeNode()

    def somebody_else_is_faster(time: float) -> None:
        node.pool.clear()
        node.mined_nonces[KEY.address.lower()] = 1

    with pytest.raises(NonceTaken, match="nonce 0"):
        make(node, tmp_path, somebody_else_is_faster).send(CALL)


def test_nonces__node_does_not_count_its_pool__are_counted_here(tmp_path: Path) -> None:
    node = FakeNode()
    node.eth_getTransactionCount = lambda who, tag: hex(node.mined_nonces.get(who.lower(), 0))  # type: ignore[method-assign]
    sender = make(node, tmp_path)
    assert [sender.submit(CALL).nonce for _ in range(3)] == [0, 1, 2]


def test_nonces__block_between_two_questions__none_is_used_twice(tmp_path: Path) -> None:
    node = FakeNode()
    count = node.eth_getTransactionCount

    def ganache_in_a_bad_moment(who: str, tag: str) -> str:
        if tag == "pending":  # what it says is old at once
            old = hex(node.mined_nonces.get(who.lower(), 0))
            node.mine()
            return old
        return count(who, tag)

    node.eth_getTransactionCount = ganache_in_a_bad_moment  # type: ignore[method-assign]
    sender = make(node, tmp_path)
    assert [sender.submit(CALL).nonce for _ in range(4)] == [0, 1, 2, 3]


def test_nonces__many_threads__are_all_different(tmp_path: Path) -> None:
    node = FakeNode()
    senders = [make(node, tmp_path) for _ in range(4)]  # as four processes would

    def work(sender: Sender) -> None:
        for _ in range(5):
            sender.submit(CALL)

    threads = [threading.Thread(target=work, args=(sender,)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent.fields["nonce"] for sent in node.accepted) == list(range(20))


def test_FI_06_disk_full__nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = FakeNode()
    sender = make(node, tmp_path)
    sender.send(CALL, purpose="commit 1 6")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutboxFull, match="No space left on device"):
        sender.send(CALL, purpose="commit 1 7")
    assert len(node.accepted) == 1
    monkeypatch.undo()
    assert [entry.purpose for entry in sender.outbox.entries()] == ["commit 1 6"]
    sender.send(CALL, purpose="commit 1 7")
    assert [sent.fields["nonce"] for sent in node.accepted] == [0, 1]


def test_outbox__many_epochs__does_not_grow_for_ever(tmp_path: Path) -> None:
    node = FakeNode()
    sender = make(node, tmp_path)
    for epoch in range(KEPT_TRANSACTIONS + 20):
        sender.send(CALL, purpose=f"commit 1 {epoch}")
    entries = sender.outbox.entries()
    assert len(entries) <= KEPT_TRANSACTIONS + 2
    assert entries[-1].purpose == f"commit 1 {KEPT_TRANSACTIONS + 19}"


def test_outbox__held_by_another_process__is_said(tmp_path: Path) -> None:
    with Outbox(tmp_path).lock(), pytest.raises(OutboxLocked), Outbox(tmp_path).lock(0.1):
        raise AssertionError("two holders of one lock")


def test_presigned__nonce_unchanged__goes_out_as_signed(tmp_path: Path) -> None:
    node = FakeNode()
    sender = make(node, tmp_path)
    signed = sender.presign(CALL)
    node.calls.clear()
    receipt = sender.send_presigned(signed, purpose="reveal 1 7")
    assert decode_raw("0x" + signed.raw.hex()).hash == receipt.transaction_hash
    assert "eth_estimateGas" not in node.calls
    assert "eth_call" not in node.calls


def test_presigned__nonce_moved_on__is_signed_again(tmp_path: Path) -> None:
    node = FakeNode()
    sender = make(node, tmp_path)
    signed = sender.presign(CALL)
    sender.send(CALL)
    sender.send_presigned(signed, purpose="reveal 1 7")
    assert [sent.fields["nonce"] for sent in node.accepted] == [0, 1]


def test_mined_but_failed__says_the_reason() -> None:
    node = FakeNode(status=0)

    def contract_changes_its_mind(time: float) -> None:
        node.reverts = "neurons: burn above maximum"
        node.mine()

    with pytest.raises(Reverted, match="burn above maximum"):
        make(node, on_sleep=contract_changes_its_mind).send(CALL)


def test_I10_outbox_and_errors__hold_no_key(tmp_path: Path) -> None:
    node = FakeNode()
    sender = make(node, tmp_path)
    sender.submit(CALL, purpose="commit 1 7")
    text = "".join(path.read_text() for path in tmp_path.glob("*.json"))
    assert "11" * 32 not in text
    assert "11" * 32 not in repr(vars(sender))
