# SPDX-License-Identifier: Apache-2.0
"""How a model is run is committed with the model, and anew when it changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from miners import Miner, profile
from miners.profile import Profile, describe, profile_here
from tests.miners.test_edge import served
from tests.miners.worlds import FakeChain, here, vision_model
from tests.wire.worlds import in_loop, new_hotkey

CONTENT = vision_model().SerializeToString()
HERE = here(claim=None)


def test_profile__json__is_canonical_and_read_by_anybody() -> None:
    made = profile_here("CPUExecutionProvider", CONTENT)
    text = made.to_json().decode()
    assert json.loads(text)["exactness"] == "same-build"  # it has a softmax
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert describe(made)["hash"] == made.hash.hex()
    assert profile_here("CPUExecutionProvider", CONTENT) == made
    assert profile_here("CPUExecutionProvider", None).exactness == ""


def test_profile__any_part_differs__another_hash() -> None:
    base: dict[str, Any] = {
        "provider": "CPU", "runtime": "1", "optimization": "all", "machine": "x86_64",
        "instructions": ("avx2",), "exactness": "exact",
    }  # fmt: skip
    other: dict[str, Any] = {
        "provider": "CUDA", "runtime": "2", "optimization": "basic", "machine": "arm64",
        "instructions": ("avx", "avx2"), "exactness": "same-build",
    }  # fmt: skip
    hashes = {Profile(**base).hash}
    hashes |= {Profile(**{**base, name: value}).hash for name, value in other.items()}
    assert len(hashes) == 1 + len(base)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 fma sse avx512f\n", ("avx2", "avx512f", "fma")),
        ("Features\t: fp asimd i8mm\n", ("asimd", "i8mm")),
        ("", ()),
    ],
)
def test_instructions__of_a_cpuinfo__those_that_choose_kernels(
    text: str, found: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(profile, "Path", lambda _path: tmp_path / "cpuinfo")
    assert profile._instructions.__wrapped__() == found


@in_loop
async def test_miner__restarted__commits_only_what_has_changed() -> None:
    chain = FakeChain()
    for version, commits in (("1.0", 1), ("1.0", 1), ("2.0", 2)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(profile, "version", lambda _name, v=version: v)
            miner = await Miner.from_bytes(CONTENT).start(chain, new_hotkey(), HERE)
        assert chain.sent.count("commit_model") == commits
        assert miner.profile is not None
        assert chain.profile == miner.profile.hash
        await miner.close()


@in_loop
async def test_health__shows_the_profile() -> None:
    async with served() as (miner, client):
        shown = (await client.get("/health")).json()["profile"]
        assert miner.profile is not None
        assert shown == json.loads(json.dumps(describe(miner.profile)))
