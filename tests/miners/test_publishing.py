# SPDX-License-Identifier: Apache-2.0
"""A subnet that pays only published models tells its miners so before they pay."""

import json
from pathlib import Path

import pytest

from miners import Miner, MinerError
from miners.publishing import Shelf
from offchain.cli.app import run
from offchain.subnets import text, vision
from offchain.subnets.vision import Vision
from offchain.wire.published import PART_BYTES, ModelPart, answer_part
from tests.miners.worlds import FakeChain, here, vision_model
from tests.wire.worlds import in_loop, new_hotkey

SENTENCE = "pays only models that validators can run again: serve it with --publish, or it scores 0"


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    """Subnets whose validators re-execute every model."""
    monkeypatch.setattr(vision, "REEXECUTION", "required")
    monkeypatch.setattr(text, "REEXECUTION", "required")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(vision_model().SerializeToString())
    return path


@pytest.mark.usefixtures("required")
@in_loop
async def test_start__publishing_required_and_not_done__refused_before_anything_is_sent(
    model: Path,
) -> None:
    chain = FakeChain(uid=None)
    settings = here(max_burn_rao=10**9)
    with pytest.raises(MinerError, match=SENTENCE) as caught:
        await Miner.from_onnx(model).start(chain, new_hotkey(), settings)
    assert caught.value.next_step == "Add --publish."
    assert not chain.sent


@pytest.mark.usefixtures("required")
@in_loop
async def test_start__publishing_required_and_done__serves(model: Path) -> None:
    chain = FakeChain()
    settings = here(publish=True, claim=None)
    miner = await Miner.from_onnx(model).start(chain, new_hotkey(), settings)
    await miner.close()
    assert "serve_axon" in chain.sent


@in_loop
async def test_start__function_that_should_be_published__one_sentence(model: Path) -> None:
    miner = Miner("vision", model_hash=b"\1" * 32)

    @miner.forward
    def answer(synapse: Vision) -> Vision:
        return synapse

    with pytest.raises(MinerError, match="no model file to publish"):
        await miner.start(FakeChain(), new_hotkey(), here(publish=True))


@pytest.mark.usefixtures("required")
def test_check_and_run__publishing_required__say_so(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["miner", "check", str(model), "--rounds", "2"]) == 0
    assert f"subnet vision {SENTENCE}" in capsys.readouterr().out
    assert run(["--json", "miner", "check", str(model), "--rounds", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["note"] == f"subnet vision {SENTENCE}"
    assert run(["miner", "run", str(model), "-n", "1"]) != 0
    error = capsys.readouterr().err.strip()
    assert f"subnet vision {SENTENCE} Add --publish." in error.replace(". Add", " Add")
    assert len(error.splitlines()) == 1


@pytest.mark.usefixtures("required")
def test_check__decoder_that_cannot_be_published__says_why(
    decoder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["miner", "check", str(decoder), "--rounds", "1"]) == 0
    assert f"subnet text {SENTENCE}" in capsys.readouterr().out
    small = text.ModelInterface({}, {}, 1_000, is_folder=True)
    monkeypatch.setattr(text, "MODEL", small)
    assert run(["miner", "check", str(decoder), "--rounds", "1"]) != 0
    assert "validators of this subnet fetch at most 1000" in capsys.readouterr().err


def test_check__publishing_optional__says_nothing_of_it(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["miner", "check", str(model), "--rounds", "2"]) == 0
    assert "publish" not in capsys.readouterr().out


def test_shelf__two_swaps__keeps_the_model_that_answers_and_the_one_before() -> None:
    shelf = Shelf()
    for name in (b"a", b"b", b"b", b"c"):
        shelf.put({name * 32: name})
    assert set(shelf.files) == {b"b" * 32, b"c" * 32}


@pytest.mark.parametrize("on_disk", [False, True])
def test_answer_part__parts_in_any_order__make_the_file(tmp_path: Path, on_disk: bool) -> None:
    content = bytes(range(256)) * (PART_BYTES // 200)
    path = tmp_path / "file"
    path.write_bytes(content)
    published: dict[bytes, bytes | Path] = {bytes(32): path if on_disk else content}
    for offset in (PART_BYTES, 0, len(content) - 1, len(content), 2**40):
        part = answer_part(ModelPart(model=bytes(32), offset=offset), published)
        assert part.size == len(content)
        assert part.content == content[offset : offset + PART_BYTES]
    assert answer_part(ModelPart(model=b"\1" * 32, offset=0), published).size == 0
