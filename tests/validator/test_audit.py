# SPDX-License-Identifier: Apache-2.0
"""Published models are re-executed: who answers with another one than it committed earns 0."""

import asyncio
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from miners import Miner
from miners.reexecute import agrees, reexecute
from offchain.subnets import vision
from offchain.validator import audit, models
from offchain.validator.audit import Auditor
from offchain.wire import CallError, Code
from offchain.wire.exhibit import Exhibit, check_exhibit
from offchain.wire.link import Link
from offchain.wire.published import PART_BYTES, ModelPart, fetch_file
from tests.miners.worlds import vision_model
from tests.validator.towns import SEED, town
from tests.wire.worlds import in_loop


def a_model(scale: float = 1.0) -> bytes:
    """Linear classifiers; each scale is another model."""
    weights = scale * np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    flat = numpy_helper.from_array(np.array([-1, 64], dtype=np.int64), "flat")
    model = vision_model(initializers=[flat, numpy_helper.from_array(weights, "w")])
    return bytes(model.SerializeToString())


def linear() -> Miner:
    return Miner.from_bytes(a_model())


def cheat(miner: Miner, content: bytes) -> None:
    """Answer with another model under the committed one's hash, as a modified miner would."""
    honest = Miner.from_bytes(content).engine._model  # type: ignore[union-attr]
    honest.hash = miner.engine._model.hash  # type: ignore[union-attr]
    miner.engine._model = honest  # type: ignore[union-attr]


@in_loop
async def test_audit__honest_miner__agrees_and_earns(tmp_path: Path) -> None:
    async with town(tmp_path, linear()) as t:
        marks = await t.round(1)
        assert marks[0].score > 0
        assert t.auditor.audits == 1
        assert t.weight() == 65_535


@in_loop
async def test_audit__cheater__struck_with_evidence_until_it_is_honest_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CLEAN_AUDITS", 2)
    async with town(tmp_path, linear()) as t:
        cheat(t.miner, a_model(0.9))
        marks = await t.round(1)
        assert marks[0].score > 0  # its answers look good
        assert t.auditor.is_struck(t.examinee.registration_id)
        assert t.weight() == 0
        (path,) = (tmp_path / "audits" / "evidence").iterdir()
        exhibit = Exhibit.from_json(path.read_bytes())
        check_exhibit(exhibit)
        assert exhibit.evidence.model == t.chain.model
        question, answer = exhibit.read(vision.Vision)
        assert reexecute({"": a_model()}, vision, question, answer) is False  # anybody finds it so
        assert reexecute({"": a_model(0.9)}, vision, question, answer)
        # a restart forgets nothing
        again = Auditor(vision, t.dendrite, tmp_path / "audits", reexecute)
        assert again.is_struck(t.examinee.registration_id)

        cheat(t.miner, a_model())
        await t.round(2)
        assert t.weight() == 0
        await t.round(3)
        assert t.weight() == 65_535


@in_loop
async def test_audit__not_published__nothing_changes(tmp_path: Path) -> None:
    async with town(tmp_path, linear(), publish=False) as t:
        cheat(t.miner, a_model(0.9))
        for number in range(3):
            await t.round(number)
            t.time[0] += 1_000
        assert t.auditor.audits == 0
        assert t.weight() == 65_535


@in_loop
async def test_audit__publishing_required__silence_strikes_after_a_while(tmp_path: Path) -> None:
    async with town(tmp_path, linear(), publish=False, mode="required") as t:
        await t.round(1)
        await t.round(2)
        assert t.weight() == 65_535
        t.time[0] += audit.DOUBT_S
        await t.round(3)
        assert t.weight() == 0


@pytest.mark.parametrize(("mode", "weight"), [("optional", 65_535), ("required", 0)])
@in_loop
async def test_audit__model_that_never_comes_whole__struck_only_where_it_must_be_published(
    tmp_path: Path, mode: str, weight: int
) -> None:
    async with town(tmp_path, linear(), mode=mode) as t:
        t.miner._shelf._models = [{t.chain.model: b"another file"}]
        await t.round(1)
        assert t.weight() == 65_535
        t.time[0] += audit.DOUBT_S
        await t.round(2)
        assert t.weight() == weight


@in_loop
async def test_audit__receipts_never_come__doubted_then_struck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "RECEIPT_S", 0.1)
    monkeypatch.setattr(Link, "_send_receipt", lambda _self: None)
    async with town(tmp_path, linear()) as t:
        await t.round(1)
        assert t.weight() == 65_535
        t.time[0] += audit.DOUBT_S
        await t.round(2)
        assert t.weight() == 0


@in_loop
async def test_audit__receipt_names_another_model__doubted_then_struck(tmp_path: Path) -> None:
    async with town(tmp_path, linear()) as t:
        await t.round(1)
        other = a_model(2.0)
        t.miner.engine.swap(other)  # type: ignore[union-attr]  # without committing it
        await t.round(2)
        assert t.weight() == 65_535  # a swap whose commit we have not read yet looks the same
        t.time[0] += audit.DOUBT_S
        await t.round(3)
        assert t.weight() == 0


