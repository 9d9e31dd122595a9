# SPDX-License-Identifier: Apache-2.0
"""A year of a network at 1,000 times speed: 2,628 ticks instead of 2,628,000, 219 epochs of 12.

`make year`, or `python -m tests.contracts.economy.year --months 3 --json`. Two subnets settle real
engine results, the root weighs them, a third one dies and its number lives on; people register, are
pruned, delegate, vote, lose keys and leave. The halving lies in the middle of the year. Every
invariant of docs/invariants.md is checked every month, the quick ones every epoch; at the end the
books are laid open, and they balance to the rao.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import boa

from offchain.protocol import halving
from offchain.settlement.history import State
from tests.contracts.deployment import MINIMAL, RAO, Preset
from tests.contracts.economy.invariants import QUICK, check, settlement_owes
from tests.contracts.economy.network import Registered, Subnet
from tests.contracts.economy.powers import Economy

TEMPO = MINIMAL.profile.tempo_ticks
YEAR_TICKS = 2_628
EPOCHS = YEAR_TICKS // TEMPO
MONTHS = 12
MAX_SUBNETS = 128
# What the first rate pays until the first halving; half of it and more is recycled on the way.
TICKS_TO_HALVING = YEAR_TICKS // 8


def year_preset() -> Preset:
    """Subnets are cheap, so that the 128 numbers are taken within the year."""
    return replace(
        MINIMAL,
        genesis_rao=halving.threshold_rao(1) - TICKS_TO_HALVING * RAO,
        min_lock_rao=RAO,
        lock_reduction_ticks=4,
        subnet_immunity_ticks=200,
    )


@dataclass
class Year:
    """The economy, and what happened in it."""

    seed: int = 1
    months: int = MONTHS
    economy: Economy = field(init=False)
    chance: Random = field(init=False)
    told: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    first: Subnet = field(init=False)
    second: Subnet = field(init=False)
    third: Subnet = field(init=False)

    def tell(self, what: str) -> None:
        self.told.append(f"tick {self.economy.tick:>5}: {what}")

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    # the beginning

    def found(self) -> None:
        """Three subnets of four validators each that begin together, and the root."""
        self.chance = Random(self.seed)
        economy = self.economy = Economy(year_preset())
        economy.warp(1)
        self.first, self.second, self.third = (self._create(owner) for owner in ("c0", "c1", "c0"))
        validators = ("n0", "n1", "n2")
        for subnet in (self.first, self.second, self.third):
            for name in (f"{subnet.owner_name} hotkey", *validators, "n3", "n4"):
                self._register(subnet, name)
        for number, name in enumerate((*validators, "c0 hotkey", "c1 hotkey")):
            owner = economy.owner_of_name[name]
            economy.join(self.chance, economy.hotkey(name), owner, (number + 3) * 1_000 * RAO)
        economy.warp(1)
        for subnet in (self.first, self.second, self.third):
            economy.start(self.chance, subnet, in_ticks=3)
            for seat, uid in enumerate(sorted(subnet.latest)[:4]):
                economy.poke(self.chance, subnet, (seat, uid))
        economy.warp(3)
        assert economy.open_root(self.chance)
        economy.root_weights = {1: 7, 2: 3}
        self.tell("three subnets and the root are open")

    def _create(self, owner: str) -> Subnet:
        netuid = self.economy.create(self.chance, owner)
        assert netuid, "a subnet could not be created"
        self.count("subnets created")
        return self.economy.subnets[netuid]

    def _register(self, subnet: Subnet, name: str) -> int:
        number = self.economy.register(self.chance, subnet, name)
        if number:
            self.count("registrations")
        return number

    # one epoch of everybody

    def epoch(self, subnets: list[Subnet], lie: bool = False) -> None:
        """Commit, reveal, close, propose, finalize in all of them at once: 12 ticks."""
        economy, chance = self.economy, self.chance
        running = [s for s in subnets if s.epoch_at(economy.tick) is not None]
        for subnet in running:
            economy.commit(chance, subnet, share=1.0)
        clock = self.first
        now = clock.epoch_at(economy.tick)
        assert now is not None
        economy.warp_to(clock.end(now))
        for subnet in running:
            economy.reveal(chance, subnet)
        economy.warp_to(clock.closable(now)[0])
        closed = [subnet for subnet in running if economy.close(chance, subnet)]
        for subnet in closed:
            self.count("epochs closed")
            if economy.propose(chance, subnet, lie=lie) and lie:
                struck = economy.dispute(chance, subnet)
                self.count("lies struck", int(struck))
                economy.propose(chance, subnet, lie=False)
        for subnet in closed:
            self.count("epochs final", int(economy.finalize(chance, subnet, wait=True)))
        for one in QUICK:
            one(economy)

    # chapters: month -> what happens in it besides the epochs

    def chapters(self) -> list[Callable[[], None]]:
        return [
            self.delegators_come,
            self.the_root_speaks,
            self.subnets_fill,
            self.takes_move,
            self.somebody_lies,
            self.an_epoch_is_void,
            self.votes,
            self.keys_are_lost,
            self.stake_is_lent,
            self.a_subnet_dies,
            self.its_number_lives_on,
            self.delegators_leave,
        ]

    def delegators_come(self) -> None:
        for _ in range(6):
            self.economy.join(self.chance)
        self.tell("delegators join")

    def the_root_speaks(self) -> None:
        root = self.economy.subnets[0]
        for seat, name in enumerate(("n0", "n1", "n2")):
            hotkey = self.economy.hotkey(name)
            anybody = self.economy.coldkeys[0]
            self.economy.world.neurons.poke_root(seat, hotkey, sender=anybody)
            number = int(self.economy.world.neurons.member_of(hotkey))
            root.ids[number] = Registered(name, 1_023, self.economy.tick, 0)
        self.tell("hotkeys take the root's seats")

    def subnets_fill(self) -> None:
        for number in range(5, 16):
            self._register(self.first, f"n{number}")
        self.tell(f"{len(self.first.latest)} of 16 uids of netuid 1 are taken")

    def takes_move(self) -> None:
        self.economy.name_escrow(self.chance)
        moved = sum(self.economy.turn_take(self.chance) for _ in range(6))
        self.count("takes set", moved)
        self.tell(f"{moved} takes move")

    def somebody_lies(self) -> None:
        self.epoch([self.first, self.second], lie=True)
        self.tell("a lie about each subnet is struck")

    def an_epoch_is_void(self) -> None:
        """It is closed and nobody proposes a result."""
        economy, chance, subnet = self.economy, self.chance, self.second
        economy.commit(chance, subnet, share=1.0)
        now = subnet.epoch_at(economy.tick)
        assert now is not None
        economy.warp_to(subnet.end(now))
        economy.reveal(chance, subnet)
        economy.warp_to(subnet.closable(now)[0])
        assert economy.close(chance, subnet)
        economy.warp(3 * TEMPO)
        assert economy.void(chance, subnet)
        self.count("epochs void")
        self.tell("an epoch that nobody proposed is null, its emission goes back")
        self._to_boundary()

    def votes(self) -> None:
        assert self.economy.govern(self.chance, self.first, passes=False)
        self.tell("a proposal is voted down")
        assert self.economy.govern(self.chance, self.first, passes=True)
        self.count("proposals", 2)
        self.tell("a proposal passes and is executed")
        self._to_boundary()

    def keys_are_lost(self) -> None:
        assert self.economy.swap_hotkey(self.chance, "n1")
        assert self.economy.swap_coldkey(self.chance, self.economy.coldkeys[3])
        self.count("keys swapped", 2)
        self.tell("a hotkey and a coldkey have successors")
        self._to_boundary()

    def stake_is_lent(self) -> None:
        lent = sum(self.economy.lend(self.chance) for _ in range(6))
        self.count("stakes lent", lent)
        self.tell(f"{lent} hotkeys lend stake to others")

    def a_subnet_dies(self) -> None:
        """All numbers are taken, so that the weakest makes room."""
        economy = self.economy
        while len(economy.owned()) < MAX_SUBNETS:
            economy.warp(8)
            self._create(self.chance.choice(("c0", "c1")))
        weakest = int(economy.world.subnets.weakest())
        assert weakest == self.third.netuid, f"netuid {weakest} is the weakest"
        self._to_boundary()
        before = economy.world.tao.balanceOf(self.third.owner)
        self.heir = self._create("c1")
        assert self.heir.netuid == self.third.netuid
        assert economy.retired == [self.third]
        got = economy.world.tao.balanceOf(self.third.owner) - before
        self.count("subnets evicted")
        self.tell(f"netuid {self.heir.netuid} makes room, its owner gets {got} rao back")

    def its_number_lives_on(self) -> None:
        economy, subnet = self.economy, self.heir
        for name in ("c1 hotkey", "n0", "n2", "n16"):
            assert self._register(subnet, name)
        for name in ("n0", "n2"):
            owner = economy.owner_of_name[name]
            economy.join(self.chance, economy.hotkey(name), owner, 100 * RAO)
        economy.warp(1)
        economy.start(self.chance, subnet, in_ticks=2)
        for seat, uid in enumerate((1, 2)):
            economy.poke(self.chance, subnet, (seat, uid))
        economy.warp(2)
        assert economy.settle(self.chance, subnet)
        assert economy.claim(self.chance, self.third), "an old miner cannot claim"
        self.tell("new neurons work on the old number; the dead subnet's miners still claim")
        self._to_boundary()

    def delegators_leave(self) -> None:
        left = sum(self.economy.leave(self.chance) for _ in range(4))
        self.tell(f"{left} delegators leave")

    def _to_boundary(self) -> None:
        """To the first tick of an epoch of the first two subnets, which run together."""
        now = self.first.epoch_at(self.economy.tick)
        assert now is not None
        self.economy.warp_to(self.first.end(now))

    # the year

    def run(self) -> dict[str, Any]:
        """All months; the books."""
        self.found()
        chapters = self.chapters()
        for month in range(self.months):
            chapters[month]()
            self.work_until(self.economy.world.tick, (month + 1) * YEAR_TICKS // MONTHS)
            check(self.economy)
        self.end()
        return self.books()

    def work_until(self, begin: int, end: int) -> None:
        """Epochs of the big subnets, the root's now and then, and a few people's deeds."""
        economy, chance = self.economy, self.chance
        number = 0
        while economy.tick < end:
            working = [self.first]
            if number % 2 == 0:
                working.append(self.second)
            if number % 6 == 0 and self.third in economy.subnets.values():
                working.append(self.third)
            self.epoch(working)
            if number % 6 == 1 and economy.subnets[0].ids:
                self.count("root epochs", int(economy.settle(chance, economy.subnets[0])))
                self._to_boundary()
            for deed in (
                "pay_fees",
                "claim",
                "withdraw",
                "join",
                "leave",
                "remove",
                "poke",
                "transfer",
            ):
                self.count(deed, int(getattr(economy, deed)(chance)))
            if len(economy.owned()) < min(MAX_SUBNETS, 3 + economy.tick // 14):
                self._create(chance.choice(("c0", "c1")))
            if number % 3 == 0:
                self._register(self.first, f"n{chance.randrange(5, 24)}")
            number += 1

    def end(self) -> None:
        """Everybody is paid, leaves, and takes what is due."""
        economy, chance = self.economy, self.chance
        for subnet in (*economy.owned(), *economy.retired):
            self.count("registrations paid", economy.claim_everything(subnet))
        staking = economy.world.staking
        for hotkey, members in sorted(economy.pools.items()):
            for member in sorted(members):
                shares = int(staking.shares_of(hotkey, member))
                if shares:
                    economy.unbond(hotkey, member, shares)
        economy.warp(economy.preset.unbonding_ticks)
        while economy.unbondings:
            economy.remove(chance)
        for subnet in economy.subnets.values():
            self._give_bonds_back(subnet)
        while economy.withdraw(chance):
            pass
        check(economy)
        self.tell("everybody is paid and has left")

    def _give_bonds_back(self, subnet: Subnet) -> None:
        economy, epoch = self.economy, subnet.history.last_final
        if epoch is not None and subnet.history.epochs[epoch].state is State.FINAL:
            economy.warp(3 * TEMPO)
            for _ in range(40):
                if economy.release(self.chance):
                    break

    def books(self) -> dict[str, Any]:
        """Where every rao came from and where it is."""
        economy = self.economy
        world, tao = economy.world, economy.world.tao
        held = {
            name: int(tao.balanceOf(at))
            for name, at in world.address.items()
            if name not in ("deployer", "faucet")
        }
        people = sum(int(tao.balanceOf(a)) for a in economy.accounts - {*world.address.values()})
        people += int(tao.balanceOf(world.address["faucet"]))
        rewards = world.rewards
        return {
            "ticks": economy.tick,
            "genesis_rao": economy.genesis,
            "accrued_rao": int(world.emission.accrued_rao()),
            "minted_rao": int(world.emission.minted_rao()),
            "withheld_rao": int(world.emission.withheld_rao()),
            "recycled_rao": int(world.emission.recycled_rao()),
            "bonus_rao": int(world.emission.bonus_rao()),
            "burned_rao": economy.burned,
            "issuance_rao": int(world.emission.issuance_rao()),
            "supply_rao": int(tao.totalSupply()),
            "people_rao": people,
            "contracts_rao": held,
            "owed": {
                "Staking": int(world.staking.total_stake_rao())
                + int(world.staking.total_unbonding_rao())
                + economy.donations["Staking"],
                "Rewards": sum(
                    int(rewards.received_rao(life)) - int(rewards.paid_rao(life))
                    for life in economy.lives()
                )
                + economy.donations["Rewards"],
                "Subnets": sum(s.lock_rao for s in economy.subnets.values())
                + economy.donations["Subnets"],
                "Settlement": settlement_owes(economy),
                "Neurons": economy.donations["Neurons"],
                "Emission": economy.donations["Emission"],
            },
            "lost": {name: economy.donations[name] for name in ("Staking", "Rewards")},
            "halvings": sum(
                int(world.emission.issuance_rao()) >= halving.threshold_rao(k) for k in range(1, 31)
            ),
            "counts": dict(sorted(self.counts.items())),
            "told": self.told,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=MONTHS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with boa.env.anchor():
        year = Year(asked.seed, asked.months)
        books = year.run()
    if asked.json:
        print(json.dumps(books, indent=2))
        return
    print("\n".join(books.pop("told")))
    for name, value in books.items():
        print(f"{name:>14}  {value:,}" if isinstance(value, int) else f"{name:>14}  {value}")


if __name__ == "__main__":
    main()
