# SPDX-License-Identifier: Apache-2.0
"""Published models are re-executed: who answers with another one than it committed earns 0."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from miners import Miner, Settings
from miners.reexecute import reexecute
from offchain.subnets import vision
from offchain.subnets.base import Commitment
from offchain.validator import audit
from offchain.validator.audit import Auditor
from offchain.validator.examine import Examinee, Examiner
from offchain.wire import CallError, Code, Dendrite, Egress, LocalHotkey, check_evidence
from offchain.wire.published import PART_BYTES, ModelPart, fetch_model
from offchain.wire.receipts import Evidence
from tests.miners.worlds import FakeChain, endpoint_of, vision_model
from tests.wire.worlds import DOMAIN, in_loop

SEED = b"\7" * 32


def a_model(scale: float = 1.0) -> bytes:
    """Linear classifiers; each scale is another model."""
    weights = scale * np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    flat = numpy_helper.from_array(np.array([-1, 64], dtype=np.int64), "flat")
    model = vision_model(initializers=[flat, numpy_helper.from_array(weights, "w")])
    return bytes(model.SerializeToString())


@dataclass
class Town:
    """One miner, one validator with an auditor."""

    chain: FakeChain
    miner: Miner
    examinee: Examinee
    dendrite: Dendrite
    auditor: Auditor
    examiner: Examiner
    folder: Path
    time: list[float]

    def commitments(self) -> list[Commitment]:
        return [Commitment(self.examinee.registration_id, 5, self.chain.model, 1)]

    async def round(self, number: int) -> list[Any]:
        marks = await self.examiner.examine([self.examinee], SEED, number, self.commitments())
        assert self.auditor._task is not None
        await self.auditor._task
        return marks

    def weight(self) -> int:
        ids = {5: self.examinee.registration_id}
        return self.examiner.row(ids, self.commitments(), 16)[5]


@asynccontextmanager
async def town(
    folder: Path, *, publish: bool = True, content: bytes = b"", mode: str = "optional"
) -> AsyncIterator[Town]:
    subnet: Any = SimpleNamespace(**vars(vision))
    subnet.REEXECUTION, subnet.TIMEOUT_S, subnet.DEADLINE_S = mode, 20.0, 20.0
    subnet.score = lambda task, answer, _: max(0.5, vision.score(task, answer, 0.0))
    chain, key, validator = FakeChain(), LocalHotkey(os.urandom(32)), LocalHotkey(os.urandom(32))
    chain.seats.add(validator.address)
    settings = Settings(host="127.0.0.1", publish=publish, claim=None)
    miner = await Miner.from_bytes(content or a_model()).start(chain, key, settings)
    egress = Egress(localnet=True)
    dendrite = Dendrite(validator, DOMAIN, chain_time=chain.chain_time, egress=egress)
    time = [0.0]
    auditor = Auditor(subnet, dendrite, folder / "audits", reexecute, lambda: time[0])
    examiner = Examiner(subnet, dendrite, bytes(32), folder / "averages.json", auditor)
    examinee = Examinee(5, 1 << 64 | 5 << 48 | 1, endpoint_of(chain, key))
    try:
        yield Town(chain, miner, examinee, dendrite, auditor, examiner, folder, time)
    finally:
        await auditor.close()
        await dendrite.close()
        await miner.close()


def cheat(miner: Miner, content: bytes) -> None:
    """Answer with another model under the committed one's hash, as a modified miner would."""
    honest = Miner.from_bytes(content).engine._model  # type: ignore[union-attr]
    honest.hash = miner.engine._model.hash  # type: ignore[union-attr]
    miner.engine._model = honest  # type: ignore[union-attr]


