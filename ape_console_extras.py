# SPDX-License-Identifier: Apache-2.0
"""What `ape console` has at hand: our contracts by name, `metagraph(netuid)` as a table, and
`identity(key)`, what a coldkey says of itself.

Contracts are ape's own objects (`tao.balanceOf(...)`, `neurons.burn_rao(1)`), found through
`deployments/<chain id>.json`; on a chain without a deployment there are only these two, which
say so.
"""

from __future__ import annotations

from typing import Any

_NAMES = (
    "Tao",
    "Emission",
    "Staking",
    "Subnets",
    "Neurons",
    "Keys",
    "Weights",
    "Settlement",
    "Rewards",
    "Governor",
    "Timelock",
)


def ape_init_extras(chain: Any) -> dict[str, Any]:
    """Called by ape when the console opens."""
    extras: dict[str, Any] = {
        "metagraph": _metagraph_of(chain),
        "identity": _identity_of(chain),
    }
    deployment = _deployment_of(chain)
    if deployment is None:
        print("no deployment on this chain yet: ape run deploy")
        return extras
    for name in _NAMES:
        contract = deployment.contract(name)
        extras[name.lower()] = _contract_at(chain, contract.address, contract.abi, name)
    return extras


def _contract_at(chain: Any, address: str, abi: list[Any], name: str) -> Any:
    from ethpm_types import ContractType

    kind = ContractType.model_validate({"contractName": name, "abi": abi})
    return chain.contracts.instance_at(address, contract_type=kind)


def _deployment_of(chain: Any) -> Any:
    """The checked deployment of ape's chain, or None."""
    from offchain.cli.session import Flags, Session
    from offchain.protocol.errors import EvmtensorError

    session = Session(Flags(url=_url_of(chain)))
    try:
        return session.network.deployment
    except EvmtensorError:
        return None


def _url_of(chain: Any) -> str:
    provider = chain.provider
    return str(getattr(provider, "uri", None) or provider.http_uri)


def _metagraph_of(chain: Any) -> Any:
    def metagraph(netuid: int) -> None:
        """Print every neuron of a subnet: stake, seat, incentive, dividends, pay, endpoint."""
        from offchain.cli.app import run

        run(["metagraph", str(netuid), "--url", _url_of(chain)])

    return metagraph


def _identity_of(chain: Any) -> Any:
    def identity(key: str) -> None:
        """Print what a coldkey, or the owner of a hotkey, says of itself."""
        from offchain.cli.app import run

        run(["wallet", "get-identity", key, "--url", _url_of(chain)])

    return identity
