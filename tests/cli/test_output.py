# SPDX-License-Identifier: Apache-2.0
"""What commands say, and where."""

import io
import sys
from contextlib import redirect_stderr

import pytest
import structlog

from offchain.cli.output import log_to_stderr


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
