# SPDX-License-Identifier: Apache-2.0
"""Runs halmos on Vyper: compiles the checks, writes them as a Forge project's build output, and
reads the verdicts.

halmos looks for functions named check_ in Forge's artefacts and calls `forge build` first; here the
artefacts are ours, so `forge` is a program that does nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vyper.cli.vyper_compile import compile_files

ROOT = Path(__file__).resolve().parents[2]
HALMOS = "halmos==0.3.3"
LOOPS = 31  # the halving table has 30 rows
HERE = Path(__file__).resolve().parent
_VERDICT = re.compile(r"\[(PASS|FAIL|TIMEOUT|ERROR)\]\S*\s+(check_\w+)\(")


def halmos_program() -> str:
    """The program, in a virtual environment of its own: it pins other versions of our libraries."""
    home = ROOT / ".cache" / "halmos"
    program = home / "bin" / "halmos"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        install = [str(home / "bin" / "pip"), "install", "--quiet", HALMOS]
        subprocess.run(install, check=True)
    return str(program)


def compiled(source: Path, contracts: Path = ROOT) -> dict[str, Any]:
    """ABI, selectors and codes of a Vyper file that imports contracts.* from a folder."""
    formats = ("abi", "bytecode", "bytecode_runtime", "method_identifiers")
    outputs = compile_files([str(source)], formats, paths=[str(contracts)])
    return dict(next(iter(outputs.values())))


@contextmanager
def seeded(file: str, right: str, wrong: str) -> Iterator[Path]:
    """A folder with all contracts, one of them with a bug."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "contracts"
        shutil.copytree(ROOT / "contracts", copied)
        text = (copied / file).read_text(encoding="utf-8")
        assert text.count(right) == 1, f"{file} has {text.count(right)} times {right!r}"
        (copied / file).write_text(text.replace(right, wrong), encoding="utf-8")
        yield Path(folder)


def artefact(name: str, outputs: dict[str, Any]) -> dict[str, Any]:
    """What Forge would have written."""
    return {
        "abi": outputs["abi"],
        "bytecode": {"object": outputs["bytecode"], "linkReferences": {}},
        "deployedBytecode": {"object": outputs["bytecode_runtime"], "linkReferences": {}},
        "methodIdentifiers": {
            signature: selector.removeprefix("0x").zfill(8)
            for signature, selector in outputs["method_identifiers"].items()
        },
        "ast": {
            "absolutePath": f"{name}.sol",
            "nodes": [
                {
                    "nodeType": "ContractDefinition",
                    "name": name,
                    "contractKind": "contract",
                    "abstract": False,
                }
            ],
        },
        "metadata": {
            "compiler": {"version": "0.4.3"},
            "output": {"devdoc": {"methods": {}}},
        },
        "id": 0,
    }


def verdicts(
    source: Path, folder: Path, *, contracts: Path = ROOT, only: str = "check_", seconds: int = 60
) -> tuple[dict[str, str], str]:
    """PASS, FAIL, TIMEOUT or ERROR by function, and all that halmos said.

    only: functions whose names begin so. seconds: for each question to the solver.
    """
    program = halmos_program()
    name = source.stem
    written = folder / "out" / f"{name}.sol" / f"{name}.json"
    written.parent.mkdir(parents=True)
    written.write_text(json.dumps(artefact(name, compiled(source, contracts))))
    forge = folder / "bin" / "forge"
    forge.parent.mkdir()
    forge.write_text("#!/bin/sh\nexit 0\n")
    forge.chmod(0o755)
    command = [program, "--root", str(folder), "--contract", name]
    command += ["--function", only, "--loop", str(LOOPS)]
    command += ["--storage-layout", "generic", "--solver-timeout-assertion", str(1_000 * seconds)]
    path = f"{forge.parent}{os.pathsep}{Path(program).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=1_500
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    # a check that did not look at every path has proven nothing
    assert "loop unrolling bound" not in said, said[-3000:]
    return {found[2]: found[1] for found in _VERDICT.finditer(said)}, said
