# SPDX-License-Identifier: Apache-2.0
"""What miners can do to a validator's measuring: nothing but to their own score."""

import os
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from offchain.subnets import vision
from offchain.validator.examine import Examinee, Examiner
from offchain.wire import Axon, Dendrite, Egress, Endpoint, LocalHotkey, Tensor
from tests.wire.worlds import DOMAIN, PATIENT_S, START, in_loop, patient, until

SEED = b"\7" * 32
SUBNET: Any = SimpleNamespace(**vars(vision))
SUBNET.TIMEOUT_S = PATIENT_S
SUBNET.score = lambda task, answer, _latency: vision.score(task, answer, 0.0)  # hosts are busy


def guess(seed: int) -> Any:
    """A handler with fixed, differing opinions."""
    belief = np.random.default_rng(seed).dirichlet(np.ones(10) * 50).astype(np.float32)
    belief[seed % 10] += 0.3
    belief /= belief.sum()

    def forward(synapse: vision.Vision) -> vision.Vision:
        rows = len(synapse.images.numpy())
        synapse.probabilities = Tensor.of(np.repeat(belief[None], rows, axis=0))
        return synapse

    return forward


def poison(make: Any) -> Any:
    def forward(synapse: vision.Vision) -> vision.Vision:
        synapse.probabilities = make(len(synapse.images.numpy()))
        return synapse

    return forward


def raw(dtype: str, shape: tuple[int, ...], data: bytes) -> Tensor:
    return Tensor(dtype, shape, memoryview(data))


POISONS = {
    "NaN": lambda n: Tensor.of(np.full((n, 10), np.nan, dtype="f4")),
    "infinite": lambda n: Tensor.of(np.full((n, 10), np.inf, dtype="f4")),
    "another dtype": lambda n: Tensor.of(np.full((n, 10), 0.1, dtype="f8")),
    "too many rows": lambda n: Tensor.of(np.full((n + 1, 10), 0.1, dtype="f4")),
    "4 GB promised": lambda n: raw("float32", (2**15, 2**15), b""),
    "negative": lambda n: Tensor.of(np.full((n, 10), -1.0, dtype="f4")),
    "overflowing": lambda n: Tensor.of(np.full((n, 10), 3e38, dtype="f4")),
    "none": lambda n: None,
}


async def averages(
    folder: Path, forwards: dict[int, Any], stack: AsyncExitStack
) -> tuple[dict[int, float], list[Any]]:
    """Two rounds over these miners, by uid."""
    validator = LocalHotkey(b"\2" * 32)
    examinees = []
    for uid, forward in forwards.items():
        axon = Axon(
            LocalHotkey(bytes([uid + 1]) * 32),
            DOMAIN,
            has_seat=lambda _hotkey: True,
            stake_of=lambda _hotkey: 1,
            chain_time=lambda: START,
            limits=patient(),
        )
        axon.attach(forward)
        await axon.serve("127.0.0.1")
        stack.push_async_callback(axon.close)
        examinees.append(Examinee(uid, 100 + uid, Endpoint(axon.hotkey, "127.0.0.1", axon.port)))
    egress = Egress(localnet=True)
    dendrite = Dendrite(
        validator, DOMAIN, chain_time=lambda: START, egress=egress, limits=patient()
    )
    stack.push_async_callback(dendrite.close)
    examiner = Examiner(SUBNET, dendrite, bytes(32), folder / "averages.json")
    marks: list[Any] = []
    for number in (1, 2):
        marks = await examiner.examine(examinees, SEED, number)
        assert {"LATE", "UNREACHABLE"}.isdisjoint(mark.code for mark in marks)
    return examiner.averages({uid: 100 + uid for uid in forwards}), marks


@pytest.mark.parametrize("name", POISONS)
@in_loop
async def test_I7_FI_23_poison_miner__others_scores_identical_its_own_zero(
    name: str, tmp_path: Path
) -> None:
    honest = {uid: guess(uid) for uid in (1, 2, 3)}
    async with AsyncExitStack() as stack:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        alone, _ = await averages(tmp_path / "a", honest, stack)
        mixed = {**honest, 0: poison(POISONS[name])}
        together, _ = await averages(tmp_path / "b", mixed, stack)
    assert together.pop(0) == 0.0
    assert together == alone  # to the bit
    assert any(value > 0 for value in alone.values())


@in_loop
async def test_examine__miner_without_an_address__is_asked_if_it_has_dialled_in(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        key = LocalHotkey(b"\2" * 32)
        dendrite = Dendrite(key, DOMAIN, chain_time=lambda: START, egress=Egress(localnet=True))
        stack.push_async_callback(dendrite.close)
        miners = [LocalHotkey(bytes([n]) * 32) for n in (3, 4)]
        await dendrite.listen("127.0.0.1", 0, {miner.address for miner in miners}.__contains__)
        axon = Axon(
            miners[0],
            DOMAIN,
            has_seat=lambda _: True,
            stake_of=lambda _: 1,
            chain_time=lambda: START,
        )
        stack.push_async_callback(axon.close)
        axon.attach(guess(0))
        hub = Endpoint(key.address, "127.0.0.1", dendrite.port)
        axon.dial_out(hub, Egress(localnet=True))
        await until(lambda: dendrite.is_connected(axon.hotkey))
        examinees = [Examinee(n, 100 + n, None, miner.address) for n, miner in enumerate(miners)]
        examiner = Examiner(SUBNET, dendrite, bytes(32), tmp_path / "averages.json")
        marks = await examiner.examine(examinees, SEED, 1)
        assert [mark.code for mark in marks] == ["OK", "SILENT"]


PRIVATE = ["169.254.169.254", "localhost", "::1", "10.0.0.1", "192.168.1.1", "0.0.0.0", "[::1]",
           "2130706433", "0x7f.1", "user@127.0.0.1", "file:///etc/passwd"]  # fmt: skip


@in_loop
async def test_B8_endpoints__private__no_socket_and_score_zero(tmp_path: Path) -> None:
    connected: list[Any] = []
    real = socket.socket.connect

    def spy(sock: socket.socket, address: Any) -> Any:
        connected.append(address)
        return real(sock, address)

    dendrite = Dendrite(LocalHotkey(os.urandom(32)), DOMAIN, chain_time=lambda: START)
    examiner = Examiner(SUBNET, dendrite, bytes(32), tmp_path / "averages.json")
    hotkey = LocalHotkey(os.urandom(32)).address
    examinees = [Examinee(n, n, Endpoint(hotkey, host, 8_091)) for n, host in enumerate(PRIVATE)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", spy)
        marks = await examiner.examine(examinees, SEED, 1)
    await dendrite.close()
    assert [mark.score for mark in marks] == [0.0] * len(PRIVATE)
    assert {mark.code for mark in marks} == {"UNREACHABLE"}
    assert connected == []


@in_loop
async def test_I3_I4_tasks__of_two_validators_or_rounds__differ(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def remember(synapse: vision.Vision) -> vision.Vision:
        asked.append(bytes(synapse.images.data))
        return guess(1)(synapse)  # type: ignore[no-any-return]

    async with AsyncExitStack() as stack:
        await averages(tmp_path, {1: remember, 2: remember}, stack)
    assert len(set(asked)) == 4  # two rounds, two miners
