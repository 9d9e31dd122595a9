# SPDX-License-Identifier: Apache-2.0
"""A subnet's neurons and the roots that Settlement adds for them, honest or not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import boa

from offchain.protocol.identifiers import pack_registration_id
from offchain.protocol.leaves import leaf, leaf_prefix, levels, path
from tests.contracts import life
from tests.contracts.deployment import World, seeded


class Pay(NamedTuple):
    """Cumulative payouts of a registration id, rao."""

    server: int
    validator: int


class Claim(NamedTuple):
    epoch: int
    registration_id: int
    server_cumulative_rao: int
    validator_cumulative_rao: int
    proof: list[bytes]


@dataclass(slots=True)
class Payroll:
    """Neurons by uid. Roots are added in Settlement's name."""

    world: World
    netuid: int
    names: list[str]
    ids: list[int] = field(default_factory=list)
    trees: dict[int, list[list[bytes]]] = field(default_factory=dict)
    pays: dict[int, dict[int, Pay]] = field(default_factory=dict)
    rewards: Any = None

    @property
    def settlement(self) -> str:
        return self.world.address["Settlement"]

    def hotkey(self, uid: int) -> str:
        return str(life.key(self.names[uid]).address)

    def coldkey(self, uid: int) -> str:
        return str(self.world.staking.owner_of(self.hotkey(uid)))

    def balance(self, account: Any) -> int:
        return int(self.world.tao.balanceOf(account))

    def leaves(self, pays: dict[int, Pay], count: int) -> list[bytes]:
        """One leaf per uid; a uid without a neuron has generation 0 and no pay."""
        prefix = leaf_prefix(boa.env.evm.chain.chain_id, str(self.rewards.address), self.netuid)
        made = []
        for uid in range(count):
            known = uid < len(self.ids)
            identity = self.ids[uid] if known else self.netuid << 64 | uid << 48
            made.append(leaf(prefix, identity, *pays.get(uid, Pay(0, 0))))
        return made

    def add_root(
        self, epoch: int, pays: dict[int, Pay], sent_rao: int | None = None, *, leaves: int = 16
    ) -> bytes:
        """Send `sent_rao` (by default exactly what is new) and add the root over `pays`."""
        before = self.pays.get(max(self.pays, default=-1), {})
        owed = sum(map(sum, pays.values())) - sum(map(sum, before.values()))
        amount = owed if sent_rao is None else sent_rao
        tree = levels(self.leaves(pays, leaves))
        self.trees[epoch], self.pays[epoch] = tree, pays
        self.world.give(str(self.rewards.address), amount)
        depth = len(tree) - 1
        self.rewards.add_root(
            *(self.netuid, epoch, tree[-1][0], depth, amount), sender=self.settlement
        )
        return tree[-1][0]

    def claim(self, epoch: int, uid: int) -> Claim:
        """The honest claim of a uid's pay from a root."""
        pay = self.pays[epoch].get(uid, Pay(0, 0))
        return Claim(epoch, self.ids[uid], *pay, path(self.trees[epoch], uid))

    def claimed(self, uid: int) -> Pay:
        word = int(self.rewards.claimed_of(self.ids[uid]))
        return Pay(word >> 128, word & (2**128 - 1))

    def with_bug(
        self, *bugs: tuple[str, str, str], neurons: str = "", staking: str = ""
    ) -> Payroll:
        """The same neurons with a Rewards that has seeded bugs; it starts without roots."""
        known = self.world.address
        broken = seeded("Rewards", *bugs).deploy(
            known["Tao"],
            staking or known["Staking"],
            neurons or known["Neurons"],
            known["Settlement"],
        )
        return replace(self, rewards=broken, trees={}, pays={})


def open_payroll(world: World, names: list[str], *, max_uids: int = 16) -> Payroll:
    """A subnet where every name is registered; uids in that order."""
    netuid = life.create(world, max_uids=max_uids)
    payroll = Payroll(world, netuid, names, rewards=world.rewards)
    for uid, name in enumerate(names):
        payroll.ids.append(life.register(world, netuid, name))
        assert payroll.ids[uid] == pack_registration_id(netuid, uid, 1)
    return payroll
