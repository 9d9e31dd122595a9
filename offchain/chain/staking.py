# SPDX-License-Identifier: Apache-2.0
"""Stake, pools and unbonding in domain words."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Call, Contract, Event, Query
from offchain.protocol.identifiers import NONE


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

    def set_take(self, hotkey: str, take_u16: int) -> Call:
        return self.call("set_take", hotkey, take_u16, doing="set the take")
