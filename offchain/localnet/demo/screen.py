# SPDX-License-Identifier: Apache-2.0
"""What the demo shows while it runs: lines about what happens, and bars under them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from offchain.localnet.demo.facts import Line
from offchain.protocol.identifiers import RAO_PER_TAO

ONE_BITS = 1 << 32  # Q32


class Screen:
    """Progress bars and lines; the bars stay as they are at `close` or the end of the `with`."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[what]}"),
            TimeElapsedColumn(),
            console=self.console,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the bars be, so that what is printed from now on stands under them."""
        self._progress.stop()

    def say(self, text: str) -> None:
        """One line above the bars."""
        self._progress.console.print(f"[dim]-[/dim] {text}", highlight=False)

    def bar(self, name: str, done: float, total: float, what: str = "") -> None:
        """Show or move a bar."""
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total, what=what)
        self._progress.update(self._bars[name], completed=done, total=total, what=what)

    def epoch(self, lines: Sequence[Line]) -> None:
        """One settled epoch: who earned what."""
        best = sorted(lines, key=lambda line: -line.server_rao)[:3]
        shares = ", ".join(
            f"{x.name.removeprefix('miner-')} {percent(x.incentive_bits)}" for x in best
        )
        self.say(f"epoch {lines[0].epoch} is final; incentive: {shares}")


def percent(bits: int) -> str:
    """Q32 as a percentage, rounded down to two digits; empty for zero."""
    hundredths = bits * 10_000 // ONE_BITS
    return f"{hundredths // 100}.{hundredths % 100:02d} %" if bits else ""


def tao(rao: int) -> str:
    """Rao as TAO with all nine digits."""
    return f"{rao // RAO_PER_TAO}.{rao % RAO_PER_TAO:09d}"
