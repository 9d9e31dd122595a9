# SPDX-License-Identifier: Apache-2.0
"""Validators that are killed anywhere finish the epoch they were in (FI-01 to FI-04).

One network, one epoch, one validator per crash point. Every phase is long enough for restarts on a
slow machine; nobody waits for the ends of phases, time jumps there.
"""

import sys
from dataclasses import dataclass, replace

import pytest

from offchain.chain.events import read_events
from offchain.chain.presets import LOCALNET
from offchain.chain.subnet_history import SubnetHistory
from offchain.chain.weights import WeightsCommitted, WeightsRevealed
from offchain.localnet.chain_process import ChainSettings, start_chain
from offchain.localnet.demo.cast import DEPLOYER, Player, Role
from offchain.localnet.demo.run import MODELS
from offchain.localnet.demo.stage import Keys, set_stage, start_subnet
from offchain.localnet.supervisor import Service, Supervisor
from offchain.protocol.identifiers import RAO_PER_TAO
from offchain.validator.plan import commit_from_tick
from tests.chain.conftest import jump_to
from tests.e2e.crashing_validator import POINTS

NUMBERS = replace(LOCALNET, tempo=720, reveal_ticks=240, window_ticks=120)
START_TICKS_AHEAD = 300
PATIENCE_SECONDS = 240.0  # per phase: decides only how late a broken build fails
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
        _fund_bonds(stage)
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
            follower = SubnetHistory(stage.network, stage.netuid)
            _live_one_epoch(stage, supervisor, follower, folder)
        return _outcome(stage, follower, folder)


def _fund_bonds(stage) -> None:
    """A bond is as much as a long epoch's emission."""
    keys, tao = Keys(stage.network.connection), stage.network.tao
    keys.sender(DEPLOYER).send_all(
        [
            tao.transfer(keys.signer(player.hotkey).address, 5_000 * RAO_PER_TAO)
            for player in VALIDATORS.values()
        ]
    )


def _live_one_epoch(stage, supervisor, follower, folder) -> None:
    network, netuid = stage.network, stage.netuid

    def wait(what, is_so) -> None:
        assert supervisor.watch(is_so, timeout_seconds=PATIENCE_SECONDS), f"{what}: never"

    def all_say(line) -> bool:
        logs = (folder / "logs" / f"{name}.log" for name in VALIDATORS)
        return all(log.exists() and line in log.read_text() for log in logs)

    def all_have_seats() -> bool:  # who pokes for the same one at once loses it again
        held = [seat for seat in network.neurons.seats_at(netuid, 0) if seat is not None]
        return len({seat.registration_id for seat in held}) == len(VALIDATORS)

    def everyone_has(kind) -> bool:
        first = network.deployment.first_block
        events = read_events(network.weights, kind, first, indexed=(netuid, 0))
        return len({event.seat for event in events}) == len(VALIDATORS)

    def is_final() -> bool:
        follower.poll()
        record = follower.history.epochs.get(0)
        if record is not None and record.live is not None:
            proposed = network.settlement.proposal_of(record.live.proposal_id).tick
            jump_to(network, proposed + NUMBERS.window_ticks)
        return follower.history.last_final == 0

    wait("all validators run", lambda: all_say("validator running"))
    start_tick = start_subnet(stage, START_TICKS_AHEAD)
    wait("all have seats", all_have_seats)
    jump_to(network, start_tick)
    window = network.subnets.window_of(netuid, 0)
    wait(
        "all have measured",
        lambda: all(list((folder / f"home-{n}").rglob("averages.json")) for n in VALIDATORS),
    )
    jump_to(network, commit_from_tick(window))
    wait("all have committed", lambda: everyone_has(WeightsCommitted))
    jump_to(network, window.end_tick)
    wait("all have revealed", lambda: everyone_has(WeightsRevealed))
    jump_to(network, window.end_tick + window.reveal_ticks)
    wait("the epoch is final", is_final)


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
@pytest.mark.timeout(1_500)
@pytest.mark.parametrize("point", [p for p in POINTS if p != "after-propose"])
def test_FI_killed_validator__commits_once_and_reveals_in_the_same_epoch(outcome, point):
    assert point in outcome.crashed
    assert len(outcome.commits[point]) == 1
    assert len(outcome.reveals[point]) == 1


@pytest.mark.e2e
@pytest.mark.timeout(1_500)
def test_FI_validators_killed_everywhere__the_epoch_is_settled(outcome):
    assert outcome.is_final
    assert len(outcome.crashed) >= len(POINTS) - 1  # whose turn it is to propose depends on seats
