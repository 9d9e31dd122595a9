# SPDX-License-Identifier: Apache-2.0
"""Issue 5: from an untrained torch module to the first earned rao, in under two minutes."""

import os
import re
import subprocess
import sys

import pytest

from offchain.localnet.first_rao import FOLDER
from tests.repository.files import ROOT


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_newcomer__untrained_module__earns_in_under_two_minutes(tmp_path):
    command = [sys.executable, "examples/first_rao.py"]
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=230
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = re.search(r"earned (\d+) rao, (\d+) s after", done.stdout)
    assert found is not None, done.stdout
    assert int(found[1]) > 0
    assert int(found[2]) < 120
    # it publishes its model: validators have fetched it and found its answers to be the model's
    homes = ROOT / FOLDER / "home"
    assert list(homes.rglob("audits/models/*.bin"))
    assert not list(homes.rglob("audits/strikes.json"))
    logs = "".join(path.read_text() for path in (ROOT / FOLDER / "logs").glob("validator-*"))
    assert "walls=" in logs
