# SPDX-License-Identifier: Apache-2.0
"""From a subnet's number and the names of keys to what `Miner.run` needs of the chain.

    chain, hotkey = connect(1, "alice-hot", "alice")
    miner.run(chain, hotkey, Settings(max_burn_rao=2 * 10**9))

The command line does the same from flags and the environment; this reads no environment.
"""

from pathlib import Path

from miners.chain_port import ChainPort
from offchain.wire import Domain, Hotkey

LOCAL_URL = "http://127.0.0.1:8545"
ATTEMPTS = 8  # at an answer of a node: a service is patient


def connect(
    netuid: int,
    hotkey: str,
    key: str = "",
    *,
    url: str = LOCAL_URL,
    deployment: str | Path = "",
    home: str | Path = "~/.evmtensor",
    password_file: str | Path = "",
) -> tuple[ChainPort, Hotkey]:
    """The chain as `hotkey` sees it, and its signer.

    hotkey, key: names of `evmtensor wallet create`, or test accounts "dev:N" on a local chain; the
    coldkey `key` is needed only to register. url: nodes, separated by commas. deployment: the file
    of the contracts; else `deployments/` here, then in the home. password_file: its first line
    opens the keys; else the terminal is asked. ConfigError and ChainError say what is missing.
    """
    from offchain.chain.coldkey import Coldkey
    from offchain.chain.connection import open_connection
    from offchain.chain.deployment_file import find_deployment, load_deployment
    from offchain.chain.miner_port import MinerPort
    from offchain.chain.network import check_chain, network_of
    from offchain.chain.outbox import outbox_of
    from offchain.chain.rpc import RetryPolicy
    from offchain.chain.transactions import Sender
    from offchain.keys import KeyStore, Signer
    from offchain.keys.development import development_signer, is_development
    from offchain.keys.passwords import password_source

    folder = Path(home).expanduser()
    urls = [part.strip() for part in url.split(",") if part.strip()]
    connection = open_connection(urls, RetryPolicy(attempts=ATTEMPTS))
    chain_id = connection.chain_id
    deployed = load_deployment(Path(deployment or find_deployment(chain_id, folder)).expanduser())
    check_chain(connection, deployed)
    network = network_of(connection, deployed)
    file = Path(password_file).expanduser() if password_file else None

    def signer_of(name: str) -> Signer:
        if is_development(name):
            return development_signer(name, chain_id)
        return KeyStore(folder / "keys").load(name, password_source(file=file, value=None))

    def sender_of(signer: Signer) -> Sender:
        return Sender(connection, signer, outbox_of(connection, folder, signer.address))

    hot = signer_of(hotkey)
    cold = Coldkey(network, sender_of(signer_of(key))) if key else None
    domain = Domain(chain_id, network.neurons.address)
    return MinerPort(network, netuid, hot, sender_of(hot), domain, cold), hot
