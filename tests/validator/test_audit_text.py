# SPDX-License-Identifier: Apache-2.0
"""Published decoders are re-executed in the sandbox: whose greedy answers are another's earns 0."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from miners import Miner, ModelError
from miners.llm import open_decoder
from miners.llm.engine import DecoderEngine
from miners.llm.folder import folder_hash, published_files
from miners.llm.untrusted import judge_untrusted
from miners.llm.verify import Claim, Verifier
from miners.reexecute import reexecute
from offchain.cli.app import run
from offchain.subnets import text
from offchain.subnets.base import ModelInterface
from offchain.subnets.text import Complete
from offchain.validator import audit
from offchain.validator.models import ModelStore
from offchain.wire import CallError
from offchain.wire.exhibit import Exhibit, check_exhibit
from offchain.wire.manifest import manifest_of, read_manifest
from tests.miners.conftest import decoder, small_decoder  # noqa: F401  # as in tests/miners
from tests.validator.towns import Town, town
from tests.wire.worlds import in_loop

CAP = text.MODEL.max_bytes


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


def cheat(miner: Miner, with_folder: Path) -> None:
    """Answer with another decoder under the committed one's hash, as a modified miner would."""
    assert isinstance(miner.engine, DecoderEngine)
    other = open_decoder(with_folder)
    miner.engine._backend, miner.engine.folder = other._backend, other.folder


