# SPDX-License-Identifier: Apache-2.0
"""No rao votes twice: random stakes, moves and votes against a model that goes coldkey by coldkey.

The model gives every coldkey its own part of every pool, lets it choose for that part if it voted
itself, and its validator otherwise. The contract never sees a list of delegators.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import boa
import pytest
from hypothesis import settings

from tests.contracts.deployment import RAO, role_address, seeded
from tests.contracts.Governor.assembly import Assembly, voting_world
from tests.contracts.Staking import actions

HOTKEYS = [role_address(f"hotkey {i}") for i in range(4)]
COLDKEYS = [role_address(f"coldkey {i}") for i in range(7)]
# the first coldkeys own the hotkeys; one owns two
OWNERS = dict(zip(HOTKEYS, (COLDKEYS[0], COLDKEYS[0], COLDKEYS[1], COLDKEYS[2]), strict=True))


@dataclass(slots=True)
class Law:
    """A random life up to the snapshot, and the votes after it."""

    assembly: Assembly
    rng: Random
    number: int = 0
    # (hotkey, coldkey) -> support
    votes: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def staking(self) -> Any:
        return self.assembly.world.staking

    def stake(self) -> None:
        pair = self.rng.choice(HOTKEYS), self.rng.choice(COLDKEYS)
        self.assembly.stake(*pair, self.rng.randint(1, 500) * RAO + self.rng.randint(0, RAO))

    def holder(self) -> tuple[str, str, int] | None:
        """Somebody's shares behind some hotkey."""
        held = [(h, c, self.staking.shares_of(h, c)) for h in HOTKEYS for c in COLDKEYS]
        held = [one for one in held if one[2] > 0]
        return self.rng.choice(held) if held else None

    def leave(self) -> None:
        if one := self.holder():
            self.staking.unbond(one[0], one[2], sender=one[1])

    def move(self) -> None:
        if one := self.holder():
            target = self.rng.choice([h for h in HOTKEYS if h != one[0]])
            self.staking.move_stake(one[0], target, one[2], sender=one[1])

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self.rng.choice((self.stake, self.stake, self.leave, self.move))()
            self.assembly.world.warp(self.rng.randint(0, 1))

    def vote(self) -> None:
        """A random voter with a random list of hotkeys, own ones and others'."""
        voter = self.rng.choice(COLDKEYS)
        hotkeys = sorted(self.rng.sample(HOTKEYS, self.rng.randint(1, 4)), key=str.lower)
        support = self.rng.randint(0, 2)
        expected = sum(
            self.weight(hotkey, voter) for hotkey in hotkeys if (hotkey, voter) not in self.votes
        )
        if expected == 0:
            with boa.reverts("governor: nothing to vote with"):
                self.assembly.vote(self.number, voter, support, *hotkeys)
            return
        assert self.assembly.vote(self.number, voter, support, *hotkeys) == expected
        for hotkey in hotkeys:
            self.votes.setdefault((hotkey, voter), support)

    def part(self, hotkey: str, coldkey: str) -> int:
        snapshot = self.assembly.governor.proposalSnapshot(self.number)
        return int(self.staking.member_stake_at(hotkey, coldkey, snapshot))

    def weight(self, hotkey: str, voter: str) -> int:
        """What a vote with a hotkey adds now."""
        if voter != OWNERS[hotkey]:
            return self.part(hotkey, voter)
        snapshot = self.assembly.governor.proposalSnapshot(self.number)
        others = sum(self.part(hotkey, c) for h, c in self.votes if h == hotkey and c != voter)
        return int(self.staking.stake_at(hotkey, snapshot)) - others

    def model(self) -> list[int]:
        tally = [0, 0, 0]
        for (hotkey, voter), support in self.votes.items():
            tally[support] += self.weight(hotkey, voter)
        return tally

    def check(self) -> None:
        tally = list(self.assembly.tally(self.number))
        assert tally == self.model()
        snapshot = self.assembly.governor.proposalSnapshot(self.number)
        assert sum(tally) <= self.staking.total_stake_at(snapshot)


def follow(seed: int, **patched: Any) -> None:
    """One random life and vote; raises AssertionError where contract and model differ."""
    with boa.env.anchor():
        law = Law(start(**patched), Random(seed))
        law.live(12)
        law.number = law.assembly.propose(law.assembly.draft(), role_address("proposer"))
        law.live(4)
        law.assembly.open(law.number)
        for _ in range(14):
            law.vote()
            law.check()
            if law.rng.random() < 0.4:
                law.live(1)


def start(**patched: Any) -> Assembly:
    world = voting_world(**patched)
    for hotkey, owner in OWNERS.items():
        actions.open_pool(world, hotkey, owner)
    assembly = Assembly(world)
    proposer, own = role_address("proposer"), role_address("proposer's hotkey")
    actions.open_pool(world, own, proposer)
    assembly.stake(own, proposer, 1_000 * RAO)
    world.governor.set_hotkeys([own], sender=proposer)
    world.warp(1)
    return assembly


@pytest.mark.parametrize("seed", range(4))
def test_T_J4_random_lives__tallies_as_coldkey_by_coldkey(seed: int) -> None:
    follow(seed)


@pytest.mark.fuzz
@pytest.mark.timeout(3_600)
def test_T_J4_many_random_lives__tallies_as_coldkey_by_coldkey() -> None:
    for seed in range(100, 100 + settings().max_examples // 50):
        follow(seed)


BALLOTS = "modules/ballots.vy"
BUGS = {
    "a late override is not taken from the validator": (
        BALLOTS,
        "    if pool.vote > 0:\n        self._tallies[proposal_id][pool.vote - 1] -= weight_rao\n",
        "",
    ),
    "an early override is not kept from the validator": (
        BALLOTS,
        "stake_rao - self._pools[proposal_id][pool_id].overridden_rao\n\n",
        "stake_rao\n\n",
    ),
    "a member may vote again": (
        BALLOTS,
        "    self._members[proposal_id][pool_id][account] = True\n",
        "",
    ),
    "a pool may vote again": (
        BALLOTS,
        "    self._pools[proposal_id][pool_id].vote = 1 + support\n",
        "",
    ),
    "stake of today counts": (
        "Governor.vy",
        "part_rao: uint256 = staticcall STAKING.member_stake_at(hotkey, voter, tick)",
        "part_rao: uint256 = staticcall STAKING.member_stake_at(\n"
        "            hotkey, voter, ticks._tick() - 1\n        )",
    ),
}


SAMPLE = ("a late override is not taken from the validator", "stake of today counts")


@pytest.mark.soundness
@pytest.mark.parametrize(
    "name", [pytest.param(b, marks=[] if b in SAMPLE else pytest.mark.slow) for b in BUGS]
)
def test_T_J4_seeded_bug__is_found(name: str) -> None:
    source = seeded("Governor", BUGS[name])
    with pytest.raises((AssertionError, ValueError, boa.BoaError)):
        for seed in range(6):
            follow(seed, Governor=source)
