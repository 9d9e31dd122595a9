# SPDX-License-Identifier: Apache-2.0
"""What the demo ends with: who earned what, the books, and which promises were kept.

Everything fits into 80 columns, with all nine decimals; a wider terminal shows more columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from offchain.localnet.demo.cast import PLAYERS
from offchain.localnet.demo.facts import Line
from offchain.localnet.demo.outcome import Account, EpochBooks, Verdict
from offchain.localnet.demo.screen import percent, tao
from offchain.protocol.units import format_tao

WIDE = 100  # columns from which on there is room for what was claimed, too


def report(
    console: Console,
    lines: Sequence[Line],
    accounts: Sequence[Account],
    books: Sequence[EpochBooks],
    verdicts: Sequence[Verdict],
) -> None:
    """The table of players, the books, and what was promised."""
    for table in (
        _players(lines, accounts, console.width >= WIDE),
        _books(books),
        _verdicts(verdicts),
    ):
        console.print()
        console.print(table)


def _players(lines: Sequence[Line], accounts: Sequence[Account], is_wide: bool) -> Table:
    """In the order in which the cast is introduced: miners first, cheats after the honest."""
    last = max((line.epoch for line in lines), default=0)
    now = {line.name: line for line in lines if line.epoch == last}
    amounts = ["earned TAO", *(["claimed TAO"] if is_wide else [])]
    table = _table(
        f"consensus, incentive and dividends of epoch {last}; TAO of all epochs",
        ("uid", "who", "what it does"),
        ("consensus", "incentive", "dividends", *amounts),
    )
    earned = {a.player.name: a for a in accounts}
    for member in PLAYERS:
        line, account = now.get(member.name), earned.get(member.name)
        if line is None or account is None:
            continue
        claimed = account.claimed_server_rao + account.claimed_validator_rao
        table.add_row(
            str(line.uid),
            line.name,
            member.role.value,
            percent(line.consensus_bits),
            percent(line.incentive_bits),
            percent(line.dividends_bits),
            tao(account.server_rao + account.validator_rao),
            *([tao(claimed)] if is_wide else []),
            end_section=member.name == _last_miner(),
        )
    return table


def _last_miner() -> str:
    return [p.name for p in PLAYERS if not p.role.is_validator][-1]


def _books(books: Sequence[EpochBooks]) -> Table:
    """Each epoch's pot is what the epoch before it left, so that one column of pots is enough."""
    table = _table(
        "books in TAO: drained + the pot above = the rest of the row",
        (),
        ("epoch", "drained", "paid", "owner", "proposer", "recycled", "pot"),
    )
    for b in books:
        amounts = (b.drained_rao, b.payouts_rao, b.owner_rao, b.proposer_rao, b.recycled_rao)
        table.add_row(str(b.epoch), *map(format_tao, (*amounts, b.pot_after_rao)))
    return table


def _verdicts(verdicts: Sequence[Verdict]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    for verdict in verdicts:
        mark = "[green]kept[/green]" if verdict.kept else "[red]BROKEN[/red]"
        table.add_row(mark, verdict.promise)
        table.add_row("", f"[dim]{verdict.because}[/dim]")
    return table


def _table(title: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """Columns with one blank between them."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    for name in texts:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
