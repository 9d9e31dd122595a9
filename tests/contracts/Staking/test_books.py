# SPDX-License-Identifier: Apache-2.0
"""Random life of two pools; the invariants of Staking's header after every step.

I-05  balance == total_stake_rao + total_unbonding_rao + what strangers sent
I-06  total_stake_rao == sum of the pools' assets
I-07  a pool's shares == sum of its members' shares
I-08  members' values together <= the pool's vested assets
I-09  the share price never falls while the pool has shares
I-10  all members together get out at most what they brought and what was credited;
      without dividends no member gets out more than it brought
I-12  every member can leave, and gets its value
I-35  value_of says what unbond gives
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import boa
import pytest
from hypothesis import settings

from tests.contracts.deployment import RAO, World, deploy_world, role_address, seeded
from tests.contracts.Staking.actions import credit, exit_fully, last_event, open_pool, stake

MEMBERS = [role_address(f"member {number}") for number in range(4)]
HOTKEYS = [role_address(f"pool {number}") for number in range(2)]
VIRTUAL_SHARES = 10**6
# steps of a life: 60, and 3,000 in `make fuzz`
STEPS = settings().max_examples * 6 // 10


class Life:
    """Two pools, four members, and what has been seen of them."""

    def __init__(self, dividends: bool, source: Any = None) -> None:
        patched = {"Staking": source} if source else {}
        self.world: World = deploy_world(only=("Tao", "Emission", "Staking"), **patched)
        self.staking = self.world.staking
        for hotkey in HOTKEYS:
            open_pool(self.world, hotkey, MEMBERS[0])
        self.dividends = dividends
        self.brought: dict[str, int] = defaultdict(int)
        self.credited = self.donated = 0
        self.unbondings: dict[int, str] = {}
        self.prices: dict[str, tuple[int, int]] = {}
        # the coldkeys that speak for the members now; the first owns both pools
        self.members = list(MEMBERS)
        self.renamed = 0

    def step(self, chance: random.Random) -> None:
        """One random action of a random member, then some ticks."""
        member, hotkey = chance.choice(self.members), chance.choice(HOTKEYS)
        actions = [self.join, self.join, self.leave, self.leave, self.move, self.cancel]
        actions += [self.remove, self.donate, self.turn_take, self.give, self.rename]
        if self.dividends:
            actions += [self.pay, self.pay, self.pay]
        chance.choice(actions)(chance, hotkey, member)
        for key in HOTKEYS:
            if self.staking.pool_of(key).shares == 0:
                # whoever comes next finds a new pool with a price of its own
                self.prices.pop(key, None)
        self.world.warp(chance.choice((0, 0, 1, 5, 30)))

    def join(self, chance: random.Random, hotkey: str, member: str) -> None:
        amount = self.world.preset.min_stake_rao + chance.randrange(10 ** chance.randrange(1, 11))
        stake(self.world, hotkey, member, amount)
        self.brought[member] += amount

    def shares(self, chance: random.Random, hotkey: str, member: str) -> int:
        """All of a member's shares, or so many that enough stays."""
        held = self.staking.shares_of(hotkey, member)
        value = self.staking.value_of(hotkey, member)
        spare = value - self.world.preset.min_stake_rao - 2
        if spare <= 0 or chance.random() < 0.4:
            return held
        return chance.randrange(1, spare + 1) * held // value

    def leave(self, chance: random.Random, hotkey: str, member: str) -> None:
        shares = self.shares(chance, hotkey, member)
        if shares == 0:
            return
        whole = shares == self.staking.shares_of(hotkey, member)
        value = self.staking.value_of(hotkey, member)
        unbonding_id = self.staking.unbond(hotkey, shares, sender=member)
        self.unbondings[unbonding_id] = member
        if whole:
            assert self.staking.unbonding_of(unbonding_id).amount_rao == value

    def move(self, chance: random.Random, hotkey: str, member: str) -> None:
        shares = self.shares(chance, hotkey, member)
        target = HOTKEYS[1 - HOTKEYS.index(hotkey)]
        least = self.world.preset.min_stake_rao
        held = max(1, self.staking.shares_of(hotkey, member))
        if shares and self.staking.value_of(hotkey, member) * shares // held > least:
            self.staking.move_stake(hotkey, target, shares, sender=member)

    def give(self, chance: random.Random, hotkey: str, member: str) -> None:
        """To another member, without leaving the pool."""
        shares = self.shares(chance, hotkey, member)
        taker = chance.choice([other for other in self.members if other != member])
        least = self.world.preset.min_stake_rao
        held = max(1, self.staking.shares_of(hotkey, member))
        if shares and self.staking.value_of(hotkey, member) * shares // held > least:
            self.staking.transfer_stake(hotkey, taker, shares, sender=member)
            amount = last_event(self.world, "StakeTransferred").amount_rao
            self.brought[member] -= amount
            self.brought[taker] += amount + 1  # two floors become one

    def rename(self, chance: random.Random, hotkey: str, member: str) -> None:
        """A coldkey is swapped; everything it had here, and its tokens, are the new one's."""
        self.renamed += 1
        new = role_address(f"coldkey {self.renamed}")
        self.staking.swap_coldkey(member, new, sender=self.world.address["Keys"])
        self.world.tao.transfer(new, self.world.tao.balanceOf(member), sender=member)
        self.members[self.members.index(member)] = new
        self.brought[new] = self.brought.pop(member, 0)
        for number, owner in self.unbondings.items():
            self.unbondings[number] = new if owner == member else owner
            assert self.staking.unbonding_of(number).coldkey == self.unbondings[number]

    def cancel(self, chance: random.Random, hotkey: str, member: str) -> None:
        mine = [number for number, owner in self.unbondings.items() if owner == member]
        if mine:
            number = chance.choice(mine)
            if self.staking.unbonding_of(number).amount_rao == 0:  # of too few shares for one rao
                with boa.reverts("staking: buys no share"):
                    self.staking.cancel_unbonding(number, sender=member)
                return
            self.staking.cancel_unbonding(number, sender=member)
            del self.unbondings[number]

    def remove(self, chance: random.Random, hotkey: str, member: str) -> None:
        ripe = [
            number
            for number, owner in self.unbondings.items()
            if owner == member and self.staking.unbonding_of(number).ripe_tick <= self.world.tick
        ]
        if ripe:
            number = chance.choice(ripe)
            self.staking.remove_stake(number, sender=member)
            del self.unbondings[number]

    def donate(self, chance: random.Random, hotkey: str, member: str) -> None:
        amount = chance.randrange(RAO)
        self.world.give(self.staking.address, amount)
        self.donated += amount

    def turn_take(self, chance: random.Random, hotkey: str, member: str) -> None:
        limit = min(11_796, self.staking.take_of(hotkey) + 3_276)
        self.staking.set_take(hotkey, chance.randrange(limit + 1), sender=self.members[0])

    def pay(self, chance: random.Random, hotkey: str, member: str) -> None:
        amount = chance.randrange(10 ** chance.randrange(1, 10))
        credit(self.world, hotkey, amount)
        self.credited += amount

    def check(self) -> None:
        """Every invariant of the file's header but I-12."""
        staking, tao = self.staking, self.world.tao
        stake_rao, unbonding_rao = staking.total_stake_rao(), staking.total_unbonding_rao()
        assert tao.balanceOf(staking) == stake_rao + unbonding_rao + self.donated, "I-05"
        pending: dict[str, int] = defaultdict(int)
        for number, owner in self.unbondings.items():
            pending[owner] += staking.unbonding_of(number).amount_rao
        assert sum(pending.values()) == unbonding_rao, "I-05"
        pools = {hotkey: staking.pool_of(hotkey) for hotkey in HOTKEYS}
        assert sum(pool.assets_rao for pool in pools.values()) == stake_rao, "I-06"
        values: dict[str, int] = defaultdict(int)
        for hotkey, pool in pools.items():
            held = {member: staking.shares_of(hotkey, member) for member in self.members}
            assert sum(held.values()) == pool.shares, "I-07"
            vested = pool.assets_rao - pool.unvested_rao
            worth = {member: staking.value_of(hotkey, member) for member in self.members}
            assert sum(worth.values()) <= vested, "I-08"
            price = (vested + 1, pool.shares + VIRTUAL_SHARES)
            last = self.prices.get(hotkey)
            if last and pool.shares:
                assert price[0] * last[1] >= last[0] * price[1], "I-09"
            if pool.shares:
                self.prices[hotkey] = price
            for member in self.members:
                values[member] += worth[member]
        for member in self.members:
            values[member] += pending[member] + tao.balanceOf(member)
            # the owner is paid what is left in a pool without members
            if not self.dividends and member != self.members[0]:
                assert values[member] <= self.brought[member], "I-10"
        assert sum(values.values()) <= sum(self.brought.values()) + self.credited, "I-10"

    def all_can_leave(self) -> None:
        """I-12, in a copy of the world."""
        for hotkey in HOTKEYS:
            for member in self.members:
                if self.staking.shares_of(hotkey, member):
                    with boa.env.anchor():
                        value = self.staking.value_of(hotkey, member)
                        got = exit_fully(self.world, hotkey, member)
                        # the owner is also paid what the last member leaves behind
                        assert got == value or (member == self.members[0] and got > value), "I-12"


