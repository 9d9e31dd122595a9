# SPDX-License-Identifier: Apache-2.0
"""Logs on disk that only grow: what a crash leaves is always a prefix of what was written.

A folder of numbered segments. Every line is `crc32 json`; a batch of logs counts once the mark
behind it is there, so a torn or damaged line ends the store at the mark before it, and the chain
has the rest. A reorganisation is a line, too. What is no longer needed is dropped by writing one
new segment and deleting the others; `fresh` on top of it says that nothing before it counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from offchain.chain.events import RawLog

SEGMENT_BYTES = 16 * 2**20

Mark = tuple[int, str]
"""Number and hash of the block that the logs go up to."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that counts: kind is "log" or "origin"."""

    kind: str
    content: dict[str, Any]


class LogStore:
    """One writer's logs. Opening it drops what a crash left behind the last mark.

    mark: None for an empty store. floor: a reorganisation of this block cannot be answered from
    here, because an origin relies on it; 0 without origins.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self.mark: Mark | None = None
        self.floor = 0
        self._undone: list[tuple[int, int, int]] = []  # (segment, offset, back to block)
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("*.tmp"):
            leftover.unlink()
        self._recover()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self._segments())

    def lines(self, below: int | None = None) -> Iterator[Line]:
        """Everything that counts, oldest first, of blocks `below` one; reads line by line."""
        for number, path in self._numbered():
            for offset, entry in _entries(path):
                if "origin" in entry:
                    yield Line("origin", entry["origin"])
                elif "log" in entry:
                    is_wanted = below is None or _block_of(entry["log"]) < below
                    if is_wanted and not self._is_undone(number, offset, entry["log"]):
                        yield Line("log", entry["log"])

    def append(
        self,
        logs: Iterable[RawLog],
        mark: Mark,
        *,
        back_to: int | None = None,
        origins: Iterable[dict[str, Any]] = (),
    ) -> None:
        """Logs up to a mark, all or none; `back_to`: what is stored from that block on was taken
        back. origins: stand for what followed from older logs, and rely on blocks up to `floor`.
        """
        path = self._current()
        offset = path.stat().st_size if path.exists() else 0
        batch = b""
        if back_to is not None:
            batch = _line({"back_to": back_to})
            self._undone.append((int(path.stem), offset, back_to))
        batch += b"".join(_line({"log": log}) for log in logs)
        for origin in origins:
            batch += _line({"origin": origin})
            self.floor = max(self.floor, int(origin["floor"]))
        with path.open("ab") as file:
            file.write(batch + _line({"mark": mark}))
            file.flush()
            os.fsync(file.fileno())
        self.mark = mark

    def compact(self, origins: Iterable[dict[str, Any]], keep: Callable[[RawLog], bool]) -> None:
        """Drop the logs that `keep` refuses; `origins` stand for what followed from them."""
        if self.mark is None:
            return
        old = self._segments()
        target = self._folder / f"{int(old[-1].stem) + 1:08d}.log"
        temporary = target.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(_line({"fresh": True}))
            for origin in origins:
                file.write(_line({"origin": origin}))
                self.floor = max(self.floor, int(origin["floor"]))
            for line in self.lines():
                if line.kind == "log" and keep(line.content):
                    file.write(_line({"log": line.content}))
            file.write(_line({"mark": self.mark}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        self._sync_folder()
        for path in old:
            path.unlink()
        self._undone = []

    def clear(self) -> None:
        """Forget everything."""
        for path in reversed(self._segments()):
            path.unlink()
        self.mark, self.floor, self._undone = None, 0, []

    def _recover(self) -> None:
        """Find the last mark, and cut off what is behind it."""
        end: tuple[int, int] | None = None  # segment and offset behind the last mark
        undone: list[tuple[int, int, int]] = []
        for number, path in self._numbered():
            sound = 0
            for offset, entry in _entries(path):
                sound = offset + entry["length"]
                if "fresh" in entry:
                    self.floor, self.mark, end, undone = 0, None, None, []
                    for older in [p for n, p in self._numbered() if n < number]:
                        older.unlink()
                elif "origin" in entry:
                    self.floor = max(self.floor, int(entry["origin"]["floor"]))
                elif "back_to" in entry:
                    undone.append((number, offset, int(entry["back_to"])))
                elif "mark" in entry:
                    self.mark = (int(entry["mark"][0]), str(entry["mark"][1]))
                    end = (number, sound)
            if sound < path.stat().st_size:
                break  # what follows a damaged line is not believed
        if end is None:
            self.clear()
            return
        self._undone = [one for one in undone if one[:2] < end]
        for number, path in self._numbered():
            if number > end[0]:
                path.unlink()
            elif number == end[0]:
                os.truncate(path, end[1])

    def _is_undone(self, number: int, offset: int, log: RawLog) -> bool:
        block = _block_of(log)
        return any(at[:2] > (number, offset) and block >= at[2] for at in self._undone)

    def _current(self) -> Path:
        """The segment to write to: the last one, or a new one if that is full."""
        segments = self._segments()
        if not segments:
            return self._folder / f"{1:08d}.log"
        if segments[-1].stat().st_size < self._segment_bytes:
            return segments[-1]
        return self._folder / f"{int(segments[-1].stem) + 1:08d}.log"

    def _segments(self) -> list[Path]:
        return sorted(self._folder.glob("*.log"))

    def _numbered(self) -> list[tuple[int, Path]]:
        return [(int(path.stem), path) for path in self._segments()]

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _block_of(log: RawLog) -> int:
    return int(log["blockNumber"], 16)


def _line(entry: dict[str, Any]) -> bytes:
    content = json.dumps(entry, default=dict, separators=(",", ":")).encode()
    return b"%08x %b\n" % (crc32(content), content)


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Offset and content of every line up to the first damaged one; `length` is the line's."""
    offset = 0
    with path.open("rb") as file:
        for raw in file:
            content = raw[9:-1]
            if not raw.endswith(b"\n") or raw[:9] != b"%08x " % crc32(content):
                return
            yield offset, {**json.loads(content), "length": len(raw)}
            offset += len(raw)
