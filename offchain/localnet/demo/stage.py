# SPDX-License-Identifier: Apache-2.0
"""Sets the stage: contracts, money, subnet, registrations and stake, in a handful of blocks.

Everybody sends with its own key, so independent transactions share blocks. Gas is fixed, because a
transaction whose predecessor is not mined yet cannot be estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from offchain.chain.connection import Connection, open_connection
from offchain.chain.contract import Call
from offchain.chain.deployment import deploy
from offchain.chain.network import Network, network_of
from offchain.chain.neurons import NeuronRegistered
from offchain.chain.outbox import Outbox
from offchain.chain.presets import LOCALNET, Preset
from offchain.chain.subnets import SubnetCreated
from offchain.chain.transactions import Receipt, Sender
from offchain.keys.consent import sign_owning, sign_registration
from offchain.keys.development import development_signer
from offchain.keys.signer import Signer
from offchain.localnet.demo.cast import (
    DEPLOYER,
    LIAR,
    OWNER_COLDKEY,
    OWNER_HOTKEY,
    PLAYERS,
    Player,
)
from offchain.protocol.identifiers import RAO_PER_TAO

Say = Callable[[str], None]

MAX_UIDS = 16
CREATE_GAS = 1_500_000
REGISTER_GAS = 1_000_000
STAKE_GAS = 600_000
START_GAS = 400_000
MAX_BURN_RAO = 100 * RAO_PER_TAO
# what a validator's hotkey needs for the bonds of the epochs that are in flight at once
BOND_MONEY_RAO = 500 * RAO_PER_TAO


@dataclass(frozen=True, slots=True)
class Stage:
    """A subnet that is ready to start; uids by player."""

    network: Network
    deployment_path: Path
    netuid: int
    uids: dict[str, int]


class Keys:
    """Signers and senders of the local chain's test accounts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._senders: dict[str, Sender] = {}

    def signer(self, reference: str) -> Signer:
        return development_signer(reference, self._connection.chain_id)

    def sender(self, reference: str) -> Sender:
        """One per key, so that its nonces are handed out once."""
        if reference not in self._senders:
            signer = self.signer(reference)
            self._senders[reference] = Sender(self._connection, signer, Outbox(None))
        return self._senders[reference]


def set_stage(
    url: str,
    deployments: Path,
    say: Say,
    *,
    players: Sequence[Player] = PLAYERS,
    numbers: Preset = LOCALNET,
) -> Stage:
    """Deploy, fund, create the subnet, register and stake everybody; does not start it.

    Args:
        numbers: what the contracts are deployed with.

    Raises what `deploy` and sending raise.
    """
    connection = open_connection([url])
    keys = Keys(connection)
    path = deployments / f"{connection.chain_id}.json"
    say("deploying the contracts")
    deployment = deploy(keys.sender(DEPLOYER), numbers, path)
    network = network_of(connection, deployment)
    say("funding the players and creating the subnet")
    _fund(network, keys, players)
    seats = sum(player.role.is_validator for player in players)
    netuid = _create_subnet(network, keys, seats)
    say("registering neurons and staking")
    return Stage(network, path, netuid, _register_all(network, keys, netuid, players))


def start_subnet(stage: Stage, ticks_ahead: int) -> int:
    """Start the subnet; the tick of its first epoch."""
    keys = Keys(stage.network.connection)
    start_tick = stage.network.clock.tick() + ticks_ahead
    start = stage.network.subnets.start(stage.netuid, start_tick)
    keys.sender(OWNER_COLDKEY).send(replace(start, gas=START_GAS))
    return start_tick


def _fund(network: Network, keys: Keys, players: Sequence[Player]) -> None:
    tao = network.tao
    owner = network.subnets.cost_rao()
    calls = [
        tao.transfer(keys.signer(OWNER_COLDKEY).address, owner),
        tao.transfer(keys.signer(LIAR).address, BOND_MONEY_RAO),
    ]
    for player in players:
        amount = MAX_BURN_RAO + player.stake_rao
        calls.append(tao.transfer(keys.signer(player.coldkey).address, amount))
        if player.role.is_validator:
            calls.append(tao.transfer(keys.signer(player.hotkey).address, BOND_MONEY_RAO))
    keys.sender(DEPLOYER).send_all(calls)


def _create_subnet(network: Network, keys: Keys, seats: int) -> int:
    cost = network.subnets.cost_rao()
    hotkey, owner = keys.signer(OWNER_HOTKEY), keys.signer(OWNER_COLDKEY).address
    consent = sign_owning(hotkey, network.subnets.domain_separator(), owner, 0)
    create = network.subnets.create(hotkey.address, MAX_UIDS, seats, cost, consent)
    receipts = keys.sender(OWNER_COLDKEY).send_all(
        [network.tao.approve(network.subnets.address, cost), replace(create, gas=CREATE_GAS)]
    )
    return network.subnets.events(SubnetCreated, receipts[-1].logs)[0].netuid


def _register_all(
    network: Network, keys: Keys, netuid: int, players: Sequence[Player]
) -> dict[str, int]:
    separator = network.neurons.domain_separator()

    def settle_in(player: Player) -> list[Receipt]:
        calls = _settle_in(network, keys, netuid, separator, player)
        return keys.sender(player.coldkey).send_all(calls)

    for player in players:
        keys.sender(player.coldkey)  # made here: the table is not for several threads
    with ThreadPoolExecutor(len(players)) as pool:
        receipts = list(pool.map(settle_in, players))
    return {
        player.name: _registered(network, receipt)
        for player, receipt in zip(players, receipts, strict=True)
    }


def _settle_in(
    network: Network, keys: Keys, netuid: int, separator: bytes, player: Player
) -> list[Call]:
    """A coldkey registers its hotkey and, for a validator, stakes behind it."""
    tao, neurons, staking = network.tao, network.neurons, network.staking
    hotkey = keys.signer(player.hotkey)
    coldkey = keys.signer(player.coldkey).address
    nonce = neurons.nonce_of(hotkey.address)
    consent = sign_registration(hotkey, separator, netuid, coldkey, nonce)
    register = neurons.register(netuid, hotkey.address, MAX_BURN_RAO, consent)
    calls = [tao.approve(neurons.address, MAX_BURN_RAO), replace(register, gas=REGISTER_GAS)]
    if player.stake_rao:
        add = staking.add_stake(hotkey.address, player.stake_rao)
        calls += [tao.approve(staking.address, player.stake_rao), replace(add, gas=STAKE_GAS)]
    return calls


def _registered(network: Network, receipts: Sequence[Receipt]) -> int:
    logs = [log for receipt in receipts for log in receipt.logs]
    return network.neurons.events(NeuronRegistered, logs)[0].uid
