# SPDX-License-Identifier: Apache-2.0
"""A miner that nobody can connect to is measured all the same: it connects to its validator."""

import sys
from pathlib import Path

import pytest

from offchain.localnet.chain_process import ChainSettings, start_chain
from offchain.localnet.demo.cast import Player, Role
from offchain.localnet.demo.stage import Stage, set_stage, start_subnet
from offchain.localnet.supervisor import Service, Supervisor
from offchain.protocol.identifiers import RAO_PER_TAO
from tests.miners.worlds import vision_model

MINER = Player("miner", Role.HONEST_MINER, "dev:3", "dev:4")
VALIDATOR = Player(
    "validator", Role.HONEST_VALIDATOR, "dev:5", "dev:6", stake_rao=1_000 * RAO_PER_TAO
)
START_TICKS_AHEAD = 5
PATIENCE_SECONDS = 240.0  # decides only how late a broken build fails


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_miner__without_an_address__is_asked_and_audited(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(vision_model().SerializeToString())
    with start_chain(ChainSettings(log_file=tmp_path / "chain.log")) as chain:
        stage = set_stage(chain.url, tmp_path, print, players=(MINER, VALIDATOR))
        with Supervisor(tmp_path / "logs") as supervisor:
            home = tmp_path / "validator"
            words = ("validator", "run", "--listen-port", "0", "--external-ip", "127.0.0.2")
            supervisor.add(_process(chain.url, stage, VALIDATOR, words, home))
            words = ("miner", "run", str(model), "--dial-out", "--publish", "--no-claim")
            supervisor.add(_process(chain.url, stage, MINER, words, tmp_path / "miner"))
            start_subnet(stage, START_TICKS_AHEAD)
            log = tmp_path / "logs" / "validator.log"
            assert supervisor.watch(
                lambda: "audit agrees" in log.read_text(), timeout_seconds=PATIENCE_SECONDS
            )
            uid = stage.uids[MINER.name]
            assert stage.network.neurons.axon_of(stage.netuid, uid) is None
    assert f"{uid}: '0.000 OK'" in log.read_text()  # random weights earn nothing, but they answer
    assert len(list(home.rglob("audits/models/*.bin"))) == 1


def _process(url: str, stage: Stage, player: Player, words: tuple[str, ...], home: Path) -> Service:
    command = [sys.executable, "-m", "offchain.cli", *words, "--url", url]
    command += ["--deployment", str(stage.deployment_path), "--netuid", str(stage.netuid)]
    command += ["--hotkey", player.hotkey]
    return Service(
        player.name,
        tuple(command),
        environment={"EVMTENSOR_HOME": str(home), "OMP_NUM_THREADS": "1"},
    )
