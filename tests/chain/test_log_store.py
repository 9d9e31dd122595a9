# SPDX-License-Identifier: Apache-2.0
"""A store of logs after crashes, damage, reorganisations and rewrites."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from offchain.chain.log_store import LogStore


def log(block: int, index: int = 0) -> dict[str, Any]:
    return {"blockNumber": hex(block), "logIndex": hex(index), "data": "0x" + "ab" * 40}


def mark(block: int) -> tuple[int, str]:
    return block, f"0x{block:064x}"


def blocks(store: LogStore) -> list[int]:
    return [int(line.content["blockNumber"], 16) for line in store.lines() if line.kind == "log"]


def filled(folder: Path, count: int = 6, **settings: int) -> LogStore:
    store = LogStore(folder, **settings)
    for block in range(1, count + 1):
        store.append([log(block), log(block, 1)], mark(block))
    return store


@pytest.mark.parametrize("segment_bytes", [1, 500, 2**20])
def test_reopened__has_what_was_written(tmp_path: Path, segment_bytes: int) -> None:
    filled(tmp_path, segment_bytes=segment_bytes)
    again = LogStore(tmp_path, segment_bytes=segment_bytes)
    assert blocks(again) == [b for b in range(1, 7) for _ in range(2)]
    assert again.mark == mark(6)
    assert len(list(tmp_path.glob("*.log"))) == {1: 6, 500: 3, 2**20: 1}[segment_bytes]


def test_empty__has_no_mark(tmp_path: Path) -> None:
    assert LogStore(tmp_path).mark is None
    assert blocks(LogStore(tmp_path)) == []


@pytest.mark.parametrize("segment_bytes", [1, 2**20])
def test_torn_at_any_byte__is_what_the_last_whole_batch_left(
    tmp_path: Path, segment_bytes: int
) -> None:
    """A crash while a batch is written leaves a prefix of the file."""
    filled(tmp_path / "whole", 3, segment_bytes=segment_bytes)
    last = sorted((tmp_path / "whole").glob("*.log"))[-1]
    content = last.read_bytes()
    before = len(sorted((tmp_path / "whole").glob("*.log"))) - 1
    for size in range(0, len(content), 7):
        last.write_bytes(content[:size])
        store = LogStore(tmp_path / "whole", segment_bytes=segment_bytes)
        whole = before + content[:size].count(b"]}\n")  # only marks end so
        found = blocks(store)
        assert found == [b for b in range(1, whole + 1) for _ in range(2)], size
        assert store.mark == (mark(whole) if whole else None)
        store.append([log(9)], mark(9))
        assert blocks(LogStore(tmp_path / "whole")) == [*found, 9]
        for path in (tmp_path / "whole").glob("*.log"):
            path.unlink()
        filled(tmp_path / "whole", 3, segment_bytes=segment_bytes)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_anywhere__a_prefix_is_believed_and_nothing_behind_it(
    tmp_path: Path, seed: int
) -> None:
    rng = Random(seed)
    filled(tmp_path, 8, segment_bytes=600)
    damaged = rng.choice(sorted(tmp_path.glob("*.log")))
    content = bytearray(damaged.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    damaged.write_bytes(bytes(content))
    store = LogStore(tmp_path, segment_bytes=600)
    whole = 0 if store.mark is None else store.mark[0]
    assert whole < 8
    assert blocks(store) == [b for b in range(1, whole + 1) for _ in range(2)]
    assert LogStore(tmp_path).mark == store.mark


def test_reorganised__what_was_taken_back_is_gone_and_what_replaced_it_is_there(
    tmp_path: Path,
) -> None:
    store = filled(tmp_path, 6, segment_bytes=500)
    store.append([log(5)], mark(5), back_to=4)
    store.append([log(6)], mark(6))
    for seen in (store, LogStore(tmp_path, segment_bytes=500)):
        assert blocks(seen) == [1, 1, 2, 2, 3, 3, 5, 6]
        assert [int(x.content["blockNumber"], 16) for x in seen.lines(below=3)] == [1, 1, 2, 2]


def test_compacted__only_what_is_needed_in_one_segment(tmp_path: Path) -> None:
    store = filled(tmp_path, 6, segment_bytes=500)
    store.append([log(5)], mark(5), back_to=4)
    size = store.size
    store.compact([{"netuid": 3, "floor": 4}], lambda one: int(one["blockNumber"], 16) > 2)
    assert store.size < size
    for seen in (store, LogStore(tmp_path, segment_bytes=500)):
        assert blocks(seen) == [3, 3, 5]
        origins = [line.content for line in seen.lines() if line.kind == "origin"]
        assert origins == [{"netuid": 3, "floor": 4}]
        assert (seen.mark, seen.floor) == (mark(5), 4)
        assert len(list(tmp_path.glob("*.log"))) == 1
    store.append([log(7)], mark(7))
    assert blocks(LogStore(tmp_path)) == [3, 3, 5, 7]


def test_compacted__killed_before_the_old_ones_are_gone__counts_once(tmp_path: Path) -> None:
    store = filled(tmp_path, 4)
    old = {path.name: path.read_bytes() for path in tmp_path.glob("*.log")}
    store.compact([], lambda one: True)
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "00000009.tmp").write_bytes(b"half a rewrite")
    again = LogStore(tmp_path)
    assert blocks(again) == [b for b in range(1, 5) for _ in range(2)]
    assert not list(tmp_path.glob("*.tmp"))
    assert not (set(old) & {path.name for path in tmp_path.glob("*.log")})


def test_compacted__then_the_new_segment_is_damaged__nothing_is_believed(tmp_path: Path) -> None:
    store = filled(tmp_path, 4)
    store.compact([], lambda one: True)
    (only,) = tmp_path.glob("*.log")
    content = bytearray(only.read_bytes())
    content[len(content) // 2] ^= 1
    only.write_bytes(bytes(content))
    assert LogStore(tmp_path).mark is None
    assert not list(tmp_path.glob("*.log"))


def test_cleared__is_empty(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.clear()
    assert (store.mark, blocks(store), store.size) == (None, [], 0)
