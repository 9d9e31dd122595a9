# SPDX-License-Identifier: Apache-2.0
"""The local chain that `evmtensor localnet up` leaves behind, and `down` ends.

A process of its own keeps the chain as its child; `<folder>/network.json` says where it is. When
that process ends, in whatever way, the chain ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from offchain.localnet.chain_process import (
    EVM_OF,
    ChainSettings,
    Kind,
    check_port_free,
    rpc,
    start_chain,
)
from offchain.localnet.errors import ChainNotReady
from offchain.localnet.room import check_room
from offchain.protocol.errors import ConfigError, EvmtensorError

START_SECONDS = 180.0  # compiling included
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What to start: "anvil" or "ganache", on a port (0: any), with a preset of the deployment.

    with_pid: a process that the network ends with, 0 for none.
    """

    chain: str
    port: int
    preset: str
    folder: Path
    with_pid: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """A running local network."""

    pid: int
    chain: str
    url: str
    chain_id: int
    deployment: str


def start(settings: Settings, deployments: Path) -> State:
    """Start the process and wait until everything is deployed.

    Raises `ConfigError` when one runs already, `PortBusy`, `ChainNotReady`.
    """
    already = running(settings.folder)
    if already is not None:
        raise ConfigError(
            f"a local {already.chain} runs already at {already.url}",
            next_step="Use it, or stop it with `evmtensor localnet down`.",
        )
    _check_kind(settings.chain)
    if settings.port:
        check_port_free("127.0.0.1", settings.port)
    settings.folder.mkdir(parents=True, exist_ok=True)
    check_room(settings.folder)
    _state_file(settings.folder).unlink(missing_ok=True)
    log_path = settings.folder / "daemon.log"
    words: list[object] = [settings.chain, settings.port, settings.preset, settings.folder]
    words += [settings.with_pid, deployments]
    with log_path.open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "offchain.localnet.daemon", *(str(word) for word in words)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with _interrupts() as heard:
            state = _wait_for_state(child, settings.folder, heard)
        if state is not None:
            return state
    except BaseException:
        _end(child)  # who starts a network and presses Ctrl-C does not want it
        raise
    _end(child)
    tail = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise ChainNotReady(
        f"the local network did not start: {tail[0] if tail else 'no word of why'}",
        next_step=f"Read {log_path}.",
    )


def _wait_for_state(
    child: subprocess.Popen[bytes], folder: Path, heard: Sequence[int]
) -> State | None:
    """The network once it answers, or None when its process ended or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        state = running(folder)
        if heard:
            raise KeyboardInterrupt
        if state is not None or child.poll() is not None:
            return state
        time.sleep(0.1)
    return None


@contextlib.contextmanager
def _interrupts() -> Iterator[Sequence[int]]:
    """The numbers of the signals that said to end, SIGINT or SIGTERM; each raises
    KeyboardInterrupt as well. What whoever started us wants ignored stays so.

    An exception alone can get lost: where the interpreter calls back, as in a hook of fork or when
    it frees something, it is printed and forgotten.
    """
    heard: list[int] = []

    def hear(number: int, frame: object) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    wanted = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in wanted}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(STOP_SECONDS)


def stop(folder: Path) -> bool:
    """End the process and with it the chain; False when none runs."""
    state = running(folder)
    if state is None:
        return False
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not _is_alive(state.pid):
            return True
        time.sleep(0.05)
    raise ChainNotReady(
        f"process {state.pid} of the local network does not end",
        next_step=f"Run `kill -9 {state.pid}`.",
    )


def running(folder: Path) -> State | None:
    """The local network that runs and answers, if there is one."""
    try:
        state = State(**json.loads(_state_file(folder).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not _is_alive(state.pid):
        return None
    try:
        answered = int(rpc(state.url, "eth_chainId", timeout_seconds=3.0), 16)
    except ChainNotReady:
        return None
    return state if answered == state.chain_id else None


def serve(settings: Settings, deployments: Path, announce: Callable[[str], None]) -> None:
    """Chain and contracts in this process, until SIGTERM or Ctrl-C, whatever it is doing then."""
    with contextlib.suppress(KeyboardInterrupt), _interrupts() as heard:
        _serve(settings, deployments, announce, heard)


def _serve(
    settings: Settings, deployments: Path, announce: Callable[[str], None], heard: Sequence[int]
) -> None:
    from offchain.chain.build import build
    from offchain.chain.connection import open_connection
    from offchain.chain.deployment import deploy
    from offchain.chain.presets import preset
    from offchain.chain.transactions import Sender
    from offchain.keys.development import development_signer

    kind = _check_kind(settings.chain)
    numbers = preset(settings.preset)
    build(EVM_OF[kind])
    log_file = settings.folder / "chain.log"
    with start_chain(ChainSettings(kind=kind, port=settings.port, log_file=log_file)) as chain:
        connection = open_connection([chain.url])
        signer = development_signer("dev:0", chain.chain_id)
        path = (deployments / f"{chain.chain_id}.json").resolve()
        deploy(Sender(connection, signer), numbers, path)
        state = State(os.getpid(), kind, chain.url, chain.chain_id, str(path))
        _write(_state_file(settings.folder), state)
        announce(f"{kind} with all contracts at {chain.url}, described in {path}")
        announce(f"export APE_FOUNDRY_HOST={chain.url}")
        try:
            while not heard and _is_wanted(settings):
                if not chain.is_running():
                    raise ChainNotReady(
                        f"{kind} ended by itself: {chain.child.log_tail(3)}",
                        next_step=f"Read {log_file}.",
                    )
                time.sleep(0.5)
        finally:
            _state_file(settings.folder).unlink(missing_ok=True)


def _is_wanted(settings: Settings) -> bool:
    """Until its process ends, or somebody removes its folder."""
    has_company = settings.with_pid == 0 or _is_alive(settings.with_pid)
    return has_company and _state_file(settings.folder).exists()


def _check_kind(name: str) -> Kind:
    for kind in EVM_OF:
        if kind == name:
            return kind
    raise ConfigError(f"chain {name!r} is unknown", next_step="Choose anvil or ganache.")


def _state_file(folder: Path) -> Path:
    return folder / "network.json"


def _write(path: Path, state: State) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(state), sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)  # our own child that ended is a zombie
    except ChildProcessError:
        return True


def _main(words: list[str]) -> int:
    chain, port, preset, folder, with_pid, deployments = words
    settings = Settings(chain, int(port), preset, Path(folder), int(with_pid))
    try:
        serve(settings, Path(deployments), lambda line: None)
    except EvmtensorError as error:
        print(f"{error}. {error.next_step}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
