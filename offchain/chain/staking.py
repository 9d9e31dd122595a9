# SPDX-License-Identifier: Apache-2.0
"""Stake, pools and unbonding in domain words."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Call, Contract, Event, Query
from offchain.protocol.identifiers import NONE, Life


@dataclass(frozen=True, slots=True)
class StakeAdded(Event):
    """A coldkey put rao behind a hotkey for shares of its pool."""

    hotkey: str
    coldkey: str
    amount_rao: int
    shares: int


@dataclass(frozen=True, slots=True)
class UnbondingStarted(Event):
    """Shares were sold; the rao can be removed from `ripe_tick` on."""

    hotkey: str
    coldkey: str
    unbonding_id: int
    amount_rao: int
    shares: int
    ripe_tick: int


@dataclass(frozen=True, slots=True)
class UnbondingCancelled(Event):
    """Unbonding rao bought shares again, at today's price."""

    hotkey: str
    coldkey: str
    unbonding_id: int
    amount_rao: int
    shares: int


@dataclass(frozen=True, slots=True)
class StakeRemoved(Event):
    """Unbonded rao went to the coldkey."""

    coldkey: str
    unbonding_id: int
    amount_rao: int


@dataclass(frozen=True, slots=True)
class DividendCredited(Event):
    """A validator's claimed dividends reached its pool."""

    hotkey: str
    take_rao: int
    pool_rao: int


@dataclass(frozen=True, slots=True)
class PoolOpened(Event):
    """A hotkey got a pool, and a coldkey that owns it."""

    hotkey: str
    coldkey: str


@dataclass(frozen=True, slots=True)
class StakeMoved(Event):
    """Stake went from one hotkey to another without unbonding."""

    coldkey: str
    from_hotkey: str
    to_hotkey: str
    amount_rao: int
    from_shares: int
    to_shares: int


@dataclass(frozen=True, slots=True)
class StakeTransferred(Event):
    """Stake got another coldkey and stayed behind its hotkey."""

    hotkey: str
    from_coldkey: str
    to_coldkey: str
    shares: int
    amount_rao: int


@dataclass(frozen=True, slots=True)
class TakeSet(Event):
    """The owner's take counts from `from_tick` on."""

    hotkey: str
    take_u16: int
    from_tick: int


@dataclass(frozen=True, slots=True)
class HotkeySwapped(Event):
    """Another hotkey speaks for a pool; the old one is retired."""

    old_hotkey: str
    new_hotkey: str


@dataclass(frozen=True, slots=True)
class ColdkeySwapped(Event):
    """Another coldkey speaks for an account; the old one is retired."""

    coldkey: str
    new_coldkey: str


@dataclass(frozen=True, slots=True)
class Loans:
    """A pool's loans in a subnet, as the contract packs them (contracts/modules/loan_words.vy)."""

    sets: tuple[int, ...]
    parents_word: int
    take_word: int

    @property
    def parents(self) -> tuple[int, ...]:
        """Ids of the pools that may lend to it."""
        ids = (self.parents_word >> i * 28 & 0xFFF_FFFF for i in range(5))
        return tuple(i for i in ids if i)

    def in_force(self, tick: int) -> tuple[tuple[int, int], ...]:
        """Pool id and share of 65,535 of every child at a tick."""
        return _children(next((s for s in self.sets if s >> 220 <= tick), 0))

    def announced(self, tick: int) -> tuple[int, tuple[tuple[int, int], ...]]:
        """Tick and children of a set that does not count yet; 0 and () if there is none."""
        newest = self.sets[0]
        return (newest >> 220, _children(newest)) if newest >> 220 > tick else (0, ())

    def take_u16(self, tick: int) -> int:
        """What it keeps of its parents' part at a tick."""
        from_tick = self.take_word >> 32
        rises = bool(from_tick) and tick >= from_tick
        return (self.take_word >> 16 if rises else self.take_word) & 0xFFFF


def _children(word: int) -> tuple[tuple[int, int], ...]:
    entries = (word >> i * 44 & (1 << 44) - 1 for i in range(5))
    return tuple((entry >> 16, entry & 0xFFFF) for entry in entries if entry)


@dataclass(frozen=True, slots=True)
class Pool:
    """A hotkey's pool; `assets_rao` is its stake, of which the unvested is not yet in the price."""

    assets_rao: int
    unvested_rao: int
    shares: int
    take_u16: int
    next_take_u16: int
    next_take_tick: int


@dataclass(frozen=True, slots=True)
class Unbonding:
    """Tokens on their way out; `coldkey` zero: removed or cancelled."""

    coldkey: str
    hotkey: str
    amount_rao: int
    ripe_tick: int


