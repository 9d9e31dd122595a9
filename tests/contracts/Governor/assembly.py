# SPDX-License-Identifier: Apache-2.0
"""Stake, proposals and votes in one call each.

Two pools: `hotkey` of the coldkey `validator` with two delegators, `other hotkey` of `rival`. The
token, emission, staking, the governor and the timelock are real.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boa
from eth_abi import encode
from eth_hash.auto import keccak

from tests.contracts.deployment import MINIMAL, RAO, Preset, World, deploy_world, role_address
from tests.contracts.Staking import actions

AGAINST, FAVOUR, ABSTAIN = range(3)
PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, _EXPIRED, EXECUTED = range(8)
CONTRACTS = ("Tao", "Emission", "Staking", "Governor", "Timelock")

HOTKEY, OTHER_HOTKEY = role_address("hotkey"), role_address("other hotkey")
VALIDATOR, RIVAL = role_address("validator"), role_address("rival")
SMALL, LARGE = role_address("small delegator"), role_address("large delegator")
STAKES = {
    (HOTKEY, VALIDATOR): 100 * RAO,
    (HOTKEY, SMALL): 30 * RAO,
    (HOTKEY, LARGE): 70 * RAO,
    (OTHER_HOTKEY, RIVAL): 300 * RAO,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is proposed: calls of the timelock, and why."""

    targets: list[str]
    values: list[int]
    calldatas: list[bytes]
    description: str = "why not"

    @property
    def content(self) -> tuple[Any, ...]:
        return self.targets, self.values, self.calldatas

    @property
    def hashed(self) -> tuple[Any, ...]:
        """As queue, execute and cancel take it."""
        return (*self.content, keccak(self.description.encode()))

    @property
    def number(self) -> int:
        """OpenZeppelin's number, computed here."""
        types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
        return int.from_bytes(keccak(encode(types, list(self.hashed))), "big")


@dataclass(slots=True)
class Assembly:
    """A world with people who have stake; `governor` is the contract."""

    world: World
    drafts: list[Draft] = field(default_factory=list)

    @property
    def governor(self) -> Any:
        return self.world.governor

    def stake(self, hotkey: str, coldkey: str, amount_rao: int) -> None:
        actions.stake(self.world, hotkey, coldkey, amount_rao)

    def draft(self, *calls: bytes, target: Any = None, why: str = "why not") -> Draft:
        """Calls of the governor itself unless another target is given; none sets the delay to 5."""
        calls = calls or (self.governor.setVotingDelay.prepare_calldata(5),)
        address = target.address if target else self.governor.address
        return Draft([address] * len(calls), [0] * len(calls), list(calls), why)

    def payment(self, receiver: str, amount_rao: int) -> Draft:
        """The treasury pays, out of what it is given now."""
        self.world.give(self.world.timelock.address, amount_rao)
        call = self.world.tao.transfer.prepare_calldata(receiver, amount_rao)
        return self.draft(call, target=self.world.tao)

    def propose(self, draft: Draft, proposer: str = VALIDATOR) -> int:
        number = self.governor.propose(*draft.content, draft.description, sender=proposer)
        assert number == draft.number
        return number

    def open(self, number: int) -> None:
        """Go to the first tick of the vote."""
        self.world.warp_to(self.governor.proposalSnapshot(number) + 1)

    def opened(self, draft: Draft | None = None) -> int:
        """A proposal whose vote is open."""
        number = self.propose(draft or self.draft())
        self.open(number)
        return number

    def end(self, number: int) -> None:
        """Go to the first tick after the vote."""
        self.world.warp_to(self.governor.proposalDeadline(number) + 1)

    def vote(self, number: int, voter: str, support: int, *hotkeys: str) -> int:
        """Vote with the hotkeys given, else with those that are set."""
        params = hotkey_list(*hotkeys) if hotkeys else b""
        return self.governor.castVoteWithReasonAndParams(number, support, "", params, sender=voter)

    def decided(self, draft: Draft) -> int:
        """A proposal that everybody's validator was for, after its vote."""
        number = self.opened(draft)
        self.vote(number, VALIDATOR, FAVOUR)
        self.end(number)
        return number

    def queued(self, draft: Draft) -> int:
        number = self.decided(draft)
        self.governor.queue(*draft.hashed, sender=SMALL)
        return number

    def wait_for_timelock(self) -> None:
        boa.env.timestamp += self.world.preset.timelock_seconds

    def carry_out(self, draft: Draft) -> int:
        """Propose, vote, queue, wait, execute."""
        number = self.queued(draft)
        self.wait_for_timelock()
        self.governor.execute(*draft.hashed, sender=SMALL)
        return number

    def tally(self, number: int) -> tuple[int, int, int]:
        """Rao against, for, abstaining."""
        return tuple(self.governor.proposalVotes(number))


def hotkey_list(*hotkeys: str) -> bytes:
    """The params of a vote with these hotkeys."""
    return encode(["address[]"], [sorted(hotkeys, key=str.lower)])


def voting_world(preset: Preset = MINIMAL, **patched: Any) -> World:
    """The contracts that a vote needs."""
    return deploy_world(preset, only=CONTRACTS, **patched)


def assemble(preset: Preset = MINIMAL, **patched: Any) -> Assembly:
    """Everybody of STAKES has staked, and says with which hotkeys; one tick is over."""
    world = voting_world(preset, **patched)
    for hotkey, owner in ((HOTKEY, VALIDATOR), (OTHER_HOTKEY, RIVAL)):
        actions.open_pool(world, hotkey, owner)
    assembly = Assembly(world)
    for (hotkey, coldkey), amount in STAKES.items():
        assembly.stake(hotkey, coldkey, amount)
        world.governor.set_hotkeys([hotkey], sender=coldkey)
    world.warp(1)
    return assembly
