# SPDX-License-Identifier: Apache-2.0
"""Who has power, and who tries to have it: the timelock's operations, and trespassers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import boa
import yaml

from offchain.protocol.hyperparameters import HYPERPARAMETERS
from tests.contracts.deployment import role_address
from tests.contracts.economy.invariants import DEEP, QUICK, Check, check
from tests.contracts.economy.keys import Keys
from tests.contracts.economy.network import Unexpected

TABLE = yaml.safe_load((Path(__file__).parents[1] / "roles.yaml").read_text())
RESTRICTED = sorted(
    {
        (contract, row.partition("/")[0])
        for contract, rows in TABLE.items()
        for row, allowed in rows.items()
        if allowed != "anyone"
    }
)
NOTHING = bytes(32)


class Economy(Keys):
    """Everything that can be done, and the order in which `step` draws it."""

    # the timelock

    def schedule(self, chance: Random) -> bool:
        """Announce the change of a parameter, or who the guardian is."""
        delay = self.preset.timelock_seconds + chance.randrange(5)
        deployer = self.world.address["deployer"]
        salt = chance.randbytes(32)
        target, note, payload = self._operation(chance)
        call = (target, 0, payload, NOTHING, salt)
        if not self.refused(
            self.world.timelock.schedule, *call, self.preset.timelock_seconds - 1, sender=deployer
        ):
            raise Unexpected("I-34 an operation was announced with too short a delay")
        self.world.timelock.schedule(*call, delay, sender=deployer)
        number = bytes(self.world.timelock.hash_operation(*call))
        self.operations[number] = [call, boa.env.timestamp + delay, note, "waits"]
        return True

    def _operation(self, chance: Random) -> tuple[str, Any, bytes]:
        if not self.guardian and chance.random() < 0.5:
            who = role_address("guardian")
            payload = self.world.settlement.set_guardian.prepare_calldata(who)
            return self.world.address["Settlement"], ("guardian", who), payload
        subnet = self.pick(chance, self.owned())
        row = chance.choice(HYPERPARAMETERS)
        value = chance.choice((row.least, row.default, row.most, row.most + 1))
        if row.name == "registration_allowed":
            value = 1
        netuid = subnet.netuid if subnet else 99
        function = self.world.subnets.set_parameter
        payload = function.prepare_calldata(netuid, row.id, value)
        return self.world.address["Subnets"], ("parameter", netuid, row.id, value), payload

    def execute(self, chance: Random) -> bool:
        """Execute what was announced: early, in time, or again."""
        number = self.pick(chance, sorted(self.operations))
        if number is None:
            return False
        operation = self.operations[number]
        call, ready_at, note, state = operation
        deployer, execute = self.world.address["deployer"], self.world.timelock.execute
        if state == "waits" and boa.env.timestamp < ready_at and chance.random() < 0.5:
            self.warp(-(-(ready_at - boa.env.timestamp) // self.preset.tick_seconds))
        may = state == "waits" and boa.env.timestamp >= ready_at
        if not may:
            if not self.refused(execute, *call, sender=deployer):
                raise Unexpected(f"I-34 an operation that {state} was executed before its time")
            return False
        if note[0] == "parameter" and note[1] not in self.subnets:
            return False
        refuse = ("timelock_controller: underlying transaction reverted",)
        refuse += ("subnets: ", "settlement: guardian is set")
        if not self.attempt(execute, *call, sender=deployer, refuse=refuse):
            return False
        operation[3] = "is done"
        self.executions.append((ready_at, boa.env.timestamp))
        if note[0] == "guardian":
            if self.guardian:
                raise Unexpected("I-34 the guardian was named twice")
            self.guardian = note[1]
        else:
            self.note_parameter(self.subnets[note[1]], note[2], note[3], by_timelock=True)
        return True

    def revoke(self, chance: Random) -> bool:
        """A proposer takes back what was announced."""
        waiting = [n for n, held in sorted(self.operations.items()) if held[3] == "waits"]
        number = self.pick(chance, waiting)
        if number is None or chance.random() < 0.7:
            return False
        self.world.timelock.cancel(number, sender=self.world.address["deployer"])
        self.operations[number][3] = "is revoked"
        return True

    # trespassers

    def trespass(self, chance: Random) -> bool:
        """Somebody calls what roles.yaml reserves for others; nothing may come of it."""
        name, function = chance.choice(RESTRICTED)
        if name not in self.world.contracts:
            return False
        method = getattr(self.world.contracts[name], function)
        entry = next(e for e in self.world.contracts[name].abi if e.get("name") == function)
        arguments = [self._value(chance, part) for part in entry["inputs"]]
        thief = role_address("thief")
        if not self.refused(method, *arguments, sender=thief):
            self.trespasses.append(f"{name}.{function}{tuple(arguments)!r}")
        return True

    def _value(self, chance: Random, part: dict[str, Any]) -> Any:
        """Something of the type that an ABI entry says; an array without a length is empty."""
        kind: str = part["type"]
        if kind.endswith("]"):
            element, _, length = kind[:-1].rpartition("[")
            return [self._value(chance, part | {"type": element}) for _ in range(int(length or 0))]
        if kind == "tuple":
            return tuple(self._value(chance, field) for field in part["components"])
        if kind == "address":
            return chance.choice((*self.coldkeys, role_address("thief"), *sorted(self.pools)))
        if kind.startswith("bytes"):
            return chance.randbytes(32)
        if kind == "string":
            return "x"
        if kind == "bool":
            return chance.random() < 0.5
        return chance.choice((0, 1, 1, 1, 2, 3, 100))

    # time

    def wait(self, chance: Random) -> bool:
        self.warp(chance.choice((1, 2, 5, 13, 40)))
        return True

    def to_boundary(self, chance: Random) -> bool:
        """To the first tick of a subnet's next epoch, or the first at which one can be closed."""
        subnet = self.pick(chance, self.running())
        if subnet is None:
            return False
        epoch = subnet.epoch_at(self.tick)
        assert epoch is not None
        ticks = [subnet.end(epoch), subnet.begin(epoch) + subnet.era_of(epoch).reveal_ticks]
        self.warp_to(chance.choice([tick for tick in ticks if tick > self.tick] or [self.tick + 1]))
        return True