@in_loop
async def test_audit__honest_miner__agrees_and_earns(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        marks = await t.round(1)
        assert marks[0].score > 0
        assert t.auditor.audits == 1
        assert t.weight() == 65_535


@in_loop
async def test_audit__cheater__struck_with_evidence_until_it_is_honest_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CLEAN_AUDITS", 2)
    async with town(tmp_path) as t:
        cheat(t.miner, a_model(0.9))
        marks = await t.round(1)
        assert marks[0].score > 0  # its answers look good
        assert t.auditor.is_struck(t.examinee.registration_id)
        assert t.weight() == 0
        (path,) = (tmp_path / "audits" / "evidence").iterdir()
        written = json.loads(path.read_text())
        evidence = Evidence.from_json(json.dumps(written["evidence"]).encode())
        check_evidence(evidence)
        assert evidence.model.hex() == written["model"] == t.chain.model.hex()
        assert np.shape(written["probabilities"]) == (vision.BATCH, 10)
        # a restart forgets nothing
        again = Auditor(t.auditor._subnet, t.dendrite, tmp_path / "audits", reexecute)
        assert again.is_struck(t.examinee.registration_id)

        cheat(t.miner, a_model())
        await t.round(2)
        assert t.weight() == 0
        await t.round(3)
        assert t.weight() == 65_535


@in_loop
async def test_audit__not_published__nothing_changes(tmp_path: Path) -> None:
    async with town(tmp_path, publish=False) as t:
        cheat(t.miner, a_model(0.9))
        for number in range(3):
            await t.round(number)
            t.time[0] += 1_000
        assert t.auditor.audits == 0
        assert t.weight() == 65_535


@in_loop
async def test_audit__publishing_required__silence_strikes_after_a_while(tmp_path: Path) -> None:
    async with town(tmp_path, publish=False, mode="required") as t:
        await t.round(1)
        await t.round(2)
        assert t.weight() == 65_535
        t.time[0] += audit.DOUBT_S
        await t.round(3)
        assert t.weight() == 0


@in_loop
async def test_audit__receipt_names_another_model__doubted_then_struck(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
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
    async with town(tmp_path) as t:
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

    async with town(tmp_path) as t:
        t.auditor._reexecute = broken
        await t.round(1)
        assert t.weight() == 65_535
        t.time[0] += audit.DOUBT_S
        await t.round(2)
        assert t.weight() == 0


@in_loop
async def test_audit__sandbox_does_not_come_up__nobody_is_struck(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
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

    async with town(tmp_path) as t:
        with monkeypatch.context() as patch:
            patch.setattr(audit, "write_durably", full)
            await t.round(1)
        assert t.auditor.audits == 0
        await t.round(2)
        assert t.auditor.audits == 1


@in_loop
async def test_audit__damaged_files__start_anew(tmp_path: Path) -> None:
    (tmp_path / "audits" / "models").mkdir(parents=True)
    (tmp_path / "audits" / "strikes.json").write_text("[1")
    name = f"{Miner.from_bytes(a_model()).model_hash.hex()}.onnx"
    (tmp_path / "audits" / "models" / name).write_bytes(b"another file")
    async with town(tmp_path) as t:
        await t.round(1)
        assert t.auditor.audits == 1
        assert t.weight() == 65_535


@in_loop
async def test_fetch__file_of_many_parts__arrives_whole(tmp_path: Path) -> None:
    async with town(tmp_path) as t:
        content = os.urandom(3 * PART_BYTES + 17)
        t.miner._keep(content)
        model = max(t.miner._files, key=lambda h: len(t.miner._files[h]))
        there = t.examinee.endpoint
        assert there is not None
        got = await fetch_model(t.dendrite, there, model, max_bytes=len(content), timeout_s=20.0)
        assert got == content
        unknown = await fetch_model(t.dendrite, there, bytes(32), max_bytes=9, timeout_s=20.0)
        assert unknown is None
        with pytest.raises(CallError, match="wanted at most") as caught:
            await fetch_model(t.dendrite, there, model, max_bytes=len(content) - 1, timeout_s=20.0)
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
    async with town(tmp_path, publish=False) as t:

        def lie(synapse: ModelPart) -> ModelPart:
            synapse.size, synapse.content = LIES[name](synapse)
            return synapse

        assert t.miner.axon is not None
        assert t.examinee.endpoint is not None
        t.miner.axon.attach(lie)
        with pytest.raises(CallError):
            await fetch_model(
                t.dendrite, t.examinee.endpoint, SEED, max_bytes=20_000, timeout_s=20.0
            )


@in_loop
async def test_fetch__too_slow_in_total__late(tmp_path: Path) -> None:
    async with town(tmp_path, publish=False) as t:

        async def dribble(synapse: ModelPart) -> ModelPart:
            await asyncio.sleep(0.1)
            synapse.size, synapse.content = 10_000, b"x"
            return synapse

        assert t.miner.axon is not None
        assert t.examinee.endpoint is not None
        t.miner.axon.attach(dribble)
        with pytest.raises(CallError) as caught:
            await fetch_model(
                t.dendrite, t.examinee.endpoint, SEED, max_bytes=20_000, timeout_s=1.0
            )
        assert caught.value.code is Code.LATE


@pytest.mark.parametrize("difference", [0.0, 1e-4])
def test_reexecute__float_model__within_a_tolerance(difference: float) -> None:
    from miners.sandbox import run_untrusted

    feed = {"images": np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)}
    (answer,) = run_untrusted(a_model(), vision.MODEL, [feed])
    moved = {"probabilities": answer["probabilities"] + np.float32(difference)}
    assert reexecute(a_model(), vision.MODEL, feed, moved)
    moved = {"probabilities": answer["probabilities"] + np.float32(0.02)}
    assert not reexecute(a_model(), vision.MODEL, feed, moved)