@in_loop
async def test_audit__model_swapped_in_order__goes_on(tmp_path: Path) -> None:
    async with town(tmp_path, linear()) as t:
        await t.round(1)
        path = tmp_path / "better.onnx"
        path.write_bytes(a_model(2.0))
        await t.miner.swap(path)
        await t.round(2)
        assert t.auditor.audits == 2
        assert t.weight() == 65_535


@in_loop
async def test_audit__model_that_does_not_run__doubted_then_struck(tmp_path: Path) -> None:
    def broken(*_: Any) -> bool:
        from miners.errors import ModelError

        raise ModelError("sandbox: killed")

    async with town(tmp_path, linear()) as t:
        t.auditor._reexecute = broken
        await t.round(1)
        assert t.weight() == 65_535
        t.time[0] += audit.DOUBT_S
        await t.round(2)
        assert t.weight() == 0


@in_loop
async def test_audit__sandbox_does_not_come_up__nobody_is_struck(tmp_path: Path) -> None:
    async with town(tmp_path, linear()) as t:
        t.auditor._reexecute = lambda *_: None
        for number in (1, 2, 3):
            await t.round(number)
            t.time[0] += audit.DOUBT_S
        assert t.weight() == 65_535


@in_loop
async def test_audit__disk_full__the_validator_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    async with town(tmp_path, linear()) as t:
        with monkeypatch.context() as patch:
            patch.setattr(models, "write_durably", full)
            await t.round(1)
        assert t.auditor.audits == 0
        await t.round(2)
        assert t.auditor.audits == 1


@in_loop
async def test_audit__damaged_files__start_anew(tmp_path: Path) -> None:
    (tmp_path / "audits" / "models").mkdir(parents=True)
    (tmp_path / "audits" / "strikes.json").write_text("[1")
    name = f"{Miner.from_bytes(a_model()).model_hash.hex()}.bin"
    (tmp_path / "audits" / "models" / name).write_bytes(b"another file")
    async with town(tmp_path, linear()) as t:
        await t.round(1)
        assert t.auditor.audits == 1
        assert t.weight() == 65_535


@in_loop
async def test_fetch__file_of_many_parts__arrives_whole(tmp_path: Path) -> None:
    async with town(tmp_path, linear()) as t:
        content = os.urandom(3 * PART_BYTES + 17)
        model = sha256(content).digest()
        t.miner._shelf.put({model: content})
        there = t.examinee.endpoint
        assert there is not None
        got = await fetch_file(t.dendrite, there, model, max_bytes=len(content), timeout_s=20.0)
        assert got == content
        unknown = await fetch_file(t.dendrite, there, bytes(32), max_bytes=9, timeout_s=20.0)
        assert unknown is None
        with pytest.raises(CallError, match="wanted at most") as caught:
            await fetch_file(t.dendrite, there, model, max_bytes=len(content) - 1, timeout_s=20.0)
        assert caught.value.code is Code.TOO_LARGE


LIES = {
    "another file": lambda s: (100, bytes(100)),
    "nothing": lambda s: (100, b""),
    "grows": lambda s: (10_000 + s.offset, bytes(100)),
    "longer than said": lambda s: (100, bytes(101)),
    "endless": lambda s: (10**9, bytes(PART_BYTES)),
}


@pytest.mark.parametrize("name", LIES)
@in_loop
async def test_I8_fetch__hostile_miner__one_error_and_no_more_than_the_cap(
    name: str, tmp_path: Path
) -> None:
    async with town(tmp_path, linear(), publish=False) as t:

        def lie(synapse: ModelPart) -> ModelPart:
            synapse.size, synapse.content = LIES[name](synapse)
            return synapse

        assert t.miner.axon is not None
        assert t.examinee.endpoint is not None
        t.miner.axon.attach(lie)
        with pytest.raises(CallError):
            await fetch_file(
                t.dendrite, t.examinee.endpoint, SEED, max_bytes=20_000, timeout_s=20.0
            )


@in_loop
async def test_fetch__too_slow_in_total__late(tmp_path: Path) -> None:
    async with town(tmp_path, linear(), publish=False) as t:

        async def dribble(synapse: ModelPart) -> ModelPart:
            await asyncio.sleep(0.1)
            synapse.size, synapse.content = 10_000, b"x"
            return synapse

        assert t.miner.axon is not None
        assert t.examinee.endpoint is not None
        t.miner.axon.attach(dribble)
        with pytest.raises(CallError) as caught:
            await fetch_file(t.dendrite, t.examinee.endpoint, SEED, max_bytes=20_000, timeout_s=1.0)
        assert caught.value.code is Code.LATE


@pytest.mark.parametrize("difference", [0.0, 1e-4])
def test_reexecute__float_model__within_a_tolerance(difference: float) -> None:
    from miners.untrusted import run_untrusted

    feed = {"images": np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)}
    (answer,) = run_untrusted(a_model(), vision.MODEL, [feed])
    moved = {"probabilities": answer["probabilities"] + np.float32(difference)}
    assert agrees(a_model(), vision.MODEL, feed, moved)
    moved = {"probabilities": answer["probabilities"] + np.float32(0.02)}
    assert not agrees(a_model(), vision.MODEL, feed, moved)
