# SPDX-License-Identifier: Apache-2.0
"""The main job, as a user runs it: every promise of the demo is kept."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_demo__three_epochs__every_promise_is_kept(tmp_path):
    written = tmp_path / "demo.json"
    command = [sys.executable, "-m", "offchain.cli", "demo", "--json", str(written)]
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(written.read_text())
    assert [verdict["kept"] for verdict in result["verdicts"]] == [True] * 6
    assert {book["gap_rao"] for book in result["books"]} == {0}
    assert len({line["epoch"] for line in result["epochs"]}) >= 3
