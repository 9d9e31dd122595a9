# SPDX-License-Identifier: Apache-2.0
"""What anybody does with tokens, and with stake: Tao, Emission, Staking."""

from __future__ import annotations

from random import Random

from tests.contracts.deployment import RAO, role_address
from tests.contracts.economy.network import Network, Unexpected
from tests.contracts.life import key
from tests.contracts.Tao.test_token import sign_permit

CONTRACTS_THAT_MAY_BE_GIVEN = ("Staking", "Settlement", "Rewards", "Subnets", "Neurons", "Emission")
MAX_TAKE, MAX_RISE = 11_796, 3_276


class Money(Network):
    """Actions return True if they changed something."""

    # Tao

    def transfer(self, chance: Random) -> bool:
        """Between people, or lost to a contract."""
        sender = chance.choice(self.coldkeys)
        amount = chance.randrange(10 ** chance.randrange(1, 11))
        self.world.give(sender, amount)
        if chance.random() < 0.3:
            name = chance.choice(CONTRACTS_THAT_MAY_BE_GIVEN)
            receiver = self.world.address[name]
            self.donations[name] += amount
        else:
            receiver = chance.choice(self.coldkeys)
        if chance.random() < 0.5:
            self.world.tao.transfer(receiver, amount, sender=sender)
        else:
            other = chance.choice(self.coldkeys)
            self.world.tao.approve(other, amount, sender=sender)
            self.world.tao.transferFrom(sender, receiver, amount, sender=other)
        return True

    def permit(self, chance: Random) -> bool:
        """A signature lets somebody else spend, once."""
        owner = key(f"permit {chance.getrandbits(64)}")
        self.accounts.add(owner.address)
        spender, amount = chance.choice(self.coldkeys), chance.randrange(RAO)
        self.world.give(owner.address, amount)
        chain_id = self.world.tao.env.evm.patch.chain_id
        signature = sign_permit(self.world.tao, owner, chain_id, spender, amount)
        call = (owner.address, spender, amount, 2**256 - 1, *signature)
        self.world.tao.permit(*call, sender=spender)
        if not self.refused(self.world.tao.permit, *call, sender=spender):
            raise Unexpected("I-01 one permit was used twice")
        self.world.tao.transferFrom(owner.address, spender, amount, sender=spender)
        return True

    def burn(self, chance: Random) -> bool:
        """Gone for good: supply falls, issuance does not."""
        sender, amount = chance.choice(self.coldkeys), chance.randrange(RAO)
        self.world.give(sender, amount)
        self.world.tao.burn(amount, sender=sender)
        self.burned += amount
        return True

    # Emission

    def name_escrow(self, chance: Random) -> bool:
        """The timelock, once."""
        if self.escrow:
            return False
        self.escrow = role_address("escrow")
        self.accounts.add(self.escrow)
        timelock = self.world.address["Timelock"]
        self.world.emission.set_escrow(self.escrow, sender=timelock)
        if not self.refused(self.world.emission.set_escrow, self.escrow, sender=timelock):
            raise Unexpected("I-34 the escrow was named twice")
        return True

    def pay_fees(self, chance: Random) -> bool:
        """Consumers' fees are burned in a subnet; half comes back to it with its next drain."""
        netuid = self.pick(chance, sorted(self.model.shares))
        if not self.escrow or netuid is None:
            return False
        amount = chance.randrange(10 ** chance.randrange(1, 12))
        self.fund(self.escrow, amount, "Emission")
        self.world.emission.note_burn(netuid, amount, sender=self.escrow)
        self.fees[netuid] += amount
        self.burned += amount
        return True

    def accrue(self, chance: Random) -> bool:
        self.world.emission.accrue(sender=chance.choice(self.coldkeys))
        return True

    def recycle(self, chance: Random) -> bool:
        """Back to the schedule: both supply and issuance fall."""
        sender, amount = chance.choice(self.coldkeys), chance.randrange(3 * RAO)
        self.fund(sender, amount, "Emission")
        self.world.emission.recycle(amount, sender=sender)
        self.note_recycled(amount)
        return True

    def note_recycled(self, amount_rao: int) -> None:
        self.recycled += amount_rao
        self.burned += amount_rao
        self.model.issuance -= amount_rao

    # Staking

    def join(self, chance: Random, hotkey: str = "", member: str = "", amount: int = 0) -> bool:
        hotkey = hotkey or self.pick(chance, sorted(self.pools))
        if not hotkey:
            return False
        member = member or chance.choice(self.coldkeys)
        least = self.preset.min_stake_rao
        amount = amount or least + chance.randrange(10 ** chance.randrange(1, 13))
        self.fund(member, amount, "Staking")
        self.world.staking.add_stake(hotkey, amount, sender=member)
        self.bought(hotkey, member, amount)
        return True

    def _shares(self, chance: Random, hotkey: str, member: str) -> int:
        """All of a member's shares, or so many that enough stays."""
        held = int(self.world.staking.shares_of(hotkey, member))
        value = int(self.world.staking.value_of(hotkey, member))
        spare = value - self.preset.min_stake_rao - 2
        if spare <= 0 or chance.random() < 0.3:
            return held
        return chance.randrange(1, spare + 1) * held // value

    def _member(self, chance: Random) -> tuple[str, str]:
        found = [(h, m) for h, members in sorted(self.pools.items()) for m in sorted(members)]
        return self.pick(chance, found) or ("", "")

    def leave(self, chance: Random) -> bool:
        hotkey, member = self._member(chance)
        shares = self._shares(chance, hotkey, member) if hotkey else 0
        return bool(shares) and self.unbond(hotkey, member, shares)

    def unbond(self, hotkey: str, member: str, shares: int) -> bool:
        """Also compares what is shown with what is given."""
        staking = self.world.staking
        is_all = shares == staking.shares_of(hotkey, member)
        shown = int(staking.value_of(hotkey, member))
        number = int(staking.unbond(hotkey, shares, sender=member))
        amount = int(self.log("Staking", "UnbondingStarted").amount_rao)
        if is_all and amount != shown:
            raise Unexpected(f"I-35 value_of said {shown}, unbond gave {amount}")
        self.unbondings[number] = (hotkey, member, amount, self.tick + self.preset.unbonding_ticks)
        self.sold(hotkey, member, amount)
        self._after_exit(hotkey)
        return True

    def _after_exit(self, hotkey: str) -> None:
        """A pool without members is a new one for whoever comes next."""
        if all(self.world.staking.shares_of(hotkey, m) == 0 for m in self.pools[hotkey]):
            self.prices.pop(hotkey, None)

    def move(self, chance: Random) -> bool:
        hotkey, member = self._member(chance)
        target = self.pick(chance, [h for h in sorted(self.pools) if h != hotkey])
        if not hotkey or not target:
            return False
        shares = self._shares(chance, hotkey, member)
        refuse = ("staking: below minimum",)
        move = self.world.staking.move_stake
        if not shares or not self.attempt(
            move, hotkey, target, shares, sender=member, refuse=refuse
        ):
            return False
        amount = int(self.log("Staking", "StakeMoved").amount_rao)
        self.sold(hotkey, member, amount)
        self.bought(target, member, amount)
        self._after_exit(hotkey)
        return True

    def cancel_unbonding(self, chance: Random) -> bool:
        number = self.pick(chance, sorted(self.unbondings))
        if number is None:
            return False
        hotkey, member, amount, _ = self.unbondings[number]
        cancel = self.world.staking.cancel_unbonding
        if not self.attempt(cancel, number, sender=member, refuse=("staking: buys no share",)):
            return False
        del self.unbondings[number]
        self.bought(hotkey, member, amount)
        return True

    def remove(self, chance: Random) -> bool:
        number = self.pick(chance, sorted(self.unbondings))
        if number is None:
            return False
        _, member, amount, ripe_tick = self.unbondings[number]
        if self.tick < ripe_tick:
            if not self.refused(self.world.staking.remove_stake, number, sender=member):
                raise Unexpected("I-12 an unbonding was removed before its time")
            if chance.random() < 0.7:
                return False
            self.warp_to(ripe_tick)
        before = self.world.tao.balanceOf(member)
        self.world.staking.remove_stake(number, sender=member)
        if self.world.tao.balanceOf(member) != before + amount:
            raise Unexpected(f"I-12 unbonding {number} did not pay {amount}")
        del self.unbondings[number]
        return True

    def turn_take(self, chance: Random) -> bool:
        name = self.pick(chance, sorted(self.owner_of_name))
        if name is None:
            return False
        hotkey, owner = self.hotkey(name), self.owner_of_name[name]
        in_force = int(self.world.staking.take_of(hotkey))
        wanted = chance.randrange(MAX_TAKE + 2)
        refuse = ("staking: take above 18 %", "staking: take rises too fast")
        done = self.attempt(
            self.world.staking.set_take, hotkey, wanted, sender=owner, refuse=refuse
        )
        may = wanted <= MAX_TAKE and wanted <= in_force + MAX_RISE
        if bool(done) != may:
            raise Unexpected(f"I-33 take {wanted} over {in_force}: allowed {bool(done)}")
        if may and wanted > in_force and self.world.staking.take_of(hotkey) != in_force:
            raise Unexpected("I-33 a rise of a take counts at once")
        return bool(done)

    def give_stake(self, chance: Random) -> bool:
        """Shares change hands; nothing is bought or sold."""
        hotkey, member = self._member(chance)
        taker = chance.choice(self.coldkeys)
        shares = self._shares(chance, hotkey, member) if hotkey else 0
        refuse = ("staking: below minimum", "staking: too little would stay")
        give = self.world.staking.transfer_stake
        if not shares or taker == member:
            return False
        if not self.attempt(give, hotkey, taker, shares, sender=member, refuse=refuse):
            return False
        amount = int(self.log("Staking", "StakeTransferred").amount_rao)
        self.sold(hotkey, member, amount)
        self.bought(hotkey, taker, amount)
        # two parts together can be worth a rao more than each alone
        self.gifts[hotkey, taker] += 1
        self.gifts[hotkey, member] += 1
        return True


def stranger() -> str:
    """Somebody who has no part in anything."""
    return role_address("thief")
