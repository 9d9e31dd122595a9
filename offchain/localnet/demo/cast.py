# SPDX-License-Identifier: Apache-2.0
"""Who plays what in the demo. Keys are the local chain's public test accounts."""

from dataclasses import dataclass
from enum import Enum

from offchain.protocol.identifiers import RAO_PER_TAO

DEPLOYER = "dev:0"
OWNER_COLDKEY = "dev:1"
OWNER_HOTKEY = "dev:2"
FIRST_PLAYER = 3  # players take two accounts each from here on: coldkey, hotkey


class Role(Enum):
    """What a player does; the value is what the table shows."""

    HONEST_MINER = "honest miner"
    RANDOM_MINER = "random answers"
    RELAY_MINER = "relays answers"
    OFFLINE_MINER = "goes offline"
    HONEST_VALIDATOR = "honest validator"
    CHEATING_VALIDATOR = "favours friends"

    @property
    def is_validator(self) -> bool:
        return self in (Role.HONEST_VALIDATOR, Role.CHEATING_VALIDATOR)


@dataclass(frozen=True, slots=True)
class Player:
    """One neuron.

    model: of an honest or offline miner, a name of `miners.train`. stake_rao: of a validator.
    """

    name: str
    role: Role
    coldkey: str
    hotkey: str
    model: str = ""
    stake_rao: int = 0


def _player(index: int, name: str, role: Role, model: str = "", stake_tao: int = 0) -> Player:
    account = FIRST_PLAYER + 2 * index
    return Player(
        name, role, f"dev:{account}", f"dev:{account + 1}", model, stake_tao * RAO_PER_TAO
    )


# The relay's friend holds less than half of the stake: with more it could not be outvoted.
PLAYERS = (
    _player(0, "miner-cnn", Role.HONEST_MINER, model="cnn"),
    _player(1, "miner-mlp", Role.HONEST_MINER, model="mlp"),
    _player(2, "miner-linear", Role.HONEST_MINER, model="linear"),
    _player(3, "miner-random", Role.RANDOM_MINER),
    _player(4, "miner-relay", Role.RELAY_MINER, model="cnn"),
    _player(5, "miner-offline", Role.OFFLINE_MINER, model="mlp-offline"),
    _player(6, "validator-1", Role.HONEST_VALIDATOR, stake_tao=3_000),
    _player(7, "validator-2", Role.HONEST_VALIDATOR, stake_tao=2_500),
    _player(8, "validator-3", Role.HONEST_VALIDATOR, stake_tao=2_000),
    _player(9, "validator-cheat", Role.CHEATING_VALIDATOR, stake_tao=2_500),
)

# Outside of the subnet: somebody who posts a profitable lie, and somebody who watches.
LIAR = "dev:23"
WATCHER = "dev:24"
LIE_EPOCH = 1

HONEST_MODELS_BY_QUALITY = ("cnn", "mlp", "linear")  # best first; the demo checks that it shows


def player(name: str) -> Player:
    """The player of that name; KeyError for another."""
    return {p.name: p for p in PLAYERS}[name]
