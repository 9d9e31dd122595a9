# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: progress while it runs, a table at the end."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from offchain.localnet.demo.cast import PLAYERS, player
from offchain.localnet.demo.facts import Line
from offchain.localnet.demo.outcome import Account, EpochBooks, Verdict
from offchain.protocol.identifiers import RAO_PER_TAO

ONE_BITS = 1 << 32  # Q32


class Screen:
    """Progress bars and lines; leaving the `with` block leaves the bars as they are."""

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
        shares = ", ".join(f"{x.name} {percent(x.incentive_bits)}" for x in best)
        self.say(f"epoch {lines[0].epoch} is final: {shares} of the incentive")


def report(
    console: Console,
    lines: Sequence[Line],
    accounts: Sequence[Account],
    books: Sequence[EpochBooks],
    verdicts: Sequence[Verdict],
) -> None:
    """The table per uid, the books, and what was promised."""
    console.print(_uids(lines, accounts))
    console.print(_books(books))
    for verdict in verdicts:
        mark = "[green]kept  [/green]" if verdict.kept else "[red]BROKEN[/red]"
        console.print(f"{mark} {verdict.promise}: [dim]{verdict.because}[/dim]", highlight=False)


def _uids(lines: Sequence[Line], accounts: Sequence[Account]) -> Table:
    last = max((line.epoch for line in lines), default=0)
    now = {line.name: line for line in lines if line.epoch == last}
    table = Table(title=f"after epoch {last}", title_justify="left", box=SIMPLE_HEAD)
    for column in ("uid", "who", "what it does"):
        table.add_column(column)
    for column in ("consensus", "incentive", "dividends", "earned TAO", "claimed TAO"):
        table.add_column(column, justify="right")
    earned = {a.player.name: a for a in accounts}
    for member in sorted(PLAYERS, key=lambda p: now[p.name].uid if p.name in now else 0):
        line, account = now.get(member.name), earned.get(member.name)
        if line is None or account is None:
            continue
        table.add_row(
            str(line.uid),
            line.name,
            player(line.name).role.value,
            percent(line.consensus_bits),
            percent(line.incentive_bits),
            percent(line.dividends_bits),
            tao(account.server_rao + account.validator_rao),
            tao(account.claimed_server_rao + account.claimed_validator_rao),
        )
    return table


def _books(books: Sequence[EpochBooks]) -> Table:
    table = Table(title="books, TAO", title_justify="left", box=SIMPLE_HEAD)
    names = ("epoch", "drained", "pot before", "paid", "owner", "proposer", "recycled", "pot after")
    for name in names:
        table.add_column(name, justify="right")
    for b in books:
        amounts = (b.drained_rao, b.pot_before_rao, b.payouts_rao, b.owner_rao)
        rest = (b.proposer_rao, b.recycled_rao, b.pot_after_rao)
        table.add_row(str(b.epoch), *(tao(x) for x in (*amounts, *rest)))
    return table


def percent(bits: int) -> str:
    """Q32 as a percentage, rounded down to two digits; empty for zero."""
    hundredths = bits * 10_000 // ONE_BITS
    return f"{hundredths // 100}.{hundredths % 100:02d} %" if bits else ""


def tao(rao: int) -> str:
    """Rao as TAO with all nine digits."""
    return f"{rao // RAO_PER_TAO}.{rao % RAO_PER_TAO:09d}"
