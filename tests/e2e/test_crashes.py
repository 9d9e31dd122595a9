# SPDX-License-Identifier: Apache-2.0
"""Validators that are killed anywhere finish the epoch they were in (FI-01 to FI-04).

One network, one epoch long enough for a restart, one validator per crash point.
"""

import sys
import time
from dataclasses import dataclass, replace

import pytest

from offchain.chain.events import read_events
from offchain.chain.presets import LOCALNET
from offchain.chain.subnet_history import SubnetHistory
from offchain.chain.weights import WeightsCommitted, WeightsRevealed
from offchain.localnet.chain_process import ChainSettings, start_chain
from offchain.localnet.demo.cast import Player, Role
from offchain.localnet.demo.run import MODELS
from offchain.localnet.demo.stage import set_stage, start_subnet
from offchain.localnet.supervisor import Service, Supervisor
from offchain.protocol.identifiers import RAO_PER_TAO
from tests.e2e.crashing_validator import POINTS

TEMPO, REVEAL_TICKS = 72, 24
NUMBERS = replace(LOCALNET, tempo=TEMPO, reveal_ticks=REVEAL_TICKS)
MINER = Player("miner", Role.HONEST_MINER, "dev:3", "dev:4", model="linear")
VALIDATORS = {
    point: Player(
        point,
        Role.HONEST_VALIDATOR,
        f"dev:{5 + 2 * i}",
        f"dev:{6 + 2 * i}",
        stake_rao=(1_000 + i) * RAO_PER_TAO,
    )
    for i, point in enumerate(POINTS)
}


@dataclass
class Outcome:
    """What one run of the network left behind."""

    crashed: set[str]
    commits: dict[str, list[WeightsCommitted]]
    reveals: dict[str, list[WeightsRevealed]]
    is_final: bool


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> Outcome:
    folder = tmp_path_factory.mktemp("crashes")
    with start_chain(ChainSettings(log_file=folder / "chain.log")) as chain:
        players = [MINER, *VALIDATORS.values()]
        stage = set_stage(chain.url, folder, print, players=players, numbers=NUMBERS)
        where = ("--url", chain.url, "--deployment", str(stage.deployment_path), "--netuid", "1")
        with Supervisor(folder / "logs") as supervisor:
            model = str(MODELS / "linear.onnx")
            miner = ("-m", "offchain.cli", "miner", "run", model, *where, "--port", "0")
            keys = ("--hotkey", MINER.hotkey, "--external-ip", "127.0.0.2")
            supervisor.add(_service("miner", (*miner, *keys), folder))
            for point, validator in VALIDATORS.items():
                command = ("-m", "tests.e2e.crashing_validator", point, str(folder / point))
                words = (*command, *where, "--hotkey", validator.hotkey)
                supervisor.add(_service(point, words, folder))
            start_subnet(stage, ticks_ahead=25)
            follower = SubnetHistory(stage.network, stage.netuid)
            deadline = time.monotonic() + 4 * TEMPO
            while follower.history.last_final is None and time.monotonic() < deadline:
                supervisor.step(time.monotonic())
                supervisor.check()
                follower.poll()
                time.sleep(0.5)
        return _outcome(stage, follower, folder)


def _service(name, command, folder) -> Service:
    home = {"EVMTENSOR_HOME": str(folder / f"home-{name}"), "OMP_NUM_THREADS": "1"}
    return Service(name, (sys.executable, *command), environment=home, restart="on-failure")


def _outcome(stage, follower, folder) -> Outcome:
    epoch = follower.history.last_final if follower.history.last_final is not None else 0
    weights, first = stage.network.weights, stage.network.deployment.first_block
    commits = read_events(weights, WeightsCommitted, first, indexed=(stage.netuid, epoch))
    reveals = read_events(weights, WeightsRevealed, first, indexed=(stage.netuid, epoch))
    uid_of = {name: stage.uids[name] for name in VALIDATORS}
    return Outcome(
        crashed={name for name in VALIDATORS if (folder / name).exists()},
        commits={
            n: [c for c in commits if c.registration_id >> 48 & 0xFFFF == u]
            for n, u in uid_of.items()
        },
        reveals={
            n: [r for r in reveals if r.registration_id >> 48 & 0xFFFF == u]
            for n, u in uid_of.items()
        },
        is_final=follower.history.last_final is not None,
    )


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize("point", [p for p in POINTS if p != "after-propose"])
def test_FI_killed_validator__commits_once_and_reveals_in_the_same_epoch(outcome, point):
    assert point in outcome.crashed
    assert len(outcome.commits[point]) == 1
    assert len(outcome.reveals[point]) == 1


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_FI_validators_killed_everywhere__the_epoch_is_settled(outcome):
    assert outcome.is_final
    assert len(outcome.crashed) >= len(POINTS) - 1  # whose turn it is to propose depends on seats
