# SPDX-License-Identifier: Apache-2.0
"""An inference server that is not ours, as a process of its own, for the tests of an engine."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from offchain.localnet.chain_process import free_port

START_S = 60.0


@dataclass
class RealServer:
    """Lives in `folder`, where its log is; the same port after each start."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def wait_for(self, path: str) -> None:
        """Until `path` is answered with 200; fails with the end of the log."""
        end = time.monotonic() + START_S
        while self.status(path) != 200:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-2_000:]
            assert time.monotonic() < end, self.log.read_text()[-2_000:]
            time.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def status(self, path: str) -> int:
        """What `path` is answered with; 0 if nobody answers."""
        try:
            return httpx.get(self.url + path, trust_env=False).status_code
        except httpx.TransportError:
            return 0
