# SPDX-License-Identifier: Apache-2.0
"""A local chain: Anvil (cancun) or Ganache (shanghai) as a child process.

    with start_chain(ChainSettings(port=0)) as chain:
        print(chain.url)

A block every second by default, because ticks come from block timestamps: without blocks, ticks
stand still. The accounts come from the public test mnemonic, so nothing of value may ever sit
behind them; even so their keys are kept out of the node's log.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from offchain.localnet import processes
from offchain.localnet.errors import ChainNotReady, MissingProgram, PortBusy
from offchain.protocol.errors import ConfigError

Kind = Literal["anvil", "ganache"]

TEST_MNEMONIC = "test test test test test test test test test test test junk"
TEST_DERIVATION = "m/44'/60'/0'/0"  # account i is TEST_DERIVATION/i, on both chains
EVM_OF: dict[Kind, str] = {"anvil": "cancun", "ganache": "shanghai"}
CHAIN_ID_OF: dict[Kind, int] = {"anvil": 31_337, "ganache": 1_337}

_START_ATTEMPTS = 5  # a free port can be taken between our look and the node's
_HINT = {
    "anvil": "Run `make setup`, or `npm install -g @foundry-rs/anvil@1.7.1`.",
    "ganache": "Run `make setup CHAIN=ganache`, or `npm install -g ganache@7.9.2`.",
}


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """How to start a chain.

    port: 0 takes a free one. block_seconds: 0 mines each transaction at once.
    genesis_time: Unix seconds of block 0; None is now. state: Anvil's file or Ganache's directory,
    read if it exists and written when the chain is stopped (not when it is killed).
    chain_id: None is the usual one of the kind, `CHAIN_ID_OF`.
    """

    kind: Kind = "anvil"
    host: str = "127.0.0.1"
    port: int = 0
    chain_id: int | None = None
    block_seconds: int = 1
    accounts: int = 40
    balance_ether: int = 10_000
    block_gas_limit: int = 30_000_000
    genesis_time: int | None = None
    state: Path | None = None
    log_file: Path = field(default=Path(".localnet/chain.log"))
    start_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.kind not in EVM_OF:
            raise ConfigError(
                f"chain {self.kind!r} is unknown", next_step="Choose anvil or ganache."
            )
        if not 0 <= self.port <= 65_535:
            raise ConfigError(
                f"port {self.port} does not exist", next_step="Choose 0 (any free) to 65535."
            )


class ChainProcess:
    """A chain that answers; stop it, or leave the `with` block."""

    def __init__(self, settings: ChainSettings, port: int, child: processes.Child) -> None:
        self.settings = settings
        self.port = port
        self.child = child

    @property
    def url(self) -> str:
        return f"http://{self.settings.host}:{self.port}"

    @property
    def chain_id(self) -> int:
        return _chain_id(self.settings)

    @property
    def evm(self) -> str:
        """The EVM version that contracts must be built for."""
        return EVM_OF[self.settings.kind]

    def is_running(self) -> bool:
        return self.child.is_running()

    def stop(self) -> None:
        """End it in good order, which also writes the state."""
        self.child.stop(grace_seconds=30.0 if self.settings.state else processes.STOP_GRACE_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        self.child.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_chain(settings: ChainSettings) -> ChainProcess:
    """Start a chain and wait until it answers with the right chain id.

    Raises `MissingProgram`, `PortBusy` or `ChainNotReady`.
    """
    program = find_program(settings.kind)
    if settings.port:
        return _start_on(program, settings, settings.port)
    for _ in range(_START_ATTEMPTS - 1):
        port = free_port(settings.host)
        try:
            return _start_on(program, settings, port)
        except (PortBusy, ChainNotReady):
            if _port_is_free(settings.host, port):
                raise  # not a lost race for the port
    return _start_on(program, settings, free_port(settings.host))


def _start_on(program: str, settings: ChainSettings, port: int) -> ChainProcess:
    check_port_free(settings.host, port)
    child = processes.start(
        settings.kind,
        command_line(program, settings, port),
        settings.log_file,
        log_stdout=settings.kind != "ganache",  # prints its accounts' keys, quiet or not
    )
    chain = ChainProcess(settings, port, child)
    try:
        _wait_until_healthy(chain)
    except BaseException:
        child.kill()
        raise
    return chain


def find_program(kind: Kind) -> str:
    """Path of the node's program: `EVMTENSOR_ANVIL`, this environment, then PATH."""
    named = os.environ.get(f"EVMTENSOR_{kind.upper()}")
    beside = Path(sys.prefix) / "bin" / kind
    found = named or (str(beside) if os.access(beside, os.X_OK) else shutil.which(kind))
    if not found:
        raise MissingProgram(f"{kind} is not installed", next_step=_HINT[kind])
    return found


