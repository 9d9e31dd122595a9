# SPDX-License-Identifier: Apache-2.0
"""Distance for processes that share a host: `python -m offchain.localnet.distance 9001:8001 ...`.

Between processes of one host a message takes no time, so a deadline that is meant to leave room
for one round trip leaves room for ten. A line listens on one port and passes every byte on to
another one, ONE_WAY_S later in each direction: the way between two towns of one continent.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

ONE_WAY_S = 0.05
HOST = "127.0.0.1"
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Line:
    """far: the port that others dial. near: the port of who is served."""

    far: int
    near: int

    @classmethod
    def parse(cls, text: str) -> Line:
        """`far:near`. ValueError for anything else."""
        far, near = text.split(":")
        return cls(int(far), int(near))


@asynccontextmanager
async def line(
    near: int, far: int = 0, *, host: str = HOST, one_way_s: float = ONE_WAY_S
) -> AsyncIterator[int]:
    """A line from `host` to the local port `near`; gives the port to dial, a free one if `far` is
    0.
    """

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a host that does not answer looks as it does without a line
        with suppress(OSError):
            there, back = await asyncio.open_connection(HOST, near)
            await asyncio.gather(_carry(reader, back, one_way_s), _carry(there, writer, one_way_s))
        writer.close()

    server = await asyncio.start_server(connect, host, far)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _carry(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, one_way_s: float
) -> None:
    """Every chunk as late as the way is long; then the end of the stream, as late."""
    loop = asyncio.get_running_loop()
    try:
        while chunk := await source.read(_CHUNK):
            loop.call_later(one_way_s, _arrive, sink, chunk)
    finally:
        loop.call_later(one_way_s, sink.close)


def _arrive(sink: asyncio.StreamWriter, chunk: bytes) -> None:
    if not sink.is_closing():  # else it hung up while this was on its way
        sink.write(chunk)


async def _serve(lines: list[Line], host: str) -> None:
    async with AsyncExitStack() as stack:
        for each in lines:
            await stack.enter_async_context(line(each.near, each.far, host=host))
        await asyncio.Event().wait()


def main() -> None:
    """Command line; runs until it is stopped."""
    parser = argparse.ArgumentParser(description="Delays what passes between local ports")
    parser.add_argument("lines", nargs="+", type=Line.parse, metavar="FAR:NEAR")
    parser.add_argument("--host", default=HOST, help="where the far ports listen")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.lines, arguments.host))


if __name__ == "__main__":
    main()
