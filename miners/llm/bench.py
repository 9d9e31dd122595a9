# SPDX-License-Identifier: Apache-2.0
"""Tokens per second of a decoder: `python -m miners.llm.bench decoder --json FILE`.

Raw: ONNX Runtime in a loop of its own, one answer, caches bound, nothing else; that is what one
answer can reach. Then the engine, and then the whole path (Dendrite, Axon, engine in one process)
with some answers at once. Also: how far rounding moves a logit between writing token by token and
reading at once, which is what `verify` must tolerate. Says the machine's load beside the numbers.
"""

import argparse
import asyncio
import json
import os
import platform
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from miners.llm import Sampling, open_decoder
from miners.llm.cached import CachedDecoder
from miners.llm.engine import DecoderEngine
from miners.llm.folder import DecoderFolder
from miners.llm.sampling import pick
from offchain.subnets.text import Complete
from offchain.wire import Axon, Dendrite, Domain, Egress, Endpoint, LocalHotkey

PROMPT = "The assert statement is a convenient way to "
AT_ONCE = (1, 4, 16)
DOMAIN = Domain(31_337, "0x" + "11" * 20)
MINER, VALIDATOR = LocalHotkey(b"\1" * 32), LocalHotkey(b"\2" * 32)


def raw(folder: DecoderFolder, tokens: int, providers: list[str] | None) -> tuple[float, float]:
    """(tokens per second, largest move of a logit against reading at once)."""
    backend = CachedDecoder(folder, providers=providers)
    greedy = Sampling()
    text, written = list(PROMPT.encode()), []
    start = time.perf_counter()
    logits = backend.join(0, text)
    for _ in range(tokens):
        token = pick(logits, greedy, greedy.generator())
        text.append(token)
        logits = backend.step({0: token})[0]
        written.append(logits)
    rate = tokens / (time.perf_counter() - start)
    at_once = backend.logits_of(text)[len(PROMPT) :]
    return rate, float(np.abs(np.array(written) - at_once).max())


async def engine_rate(engine: DecoderEngine, at_once: int, tokens: int) -> float:
    """Tokens per second of `at_once` answers together."""

    async def one() -> None:
        async for _ in engine.generate(PROMPT, Sampling(max_tokens=tokens)):
            pass

    return await _timed(one, at_once, tokens)


async def path_rate(engine: DecoderEngine, at_once: int, tokens: int) -> float:
    """The same through the wire, streamed."""
    from miners.llm.answers import text_handler

    def now() -> int:
        return int(time.time())

    axon = Axon(
        MINER, DOMAIN, has_seat=lambda _: True, stake_of=lambda _: 1, chain_time=now,
        model_hash=engine.model_hash,
    )  # fmt: skip
    axon.attach(text_handler(engine))
    await axon.serve("127.0.0.1")
    dendrite = Dendrite(VALIDATOR, DOMAIN, chain_time=now, egress=Egress(localnet=True))
    there = Endpoint(MINER.address, "127.0.0.1", axon.port)
    question = Complete(prompts=(PROMPT,), max_tokens=tokens, stream=True)

    async def one() -> None:
        async for _ in dendrite.stream(there, question, 60.0):
            pass

    await one()
    rate = await _timed(one, at_once, tokens)
    await dendrite.close()
    await axon.close()
    return rate


async def _timed(one: Callable[[], Awaitable[None]], at_once: int, tokens: int) -> float:
    start = time.perf_counter()
    await asyncio.gather(*[one() for _ in range(at_once)])
    return at_once * tokens / (time.perf_counter() - start)


def measure(path: Path, tokens: int, rounds: int, providers: list[str] | None) -> dict[str, Any]:
    """Best of some rounds, raw and served in turns, so that a busy machine slows both."""
    folder = DecoderFolder.read(path)
    engine = open_decoder(path, providers=providers)
    best: dict[str, float] = {}
    moved = 0.0

    def note(name: str, rate: float) -> None:
        best[name] = max(best.get(name, 0.0), rate)

    for _ in range(rounds):
        rate, move = raw(folder, tokens, providers)
        note("raw, 1 answer", rate)
        moved = max(moved, move)
        for n in AT_ONCE:
            note(f"engine, {n} at once", asyncio.run(engine_rate(engine, n, tokens)))
            note(f"whole path, {n} at once", asyncio.run(path_rate(engine, n, tokens)))
    engine.close()
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "provider": engine.provider,
        "tokens_per_s": {name: round(rate) for name, rate in best.items()},
        "largest_move_of_a_logit": moved,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Tokens per second of a decoder")
    parser.add_argument("decoder", type=Path)
    parser.add_argument("--tokens", type=int, default=200, help="per answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--provider", action="append", help="e.g. CUDAExecutionProvider")
    parser.add_argument("--json", type=Path, help="write everything here")
    options = parser.parse_args()
    found = measure(options.decoder, options.tokens, options.rounds, options.provider)
    table = Table(title=f"{options.decoder} on {found['provider']} ({found['machine']})")
    table.add_column("what")
    table.add_column("tokens/s", justify="right")
    for name, rate in found["tokens_per_s"].items():
        table.add_row(name, f"{rate:,}")
    Console().print(table)
    print(f"a logit moves by {found['largest_move_of_a_logit']:.1e} between one way and the other")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
