# SPDX-License-Identifier: Apache-2.0
"""Runs tests/forge/Economy.t.sol with forge on the compiled Vyper bytecode: `make forge`.

forge and solc come from npm into .cache/forge, by hash, when they are first asked for; nothing else
needs them. The contracts' constructors are those of tests/contracts/deployment.py, deployed by one
account in that order.
"""

from __future__ import annotations

import argparse
import base64
import json
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha512
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import rlp
from eth_abi import encode
from eth_utils import keccak, to_canonical_address, to_checksum_address

from tests.contracts.deployment import CONSTRUCTORS, MINIMAL, compiled, role_address, seeded

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
HOME = ROOT / ".cache" / "forge"
FORGE, SOLC = "1.7.1", "0.8.30"
CALLS, DEPTH = 400_000, 500
# calls of one run of forge, after which the progress is said: about half a minute
PART = 20_000
# vyper keeps its settings in one place for all threads: two that compile at once break each other
COMPILER = Lock()
GENESIS_AT = 1_000_000
# npm's own hashes of the archives, checked again here
INTEGRITY = {
    "forge-linux-amd64": "/HQddyTanVOJKgvilmZrf8VOf7mhvwrWb59W73w5W5flX7b6zNh9CR6hKZzJwiRRi5Sxk"
    "/JOFEYIeKsQx7Teqg==",
}

_CONFIG = """\
[profile.default]
src = "test"
test = "test"
libs = []
solc = "{solc}"
evm_version = "cancun"
optimizer = true
optimizer_runs = 200
ignored_warnings_from = ["test"]
fs_permissions = [{{ access = "read", path = "./" }}]

[invariant]
runs = {runs}
depth = {depth}
fail_on_revert = true
show_metrics = true
shrink_run_limit = 2000
"""


def fetched() -> Path:
    """The program forge, and beside it `solc`, a wrapper around solc's build for Node."""
    program = HOME / "forge"
    if not program.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        name = f"forge-{platform.system().lower()}-{_machine()}"
        with tempfile.TemporaryDirectory(dir=HOME) as folder:
            package = f"@foundry-rs/{name}@{FORGE}"
            _call("npm", "pack", "--silent", "--pack-destination", folder, package)
            (archive,) = Path(folder).glob("*.tgz")
            _check(archive, INTEGRITY.get(name))
            with tarfile.open(archive) as tar:
                member = tar.extractfile("package/bin/forge")
                assert member is not None, f"{package} holds no bin/forge"
                draft = Path(folder) / "forge"
                draft.write_bytes(member.read())
            draft.chmod(0o755)
            draft.replace(program)
    module = HOME / "node_modules" / "solc"
    if not module.exists():
        flags = ("--ignore-scripts", "--no-save", "--no-package-lock", "--loglevel=error")
        _call("npm", "install", "--prefix", HOME, *flags, f"solc@{SOLC}")
    wrapper = HOME / "solc"
    wrapper.write_text(
        f'#!/bin/sh\nexport SOLC_MODULE="{module}"\nexec node "{HERE / "solc.js"}" "$@"\n'
    )
    wrapper.chmod(0o755)
    return program


def _machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _check(archive: Path, wanted: str | None) -> None:
    got = base64.b64encode(sha512(archive.read_bytes()).digest()).decode()
    assert wanted in (None, got), f"{archive.name} hashes to {got}, wanted {wanted}"


def _call(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True)


def world(bugs: Iterable[tuple[str, str, str]] = (), contract: str = "") -> dict[str, Any]:
    """Addresses and init codes of every contract; `contract` gets the bugs."""
    deployer = role_address("deployer")
    names = list(CONSTRUCTORS)
    address = {
        name: to_checksum_address(keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:])
        for nonce, name in enumerate(names)
    }
    known = address | {"deployer": deployer, "faucet": role_address("faucet")}
    code = {}
    for name in names:
        source = seeded(name, *bugs) if name == contract else compiled(name)
        given = CONSTRUCTORS[name](MINIMAL, known, GENESIS_AT)
        abi = next((e for e in _abi(source) if e["type"] == "constructor"), {"inputs": []})
        kinds = [part["type"] for part in abi["inputs"]]
        code[name] = "0x" + (source.compiler_data.bytecode + encode(kinds, given)).hex()
    return {
        "names": names,
        "address": address,
        "code": code,
        "deployer": deployer,
        "faucet": known["faucet"],
    }


def _abi(source: Any) -> list[dict[str, Any]]:
    from vyper.compiler.output import build_abi_output

    return list(build_abi_output(source.compiler_data))


def run(
    calls: int = CALLS,
    *,
    depth: int = DEPTH,
    seed: int = 1,
    project: int = 0,
    bugs: Iterable[tuple[str, str, str]] = (),
    contract: str = "",
) -> tuple[bool, int, str]:
    """Whether every invariant held, how many calls were made, and what forge said.

    Runs beside each other need a `project` each; one keeps what solc's build for Node made, which
    takes most of a minute.
    """
    program = fetched()
    folder = HOME / f"project-{project}"
    (folder / "test").mkdir(parents=True, exist_ok=True)
    (folder / "test" / "Economy.t.sol").write_text((HERE / "Economy.t.sol").read_text())
    with COMPILER:
        (folder / "world.json").write_text(json.dumps(world(bugs, contract)))
    runs = max(1, -(-calls // depth))
    config = _CONFIG.format(solc=HOME / "solc", runs=runs, depth=depth)
    (folder / "foundry.toml").write_text(config)
    command = [program, "test", "--offline", "--fuzz-seed", str(seed), "--color", "never"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    said = done.stdout + done.stderr
    counted = re.search(r"calls: (\d+), reverts: (\d+)", said)
    made = int(counted[1]) if counted else 0
    return done.returncode == 0, made, said


class Campaign:
    """Many calls in parts with a seed each, several beside each other; a failure ends it."""

    def __init__(self, calls: int, seed: int, jobs: int) -> None:
        self.calls, self.jobs = calls, jobs
        self.seeds = iter(range(seed, seed + -(-calls // PART)))
        self.made, self.failed, self.began = 0, "", monotonic()
        self.lock = Lock()

    def run(self) -> None:
        """Work until all calls are made or a part failed."""
        print(f"forge: {self.calls:,} calls in parts of {PART:,}, {self.jobs} at a time")
        with ThreadPoolExecutor(self.jobs) as pool:
            for work in [pool.submit(self._work, project) for project in range(self.jobs)]:
                work.result()

    def _work(self, project: int) -> None:
        while not self.failed and (seed := self._next_seed()) is not None:
            held, made, said = run(min(PART, self.calls), seed=seed, project=project)
            with self.lock:
                self.made += made
                if not held or made == 0:
                    self.failed = f"{said}\nforge: seed {seed} failed, see above"
                seconds = monotonic() - self.began
                outcome = "hold" if held else "do NOT hold"
                print(
                    f"  seed {seed}: {made:,} calls {outcome}, {self.made:,} after {seconds:.0f} s"
                )

    def _next_seed(self) -> int | None:
        with self.lock:
            return next(self.seeds, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--seed", type=int, default=1, help="of the first part")
    parser.add_argument("--jobs", type=int, default=2, help="parts beside each other")
    asked = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    fetched()
    campaign = Campaign(asked.calls, asked.seed, asked.jobs)
    campaign.run()
    if campaign.failed or campaign.made < asked.calls:
        raise SystemExit(campaign.failed or f"forge: only {campaign.made:,} calls were made")
    print(f"every invariant held after each of {campaign.made:,} calls")


if __name__ == "__main__":
    main()
