# SPDX-License-Identifier: Apache-2.0
"""What one request costs: `python -m offchain.wire.bench --json FILE`.

Client and server are two processes on loopback; everything is on: schema, MAC, sequence numbers,
receipts, permits, quotas, deadlines. The measure is CPU time of both per request, which holds up
on a busy machine; requests per second and latency do not. Reference rows (raw ASGI on uvicorn
with aiohttp as client; gRPC) run in the same sitting where those packages are installed; grpcio is
nobody's dependency here: `pip install grpcio` for its rows.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from offchain.wire import (
    Axon,
    Dendrite,
    Domain,
    Egress,
    Endpoint,
    Limits,
    LocalHotkey,
    Synapse,
    Tensor,
)

DOMAIN = Domain(31_337, "0x" + "11" * 20)
MINER, VALIDATOR = LocalHotkey(b"\1" * 32), LocalHotkey(b"\2" * 32)
TARGETS_US = {1: 260.0, 16: 60.0, 64: 60.0}  # issue 5: CPU per request at so many in flight
TARGET_MIB_MS = 4.0
TARGET_IDLE_MIB = 100.0
FILE_WIDTH = 120  # columns of a table that goes into a file or a pipe
_GRPC_OPTIONS = [(f"grpc.max_{way}_message_length", 16 * 2**20) for way in ("send", "receive")]
LIMITS = Limits(requests_per_s=1e9, burst=10**9, inflight_per_hotkey=4_096)


class Noop(Synapse):
    """Nothing to do: what remains is the transport."""

    ANSWERS: ClassVar[tuple[str, ...]] = ("n",)

    n: int | None = None


class Mirror(Synapse):
    """1 MiB there and back."""

    ANSWERS: ClassVar[tuple[str, ...]] = ("y",)

    x: Tensor
    y: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. CPU in microseconds per request, latency in milliseconds."""

    name: str
    in_flight: int
    requests: int
    errors: int
    client_cpu_us: float
    server_cpu_us: float
    cpu_us: float
    requests_per_s: float
    p50_ms: float
    p99_ms: float


def _chain_time() -> int:
    return int(time.time())


def _serve_wire(pipe: Connection) -> None:
    async def main() -> None:
        axon = Axon(
            MINER,
            DOMAIN,
            has_seat=lambda _hotkey: True,
            stake_of=lambda _hotkey: 1,
            chain_time=_chain_time,
            limits=LIMITS,
        )

        async def noop(synapse: Noop) -> Noop:
            synapse.n = 1
            return synapse

        async def mirror(synapse: Mirror) -> Mirror:
            synapse.y = synapse.x
            return synapse

        axon.attach(noop).attach(mirror)
        await axon.serve("127.0.0.1")
        await report(pipe, axon.port)

    asyncio.run(main())


def _serve_asgi(pipe: Connection) -> None:
    import socket

    import uvicorn

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def main() -> None:
        # with the protocol named, asyncio switches Nagle's algorithm off for what it accepts
        with socket.socket(proto=socket.IPPROTO_TCP) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen(1_024)
            config = uvicorn.Config(app, log_level="error", lifespan="off", access_log=False)
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([sock]))
            await report(pipe, sock.getsockname()[1])
            server.should_exit = True
            await serving

    asyncio.run(main())