class Staking(Contract):
    """Hotkey ownership, one share pool per hotkey, delegation, take, unbonding, checkpoints."""

    NAME = "Staking"

    def owner_of(self, hotkey: str) -> str:
        """The coldkey of a hotkey; the zero address if it never registered."""
        return str(self.read("owner_of", hotkey))

    def owner_query(self, hotkey: str) -> Query[str]:
        return self.query("owner_of", hotkey)

    def stake_of(self, hotkey: str) -> int:
        """Rao behind a hotkey now."""
        return int(self.read("stake_of", hotkey))

    def stake_query(self, hotkey: str) -> Query[int]:
        return self.query("stake_of", hotkey)

    def stake_at(self, hotkey: str, tick: int) -> int:
        """Rao behind a hotkey after the last transaction of a past tick."""
        return int(self.read("stake_at", hotkey, tick))

    def stake_at_query(self, hotkey: str, tick: int) -> Query[int]:
        return self.query("stake_at", hotkey, tick)

    def stake_for(self, hotkey: str, life: Life, tick: int) -> int:
        """Weight of a hotkey in a subnet after a past tick: own stake less what it lends plus what
        it borrows.
        """
        return int(self.read("stake_for", hotkey, life, tick))

    def member_stake_at(self, hotkey: str, coldkey: str, tick: int) -> int:
        """A coldkey's part of the stake behind a hotkey after a past tick, rounded down."""
        return int(self.read("member_stake_at", hotkey, coldkey, tick))

    def pool_id_of(self, hotkey: str) -> int:
        """What stays when a hotkey is swapped; 0: it has no pool, or is retired."""
        return int(self.read("pool_id_of", hotkey))

    def hotkey_of(self, pool_id: int) -> str:
        """The hotkey that speaks for a pool."""
        return str(self.read("hotkey_of", pool_id))

    def account_of(self, coldkey: str) -> str | None:
        """What stays when a coldkey is swapped; None: it is retired."""
        account = str(self.read("account_of", coldkey))
        return account if int(account, 16) else None

    def loans_of(self, pool_id: int, life: Life) -> Loans:
        """A pool's loans in a subnet."""
        sets, parents, take = self.read("loans_of", pool_id, life)
        return Loans(tuple(sets), int(parents), int(take))

    def unbonding_ticks(self) -> int:
        """How long an unbonding takes, and every notice about keys."""
        return int(self.read("unbonding_ticks"))

    def checkpoint_index(self, hotkey: str, tick: int) -> int:
        """Hint for `Weights.reveal`: the checkpoint in force at a tick, 2**256 - 1 for none."""
        return int(self.read("checkpoint_index", hotkey, tick))

    def newest_checkpoint(self, hotkey: str) -> int:
        """The newest checkpoint, 2**256 - 1 for none: the hint for a tick that is not over yet,
        right unless the stake moves before that tick's end.
        """
        count = int(self.read("checkpoint_count", hotkey))
        return count - 1 if count else NONE

    def checkpoint_query(self, hotkey: str, tick: int) -> Query[int]:
        return self.query("checkpoint_index", hotkey, tick)

    def shares_of(self, hotkey: str, coldkey: str) -> int:
        return int(self.read("shares_of", hotkey, coldkey))

    def value_of(self, hotkey: str, coldkey: str) -> int:
        """Rao that a coldkey's shares are worth, rounded down."""
        return int(self.read("value_of", hotkey, coldkey))

    def pool_of(self, hotkey: str) -> Pool:
        return Pool(*self.read("pool_of", hotkey))

    def unbonding_of(self, unbonding_id: int) -> Unbonding:
        return Unbonding(*self.read("unbonding_of", unbonding_id))

    def min_stake_rao(self) -> int:
        return int(self.read("min_stake_rao"))

    def add_stake(self, hotkey: str, amount_rao: int) -> Call:
        """Stake behind a hotkey; the allowance must be there."""
        return self.call("add_stake", hotkey, amount_rao, doing="add stake")

    def unbond(self, hotkey: str, shares: int) -> Call:
        return self.call("unbond", hotkey, shares, doing="unbond stake")

    def cancel_unbonding(self, unbonding_id: int) -> Call:
        return self.call("cancel_unbonding", unbonding_id, doing="cancel an unbonding")

    def remove_stake(self, unbonding_id: int) -> Call:
        return self.call("remove_stake", unbonding_id, doing="remove stake")

    def move_stake(self, from_hotkey: str, to_hotkey: str, shares: int) -> Call:
        return self.call("move_stake", from_hotkey, to_hotkey, shares, doing="move stake")

    def transfer_stake(self, hotkey: str, to_coldkey: str, shares: int) -> Call:
        return self.call("transfer_stake", hotkey, to_coldkey, shares, doing="transfer stake")

    def gather_stake(self, hotkey: str) -> Call:
        """After a swap: bring the new coldkey's own stake to what it took over."""
        return self.call("gather_stake", hotkey, doing="gather stake")

    def set_take(self, hotkey: str, take_u16: int) -> Call:
        return self.call("set_take", hotkey, take_u16, doing="set the take")
