# SPDX-License-Identifier: Apache-2.0
"""Two networks never work in one folder."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from offchain.localnet import room
from offchain.localnet.exclusive import exclusive
from offchain.protocol.errors import ConfigError

HOLD = """
import sys
from pathlib import Path
from offchain.localnet.exclusive import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_exclusive__folder_of_a_run_that_ended__is_cleared(tmp_path):
    folder = tmp_path / "new" / "demo"
    with exclusive(folder):
        (folder / "old").touch()
    with exclusive(folder):
        assert list(folder.iterdir()) == []


def test_exclusive__disk_is_full__is_refused_before_anything_is_cleared(tmp_path, monkeypatch):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "precious").touch()
    usage = shutil._ntuple_diskusage(10**9, 10**9, 3 * 2**20)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ConfigError, match="3 MiB are free in"), exclusive(folder):
        pass
    assert (folder / "precious").exists()


def test_exclusive__another_process_has_it__is_refused_and_clears_nothing(tmp_path):
    folder = tmp_path / "demo"
    command = [sys.executable, "-c", HOLD, str(folder)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as other:
        assert other.stdout.readline() == b"held\n"
        (folder / "precious").touch()
        with pytest.raises(ConfigError, match="another run works in"), exclusive(folder):
            pass
        assert (folder / "precious").exists()
        other.kill()
    with exclusive(folder):
        assert not (folder / "precious").exists()
