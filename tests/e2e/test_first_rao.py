# SPDX-License-Identifier: Apache-2.0
"""Issue 5: from an untrained torch module to the first earned rao; it prints how long that took."""

import os
import re
import subprocess
import sys

import pytest

from offchain.localnet.first_rao import FOLDER
from tests.repository.files import ROOT


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_newcomer__untrained_module__earns(tmp_path):
    command = [sys.executable, "examples/first_rao.py"]
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=880
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = re.search(r"earned (\d+) rao, (\d+) s after", done.stdout)
    assert found is not None, done.stdout
    assert int(found[1]) > 0
    assert not list((ROOT / FOLDER / "home").rglob("audits/strikes.json"))
    logs = "".join(path.read_text() for path in (ROOT / FOLDER / "logs").glob("validator-*"))
    assert "walls=" in logs