def _serve_grpc(pipe: Connection) -> None:
    grpc = import_module("grpc")

    async def main() -> None:
        async def same(request: bytes, _context: Any) -> bytes:
            return request

        handler = grpc.unary_unary_rpc_method_handler(same)  # bytes as they are, no protobuf
        server = grpc.aio.server(options=_GRPC_OPTIONS)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("bench", {"same": handler}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        await report(pipe, port)
        await server.stop(None)

    asyncio.run(main())


async def report(pipe: Connection, port: int) -> None:
    """Tell the port; then answer every message with (CPU seconds, resident MiB) until "stop"."""
    pipe.send(port)
    loop = asyncio.get_running_loop()
    asked: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(pipe.fileno(), lambda: asked.put_nowait(pipe.recv()))
    while await asked.get() != "stop":
        pipe.send((time.process_time(), _resident_mib()))


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


class Server:
    """The other process."""

    def __init__(self, target: Callable[[Connection], None]) -> None:
        self._pipe, theirs = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(target=target, args=(theirs,), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()
        assert self._process.pid is not None  # it was started
        self.pid: int = self._process.pid

    def facts(self) -> tuple[float, float]:
        """(CPU seconds used, resident MiB)."""
        self._pipe.send("facts")
        facts: tuple[float, float] = self._pipe.recv()
        return facts

    def stop(self) -> None:
        """End it."""
        self._pipe.send("stop")
        self._process.join(5)
        self._process.kill()


async def measure(
    name: str,
    ask: Callable[[], Awaitable[Any]],
    server: Server,
    in_flight: int,
    *,
    seconds: float = 0.0,
    requests: int = 0,
) -> Row:
    """Closed loop: `in_flight` callers, for some seconds or a number of requests."""
    for _ in range(20):
        await ask()
    latencies: list[float] = []
    errors = 0
    end = time.perf_counter() + seconds if seconds else float("inf")

    async def caller() -> None:
        nonlocal errors
        while time.perf_counter() < end and (seconds or len(latencies) < requests):
            start = time.perf_counter()
            try:
                await ask()
            except Exception:  # counted and shown; the bench goes on
                errors += 1
            latencies.append(time.perf_counter() - start)

    server_cpu, _ = server.facts()
    client_cpu, start = time.process_time(), time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(in_flight)])
    wall = time.perf_counter() - start
    client_us = (time.process_time() - client_cpu) * 1e6 / len(latencies)
    server_us = (server.facts()[0] - server_cpu) * 1e6 / len(latencies)
    p50, p99 = np.percentile(latencies, [50, 99]) * 1e3
    return Row(
        name, in_flight, len(latencies), errors, round(client_us, 1), round(server_us, 1),
        round(client_us + server_us, 1), round(len(latencies) / wall, 1), round(p50, 3),
        round(p99, 3),
    )  # fmt: skip


def new_dendrite(hotkey: LocalHotkey = VALIDATOR) -> Dendrite:
    """A caller without bounds of its own."""
    egress = Egress(localnet=True, dials_per_ip_per_s=1e6)
    return Dendrite(hotkey, DOMAIN, chain_time=_chain_time, egress=egress, limits=LIMITS)


async def bench_wire(rounds: int, soak_s: float) -> list[Row]:
    """No-op and 1 MiB rows, best CPU of some rounds, and the soak."""
    server = Server(_serve_wire)
    dendrite = new_dendrite()
    there = Endpoint(MINER.address, "127.0.0.1", server.port)
    noop, tensor = Noop(), Mirror(x=Tensor.of(np.ones(2**18, dtype=np.float32)))

    async def ask() -> None:
        await dendrite.call(there, noop, 30.0)

    async def ask_mib() -> None:
        await dendrite.call(there, tensor, 30.0)

    rows = []
    for in_flight, requests in ((1, 3_000), (16, 20_000), (64, 40_000)):
        tries = [
            await measure("no-op", ask, server, in_flight, requests=requests) for _ in range(rounds)
        ]
        rows.append(min(tries, key=lambda row: row.cpu_us))
    for in_flight in (1, 16):
        tries = [
            await measure("1 MiB both ways", ask_mib, server, in_flight, requests=300)
            for _ in range(rounds)
        ]
        rows.append(min(tries, key=lambda row: row.cpu_us))
    if soak_s:
        rows.append(await measure("no-op, soak", ask, server, 64, seconds=soak_s))
    await dendrite.close()
    server.stop()
    return rows


async def bench_idle(count: int) -> float:
    """MiB that the server grows by for `count` idle connections of as many hotkeys."""
    server = Server(_serve_wire)
    there = Endpoint(MINER.address, "127.0.0.1", server.port)
    _, before = server.facts()
    dendrites = [new_dendrite(LocalHotkey((n + 10).to_bytes(32, "big"))) for n in range(count)]
    for start in range(0, count, 50):
        group = dendrites[start : start + 50]
        await asyncio.gather(*[d.call(there, Noop(), 30.0) for d in group])
    grown = server.facts()[1] - before
    for dendrite in dendrites:
        await dendrite.close()
    server.stop()
    return round(grown, 1)


async def bench_reference(rounds: int) -> list[Row]:
    """Raw ASGI on uvicorn with aiohttp as client: no schema, no authentication, no receipts."""
    import aiohttp

    server = Server(_serve_asgi)
    url = f"http://127.0.0.1:{server.port}/"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        def ask(body: bytes) -> Callable[[], Awaitable[None]]:
            async def post() -> None:
                async with client.post(url, data=body) as response:
                    await response.read()

            return post

        rows = await _reference_rows("raw ASGI + aiohttp", ask, server, rounds)
    server.stop()
    return rows


