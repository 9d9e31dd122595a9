# SPDX-License-Identifier: Apache-2.0
"""Reads every power out of a deployment and compares it with the law (security A2).

The law (protocol page, architecture page): the contracts know each other, the timelock holds every
power, Governor proposes to it, everybody executes what is ripe, and no private key holds any power;
on throw-away chains the deployer may propose to the timelock.

Powers are found by the ABI and by the logs, not by a list of contracts: every view without
arguments that returns an address, every role that was ever granted, every minter and owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eth_abi.abi import decode
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from offchain.chain.connection import Connection
from offchain.chain.contract import Contract, Query, read_all
from offchain.chain.deployment_file import Deployment
from offchain.chain.errors import PowersHeld
from offchain.chain.presets import PRESETS
from offchain.chain.timelock import ROLES

ZERO = "0x" + "00" * 20
# events that name who got a power: the position of that account among the indexed arguments
_GRANTS = {
    "RoleGranted(bytes32,address,address)": 2,
    "OwnershipTransferred(address,address)": 2,
    "RoleMinterChanged(address,bool)": 1,
}
_PROPOSER_ROLES = frozenset({"PROPOSER_ROLE", "CANCELLER_ROLE"})


class _AnyContract(Contract):
    """A contract of which only the ABI is known."""

    def __init__(self, connection: Connection, name: str, address: str, abi: list[Any]) -> None:
        super().__init__(connection, address, abi)
        self.name = name

    @property
    def NAME(self) -> str:  # type: ignore[override]  # per object, not per class
        return self.name


def check_powers(connection: Connection, deployment: Deployment) -> None:
    """Raises `PowersHeld` with everything that somebody holds and should not."""
    held = sorted(set(powers_held(connection, deployment)))
    if held:
        raise PowersHeld(
            "the deployment gives powers that the protocol does not give: " + "; ".join(held),
            next_step="Do not use this deployment.",
        )


def powers_held(connection: Connection, deployment: Deployment) -> Iterator[str]:
    """Each power that is against the law, in words."""
    contracts = [
        _AnyContract(connection, name, c.address, c.abi) for name, c in deployment.contracts.items()
    ]
    ours: dict[str, str] = {contract.address: contract.name for contract in contracts}
    accounts = _accounts_of_interest(connection, deployment) | set(ours)
    for contract in contracts:
        yield from _strangers_named(contract, ours)
        yield from _minters(contract, accounts)
        yield from _role_holders(contract, accounts, deployment)


def _strangers_named(contract: _AnyContract, ours: dict[str, str]) -> Iterator[str]:
    """A contract may name our contracts or nobody."""
    for entry in contract.abi:
        if not _is_address_getter(entry):
            continue
        named = str(contract.read(entry["name"]))
        if named not in ours and named != ZERO:
            yield f"{contract.name}.{entry['name']} is {named}"


def _is_address_getter(entry: dict[str, Any]) -> bool:
    return (
        entry["type"] == "function"
        and entry["stateMutability"] in ("view", "pure")
        and not entry["inputs"]
        and [output["type"] for output in entry["outputs"]] == ["address"]
    )


def _minters(contract: _AnyContract, accounts: set[str]) -> Iterator[str]:
    if not contract.has("is_minter"):
        return
    for account in sorted(accounts):
        if contract.read("is_minter", account):
            yield f"{account} may mint {contract.name}"


def _role_holders(
    contract: _AnyContract, accounts: set[str], deployment: Deployment
) -> Iterator[str]:
    if not contract.has("hasRole"):
        return
    roles = {name: contract.read(name) for name in ROLES if contract.has(name)}
    pairs = [(name, account) for name in roles for account in sorted(accounts | {ZERO})]
    queries: list[Query[Any]] = [contract.query("hasRole", roles[n], a) for n, a in pairs]
    for (name, account), has in zip(pairs, read_all(contract.connection, queries), strict=True):
        if has and not _may_hold(name, account, contract, deployment):
            yield f"{account} has {name} of {contract.name}"


def _may_hold(role: str, account: str, contract: _AnyContract, deployment: Deployment) -> bool:
    if account == contract.address:
        return role == "DEFAULT_ADMIN_ROLE"
    if account == ZERO:
        return role == "EXECUTOR_ROLE"
    proposers = {deployment.contract("Governor").address}
    if deployment.preset in PRESETS and PRESETS[deployment.preset].has_proposer:
        proposers.add(deployment.deployer)
    return account in proposers and role in _PROPOSER_ROLES


def _accounts_of_interest(connection: Connection, deployment: Deployment) -> set[str]:
    """The deployer, and everybody whom a log names as the holder of a power."""
    topics = {"0x" + keccak(text.encode()).hex(): where for text, where in _GRANTS.items()}
    logs = connection.rpc.call(
        "eth_getLogs",
        {
            "address": [contract.address for contract in deployment.contracts.values()],
            "fromBlock": hex(deployment.first_block),
            "toBlock": hex(deployment.last_block),
            "topics": [list(topics)],
        },
    )
    named = {_address_in(log["topics"][topics[log["topics"][0]]]) for log in logs}
    return {deployment.deployer, *named} - {ZERO}


def _address_in(topic: str) -> str:
    return to_checksum_address(decode(["address"], bytes.fromhex(topic[2:]))[0])