def command_line(program: str, settings: ChainSettings, port: int) -> Sequence[str]:
    """Arguments of the node; it holds no key but those of the public mnemonic."""
    make = _anvil if settings.kind == "anvil" else _ganache
    return [program, *(str(word) for word in make(settings, port))]


def _anvil(settings: ChainSettings, port: int) -> list[object]:
    words: list[object] = ["--host", settings.host, "--port", port, "--quiet"]
    words += ["--chain-id", _chain_id(settings), "--hardfork", EVM_OF["anvil"]]
    words += ["--gas-limit", settings.block_gas_limit]
    words += ["--mnemonic", TEST_MNEMONIC, "--accounts", settings.accounts]
    words += ["--balance", settings.balance_ether]
    if settings.block_seconds:
        words += ["--block-time", settings.block_seconds]
    if settings.genesis_time is not None:
        words += ["--timestamp", settings.genesis_time]
    if settings.state:
        settings.state.parent.mkdir(parents=True, exist_ok=True)
        words += ["--state", settings.state]
    return words


def _ganache(settings: ChainSettings, port: int) -> list[object]:
    words: list[object] = ["--server.host", settings.host, "--server.port", port, "--logging.quiet"]
    words += ["--chain.chainId", _chain_id(settings), "--chain.networkId", _chain_id(settings)]
    words += ["--chain.hardfork", EVM_OF["ganache"]]
    words += ["--miner.blockGasLimit", settings.block_gas_limit]
    words += ["--miner.callGasLimit", settings.block_gas_limit]
    words += ["--miner.blockTime", settings.block_seconds]
    words += ["--wallet.mnemonic", TEST_MNEMONIC, "--wallet.totalAccounts", settings.accounts]
    words += ["--wallet.defaultBalance", settings.balance_ether]
    if settings.genesis_time is not None:
        words += ["--chain.time", _iso(settings.genesis_time)]
    if settings.state:
        settings.state.mkdir(parents=True, exist_ok=True)
        words += ["--database.dbPath", settings.state]
    return words


def _iso(unix_seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_seconds))


def _chain_id(settings: ChainSettings) -> int:
    return CHAIN_ID_OF[settings.kind] if settings.chain_id is None else settings.chain_id


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_port_free(host: str, port: int) -> None:
    """Raises `PortBusy` when somebody listens on the port."""
    if not _port_is_free(host, port):
        raise PortBusy(
            f"port {port} on {host} is in use by another program",
            next_step="Stop that program, or choose another port with --port.",
        )


def _port_is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT does not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def rpc(url: str, method: str, *params: object, timeout_seconds: float = 5.0) -> Any:
    """One JSON-RPC call to a local node; services use `offchain.chain` instead.

    Raises `ChainNotReady` when the node does not answer or answers with an error.
    """
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # local: no proxy
    try:
        with opener.open(request, timeout=timeout_seconds) as response:
            answer = json.load(response)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise ChainNotReady(
            f"{url} does not answer {method}: {error}", next_step="Start the chain again."
        ) from error
    if "error" in answer:
        raise ChainNotReady(f"{url} refuses {method}: {answer['error'].get('message')}")
    return answer["result"]


def _wait_until_healthy(chain: ChainProcess) -> None:
    deadline = time.monotonic() + chain.settings.start_seconds
    while time.monotonic() < deadline:
        if not chain.is_running():
            raise ChainNotReady(
                f"{chain.settings.kind} ended with code {chain.child.exit_code} while starting: "
                f"{chain.child.log_tail(5) or 'its log is empty'}",
                next_step=f"Read {chain.settings.log_file}.",
            )
        try:
            got = int(rpc(chain.url, "eth_chainId", timeout_seconds=1.0), 16)
        except ChainNotReady:
            time.sleep(0.05)
            continue
        if got != chain.chain_id:
            raise ChainNotReady(
                f"{chain.url} is chain {got}, wanted {chain.chain_id}",
                next_step="Choose another port with --port.",
            )
        return
    raise ChainNotReady(
        f"{chain.settings.kind} did not answer within {chain.settings.start_seconds:.0f} s",
        next_step=f"Read {chain.settings.log_file}.",
    )
