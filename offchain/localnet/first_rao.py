# SPDX-License-Identifier: Apache-2.0
"""A network for a newcomer's first rao: a chain, the contracts, a subnet with two validators.

What the newcomer writes is in `examples/first_rao.py`, which runs here.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offchain.chain.miner_port import MinerPort
from offchain.chain.outbox import Outbox
from offchain.chain.transactions import Sender
from offchain.localnet.chain_process import ChainSettings, start_chain
from offchain.localnet.demo.cast import Player, Role
from offchain.localnet.demo.stage import Keys, Stage, set_stage, start_subnet
from offchain.localnet.exclusive import exclusive
from offchain.localnet.supervisor import Service, Supervisor
from offchain.protocol.errors import ChainError
from offchain.protocol.identifiers import RAO_PER_TAO
from offchain.wire import Domain

FOLDER = Path(".localnet/first-rao")
EVMTENSOR = (sys.executable, "-m", "offchain.cli")
NEWCOMER = Player("newcomer", Role.HONEST_MINER, "dev:3", "dev:4")
VALIDATORS = (
    Player("validator-1", Role.HONEST_VALIDATOR, "dev:5", "dev:6", stake_rao=3_000 * RAO_PER_TAO),
    Player("validator-2", Role.HONEST_VALIDATOR, "dev:7", "dev:8", stake_rao=2_000 * RAO_PER_TAO),
)
START_TICKS_AHEAD = 5  # enough for two validators to poke
LIMIT_SECONDS = 600.0  # before it is given up: half a minute where the machine is idle


async def serve_and_wait(stage: Stage, miner: Any, say: Any, is_enough: Callable[[], bool]) -> int:
    """Serve until the miner has claimed its first pay and that `is_enough`; what the coldkey was
    paid, in rao.
    """
    from miners import ClaimPolicy, Settings

    network, keys = stage.network, Keys(stage.network.connection)
    hotkey = keys.signer(NEWCOMER.hotkey)
    coldkey = keys.signer(NEWCOMER.coldkey).address
    domain = Domain(network.deployment.chain_id, network.neurons.address)
    sender = Sender(network.connection, hotkey, Outbox(None))
    chain = MinerPort(network, stage.netuid, hotkey, sender, domain)
    pays = ClaimPolicy(every_epochs=1)
    settings = Settings(public_host="127.0.0.2", claim=pays, publish=True)
    await miner.start(chain, hotkey, settings)
    before = network.tao.balance_of(coldkey)
    start_tick = await asyncio.to_thread(start_subnet, stage, START_TICKS_AHEAD)
    say(f"serving {miner.model_hash.hex()[:16]}; the subnet starts at tick {start_tick}")
    deadline = time.monotonic() + LIMIT_SECONDS
    try:
        while time.monotonic() < deadline:  # the miner claims by itself
            earned = await asyncio.to_thread(network.tao.balance_of, coldkey) - before
            if earned > 0 and is_enough():
                return earned
            await asyncio.sleep(0.5)
    finally:
        await miner.close()
    raise ChainError(
        f"nothing was earned in {LIMIT_SECONDS:.0f} s", next_step=f"Read {FOLDER / 'logs'}."
    )


def earn(
    make_miner: Callable[[Path], Any],
    chain_kind: str = "anvil",
    say: Callable[[str], Any] = print,
    mechanism: str = "vision",
    is_enough: Callable[[], bool] = lambda: True,
) -> int:
    """The whole way; returns what was earned, in rao. ConfigError, ChainError as its parts.

    `make_miner(folder)` trains and exports a `miners.Miner` for subnet `mechanism`. The network
    stays until there was pay and `is_enough()`.
    """
    with exclusive(FOLDER):
        return _earn(make_miner, chain_kind, say, mechanism, is_enough)


def _earn(
    make_miner: Callable[[Path], Any],
    chain_kind: str,
    say: Callable[[str], Any],
    mechanism: str,
    is_enough: Callable[[], bool],
) -> int:
    say("training a torch module and exporting it")
    miner = make_miner(FOLDER)
    kind = "ganache" if chain_kind == "ganache" else "anvil"
    say(f"starting {kind}")
    with start_chain(ChainSettings(kind=kind, log_file=FOLDER / "chain.log")) as chain:
        stage = set_stage(chain.url, FOLDER / "deployments", say, players=(NEWCOMER, *VALIDATORS))
        with Supervisor(FOLDER / "logs") as supervisor:
            for member in VALIDATORS:
                supervisor.add(_validator(chain.url, stage, member, mechanism))
            return asyncio.run(serve_and_wait(stage, miner, say, is_enough))


def _validator(url: str, stage: Stage, member: Player, mechanism: str) -> Service:
    command = [*EVMTENSOR, "validator", "run", "--url", url]
    command += ["--deployment", stage.deployment_path, "--netuid", stage.netuid]
    command += ["--hotkey", member.hotkey, "--subnet", mechanism]
    return Service(
        member.name,
        tuple(str(word) for word in command),
        environment={"EVMTENSOR_HOME": str(FOLDER / "home" / member.name), "OMP_NUM_THREADS": "1"},
        restart="on-failure",
        restart_limit=3,
    )
