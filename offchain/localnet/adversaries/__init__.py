# SPDX-License-Identifier: Apache-2.0
"""Cheats for the demo and the adversarial tests: they show that cheating does not pay.

Each is an ordinary program against the public interfaces: a `Miner` with another brain.

    random_miner("vision", seed)                     answers at random
    relay_miner("vision", ask_friend, model_hash)    passes on another miner's answers
    Friend(...)                                      the accomplice with a seat that fetches them
"""

from offchain.localnet.adversaries.random_answers import random_miner
from offchain.localnet.adversaries.relay import Friend, ask_friend, relay_miner

__all__ = ["Friend", "ask_friend", "random_miner", "relay_miner"]
