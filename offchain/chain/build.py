# SPDX-License-Identifier: Apache-2.0
"""Compiles every deployable contract into package data, once per EVM version.

    python -m offchain.chain.build [--evm cancun|shanghai] [--force]

A deployable contract is a file `contracts/<Name>.vy` with an upper-case first letter. Its
artefact is `offchain/chain/artifacts/<evm>/<Name>.json` with `abi`, `bytecode`,
`runtime_bytecode`, `runtime_size` (bytes of code after deployment, immutables included), `layout`,
`devdoc`, `source_hash`, `evm_version` and `compiler`. Git ignores the artefacts, a wheel carries
them, so that services run without a compiler.

An artefact is fresh when its `source_hash` equals the hash over everything that can change its
bytes: the contract, all that it imports from `contracts/`, the EVM version, and the versions of
vyper and snekmate. The default code generator is used: never Venom, whose back end has open faults
in 0.4.3.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from hashlib import sha256
from pathlib import Path
from typing import Any

from offchain.protocol.errors import ConfigError

EVM_VERSIONS = ("cancun", "shanghai")
VYPER_VERSION = "0.4.3"
ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
REPOSITORY = Path(__file__).resolve().parents[2]

_IMPORT = re.compile(
    r"^\s*(?:import\s+(?P<module>[\w.]+)|from\s+(?P<package>[\w.]+)\s+import\s+(?P<name>\w+))",
    re.MULTILINE,
)


def contract_sources(root: Path = REPOSITORY) -> list[Path]:
    """Deployable contracts of a repository, by name; an empty list in an installed wheel."""
    return sorted(p for p in (root / "contracts").glob("*.vy") if p.name[0].isupper())


def imported_files(source: Path, root: Path) -> set[Path]:
    """`source` and every file below `root` that it imports, directly or not."""
    seen: set[Path] = set()
    waiting = [source.resolve()]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        waiting.extend(_direct_imports(file, root.resolve()))
    return seen


def _direct_imports(file: Path, root: Path) -> Iterator[Path]:
    for match in _IMPORT.finditer(file.read_text(encoding="utf-8")):
        package, name, module = match["package"], match["name"], match["module"]
        dotted = module if module else f"{package}.{name}" if package.strip(".") else package + name
        base = root
        if dotted.startswith("."):
            levels = len(dotted) - len(dotted.lstrip("."))
            base = file.parents[levels - 1]
        stem = base.joinpath(*dotted.lstrip(".").split("."))
        yield from (p for p in (stem.with_suffix(".vy"), stem.with_suffix(".vyi")) if p.is_file())


def source_hash(source: Path, evm: str, root: Path = REPOSITORY) -> str:
    """Hash over everything that can change the bytes of one artefact."""
    digest = sha256(
        f"{evm} vyper {VYPER_VERSION} snekmate {_installed_version('snekmate')}\n".encode()
    )
    for file in sorted(imported_files(source, root)):
        digest.update(f"{file.relative_to(root.resolve()).as_posix()}\n".encode())
        digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _installed_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def artifact_path(name: str, evm: str, out: Path = ARTIFACTS) -> Path:
    """Where the artefact of contract `name` for one EVM version lies."""
    if evm not in EVM_VERSIONS:
        raise ConfigError(
            f"EVM version {evm!r} is not built, only {' and '.join(EVM_VERSIONS)}",
            next_step="Choose one of them.",
        )
    return out / evm / f"{name}.json"


def is_fresh(source: Path, evm: str, root: Path = REPOSITORY, out: Path = ARTIFACTS) -> bool:
    """Whether the artefact of `source` exists and was made from what the files say now."""
    try:
        stored = json.loads(artifact_path(source.stem, evm, out).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(stored, dict) and stored.get("source_hash") == source_hash(source, evm, root)


def compile_contract(source: Path, evm: str, root: Path = REPOSITORY) -> dict[str, Any]:
    """Compile one contract; the artefact as a JSON-ready dictionary.

    Raises `ConfigError` when vyper is missing, has another version, or refuses the source.
    """
    if _installed_version("vyper") != VYPER_VERSION:
        raise ConfigError(
            f"compiling needs vyper {VYPER_VERSION}, found {_installed_version('vyper')}",
            next_step="Run `make setup`, or `pip install 'evmtensor[contracts]'`.",
        )
    from vyper.cli.vyper_compile import compile_files
    from vyper.compiler.settings import Settings
    from vyper.exceptions import VyperException

    fingerprint = source_hash(source, evm, root)  # before compiling: an edit meanwhile stays stale
    formats = ["abi", "bytecode", "bytecode_runtime", "layout", "devdoc"]
    try:
        made = compile_files(
            [str(source.resolve())], formats, paths=[str(root)], settings=Settings(evm_version=evm)
        )
    except VyperException as error:
        raise ConfigError(
            f"vyper refuses {source}: {error}", next_step="Correct the source and build again."
        ) from error
    (output,) = made.values()
    runtime = output["bytecode_runtime"]
    immutables = sum(_code_lengths(output["layout"].get("code_layout", {})))
    return {
        "name": source.stem,
        "evm_version": evm,
        "compiler": f"vyper {VYPER_VERSION}",
        "source_hash": fingerprint,
        "abi": output["abi"],
        "bytecode": output["bytecode"],
        "runtime_bytecode": runtime,
        "runtime_size": len(bytes.fromhex(runtime[2:])) + immutables,
        "layout": _without_paths(output["layout"]),
        "devdoc": output["devdoc"],
    }


def _code_lengths(node: dict[str, Any]) -> Iterator[int]:
    """Bytes of each immutable; modules nest."""
    if isinstance(node.get("length"), int):
        yield node["length"]
        return
    for child in node.values():
        yield from _code_lengths(child)


def _without_paths(node: Any) -> Any:
    """The layout with `.../site-packages/.../IERC20.vyi` cut to `IERC20`, on every machine."""
    if isinstance(node, dict):
        return {key: _without_paths(value) for key, value in node.items()}
    if isinstance(node, str):
        return re.sub(r"[^,\]\[() ]*/(\w+)\.vyi?", r"\1", node)
    return node


def _compile_into(source: Path, evm: str, root: Path, out: Path) -> tuple[int, float]:
    started = time.monotonic()
    artifact = compile_contract(source, evm, root)
    path = artifact_path(source.stem, evm, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(artifact, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)  # readers see the old artefact or the new one, never half of one
    return int(artifact["runtime_size"]), time.monotonic() - started


def build(
    evm: str = "cancun",
    *,
    root: Path = REPOSITORY,
    out: Path = ARTIFACTS,
    force: bool = False,
    quiet: bool = True,
) -> list[Path]:
    """Bring the artefacts for one EVM version up to date; the paths of all of them.

    In an installed wheel, where no sources are, the artefacts that came with it are the answer.
    Artefacts of contracts that no longer exist are removed.
    """
    sources = contract_sources(root)
    if not sources:
        return sorted((out / evm).glob("*.json"))
    paths = [artifact_path(source.stem, evm, out) for source in sources]
    for orphan in set((out / evm).glob("*.json")) - set(paths):
        orphan.unlink()
    stale = [s for s in sources if force or not is_fresh(s, evm, root, out)]
    _compile_all(stale, evm, root, out, quiet)
    return paths


def _compile_all(stale: list[Path], evm: str, root: Path, out: Path, quiet: bool) -> None:
    if not stale:
        return
    largest_first = sorted(stale, key=lambda s: -s.stat().st_size)
    with ProcessPoolExecutor(max_workers=min(os.cpu_count() or 1, len(stale))) as workers:
        jobs = {workers.submit(_compile_into, s, evm, root, out): s for s in largest_first}
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                size, seconds = job.result()
                if not quiet:
                    line = f"[{done}/{len(jobs)}] {jobs[job].stem} for {evm}: "
                    print(f"{line}{size:,} bytes of code in {seconds:.1f} s", flush=True)
        except ConfigError:
            workers.shutdown(cancel_futures=True)
            raise


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m offchain.chain.build", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--evm", choices=EVM_VERSIONS, action="append", help="default: cancun")
    parser.add_argument("--force", action="store_true", help="compile what is fresh, too")
    options = parser.parse_args(arguments)
    try:
        for evm in options.evm or ["cancun"]:
            paths = build(evm, force=options.force, quiet=False)
            print(f"{len(paths)} contracts for {evm} are up to date in {ARTIFACTS / evm}")
    except ConfigError as error:
        print(f"{error} {error.next_step}".strip(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
