# SPDX-License-Identifier: Apache-2.0
"""The Python environment: `.venv` with everything that `requirements.lock` pins, and ourselves.

Every package but torch is checked against the hashes of the lock. torch is pinned by version only:
its builds (CPU, CUDA, macOS) have different hashes and requirements, and one must be chosen by the
machine's own index settings.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path

from tools.bootstrap.failure import SetupError
from tools.bootstrap.steps import CACHE, ROOT, STAMPS, VENV, Step, call, hash_of, python_here

PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"

_PIP: list[str | Path] = [
    PYTHON,
    "-m",
    "pip",
    "--disable-pip-version-check",
    "install",
    "--progress-bar",
    "off",
]


def environment() -> Step:
    return Step(
        name="environment",
        title="Create the Python environment .venv",
        fingerprint=python_here,
        run=_create_environment,
        done=PYTHON.exists,
    )


def _create_environment() -> None:
    if VENV.exists():
        # ours has stamps or is empty; another's is not touched
        if any(VENV.iterdir()) and not STAMPS.exists() and PYTHON.exists():
            raise SetupError(
                f"{VENV} was not made by this set-up",
                "move it away (`mv .venv .venv.old`) and run the same command again",
            )
        shutil.rmtree(VENV)
    try:
        call([sys.executable, "-m", "venv", VENV])
    except SetupError as error:
        if "ensurepip" in error.fact or "python3-venv" in error.fact or not PYTHON.exists():
            shutil.rmtree(VENV, ignore_errors=True)
            raise SetupError(
                f"{sys.executable} cannot create environments ({error.fact})",
                f"install its venv module (`apt install python3.{sys.version_info[1]}-venv`) "
                "and run the same command again",
            ) from error
        raise
    STAMPS.write_text("{}\n")  # from here on the folder is known as ours


def packages() -> Step:
    return Step(
        name="packages",
        title="Install the Python packages of requirements.lock",
        fingerprint=lambda: hash_of("requirements.lock"),
        run=_install_packages,
        done=PYTHON.exists,
        disk_mib=1_600,
    )


def _install_packages() -> None:
    """Packages without a wheel are built with the lock's own setuptools, never a newer one."""
    builders = CACHE / "builders.lock"
    builders.write_text(entries_of(LOCK.read_text(), {"setuptools", "wheel"}))
    checked = [*_PIP, "--no-deps", "--require-hashes"]
    call([*checked, "-r", builders])
    call([*checked, "--no-build-isolation", "-r", LOCK])


def entries_of(lock: str, names: set[str]) -> str:
    """The entries of some packages, with their hashes."""
    kept, keep = [], False
    for line in lock.splitlines():
        if not line.startswith((" ", "#")):
            keep = line.split("==")[0] in names
        if keep:
            kept.append(line)
    return "\n".join(kept) + "\n"


def torch() -> Step:
    return Step(
        name="torch",
        title="Install torch (the largest download)",
        fingerprint=_torch_requirement,
        run=_install_torch,
        done=PYTHON.exists,
        disk_mib=1_500,
    )


def _install_torch() -> None:
    call([*_PIP, _torch_requirement()])


def _torch_requirement() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    return str(next(line for line in extras["train"] if line.startswith("torch==")))


def ourselves() -> Step:
    return Step(
        name="evmtensor",
        title="Install evmtensor itself",
        fingerprint=lambda: f"{ROOT} {hash_of('pyproject.toml')}",
        run=_install_ourselves,
        done=(VENV / "bin" / "evmtensor").exists,
    )


def _install_ourselves() -> None:
    call([*_PIP, "--no-deps", "--no-build-isolation", "-e", ROOT])
    try:
        call([PYTHON, "-m", "pip", "--disable-pip-version-check", "check"])
    except SetupError as error:
        if sys.version_info < (3, 13) or not is_only_apes_numpy(error.output):
            raise


def is_only_apes_numpy(complaints: str) -> bool:
    """eth-ape asks for numpy 1, which has no build for Python 3.13; it runs with numpy 2."""
    lines = [line for line in complaints.splitlines() if line.strip()]
    return all(re.match(r"eth-ape \S+ has requirement numpy<2\b", line) for line in lines)
