# SPDX-License-Identifier: Apache-2.0
"""Receipts: every answer attributable, no answer deniable, nobody framed."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.wire import Evidence, ReceiptError, check_equivocation, check_evidence
from offchain.wire.evidence import verdict
from offchain.wire.frames import Receipt
from offchain.wire.receipts import (
    Batch,
    climb,
    leaf,
    merkle_path,
    merkle_root,
    sign_root,
)
from tests.wire.worlds import (
    DOMAIN,
    PATIENT_S,
    START,
    Double,
    LocalHotkey,
    in_loop,
    new_hotkey,
    patient,
    until,
    world,
)

FAST = patient(receipt_every=8, receipt_ms=50)


@given(st.integers(1, 70), st.data())
@settings(max_examples=60)
def test_merkle_path__any_leaf__leads_to_the_root(count: int, data: st.DataObject) -> None:
    leaves = [leaf(i.to_bytes(32, "big"), bytes(32), bytes(32)) for i in range(count)]
    index = data.draw(st.integers(0, count - 1))
    path = merkle_path(leaves, index)
    assert climb(leaves[index], path) == merkle_root(leaves)
    wrong = leaves[(index + 1) % count]
    assert count == 1 or climb(wrong, path) != merkle_root(leaves)


@in_loop
async def test_receipt__after_n_answers__makes_every_answer_attributable() -> None:
    async with world(FAST) as w:
        w.axon.model_hash = b"m" * 32
        replies = await w.dendrite.query(
            [(w.endpoint, Double(number=n)) for n in range(20)], PATIENT_S
        )
        await until(lambda: all(r.evidence() is not None for r in replies))
        evidence = [r.evidence() for r in replies]
        for one in evidence:
            check_evidence(one)
            assert one.signer == w.miner.address
            assert one.caller == w.validator.address
            assert one.model == b"m" * 32
        assert len({one.request for one in evidence}) == 20
        assert Evidence.from_json(evidence[0].to_json()) == evidence[0]


@in_loop
async def test_receipt__model_changes__each_answer_names_its_own() -> None:
    async with world(FAST) as w:
        w.axon.model_hash = b"a" * 32
        before = await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        w.axon.model_hash = b"b" * 32
        after = await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        await until(lambda: before.evidence() is not None and after.evidence() is not None)
        assert before.evidence().model == b"a" * 32
        assert after.evidence().model == b"b" * 32


@in_loop
async def test_receipt__on_receipt__sees_every_batch() -> None:
    batches: list[Batch] = []
    async with world(FAST, on_receipt=batches.append) as w:
        await w.dendrite.query([(w.endpoint, Double(number=n)) for n in range(20)], PATIENT_S)
        await until(lambda: sum(len(b.leaves) for b in batches) == 20)


@in_loop
async def test_receipt__axon_closes__the_last_ones_still_come() -> None:
    async with world(patient(receipt_every=1_000, receipt_ms=60_000)) as w:
        reply = await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        assert reply.evidence() is None
        await w.axon.close()
        await until(lambda: reply.evidence() is not None)


@in_loop
async def test_receipt__answer_after_the_deadline__is_still_covered() -> None:
    async with world(FAST) as w:
        await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
        link = w.dendrite._links[w.endpoint]
        _, asked = link.ask("Double", b"\x81\xa6number\x01", PATIENT_S)
        asked.future.cancel()  # the caller has given up
        await until(lambda: asked.evidence() is not None)
        assert not link.closed


@pytest.mark.parametrize("lie", ["root", "signature", "ids", "signer"])
def test_receipt__false__ends_the_connection(lie: str) -> None:
    @in_loop
    async def run() -> None:
        # no timer sends the true receipt before the false one
        async with world(patient(receipt_every=1_000, receipt_ms=10**7)) as w:
            reply = await w.dendrite.call(w.endpoint, Double(number=1), PATIENT_S)
            link = w.axon._door.all_links()[0]
            leaves = link._leaves
            key = new_hotkey() if lie == "signer" else w.miner
            root, signature = sign_root(
                key, DOMAIN, w.validator.address, link.session.id, leaves, START
            )
            frame = Receipt(link._leaf_ids, bytes(32), root, START, signature)
            if lie == "root":
                frame.root = bytes(32)
            elif lie == "signature":
                frame.time += 1
            elif lie == "ids":
                frame.ids = [*frame.ids, 77]
            link._leaves, link._leaf_ids = [], []
            ours = w.dendrite._links[w.endpoint]
            link._post(frame)
            await until(lambda: ours.closed)
            assert reply.evidence() is None
            assert "receipt" in ours.why or "signature" in ours.why

    run()


@in_loop
async def test_receipt__never_sent__the_caller_hangs_up() -> None:
    async with world(patient(receipt_every=10_000, receipt_ms=10**7, unreceipted=50)) as w:
        questions = [(w.endpoint, Double(number=n)) for n in range(40)]
        assert all(r.ok for r in await w.dendrite.query(questions, PATIENT_S))
        first = w.dendrite._links[w.endpoint]
        await w.dendrite.query(questions, PATIENT_S)
        assert first.closed
        assert "receipts are missing" in first.why


def _evidence(
    key: LocalHotkey, request: bytes, answer: bytes, model: bytes = bytes(32)
) -> Evidence:
    leaves = [leaf(request, answer, model), leaf(b"o" * 32, b"o" * 32, model)]
    caller = "0x" + "22" * 20
    _, signature = sign_root(key, DOMAIN, caller, b"s" * 32, leaves, START)
    batch = Batch(DOMAIN, key.address, caller, b"s" * 32, leaves, START, signature)
    return batch.evidence(0, request, answer, model)


def test_equivocation__two_answers_to_one_request__convicts() -> None:
    key = new_hotkey()
    one, two = _evidence(key, b"r" * 32, b"1" * 32), _evidence(key, b"r" * 32, b"2" * 32)
    assert check_equivocation(one, two) == key.address


def test_equivocation__anything_less__convicts_nobody() -> None:
    key, other = new_hotkey(), new_hotkey()
    one = _evidence(key, b"r" * 32, b"1" * 32)
    for innocent in (
        one,  # the same answer
        _evidence(key, b"q" * 32, b"2" * 32),  # another request
        _evidence(other, b"r" * 32, b"2" * 32),  # another signer
    ):
        with pytest.raises(ReceiptError):
            check_equivocation(one, innocent)


@pytest.mark.parametrize(
    "change",
    [
        {"answer": b"x" * 32},
        {"request": b"x" * 32},
        {"model": b"x" * 32},
        {"session": b"x" * 32},
        {"caller": "0x" + "33" * 20},
        {"time": START + 1},
        {"count": 3},
        {"chain_id": 1},
        {"verifying_contract": "0x" + "33" * 20},
        {"path": []},
        {"signature": bytes(65)},
        {"signer": "0x" + "33" * 20},
    ],
    ids=lambda c: next(iter(c)),
)
def test_evidence__altered__refused(change: dict[str, object]) -> None:
    good = _evidence(new_hotkey(), b"r" * 32, b"1" * 32)
    check_evidence(good)
    with pytest.raises(ReceiptError):
        check_evidence(msgspec.structs.replace(good, **change))


def test_evidence__inner_node_as_leaf__refused() -> None:
    # Leaves and nodes are hashed with different prefixes: no inner node passes as an answer.
    key = new_hotkey()
    leaves = [leaf(bytes([i]) * 32, bytes(32), bytes(32)) for i in range(4)]
    _, signature = sign_root(key, DOMAIN, "0x" + "22" * 20, b"s" * 32, leaves, START)
    batch = Batch(DOMAIN, key.address, "0x" + "22" * 20, b"s" * 32, leaves, START, signature)
    inner = batch.evidence(0, leaves[0], leaves[1], bytes(32))
    with pytest.raises(ReceiptError):
        check_evidence(msgspec.structs.replace(inner, path=inner.path[1:]))


def test_evidence__not_json__refused() -> None:
    for text in (b"", b"{}", b"[" * 100_000):
        with pytest.raises(ReceiptError):
            Evidence.from_json(text)


def test_evidence_files__checked_from_the_shell(tmp_path: Path) -> None:
    key = new_hotkey()
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_bytes(_evidence(key, b"r" * 32, b"1" * 32).to_json())
    two.write_bytes(_evidence(key, b"r" * 32, b"2" * 32).to_json())
    assert verdict([one]).startswith(f"{key.address} answered")
    assert verdict([one, two]) == f"{key.address} signed two different answers to one request"
    for files in ([one, one], [tmp_path / "none.json"]):
        with pytest.raises(ReceiptError):
            verdict(files)
    done = subprocess.run(
        [sys.executable, "-m", "offchain.wire.evidence", str(one), str(one)],
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "evidence: twice the same answer, which is honest"
