# SPDX-License-Identifier: Apache-2.0
"""What strangers can do to a miner: `python -m offchain.wire.siege --json FILE`.

Three processes on one host: a miner, attackers, and one honest caller that asks all the time. For
each attack: how the honest caller fared, and what the miner's memory did. Attackers share the
machine's cores with the besieged, so latencies are those of a machine that is half busy with
attacking; what counts is that nothing fails and that nothing grows.
"""

import argparse
import asyncio
import json
import logging
import os
import platform
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
from picows import WSListener, WSMsgType, ws_connect
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from offchain.wire import Axon, Code, Endpoint, Limits, LocalHotkey
from offchain.wire.bench import (
    DOMAIN,
    FILE_WIDTH,
    MINER,
    VALIDATOR,
    Noop,
    Server,
    new_dendrite,
    report,
)
from offchain.wire.handshake import HEADER, PATH, Dialer, Mode

ROGUE = LocalHotkey(b"\3" * 32)  # has a seat, and attacks
STRANGER = LocalHotkey(b"\4" * 32)
LIMITS = Limits(handshake_s=2.0)
MAX_GROWN_MIB = 200.0  # well above what 1,024 connections and one message each may hold
WORST_P99_MS = 1_000.0
_UPGRADE = (
    f"GET {PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One attack. Latencies of the honest caller in milliseconds; memory of the miner in MiB."""

    attack: str
    seconds: float
    attempts_per_s: float
    answered: int
    failed: int
    p50_ms: float
    p99_ms: float
    grew_mib: float


def _serve(pipe: Connection) -> None:
    async def main() -> None:
        seats = {VALIDATOR.address, ROGUE.address}
        axon = Axon(
            MINER,
            DOMAIN,
            has_seat=seats.__contains__,
            stake_of=lambda _hotkey: 1,
            chain_time=_chain_time,
            limits=LIMITS,
        )

        async def noop(synapse: Noop) -> Noop:
            synapse.n = 1
            return synapse

        axon.attach(noop)
        await axon.serve("127.0.0.1")
        await report(pipe, axon.port)

    asyncio.run(main())


def _chain_time() -> int:
    return int(time.time())


# attackers: each does one attempt, over and over, many at once

Attempt = Callable[[int], Awaitable[None]]


async def _connect_and_go(port: int) -> None:
    """A stranger's handshake: refused by the look-up of its seat."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    hello = Dialer(STRANGER, MINER.address, DOMAIN, _chain_time()).header()
    writer.write(f"{_UPGRADE}{HEADER}: {hello}\r\n\r\n".encode())
    await reader.read(64)
    writer.transport.abort()


async def _empty_connection(port: int) -> None:
    """Open and close: the cheapest flood there is."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.transport.abort()


async def _slowloris(port: int) -> None:
    """A header, one byte a second, until dropped."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for byte in _UPGRADE.encode():
        writer.write(bytes((byte,)))
        await asyncio.sleep(1.0)
        if reader.at_eof():
            break
    writer.transport.abort()


async def _silence(port: int) -> None:
    """Connect and say nothing until dropped."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.read(1)
    writer.transport.abort()


async def _endless_header(port: int) -> None:
    """10 MB of header."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(160):
        writer.write(b"x-filler: " + b"a" * 65_000 + b"\r\n")
        await writer.drain()
    await reader.read(64)
    writer.transport.abort()


async def _forged_handshake(port: int) -> None:
    """The validator's name under a signature that is not its own: costs one recovery."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    hello = Dialer(VALIDATOR, MINER.address, DOMAIN, _chain_time()).header()
    writer.write(f"{_UPGRADE}{HEADER}: {hello[:-8]}AAAAAAAA\r\n\r\n".encode())
    await reader.read(64)
    writer.transport.abort()


async def _bomb(port: int) -> None:
    """A permitted hotkey: messages of 8 MiB without a MAC, and one that announces 4 GiB."""
    dialer = Dialer(ROGUE, MINER.address, DOMAIN, _chain_time(), Mode.CALL)
    transport, _ = await ws_connect(
        WSListener, f"ws://127.0.0.1:{port}{PATH}", extra_headers={HEADER: dialer.header()}
    )
    transport.send(WSMsgType.BINARY, b"\x91" * (8 * 2**20 - 64))
    await asyncio.wait_for(transport.wait_disconnected(), 10.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    dialer = Dialer(ROGUE, MINER.address, DOMAIN, _chain_time(), Mode.CALL)
    writer.write(f"{_UPGRADE}{HEADER}: {dialer.header()}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x82\xff" + (2**32).to_bytes(8, "big") + bytes(4) + bytes(65_536))
    await reader.read(1 << 20)
    writer.transport.abort()


ATTACKS: dict[str, tuple[Attempt | None, int]] = {
    "none": (None, 0),
    "connections, opened and dropped": (_empty_connection, 64),
    "handshakes of strangers": (_connect_and_go, 64),
    "handshakes under a forged name": (_forged_handshake, 64),
    "slowloris, 1,000 sockets": (_slowloris, 1_000),
    "silence, 1,000 sockets": (_silence, 1_000),
    "headers of 10 MB": (_endless_header, 16),
    "bombs of a permitted hotkey": (_bomb, 4),
}


def _attack(name: str, port: int, stop: Event, pipe: Connection) -> None:
    attempt, at_once = ATTACKS[name]
    begun = 0
    logging.getLogger("picows").setLevel(logging.CRITICAL + 1)

    async def forever() -> None:
        nonlocal begun
        assert attempt is not None
        while not stop.is_set():
            begun += 1
            try:
                await attempt(port)
            except Exception:  # refused, reset, dropped: what an attacker is used to
                await asyncio.sleep(0.01)

    async def main() -> None:
        pipe.send(begun)  # from here on it attacks
        tasks = [asyncio.create_task(forever()) for _ in range(at_once)]
        while not stop.is_set():
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    pipe.send(begun)


async def besiege(name: str, seconds: float) -> Row:
    """One attack on a fresh miner."""
    server = Server(_serve)
    there = Endpoint(MINER.address, "127.0.0.1", server.port)
    dendrite = new_dendrite()
    await dendrite.call(there, Noop(), 5.0)
    _, before = server.facts()
    context = get_context("spawn")
    stop, (ours, theirs) = context.Event(), context.Pipe()
    attackers = context.Process(target=_attack, args=(name, server.port, stop, theirs))
    if ATTACKS[name][0] is not None:
        attackers.start()
        await asyncio.to_thread(ours.recv)  # spawned processes take a while
    times: list[float] = []
    failed, start, most = 0, time.perf_counter(), before
    while time.perf_counter() - start < seconds:
        asked = time.perf_counter()
        (reply,) = await dendrite.query([(there, Noop())], 5.0)
        failed += not reply.ok
        times.append(time.perf_counter() - asked)
        if len(times) % 64 == 0:
            most = max(most, server.facts()[1])
        await asyncio.sleep(0.002)
    fresh = new_dendrite()  # and somebody permitted who connects only now
    failed += not (await fresh.query([(there, Noop())], 5.0))[0].ok
    stop.set()
    attempts = 0
    if ATTACKS[name][0] is not None:
        attempts = ours.recv()
        attackers.join(5)
    most = max(most, server.facts()[1])
    await fresh.close()
    await dendrite.close()
    server.stop()
    p50, p99 = np.percentile(times, [50, 99]) * 1e3
    return Row(
        name, seconds, round(attempts / seconds, 1), len(times), failed, round(p50, 2),
        round(p99, 2), round(most - before, 1),
    )  # fmt: skip


async def kill_and_return() -> dict[str, float]:
    """Seconds from kill -9 of a miner to the error, and from its return to the next answer."""
    server = Server(_serve)
    there = Endpoint(MINER.address, "127.0.0.1", server.port)
    dendrite = new_dendrite()
    await dendrite.call(there, Noop(), 5.0)
    os.kill(server.pid, signal.SIGKILL)
    start = time.perf_counter()
    (reply,) = await dendrite.query([(there, Noop())], 5.0)
    noticed = time.perf_counter() - start
    assert reply.code not in (None, Code.LATE), "noticed, not waited for"
    other = Server(_serve)
    there, start = Endpoint(MINER.address, "127.0.0.1", other.port), time.perf_counter()
    while not (await dendrite.query([(there, Noop())], 5.0))[0].ok:
        await asyncio.sleep(0.01)
    answered = time.perf_counter() - start
    await dendrite.close()
    other.stop()
    return {"noticed_s": round(noticed, 3), "answered_s": round(answered, 3)}


def verdicts(rows: list[Row]) -> dict[str, bool]:
    """What must hold under every attack."""
    return {
        "every question of the permitted caller is answered": not any(row.failed for row in rows),
        f"its 99th percentile stays under {WORST_P99_MS:.0f} ms": all(
            row.p99_ms < WORST_P99_MS for row in rows
        ),
        f"the miner grows by less than {MAX_GROWN_MIB:.0f} MiB": all(
            row.grew_mib < MAX_GROWN_MIB for row in rows
        ),
    }


def main() -> None:
    """Command line; exit code 1 if something does not hold."""
    parser = argparse.ArgumentParser(description="What strangers can do to a miner")
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--seconds", type=float, default=8.0, help="per attack")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    rows = [asyncio.run(besiege(name, options.seconds)) for name in ATTACKS]
    killed = asyncio.run(kill_and_return())
    held = verdicts(rows)
    _print(rows, killed, held, load)
    if options.json:
        content: dict[str, Any] = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at start",
            "rows": [asdict(row) for row in rows],
            "killed": killed,
            "held": held,
        }
        options.json.write_text(json.dumps(content, indent=2) + "\n")
    raise SystemExit(0 if all(held.values()) else 1)


def _print(rows: list[Row], killed: dict[str, float], held: dict[str, bool], load: float) -> None:
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    title = f"A permitted caller under attack (machine load {load:.1f} at the start)"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("attack", "per s", "answered", "failed", "p50 ms", "p99 ms", "grew MiB"):
        table.add_column(heading, justify="left" if heading == "attack" else "right")
    for r in rows:
        table.add_row(
            r.attack, f"{r.attempts_per_s:,.0f}", f"{r.answered:,}", str(r.failed),
            f"{r.p50_ms:.2f}", f"{r.p99_ms:.2f}", f"{r.grew_mib:.1f}",
        )  # fmt: skip
    console.print(table)
    console.print(
        f"kill -9: noticed after {killed['noticed_s']} s, "
        f"answered {killed['answered_s']} s after its return"
    )
    for name, ok in held.items():
        console.print(f"{'holds ' if ok else 'BROKEN'}  {name}")


if __name__ == "__main__":
    main()
