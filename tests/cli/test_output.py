# SPDX-License-Identifier: Apache-2.0
"""What commands say, and where."""

import io
import re
import sys
from contextlib import redirect_stderr

import pytest
import structlog

from offchain.cli.output import columns_to_break, log_to_stderr, show_table


def test_log_to_stderr__the_stream_is_replaced_later__lines_follow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = io.StringIO()
    try:
        with redirect_stderr(gone):
            log_to_stderr()
            structlog.get_logger("test").info("first")
        text = gone.getvalue()
        gone.close()
        structlog.get_logger("test").info("second")
    finally:
        structlog.reset_defaults()
    said = capsys.readouterr()
    assert "first" in text
    assert "second" in said.err
    assert said.out == ""
    assert sys.stderr is not gone


def test_show_table__on_a_narrow_terminal__breaks_long_texts_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    address = "0xC5eC032b5b564b38a7b37d6b32a0AF05aC85eD8E"
    show_table(False, "keys", ("incentive", "address"), [("0.4982", address), ("1,000.5", "none")])
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(len(line) for line in shown.splitlines()) <= 20
    for whole in ("incentive", "0.4982", "1,000.5"):
        assert whole in shown
    assert address not in shown
    assert address in "".join(shown.replace("0.4982", "").split())


@pytest.mark.parametrize(
    ("widths", "room", "broken"),
    [
        ([], 80, set()),
        ([10, 42, 6], 60, set()),
        ([10, 42, 6], 59, {1}),
        ([20, 42, 20], 60, {1}),
        ([20, 42, 20], 49, {0, 1}),
        ([9, 9, 9], 10, {0, 1, 2}),
    ],
)
def test_columns_to_break__the_widest_first_and_no_more_than_needed(
    widths: list[int], room: int, broken: set[int]
) -> None:
    assert columns_to_break(widths, room) == broken


def test_show_table__whatever_the_width__no_cell_loses_a_character(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = ("0x4fa4-2b9E", "1,029.484", "0.0.0.0:8091", "29.484164799", "f94798ee")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for width in range(45, 100, 3):
        monkeypatch.setenv("COLUMNS", str(width))
        show_table(False, "t", ("hotkey", "stake TAO", "axon", "earned TAO", "model"), [cells])
        shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        for character in set("".join(cells)):
            assert shown.count(character) >= "".join(cells).count(character)


def test_show_table__title_wider_than_its_table__stays_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    title = "stake of 0xC5eC032b5b564b38a7b37d6b32a0AF05aC85eD8E"
    show_table(False, title, ("is", "TAO"), [("own", "1")])
    assert title in capsys.readouterr().out.splitlines()
    show_table(False, title, ("is", "TAO"), [])
    assert capsys.readouterr().out == f"{title}: none\n"
