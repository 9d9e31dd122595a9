# SPDX-License-Identifier: Apache-2.0
"""Real axons and dendrites on loopback, with a chain made of plain values."""

import asyncio
import gc
import os
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import pytest

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
from offchain.wire.jobs import Job

DOMAIN = Domain(31_337, "0x" + "11" * 20)
START = 1_800_000_000
# A deadline for what must come. Its length decides nothing but how late a broken build fails:
# a machine with other work to do is slow for seconds, and that is not what these tests are about.
PATIENT_S = 40.0
HANGS_S = 120.0


def patient(**changed: Any) -> Limits:
    """The usual limits, but for the patience with a handshake."""
    return Limits(**{"handshake_s": PATIENT_S, **changed})


class Echo(Synapse):
    ANSWERS: ClassVar[tuple[str, ...]] = ("y",)

    x: Tensor
    y: Tensor | None = None


class Double(Synapse):
    ANSWERS: ClassVar[tuple[str, ...]] = ("result",)
    MAX_BYTES: ClassVar[int] = 1_000

    number: int
    text: str = ""
    result: int | None = None


@dataclass
class Chain:
    """Chain facts as values that a test may change."""

    time: int = START
    seats: set[str] = field(default_factory=set)
    stakes: dict[str, int] = field(default_factory=dict)

    def chain_time(self) -> int:
        return self.time

    def has_seat(self, hotkey: str) -> bool:
        return hotkey in self.seats

    def stake_of(self, hotkey: str) -> int:
        return self.stakes.get(hotkey, 0)


def echo(synapse: Echo) -> Echo:
    synapse.y = synapse.x
    return synapse


async def double(synapse: Double) -> Double:
    synapse.result = 2 * synapse.number
    return synapse


def ones(count: int = 4) -> Tensor:
    return Tensor.of(np.ones(count, dtype=np.float32))


def new_hotkey() -> LocalHotkey:
    return LocalHotkey(os.urandom(32))


@dataclass
class World:
    """One miner that answers Echo and Double, one seated validator that asks."""

    chain: Chain
    miner: LocalHotkey
    validator: LocalHotkey
    axon: Axon
    dendrite: Dendrite

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.miner.address, "127.0.0.1", self.axon.port)

    def new_axon(self, hotkey: LocalHotkey | None = None, **options: Any) -> Axon:
        return Axon(
            hotkey or self.miner,
            DOMAIN,
            has_seat=self.chain.has_seat,
            stake_of=self.chain.stake_of,
            chain_time=self.chain.chain_time,
            **{"limits": patient(), **options},
        )

    def new_dendrite(self, hotkey: LocalHotkey | None = None, **options: Any) -> Dendrite:
        options = {
            "domain": DOMAIN,
            "limits": patient(),
            "chain_time": self.chain.chain_time,
            "egress": Egress(localnet=True, dials_per_ip_per_s=1_000.0),
            **options,
        }
        return Dendrite(hotkey or self.validator, **options)


@asynccontextmanager
async def world(limits: Limits | None = None, **dendrite_options: Any) -> AsyncIterator[World]:
    chain = Chain()
    miner, validator = new_hotkey(), new_hotkey()
    chain.seats.add(validator.address)
    limits = limits or patient()
    w = World(chain, miner, validator, None, None)  # type: ignore[arg-type]
    w.axon = w.new_axon(limits=limits).attach(echo).attach(double)
    await w.axon.serve("127.0.0.1")
    w.dendrite = w.new_dendrite(limits=limits, **dendrite_options)
    try:
        yield w
    finally:
        await w.dendrite.close()
        await w.axon.close()


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own; a loop that hangs fails after `HANGS_S`."""

    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), HANGS_S))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__wrapped__ = test  # type: ignore[attr-defined]  # pytest reads the fixtures from here
    return run


@contextmanager
def without_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[weakref.ref[Job]]]:
    """No cycle collector meanwhile; gives every job that an axon makes. Looking through all objects
    of the process instead takes seconds where other tests have left millions.
    """
    made: list[weakref.ref[Job]] = []

    class Seen(Job):
        __slots__ = ("__weakref__",)

        def __init__(self, *all_: Any) -> None:
            super().__init__(*all_)
            made.append(weakref.ref(self))

    monkeypatch.setattr("offchain.wire.axon.Job", Seen)
    gc.disable()
    try:
        yield made
    finally:
        gc.enable()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it is true; AssertionError if it never is."""
    deadline = monotonic() + PATIENT_S
    while not condition():
        assert monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.01)