# How often each action is drawn; the names are methods of Economy.
WEIGHTS = {
    "transfer": 2, "permit": 1, "burn": 1, "accrue": 1, "recycle": 2,
    "join": 5, "leave": 4, "move": 3, "cancel_unbonding": 2, "remove": 3, "turn_take": 2,
    "give_stake": 2,
    "swap_hotkey": 2, "swap_coldkey": 1, "introduce": 1, "lend": 1, "govern": 1,
    "hand_over": 1,
    "create": 1, "identity": 1, "start": 2, "set_schedule": 2, "set_parameter": 4,
    "name_escrow": 1, "pay_fees": 3, "open_root": 1, "poke_root": 4, "weigh": 1,
    "register": 6, "poke": 5, "serve": 2, "commit_model": 1,
    "commit": 4, "reveal": 5, "vote": 8, "close": 9, "propose": 8, "watch": 4, "prove": 3,
    "finalize": 8,
    "void": 2, "cancel_proposal": 1, "demand": 2, "end_demand": 2, "release": 1, "withdraw": 3,
    "claim": 5, "settle": 5, "schedule": 2, "execute": 3, "revoke": 1, "trespass": 4,
    "wait": 3, "to_boundary": 6,
}  # fmt: skip


def open_economy(chance: Random, crowd: int = 0, **patched: Any) -> Economy:
    """One running subnet with four validators, `crowd` more neurons, and stake behind them."""
    economy = Economy(**patched)
    economy.warp(1)
    netuid = economy.create(chance, "c0")
    subnet = economy.subnets[netuid]
    validators = ("c0 hotkey", "n0", "n1", "n2")
    for name in (*validators, *(f"n{number}" for number in range(3, 3 + crowd))):
        economy.register(chance, subnet, name)
    for number, name in enumerate(validators):
        owner = economy.owner_of_name[name]
        economy.join(chance, economy.hotkey(name), owner, (5 + 2 * number) * 10**11)
    economy.warp(1)
    economy.start(chance, subnet, in_ticks=2)
    for seat in range(4):
        economy.poke(chance, subnet, (seat, seat))
    economy.warp(2)
    return economy


def step(economy: Economy, action: str, seed: int) -> bool:
    """Do one action; counts how often it came to something."""
    economy.tried[action] += 1
    done = bool(getattr(economy, action)(Random(seed)))
    economy.done[action] += done
    return done


def live(
    seed: int,
    steps: int,
    *,
    crowd: int = 0,
    actions: Sequence[str] = (),
    deep_every: int = 10,
    only: Sequence[Check] = (),
    **patched: Any,
) -> Economy:
    """A random life, drawn by weight from all actions or from some, checked after every step: by
    all invariants, or by `only` some.
    """
    chance = Random(seed)
    economy = open_economy(chance, crowd, **patched)
    names = list(actions or WEIGHTS)
    weights = [WEIGHTS[name] for name in names]
    for number in range(steps):
        step(economy, chance.choices(names, weights)[0], chance.getrandbits(32))
        for one in only:
            one(economy)
        if not only:
            check(economy, deep=number % deep_every == deep_every - 1)
    for one in only or (*QUICK, *DEEP):
        one(economy)
    return economy
