# SPDX-License-Identifier: Apache-2.0
"""What people do in a subnet's life, in one call each: create it, start it, register, stake.

Amounts are rao, durations ticks. Every actor gets the tokens that the action needs from the faucet.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from offchain.chain.neurons import KEEPS_SEAT
from tests.contracts.deployment import World, role_address

NO_LIMIT = 2**256 - 1
CONSENT_TYPES = {
    "Register": [
        {"name": "netuid", "type": "uint256"},
        {"name": "hotkey", "type": "address"},
        {"name": "coldkey", "type": "address"},
        {"name": "nonce", "type": "uint256"},
    ]
}
OWNING_TYPES = {
    "OwnSubnet": [
        {"name": "hotkey", "type": "address"},
        {"name": "owner", "type": "address"},
        {"name": "nonce", "type": "uint256"},
    ]
}


def key(name: str) -> LocalAccount:
    """The same key for a name in every run."""
    return Account.from_key(sha256(f"evmtensor test key {name}".encode()).digest())


def consent(world: World, netuid: int, hotkey: LocalAccount, coldkey: str, **changed: Any) -> bytes:
    """The hotkey's EIP-712 signature; `changed` replaces parts of message or domain."""
    domain = {
        "name": "evmtensor Neurons",
        "version": "1",
        "chainId": changed.get("chain_id", 1),
        "verifyingContract": changed.get("contract", world.address["Neurons"]),
    }
    message = {
        "netuid": changed.get("for_netuid", netuid),
        "hotkey": hotkey.address,
        "coldkey": changed.get("for_coldkey", coldkey),
        "nonce": changed.get("nonce", world.neurons.nonce_of(hotkey.address)),
    }
    signable = encode_typed_data(domain, CONSENT_TYPES, message)
    return bytes(hotkey.sign_message(signable).signature)


def owning(world: World, hotkey: LocalAccount, owner: str, **changed: Any) -> bytes:
    """The hotkey's EIP-712 consent to be the owner's hotkey; `changed` as in `consent`."""
    domain = {
        "name": "evmtensor Subnets",
        "version": "1",
        "chainId": changed.get("chain_id", 1),
        "verifyingContract": changed.get("contract", world.address["Subnets"]),
    }
    message = {
        "hotkey": hotkey.address,
        "owner": changed.get("for_owner", owner),
        "nonce": changed.get("nonce", world.subnets.nonce_of(hotkey.address)),
    }
    signable = encode_typed_data(domain, OWNING_TYPES, message)
    return bytes(hotkey.sign_message(signable).signature)


def create(
    world: World,
    *,
    owner: str = "owner",
    max_uids: int = 16,
    max_validators: int = 4,
) -> int:
    """A subnet that is not started; its owner hotkey is `key("owner hotkey")`. The netuid."""
    owner_key = role_address(owner)
    cost = world.subnets.cost_rao()
    world.give(owner_key, cost, world.address["Subnets"])
    hotkey = key(f"{owner} hotkey")
    arguments = (hotkey.address, max_uids, max_validators, cost)
    signature = owning(world, hotkey, owner_key)
    return int(world.subnets.create(*arguments, signature, sender=owner_key))


def start(world: World, netuid: int, *, in_ticks: int = 1) -> int:
    """Call start for a subnet; t0."""
    if world.tick == 0:
        world.warp(1)
    start_tick = world.tick + in_ticks
    world.subnets.start(netuid, start_tick, sender=world.subnets.owner_of(netuid))
    return start_tick


def seats_at(world: World, netuid: int, epoch: int) -> list[int]:
    """registration_id << 64 | since_epoch of every seat of an epoch; 0: empty."""
    return [word & ~KEEPS_SEAT for word in world.neurons.standing_at(netuid, epoch).seats]


def go_to_epoch(world: World, netuid: int, epoch: int, *, plus: int = 0) -> int:
    """Go on to the first tick of an epoch, or some ticks after it; the tick."""
    tick = int(world.subnets.window_of(netuid, epoch).start_tick) + plus
    world.warp_to(tick)
    return tick


def register(
    world: World, netuid: int, name: str, *, coldkey: str = "", limit_rao: int = NO_LIMIT
) -> int:
    """Register `key(name)` for its coldkey (by default one of its own); the registration id."""
    payer = coldkey or role_address(f"{name} coldkey")
    world.give(payer, world.neurons.burn_rao(netuid), world.address["Neurons"])
    hotkey = key(name)
    signature = consent(world, netuid, hotkey, payer)
    return int(world.neurons.register(netuid, hotkey.address, limit_rao, signature, sender=payer))


def stake(world: World, name: str, amount_rao: int) -> None:
    """Stake behind `key(name)`, which has registered somewhere, by its coldkey."""
    payer = world.staking.owner_of(key(name).address)
    world.give(payer, amount_rao, world.address["Staking"])
    world.staking.add_stake(key(name).address, amount_rao, sender=payer)
