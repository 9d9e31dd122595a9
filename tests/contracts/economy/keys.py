# SPDX-License-Identifier: Apache-2.0
"""What becomes of lost keys, lent stake and votes: Keys and Governor."""

from __future__ import annotations

from random import Random
from string import ascii_letters
from typing import Any

import boa
from eth_abi import encode
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from tests.contracts.deployment import role_address
from tests.contracts.economy.epochs import Epochs
from tests.contracts.economy.network import Subnet, Unexpected

PLACE = {
    "TakePlace": [
        {"name": "old_hotkey", "type": "address"},
        {"name": "new_hotkey", "type": "address"},
        {"name": "coldkey", "type": "address"},
    ]
}
SWAP_COST = 10**8
AGAINST, FAVOUR = 0, 1
ACTIVE, DEFEATED, SUCCEEDED, QUEUED, EXECUTED = 1, 3, 4, 5, 7
IDENTITY_BYTES = (256, 256, 256, 1024, 256, 1024, 1024)
"""The longest texts of an identity: name, page, repository, picture, Discord, two more"""
LIFE_BITS = 24
"""A generation's bits above these say in which life of its netuid it was given out."""


class Keys(Epochs):
    """Hotkeys and coldkeys are swapped, stake is lent to children, stake votes."""

    def swap_hotkey(self, chance: Random, name: str = "") -> bool:
        """A lost hotkey gets a successor; stake, uids and pay move, the old key is nobody."""
        names = [n for n in sorted(self.owner_of_name) if not n.endswith(" hotkey")]
        name = name or self.pick(chance, names)
        if (
            not name
            or self.tick < self.swapped_tick.get(name, -(10**9)) + self.preset.unbonding_ticks
        ):
            return False
        old, owner = self.hotkey(name), self.owner_of_name[name]
        staking = self.world.staking
        total, stake = int(staking.total_stake_rao()), int(staking.stake_of(old))
        self.swaps[name] = self.swaps.get(name, 0) + 1
        new = self.hotkey(name)
        call = (old, new, self._lives(name), self._place(name, old, owner))
        self.fund(owner, SWAP_COST, "Keys")
        self.world.keys.swap_hotkey(*call, sender=owner)
        self.note_recycled(SWAP_COST)
        self.swapped_tick[name] = self.tick
        if (int(staking.total_stake_rao()), int(staking.stake_of(new))) != (total, stake):
            raise Unexpected(f"I-06 a swap of {name} moved stake")
        if staking.stake_of(old) != 0:
            raise Unexpected(f"I-04 the lost key of {name} still has stake")
        self._rename(old, new)
        return True

    def _place(self, name: str, old: str, owner: str) -> bytes:
        domain = {
            "name": "evmtensor Keys",
            "version": "1",
            "chainId": boa.env.evm.chain.chain_id,
            "verifyingContract": self.world.address["Keys"],
        }
        new = self.key(name)
        message = {"old_hotkey": old, "new_hotkey": new.address, "coldkey": owner}
        return bytes(new.sign_message(encode_typed_data(domain, PLACE, message)).signature)

    def _lives(self, name: str) -> list[int]:
        """Every life of a subnet in which a name registered."""
        found = set()
        for subnet in (*self.subnets.values(), *self.retired):
            for number, held in subnet.ids.items():
                if held.name == name and subnet.netuid:
                    found.add(subnet.netuid | (number & 2**48 - 1) >> LIFE_BITS << 16)
        return sorted(found)

    def _rename(self, old: str, new: str) -> None:
        self.pools[new] = self.pools.pop(old)
        self.dividends[new] = self.dividends.pop(old, 0)
        if old in self.prices:
            self.prices[new] = self.prices.pop(old)
        tables: tuple[dict[tuple[str, str], Any], ...] = (self.purses, self.worths, self.gifts)
        for table in tables:
            for key in [one for one in table if one[0] == old]:
                table[new, key[1]] = table.pop(key)
        for number, held in self.unbondings.items():
            if held[0] == old:
                self.unbondings[number] = (new, *held[1:])

    def swap_coldkey(self, chance: Random, old: str = "") -> bool:
        """Announced, waited for, done: the new coldkey owns all stake and all hotkeys."""
        movable = [one for one in self.coldkeys[2:] if one not in self._owners()]
        old = old or self.pick(chance, movable)
        if not old:
            return False
        keys, staking = self.world.keys, self.world.staking
        new = role_address(f"successor {chance.getrandbits(64)}")
        self.fund(old, SWAP_COST, "Keys")
        refuse = ("keys: no account", "keys: nothing")
        if not self.attempt(keys.announce_coldkey_swap, new, sender=old, refuse=refuse):
            return False
        self.note_recycled(SWAP_COST)
        if not self.refused(keys.swap_coldkey, old, sender=new):
            raise Unexpected("I-33 a coldkey was swapped without notice")
        self.warp(self.preset.unbonding_ticks)
        total = int(staking.total_stake_rao())
        keys.swap_coldkey(old, sender=new)
        if staking.total_stake_rao() != total:
            raise Unexpected("I-06 a swap of coldkeys moved stake")
        self._succeed(old, new)
        return True

    def introduce(self, chance: Random) -> bool:
        """A coldkey says who it is through a hotkey of its own, and nobody through another's."""
        name = self.pick(chance, sorted(self.owner_of_name))
        if not name:
            return False
        owner, hotkey = self.owner_of_name[name], self.hotkey(name)
        said = tuple(_text(chance, most) for most in IDENTITY_BYTES)
        function = self.world.keys.set_identity
        other = chance.choice([one for one in self.coldkeys if one != owner])
        if not self.refused(function, hotkey, said, sender=other):
            raise Unexpected(f"I-04 somebody spoke through {name}, who does not own it")
        function(hotkey, said, sender=owner)
        self.identities[owner] = said
        return True

    def _owners(self) -> set[str]:
        return {subnet.owner for subnet in (*self.subnets.values(), *self.retired)}

    def _succeed(self, old: str, new: str) -> None:
        self.accounts.add(new)
        self.people[new] = self.people.get(old, "successor")
        if old in self.identities:
            self.identities[new] = self.identities.pop(old)
        self.coldkeys = [new if one == old else one for one in self.coldkeys]
        self.owner_of_name = {n: new if o == old else o for n, o in self.owner_of_name.items()}
        for members in self.pools.values():
            if old in members:
                members.remove(old)
                members.add(new)
        tables: tuple[dict[tuple[str, str], Any], ...] = (self.purses, self.worths, self.gifts)
        for table in tables:
            for key in [one for one in table if one[1] == old]:
                table[key[0], new] = table.pop(key)
        for number, held in self.unbondings.items():
            if held[1] == old:
                self.unbondings[number] = (held[0], new, *held[2:])

    def lend(self, chance: Random) -> bool:
        """A hotkey lends half of its stake in a subnet to one that admits it."""
        subnet = self.pick(chance, self.owned())
        names = [n for n in sorted(self.owner_of_name) if self.hotkey(n) in self.pools]
        if subnet is None or len(names) < 2:
            return False
        parent, child = chance.sample(names, 2)
        keys = self.world.keys
        refuse = ("keys: ",)
        call = (self.hotkey(child), subnet.netuid, self.hotkey(parent))
        owner = self.owner_of_name[child]
        self.attempt(keys.admit_parent, *call, sender=owner, refuse=refuse)
        call = (self.hotkey(parent), subnet.netuid, [self.hotkey(child)], [32_768])
        owner = self.owner_of_name[parent]
        if not self.attempt(keys.set_children, *call, sender=owner, refuse=refuse):
            return False
        self.has_loans = True
        return True

    # the governor

    def govern(
        self, chance: Random, subnet: Subnet | None = None, passes: bool | None = None
    ) -> bool:
        """A vote on kappa from its proposal to its end; it passes, or it is voted down."""
        subnet = subnet or self.pick(chance, self.owned())
        voters = self._voters()
        if subnet is None or not voters:
            return False
        passes = chance.random() < 0.6 if passes is None else passes
        governor, kappa = self.world.governor, chance.randrange(30_000, 40_000)
        payload = self.world.subnets.set_parameter.prepare_calldata(subnet.netuid, 1, kappa)
        content = ([self.world.address["Subnets"]], [0], [payload])
        why = f"kappa {kappa} {chance.getrandbits(64)}"
        proposer, hotkeys = max(voters.items(), key=lambda one: self._weight(one[1]))
        governor.set_hotkeys(hotkeys, sender=proposer)
        self.warp(1)
        refuse = ("governor: below the threshold",)
        number = self.attempt(governor.propose, *content, why, sender=proposer, refuse=refuse)
        if not number:
            return False
        self.warp(self.preset.voting_delay_ticks + 1)
        self._vote(int(number), voters, FAVOUR if passes else AGAINST)
        self.warp(self.preset.voting_period_ticks)
        hashed = (*content, keccak(why.encode()))
        anybody = chance.choice(self.coldkeys)
        if governor.state(number) != (SUCCEEDED if passes else DEFEATED):
            raise Unexpected(f"I-34 the vote ended in state {governor.state(number)}")
        if not passes:
            if not self.refused(governor.queue, *hashed, sender=anybody):
                raise Unexpected("I-34 what was voted down was queued")
            return True
        governor.queue(*hashed, sender=anybody)
        if not self.refused(governor.execute, *hashed, sender=anybody):
            raise Unexpected("I-34 a vote was executed without delay")
        self.warp(-(-self.preset.timelock_seconds // self.preset.tick_seconds))
        refuse = ("timelock_controller: underlying transaction reverted", "subnets: changed too")
        refuse += ("subnets: frozen before boundary",)
        if not self.attempt(governor.execute, *hashed, sender=anybody, refuse=refuse):
            return False
        self.note_parameter(subnet, 1, kappa, by_timelock=True)
        if governor.state(number) != EXECUTED:
            raise Unexpected("I-34 what was executed is not noted")
        return True

    def _voters(self) -> dict[str, list[str]]:
        """Hotkeys by owner, in the governor's order, at most 16 each."""
        found: dict[str, list[str]] = {}
        for name, owner in self.owner_of_name.items():
            if self.world.staking.stake_of(self.hotkey(name)):
                found.setdefault(owner, []).append(self.hotkey(name))
        return {who: sorted(keys, key=lambda k: int(k, 16))[:16] for who, keys in found.items()}

    def _weight(self, hotkeys: list[str]) -> int:
        return sum(int(self.world.staking.stake_of(hotkey)) for hotkey in hotkeys)

    def _vote(self, number: int, voters: dict[str, list[str]], support: int) -> None:
        governor = self.world.governor
        refuse = ("governor: nothing to vote with",)
        for voter, hotkeys in voters.items():
            params = encode(["address[]"], [hotkeys])
            call = (number, support, "", params)
            cast = governor.castVoteWithReasonAndParams
            self.attempt(cast, *call, sender=voter, refuse=refuse)
            self.attempt(cast, *call, sender=voter, refuse=(*refuse, "governor: "))
        counted = sum(int(part) for part in governor.proposalVotes(number))
        total = int(self.world.staking.total_stake_at(governor.proposalSnapshot(number)))
        if counted > total:
            raise Unexpected(f"I-34 {counted} rao voted, there were {total}")


def _text(chance: Random, most: int) -> str:
    """Nothing, one byte more or less than a word, as much as there is room for."""
    return chance.choice(ascii_letters) * chance.choice((0, 1, 31, 32, 33, most - 1, most))
