# SPDX-License-Identifier: Apache-2.0
"""One deployment on one chain, checked: all contracts at hand in domain words.

network = open_network(["http://127.0.0.1:8545"], Path("deployments/31337.json"))
network.neurons.burn_rao(1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from offchain.chain.clock import ChainClock
from offchain.chain.connection import Connection, open_connection
from offchain.chain.deployment_file import Deployment, load_deployment
from offchain.chain.emission import Emission
from offchain.chain.errors import NotDeployed, WrongChain
from offchain.chain.governor import Governor
from offchain.chain.keys import Keys
from offchain.chain.neurons import Neurons
from offchain.chain.rewards import Rewards
from offchain.chain.rpc import RetryPolicy
from offchain.chain.settlement import Settlement
from offchain.chain.staking import Staking
from offchain.chain.subnets import Subnets
from offchain.chain.tao import Tao
from offchain.chain.timelock import Timelock
from offchain.chain.weights import Weights


@dataclass(frozen=True, slots=True)
class Network:
    """The contracts of one deployment."""

    connection: Connection
    deployment: Deployment
    clock: ChainClock
    tao: Tao
    emission: Emission
    staking: Staking
    subnets: Subnets
    neurons: Neurons
    keys: Keys
    weights: Weights
    settlement: Settlement
    rewards: Rewards
    governor: Governor
    timelock: Timelock


def open_network(
    urls: Sequence[str], deployment_path: Path, policy: RetryPolicy | None = None
) -> Network:
    """Connect and check that this is the deployment's chain.

    Raises `NotDeployed`, `WrongChain`, `DeploymentUnfit` or `NodeUnreachable`.
    """
    deployment = load_deployment(deployment_path)
    connection = open_connection(urls, policy)
    check_chain(connection, deployment)
    return network_of(connection, deployment)


def network_of(connection: Connection, deployment: Deployment) -> Network:
    """The contracts of a deployment whose chain was checked."""

    def at(kind: type) -> tuple[Connection, str, list[object]]:
        contract = deployment.contract(kind.__name__)
        return connection, contract.address, contract.abi

    return Network(
        connection=connection,
        deployment=deployment,
        clock=ChainClock(connection, deployment.genesis_at, deployment.tick_seconds),
        tao=Tao(*at(Tao)),
        emission=Emission(*at(Emission)),
        staking=Staking(*at(Staking)),
        subnets=Subnets(*at(Subnets)),
        neurons=Neurons(*at(Neurons)),
        keys=Keys(*at(Keys)),
        weights=Weights(*at(Weights)),
        settlement=Settlement(*at(Settlement)),
        rewards=Rewards(*at(Rewards)),
        governor=Governor(*at(Governor)),
        timelock=Timelock(*at(Timelock)),
    )


def check_chain(connection: Connection, deployment: Deployment) -> None:
    """Chain id, genesis hash and every contract's code (security FI-18).

    Raises `WrongChain` or `NotDeployed`.
    """
    url = connection.rpc.best_url()
    if connection.chain_id != deployment.chain_id:
        raise WrongChain(
            f"{url} is chain {connection.chain_id}, but the deployment is on chain "
            f"{deployment.chain_id}",
            next_step="Point --url at the right chain, or name another file with --deployment.",
        )
    if connection.genesis_hash != deployment.genesis_hash:
        raise WrongChain(
            f"{url} is another chain with the id {deployment.chain_id}: its genesis is "
            f"{connection.genesis_hash[:10]}, the deployment's is {deployment.genesis_hash[:10]}",
            next_step="A local chain that starts anew needs a new `evmtensor chain deploy`.",
        )
    _check_code(connection, deployment)


def _check_code(connection: Connection, deployment: Deployment) -> None:
    names = list(deployment.contracts)
    requests = [("eth_getCode", (deployment.contracts[name].address, "latest")) for name in names]
    for name, answer in zip(names, connection.rpc.batch(requests), strict=True):
        contract = deployment.contracts[name]
        code = bytes.fromhex(str(answer.get("result", "0x"))[2:])
        if not code:
            raise NotDeployed(
                f"there is no contract at {contract.address}, where {name} should be",
                next_step="Run `evmtensor chain deploy`.",
            )
        if sha256(code).hexdigest() != contract.code_sha256:
            raise NotDeployed(
                f"the contract at {contract.address} is not our {name}",
                next_step="Run `evmtensor chain deploy`, or correct --deployment.",
            )