@in_loop
async def test_audit__honest_decoder__agrees_and_its_folder_is_fetched_once(
    decoder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    async with town(tmp_path, Miner.from_decoder(decoder)) as t:
        await t.round(1)
        assert t.auditor.audits == 1
        assert t.weight() == 65_535
        kept = tmp_path / "audits" / "models"
        names = {path.stem for path in kept.iterdir()}
        assert names == {h.hex() for h in published_files(decoder, CAP)}
        t.miner._shelf._models.clear()  # a second fetch would find nothing
        await t.round(2)
        assert t.auditor.audits == 2


@in_loop
async def test_audit__decoder_that_is_not_the_committed_one__struck_with_signed_evidence(
    decoder: Path,  # noqa: F811
    small_decoder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    async with town(tmp_path, Miner.from_decoder(decoder)) as t:
        cheat(t.miner, small_decoder)
        marks = await t.round(1)
        assert marks[0].score > 0  # it answers
        assert t.weight() == 0
        (path,) = (tmp_path / "audits" / "evidence").iterdir()
        exhibit = Exhibit.from_json(path.read_bytes())
        check_exhibit(exhibit)
        assert exhibit.evidence.model == folder_hash(decoder)
        question, answer = exhibit.read(Complete)
        assert reexecute(files_of(decoder), text, question, answer) is False
        assert reexecute(files_of(small_decoder), text, question, answer)


def test_evidence__of_a_struck_miner__anybody_runs_the_model_again(
    decoder: Path,  # noqa: F811
    small_decoder: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @in_loop
    async def strike() -> None:
        async with town(tmp_path, Miner.from_decoder(decoder)) as t:
            cheat(t.miner, small_decoder)
            await t.round(1)

    strike()
    (path,) = (tmp_path / "audits" / "evidence").iterdir()
    assert run(["evidence", "check", str(path), "--model", str(decoder)]) == 0
    assert "gives another answer" in capsys.readouterr().out
    assert run(["evidence", "check", str(path), "--model", str(small_decoder)]) != 0
    assert "Name the model that was committed" in capsys.readouterr().err
    forged = tmp_path / "forged.json"
    exhibit = Exhibit.from_json(path.read_bytes())
    forged.write_bytes(msgspec.structs.replace(exhibit, answer=b"\x80").to_json())
    assert run(["evidence", "check", str(forged), "--model", str(decoder)]) != 0
    assert "not the one that was signed" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["optional", "required"])
@in_loop
async def test_audit__folder_with_a_file_that_is_not_given__struck_only_where_it_must_be(
    decoder: Path,  # noqa: F811
    tmp_path: Path,
    mode: str,
) -> None:
    async with town(tmp_path, Miner.from_decoder(decoder), mode=mode) as t:
        (files,) = t.miner._shelf._models
        del files[sha256((decoder / "model.onnx").read_bytes()).digest()]
        await t.round(1)
        t.time[0] += audit.DOUBT_S
        await t.round(2)
        assert t.auditor.audits == 0
        assert t.weight() == (0 if mode == "required" else 65_535)


@in_loop
async def test_store__folder_over_the_subnets_size__no_more_than_that_is_fetched(
    decoder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    async with town(tmp_path, Miner.from_decoder(decoder)) as t:
        store = ModelStore(t.dendrite, tmp_path / "store")
        for size in (1, 2_000, 40_000, 1_000_000):
            small = ModelInterface({}, {}, size, is_folder=True)
            with pytest.raises(CallError, match="wanted at most"):
                await _fetch(store, t, small)
        kept = sum(path.stat().st_size for path in (tmp_path / "store").iterdir())
        assert kept < 1_000_000
        fetched = await _fetch(store, t, text.MODEL)
        assert fetched == files_of(decoder)


async def _fetch(store: ModelStore, t: Town, interface: ModelInterface) -> Any:
    assert t.examinee.endpoint is not None
    return await store.fetch(t.examinee.endpoint, t.chain.model, interface)


@in_loop
async def test_store__over_its_bytes__oldest_files_go(
    decoder: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("offchain.validator.models.KEPT_BYTES", 4_000)
    async with town(tmp_path, Miner.from_decoder(decoder)) as t:
        store = ModelStore(t.dendrite, tmp_path / "store")
        assert await _fetch(store, t, text.MODEL) == files_of(decoder)
        sizes = [path.stat().st_size for path in (tmp_path / "store").iterdir()]
        assert sum(sizes) <= max(4_000, max(sizes))


def test_manifest__written_and_read__is_what_the_folder_is_named_by(
    decoder: Path,  # noqa: F811
) -> None:
    published = published_files(decoder, CAP)
    manifest = published[folder_hash(decoder)]
    assert isinstance(manifest, bytes)
    for name, digest in read_manifest(manifest).items():
        assert published[digest] == decoder / name
        assert sha256((decoder / name).read_bytes()).digest() == digest


DIGEST = "ab" * 32


@pytest.mark.parametrize(
    "content",
    [
        "", "\n", f"{DIGEST}  a", f"{DIGEST} a\n", f"{DIGEST}  ../a\n", f"{DIGEST}  a/b\n",
        f"{DIGEST}  .a\n", f"{DIGEST}  a\0\n", f"{DIGEST}  \u00e4\n", f"{DIGEST.upper()}  a\n",
        f"{DIGEST}  b\n{DIGEST}  a\n", f"{DIGEST}  a\n{DIGEST}  a\n", f"{DIGEST}  a\r\n",
        f"{DIGEST}  a\n\n", "".join(f"{DIGEST}  {n:03}\n" for n in range(65)),
        f"{DIGEST}  {'a' * 101}\n",
    ],
)  # fmt: skip
def test_I8_manifest__of_a_hostile_miner__refused(content: str) -> None:
    with pytest.raises(CallError, match="manifest"):
        read_manifest(content.encode())


def test_manifest__as_many_files_as_permitted__reads_what_was_written() -> None:
    files = {f"{n:02}": bytes([n]) * 32 for n in range(64)}
    assert read_manifest(manifest_of(files)) == files


def test_publish__what_validators_could_not_run__refused_before_anything_is_paid(
    decoder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    with pytest.raises(ModelError, match="fetch at most 1000"):
        published_files(decoder, 1_000)
    copy = Path(shutil.copytree(decoder, tmp_path / "copy"))
    (copy / "two words").write_text("x")
    with pytest.raises(ModelError, match="plain names"):
        published_files(copy, CAP)
    (copy / "two words").unlink()
    (copy / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"the": 1}}}))
    with pytest.raises(ModelError, match="whose tokens are bytes"):
        published_files(copy, CAP)


# what one answer claims, against what the decoder says


@pytest.fixture(scope="module")
def true(decoder: Path) -> list[Claim]:  # noqa: F811
    return true_claims(decoder)


def true_claims(decoder: Path) -> list[Claim]:  # noqa: F811
    """The decoder's own answers to one question."""
    (task,) = text.tasks(b"claims", [3])
    answers: list[Claim] = []

    @in_loop
    async def ask() -> None:
        from miners.llm.answers import text_handler

        engine = open_decoder(decoder)
        (answer,) = [a async for a in text_handler(engine)(msgspec.structs.replace(task.synapse))]
        engine.close()
        assert answer.texts
        assert answer.finish
        for prompt, said, end in zip(
            task.synapse.prompts, answer.texts, answer.finish, strict=True
        ):
            answers.append(Claim(prompt, said, end, task.synapse.max_tokens))

    ask()
    return answers


LIES = {
    "one character": {"text": "~"},
    "shorter": {"text": ""},
    "ended early": {"text": "", "finish": "stop"},
    "longer": {"text": "x" * 100},
}


@pytest.mark.parametrize("name", LIES)
def test_I8_claim__that_is_not_the_decoders__does_not_hold(
    decoder: Path,  # noqa: F811
    true: list[Claim],
    name: str,
) -> None:
    verifier = Verifier.open(decoder)
    assert all(verifier.holds(claim) for claim in true)
    lie = LIES[name]
    said = true[0].text[:-1] + lie["text"]
    assert not verifier.holds(msgspec.structs.replace(true[0], **{**lie, "text": said}))


def test_claim__that_cannot_be_read__is_checked_up_to_there(
    decoder: Path,  # noqa: F811
    true: list[Claim],
) -> None:
    verifier = Verifier.open(decoder)
    cut = msgspec.structs.replace(true[0], text=true[0].text[:4] + "\ufffd")
    assert verifier.holds(cut)
    forged = msgspec.structs.replace(true[0], text="~~~~\ufffd")
    assert not verifier.holds(forged)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda files: files.pop("genai_config.json"), "genai_config"),
        (lambda files: files.pop("model.onnx"), "not an ONNX model"),
        (lambda files: files.update({"model.onnx": b"junk"}), "not an ONNX model"),
        (lambda files: files.pop("tokenizer.json"), "tokens are no bytes"),
        (lambda files: files.update({"genai_config.json": b"[" * 99_999}), "genai_config"),
    ],
)
def test_I8_sandbox__folder_that_is_no_decoder__one_sentence(
    decoder: Path,  # noqa: F811
    true: list[Claim],
    spoil: Any,
    sentence: str,
) -> None:
    files = files_of(decoder)
    spoil(files)
    with pytest.raises(ModelError, match=sentence):
        judge_untrusted(files, true[:1], 0.1)


@pytest.mark.parametrize(
    ("question", "answer", "verdict"),
    [
        ({"temperature": 1.0}, {}, None),
        ({"stop": ("x",)}, {}, None),
        ({}, {"texts": None}, False),
        ({}, {"finish": None}, False),
        ({}, {"texts": ["x"]}, False),
    ],
)
def test_reexecute__answer_that_proves_nothing_or_has_no_form(
    question: dict[str, Any], answer: dict[str, Any], verdict: bool | None
) -> None:
    asked = Complete(prompts=("a", "b"), **question)
    given = msgspec.structs.replace(
        asked, **{"texts": ["x", "y"], "finish": ["stop"] * 2, **answer}
    )
    assert reexecute({}, SimpleNamespace(MODEL=text.MODEL), asked, given) is verdict
