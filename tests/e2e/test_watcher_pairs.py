# SPDX-License-Identifier: Apache-2.0
"""Two watchers of the same subnets: lies are struck within two ticks, and no gas is wasted.

They poll five times a second of a chain that makes a block every second, all in its own time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain.chain.network import network_of
from offchain.chain.outbox import Outbox
from offchain.chain.transactions import Sender
from offchain.keys.development import development_signer
from offchain.watcher.service import Watcher, WatcherSettings
from tests.e2e.liars import LIAR, PATIENCE, WATCHERS, Town, open_town
from tests.e2e.lockstep import Lockstep, Sleeper, Work, lockstep

SUBNETS, ROUNDS = 3, 4
STRIKE_TICKS = 2
PAIR = WATCHERS[:2]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    with open_town(tmp_path_factory.mktemp("pairs"), SUBNETS) as made:
        yield made


def watcher(town: Town, index: int, folder: Path):
    """A watcher's work, in the time of a lockstep."""

    def make(steps: Lockstep) -> Work:
        def work(sleeper: Sleeper) -> None:
            sender = Sender(
                town.sender(index).connection,
                development_signer(f"dev:{index}", town.chain.chain_id),
                Outbox(folder / f"{index}" / "outbox"),
                patience=PATIENCE,
                now=steps.now,
                sleep=sleeper.sleep,
            )
            network = network_of(sender.connection, town.network.deployment)
            watching = Watcher(WatcherSettings(network, sender, folder / f"{index}"), now=steps.now)
            while True:
                watching.step()
                sleeper.sleep()

        return work

    return make


@pytest.mark.e2e
def test_watchers__two_of_them_and_many_lies__no_gas_is_wasted(town, tmp_path):
    town.reset()
    town.rpc("anvil_setBlockTimestampInterval", 1)  # a block is a second later than the last
    stood = []

    def head_tick() -> int:
        return town.network.clock.tick()

    with lockstep(town.mine, [watcher(town, index, tmp_path) for index in PAIR]) as steps:
        for turn in range(ROUNDS):  # each round at a doubled bond
            had = len(town.strikes())
            town.mine_at_once()
            for netuid in town.netuids:
                town.lie(netuid, word=(turn + netuid) % 8, bit=turn)
            town.mine_by_hand()
            posted = head_tick()
            steps.go_on_until(lambda had=had: len(town.strikes()) == had + SUBNETS, blocks=10)
            stood += [
                town.network.clock.ticks.tick_at(
                    town.network.connection.block(strike.at.block_number).timestamp
                )
                - posted
                for strike in town.strikes()[had:]
            ]
        steps.go_on_until(lambda: head_tick() >= posted + 5, blocks=10)  # what waits is mined
    print(f"ticks that {len(stood)} lies stood: {stood}")
    assert max(stood) <= STRIKE_TICKS
    assert town.challenges_of(PAIR) == [True] * (SUBNETS * ROUNDS)
    assert {s.challenger for s in town.strikes()} <= {town.address(index) for index in PAIR}
    assert all(s.challenger != town.address(LIAR) for s in town.strikes())
    assert len({s.challenger for s in town.strikes()}) == len(PAIR), "both have work"