def live(seed: int, steps: int, dividends: bool, source: Any = None, every: int = 1) -> None:
    """Some steps of a random life, checked after each `every`-th."""
    chance = random.Random(seed)
    with boa.env.anchor():
        life = Life(dividends, source)
        for number in range(steps):
            life.step(chance)
            if number % every == 0:
                life.check()
        life.check()
        life.all_can_leave()


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(3))
def test_random_life__with_dividends__books_balance(seed: int) -> None:
    live(seed, steps=STEPS, dividends=True, every=1 + STEPS // 500)


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(3))
def test_C2_going_in_circles_without_dividends__pays_nobody(seed: int) -> None:
    live(seed, steps=STEPS, dividends=False, every=1 + STEPS // 500)


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
def test_C2_one_member_in_and_out__price_moves_by_nothing_that_pays() -> None:
    """Joins and exits of odd amounts by one attacker beside one honest member."""
    chance, rounds = random.Random(7), 2 * settings().max_examples
    world = deploy_world(only=("Tao", "Emission", "Staking"))
    hotkey, honest, attacker = HOTKEYS[0], MEMBERS[1], MEMBERS[2]
    open_pool(world, hotkey, MEMBERS[0])
    stake(world, hotkey, honest, 3 * RAO + 1)
    credit(world, hotkey, 12_345)
    world.warp(world.preset.vesting_ticks)
    before, brought, taken = world.staking.value_of(hotkey, honest), 0, 0
    for _ in range(rounds):
        amount = world.preset.min_stake_rao + chance.randrange(RAO)
        shares = stake(world, hotkey, attacker, amount)
        number = world.staking.unbond(hotkey, shares, sender=attacker)
        brought += amount
        taken += world.staking.unbonding_of(number).amount_rao
    assert taken <= brought
    assert before <= world.staking.value_of(hotkey, honest) <= before + rounds


BUGS = {
    "I-05 a cancelled unbonding stays in the sum": (
        "Staking.vy",
        "    self._drop_unbonding(unbonding_id, amount_rao)\n    shares: uint256",
        "    self._unbondings[unbonding_id] = 0\n    shares: uint256",
    ),
    "I-06 a dividend is not counted in the sum": (
        "modules/share_pool.vy",
        "    self._store(id, pool, vesting, tick)\n"
        "    self._set_total(self._total_rao() + amount_rao, tick)\n",
        "    self._store(id, pool, vesting, tick)\n",
    ),
    "I-07 sum and member get different deltas": (
        "modules/share_pool.vy",
        "    pool -= amount_rao << ASSETS_SHIFT | shares << SHARES_SHIFT\n",
        "    pool -= amount_rao << ASSETS_SHIFT | (shares - shares // 10**7) << SHARES_SHIFT\n",
    ),
    "I-07 sold shares stay with the member": (
        "modules/share_pool.vy",
        "self._set_held(id, pool, member, is_owner, held - shares, tick)",
        "self._set_held(id, pool, member, is_owner, held - shares // 2, tick)",
    ),
    "I-07 what is given away stays as well": (
        "modules/share_pool.vy",
        "    kept -= shares\n",
        "",
    ),
    "I-09 selling rounds up": (
        "modules/share_pool.vy",
        "    return shares * (self._vested(id, pool, tick) + VIRTUAL_RAO) // all_shares",
        "    return 1 + shares * (self._vested(id, pool, tick) + VIRTUAL_RAO) // all_shares",
    ),
    "I-09 buying rounds up": (
        "modules/share_pool.vy",
        "        // (self._vested(id, pool, tick) + VIRTUAL_RAO)\n",
        "        // (self._vested(id, pool, tick) + VIRTUAL_RAO) + VIRTUAL_SHARES * 2\n",
    ),
}


@pytest.mark.soundness
@pytest.mark.parametrize("name", BUGS)
def test_books__seeded_bug__is_found(name: str) -> None:
    source = seeded("Staking", BUGS[name])
    with pytest.raises((AssertionError, boa.BoaError)):
        for seed in range(4):
            live(seed, steps=60, dividends=True, source=source)