async def bench_grpc(rounds: int) -> list[Row]:
    """gRPC's asyncio server and client, unary, raw bytes: no authentication, no receipts."""
    grpc = import_module("grpc")
    server = Server(_serve_grpc)
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{server.port}", options=_GRPC_OPTIONS
    ) as channel:
        call = channel.unary_unary("/bench/same")

        def ask(body: bytes) -> Callable[[], Awaitable[None]]:
            async def send() -> None:
                await call(body)

            return send

        rows = await _reference_rows("gRPC", ask, server, rounds)
    server.stop()
    return rows


async def _reference_rows(
    name: str, ask: Callable[[bytes], Callable[[], Awaitable[None]]], server: Server, rounds: int
) -> list[Row]:
    rows = []
    mib = bytes(2**20)
    for what, body, in_flight, requests in (
        ("no-op", b"{}", 1, 1_000), ("no-op", b"{}", 16, 4_000), ("no-op", b"{}", 64, 4_000),
        ("1 MiB both ways", mib, 1, 100), ("1 MiB both ways", mib, 16, 100),
    ):  # fmt: skip
        tries = [
            await measure(f"{name}, {what}", ask(body), server, in_flight, requests=requests)
            for _ in range(rounds)
        ]
        rows.append(min(tries, key=lambda row: row.cpu_us))
    return rows


def verdicts(rows: list[Row], idle_mib: float | None) -> dict[str, bool]:
    """The targets of issue 5, by name."""
    found = {}
    for row in rows:
        if row.name == "no-op":
            target = TARGETS_US[row.in_flight]
            found[f"no-op at {row.in_flight}: <= {target} us CPU"] = row.cpu_us <= target
        elif row.name == "1 MiB both ways":
            name = f"1 MiB at {row.in_flight}: <= {TARGET_MIB_MS} ms CPU"
            found[name] = row.cpu_us <= TARGET_MIB_MS * 1e3
    found["no errors"] = not any(row.errors for row in rows)
    if idle_mib is not None:
        found[f"idle connections: < {TARGET_IDLE_MIB} MiB"] = idle_mib < TARGET_IDLE_MIB
    return found


def main() -> None:
    """Command line; exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description="What one request costs on the wire")
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--rounds", type=int, default=3, help="best of so many")
    parser.add_argument("--soak", type=float, default=10.0, help="seconds at 64 in flight")
    parser.add_argument("--idle", type=int, default=1_000, help="idle connections")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    rows = asyncio.run(bench_wire(options.rounds, options.soak))
    idle_mib = asyncio.run(bench_idle(options.idle)) if options.idle else None
    skipped = [name for name in ("aiohttp", "uvicorn", "grpc") if find_spec(name) is None]
    if not {"aiohttp", "uvicorn"} & set(skipped):
        rows += asyncio.run(bench_reference(options.rounds))
    if "grpc" not in skipped:
        rows += asyncio.run(bench_grpc(options.rounds))
    found = verdicts(rows, idle_mib)
    _print(rows, idle_mib, found, load, skipped)
    if options.json:
        content = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
            f"{platform.python_version()}, load {load:.1f} at the start",
            "packages": {name: _version(name) for name in ("picows", "msgspec", "blake3")},
            "rows": [asdict(row) for row in rows],
            "idle": {"connections": options.idle, "server_grew_mib": idle_mib},
            "reference_skipped_for_lack_of": skipped,
            "targets": found,
        }
        options.json.write_text(json.dumps(content, indent=2) + "\n")
    raise SystemExit(0 if all(found.values()) else 1)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _print(
    rows: list[Row],
    idle_mib: float | None,
    found: dict[str, bool],
    load: float,
    skipped: list[str],
) -> None:
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    title = f"One request (CPU of both sides; machine load {load:.1f} at the start)"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold")
    for heading in ("in flight", "client us", "server us", "CPU us", "req/s", "p50 ms", "p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for r in rows:
        table.add_row(
            r.name, str(r.in_flight), f"{r.client_cpu_us:.0f}", f"{r.server_cpu_us:.0f}",
            f"{r.cpu_us:.0f}", f"{r.requests_per_s:,.0f}", f"{r.p50_ms:.2f}", f"{r.p99_ms:.2f}",
        )  # fmt: skip
    console.print(table)
    if idle_mib is not None:
        console.print(f"idle connections: server grew by {idle_mib} MiB")
    if skipped:
        console.print(f"no reference rows: {', '.join(skipped)} not installed")
    for name, ok in found.items():
        console.print(f"{'met   ' if ok else 'MISSED'}  {name}")


if __name__ == "__main__":
    main()
