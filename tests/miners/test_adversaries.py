# SPDX-License-Identifier: Apache-2.0
"""I3, B6: guessing, relaying and copying earn nothing next to honest work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from miners import Miner
from offchain.localnet.adversaries import Friend, ask_friend, random_miner, relay_miner
from offchain.localnet.distance import HOST, ONE_WAY_S, line
from offchain.subnets import vision
from offchain.subnets.base import Commitment, copied_or_missing, score_safely, task_seed
from offchain.wire import Dendrite, Endpoint, LocalHotkey
from tests.miners.worlds import FakeChain, endpoint_of, here, new_validator
from tests.wire.worlds import DOMAIN, PATIENT_S, in_loop, new_hotkey, patient

HERE = here()
SLOWER = 3
ROUNDS = 7


@asynccontextmanager
async def far_away(there: Endpoint) -> AsyncIterator[Endpoint]:
    """The same endpoint, at a distance at which one round trip fits the deadline and two do not."""
    async with line(there.port, one_way_s=SLOWER * ONE_WAY_S) as port:
        yield Endpoint(there.hotkey, HOST, port)


async def mean_score(dendrite: Dendrite, there: Endpoint, rounds: int = ROUNDS) -> float:
    scores = []
    for task in vision.tasks(task_seed(b"e", there.hotkey.encode()), range(rounds)):
        (reply,) = await dendrite.query([(there, task.synapse)], vision.TIMEOUT_S)
        scores.append(score_safely(vision, task, reply.synapse, reply.latency_s))
    return float(np.median(scores))


def test_random__serves_distributions__and_earns_nothing() -> None:
    @in_loop
    async def run() -> None:
        chain, key = FakeChain(), new_hotkey()
        miner = await random_miner("vision").start(chain, key, HERE)
        _, dendrite = new_validator(chain)
        assert await mean_score(dendrite, endpoint_of(chain, key)) < 0.05
        assert miner.axon is not None
        assert miner.axon.served == ROUNDS  # well-formed: only the score tells
        assert any(chain.model)
        await dendrite.close()
        await miner.close()

    run()


def test_I3_relay__brings_the_victims_answers_but_late_and_under_a_taken_hash(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # everything three times as slow: what this machine takes by the way then weighs little
    for name in ("DEADLINE_S", "TIMEOUT_S"):
        monkeypatch.setattr(vision, name, SLOWER * getattr(vision, name))

    @in_loop
    async def run() -> None:
        victim_chain, victim_key = FakeChain(), new_hotkey()
        victim = await Miner.from_onnx(models / "cnn.onnx").start(victim_chain, victim_key, HERE)
        cheat_key, cheat = new_validator(victim_chain)  # holds a seat, as the friend does
        honest_key, honest = new_validator(victim_chain)
        relay_chain, relay_key = FakeChain(seats={honest_key.address}), LocalHotkey(b"\7" * 32)
        async with far_away(endpoint_of(victim_chain, victim_key)) as victim_there:
            friend = Friend(
                cheat_key,
                DOMAIN,
                cheat,
                subnet="vision",
                accomplices=frozenset((relay_key.address,)),
                victim=lambda: victim_there,
                chain_time=relay_chain.chain_time,
            )
            friend_there = await friend.serve()
            relay_dendrite = Dendrite(
                relay_key,
                DOMAIN,
                chain_time=relay_chain.chain_time,
                egress=honest._egress,
                limits=patient(),
            )
            async with far_away(friend_there) as friend_far:
                ask = ask_friend(relay_dendrite, friend_far)
                relay = await relay_miner("vision", ask, victim.model_hash).start(
                    relay_chain, relay_key, HERE
                )
                async with far_away(endpoint_of(relay_chain, relay_key)) as relay_far:
                    source = await mean_score(honest, victim_there)
                    copied = await mean_score(honest, relay_far)
                assert relay.axon is not None
                assert relay.axon.served >= ROUNDS - 2  # it did bring the answers, only too late
                await relay.close()
        assert source > 0.6
        assert copied == 0.0
        commitments = [
            Commitment(1, 0, victim_chain.model, tick=3),
            Commitment(2, 1, relay_chain.model, tick=4),
        ]
        assert copied_or_missing(commitments, [0, 1]) == {1}
        for closing in (friend, relay_dendrite, honest, cheat, victim):
            await closing.close()

    run()


def test_relay__friend_gone__answers_busy_and_stays_up() -> None:
    @in_loop
    async def run() -> None:
        chain, key = FakeChain(), new_hotkey()
        dendrite = Dendrite(key, DOMAIN, chain_time=chain.chain_time)
        nowhere = Endpoint(new_hotkey().address, "127.0.0.1", 1)
        relay = relay_miner("vision", ask_friend(dendrite, nowhere), b"c" * 32)
        await relay.start(chain, key, HERE)
        _, validator = new_validator(chain)
        task = vision.tasks(bytes(32), [0])[0]
        replies = await validator.query([(endpoint_of(chain, key), task.synapse)] * 3, PATIENT_S)
        assert [r.code.name for r in replies] == ["BUSY"] * 3
        await validator.close()
        await relay.close()

    run()
