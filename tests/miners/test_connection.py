# SPDX-License-Identifier: Apache-2.0
"""From names to a miner on a chain, in two lines (issue 5)."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miners import Miner, Settings, connect
from offchain.chain.coldkey import Coldkey
from offchain.protocol.errors import ChainError, ConfigError
from offchain.subnets.vision import Vision
from offchain.wire import Tensor
from tests.chain.conftest import Localnet, anvil  # noqa: F401  # the same chain as in tests/chain

pytestmark = pytest.mark.chain


def where(localnet: Localnet, home: Path) -> dict[str, Any]:
    return {"url": localnet.url, "deployment": localnet.path, "home": home}


@pytest.fixture(scope="module")
def netuid(anvil: Localnet) -> int:  # noqa: F811
    network = anvil.network
    Coldkey(network, anvil.development(0)).transfer(anvil.development(1).address, 10**13)
    owner = Coldkey(network, anvil.development(1))
    signer = anvil.development(2).signer
    return int(owner.create_subnet(signer, 16, 2, 10**15).netuid)


def test_connect__decorated_function__registers_and_is_announced(
    anvil: Localnet,  # noqa: F811
    netuid: int,
    tmp_path: Path,
) -> None:
    guess = Miner("vision")

    @guess.forward
    def answer(synapse: Vision) -> Vision:
        synapse.probabilities = Tensor.of(np.full((1, 10), 0.1, dtype=np.float32))
        return synapse

    chain, hotkey = connect(netuid, "dev:3", "dev:1", **where(anvil, tmp_path))

    async def run() -> int:
        settings = Settings(host="127.0.0.2", max_burn_rao=10**12)
        await guess.start(chain, hotkey, settings)
        assert guess.axon is not None
        port = guess.axon.port
        await guess.close()
        return port

    port = asyncio.run(run())
    uid = chain.uid_of(hotkey.address)
    assert uid is not None
    axon = anvil.network.neurons.axon_of(netuid, uid)
    assert axon is not None
    assert (axon.ip, axon.port) == ("127.0.0.2", port)
    assert {path.name for path in tmp_path.iterdir()} == {"outbox"}  # the command line's place


def test_connect__no_coldkey__says_that_it_registers_nobody(
    anvil: Localnet,  # noqa: F811
    netuid: int,
    tmp_path: Path,
) -> None:
    chain, _ = connect(netuid, "dev:4", **where(anvil, tmp_path))
    with pytest.raises(ConfigError, match="is not registered"):
        chain.register(10**12)


def test_connect__unknown_key__is_one_sentence(anvil: Localnet, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match="there is no key 'alice-hot'"):
        connect(1, "alice-hot", **where(anvil, tmp_path))


def test_connect__no_deployment__is_one_sentence(
    anvil: Localnet,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="there is no deployment file deployments"):
        connect(1, "dev:3", url=anvil.url, home=tmp_path)


def test_connect__no_node__is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miners.connection.ATTEMPTS", 1)
    with pytest.raises((ChainError, ConfigError), match="no node answers"):
        connect(1, "dev:3", url="http://127.0.0.1:1", home=tmp_path)
