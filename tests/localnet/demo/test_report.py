# SPDX-License-Identifier: Apache-2.0
"""What the demo prints at the end fits an 80 column terminal without losing a digit or a name."""

import io

import pytest
from rich.console import Console

from offchain.localnet.demo.cast import PLAYERS
from offchain.localnet.demo.facts import Line
from offchain.localnet.demo.outcome import Account, EpochBooks, Strike, judge
from offchain.localnet.demo.report import report
from offchain.localnet.demo.screen import Screen

LARGEST_SHARE = 2**32
EARNED_RAO = 99_999_999_999  # a demo of eight epochs hands out less than 100 TAO
STRUCK = Strike(1, "0xliar", "0xwatcher", 12_000_000_019, 6_000_000_009, 6_000_000_010, 2)


def lines(epoch):
    return [
        Line(epoch, p.name, 10 + uid, LARGEST_SHARE, LARGEST_SHARE, LARGEST_SHARE, EARNED_RAO, 0)
        for uid, p in enumerate(PLAYERS)
    ]


def printed(width):
    console = Console(file=io.StringIO(), width=width)
    accounts = [
        Account(p, 10 + uid, EARNED_RAO, 0, EARNED_RAO - 1, 0) for uid, p in enumerate(PLAYERS)
    ]
    books = [
        EpochBooks(e, 22 * 10**9, 19, 18_018_100_691, 3_959_899_290, 22_000_001, 1, 19)
        for e in range(8)
    ]
    verdicts = judge(accounts, books, [STRUCK])
    report(console, lines(7), accounts, books, verdicts)
    return console.file.getvalue(), verdicts


@pytest.mark.parametrize("width", [80, 120])
def test_report__of_the_widest_numbers__nothing_is_cut(width):
    text, verdicts = printed(width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    rows = [row for row in text.splitlines() if row[:2].isdigit()]
    for member, row in zip(PLAYERS, rows, strict=True):
        assert member.name in row
        assert member.role.value in row
        assert row.count("100.00 %") == 3
        assert "99.999999999" in row
        assert ("99.999999998" in row) == (width == 120)
    assert text.count("18.018100691") == 8
    for verdict in verdicts:
        assert verdict.promise in text


def test_report__broken_promise__stands_out():
    text, verdicts = printed(80)
    broken = [v.promise for v in verdicts if not v.kept]
    assert broken
    marked = [line for line in text.splitlines() if line.startswith("BROKEN")]
    assert [line.removeprefix("BROKEN").strip() for line in marked] == broken


def test_epoch__best_three__fit_one_line_of_80_columns():
    console = Console(file=io.StringIO(), width=80)
    Screen(console).epoch(lines(1_000))
    assert len(console.file.getvalue().splitlines()) == 1
