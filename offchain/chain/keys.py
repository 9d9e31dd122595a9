# SPDX-License-Identifier: Apache-2.0
"""Swaps of keys, loans of stake and what coldkeys say of themselves, in domain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from offchain.chain.contract import Call, Contract, Event, Query
from offchain.chain.neurons import eip712_separator

MAX_CHILDREN = 5
MAX_LIVES = 128  # of subnets, in one swap of a hotkey
# most bytes of each part of an identity; Bittensor's
IDENTITY_BYTES = {
    "name": 256,
    "url": 256,
    "github": 256,
    "image": 1024,
    "discord": 256,
    "description": 1024,
    "additional": 1024,
}


@dataclass(frozen=True, slots=True)
class ChildrenSet(Event):
    """A hotkey lends these shares of 65,535 of its own stake from `from_tick` on."""

    hotkey: str
    netuid: int
    children: tuple[str, ...]
    shares_u16: tuple[int, ...]
    from_tick: int


@dataclass(frozen=True, slots=True)
class ChildTakeSet(Event):
    """What a hotkey keeps of its parents' part of dividends, from `from_tick` on."""

    hotkey: str
    netuid: int
    take_u16: int
    from_tick: int


@dataclass(frozen=True, slots=True)
class HotkeySwapPaid(Event):
    """A new hotkey is in an old one's place."""

    coldkey: str
    old_hotkey: str
    new_hotkey: str
    cost_rao: int


@dataclass(frozen=True, slots=True)
class ColdkeySwapAnnounced(Event):
    """`new_coldkey` may take `coldkey`'s place from `ripe_tick` on."""

    coldkey: str
    new_coldkey: str
    ripe_tick: int


@dataclass(frozen=True, slots=True)
class ColdkeySwap:
    """What a coldkey has announced."""

    new_coldkey: str
    ripe_tick: int


@dataclass(frozen=True, slots=True)
class Identity:
    """What a coldkey says of itself, in the contract's order. Nobody checked it; no two need
    differ.
    """

    name: str = ""
    url: str = ""
    github: str = ""
    image: str = ""
    discord: str = ""
    description: str = ""
    additional: str = ""


@dataclass(frozen=True, slots=True)
class IdentitySet(Event):
    """A coldkey says this of itself now, and nothing else; in the order of `Identity`."""

    coldkey: str
    identity: tuple[str, ...]


class Keys(Contract):
    """Hotkeys and coldkeys that take another's place; children who borrow stake; identities."""

    NAME = "Keys"

    def domain_separator(self) -> bytes:
        """EIP-712 domain of a new hotkey's consent, computed from the contract's own words."""
        return eip712_separator(self.read("eip712Domain"))

    def swap_cost_rao(self) -> int:
        """Price of a swap, recycled."""
        return int(self.read("SWAP_COST_RAO"))

    def coldkey_swap_of(self, coldkey: str) -> ColdkeySwap | None:
        """What a coldkey has announced, or None."""
        new_coldkey, ripe_tick = self.read("coldkey_swap_of", coldkey)
        return ColdkeySwap(str(new_coldkey), int(ripe_tick)) if ripe_tick else None

    def child_take_of(self, hotkey: str, netuid: int) -> int:
        """Share of 65,535 that a hotkey keeps of its parents' part of dividends."""
        return int(self.read("child_take_of", hotkey, netuid))

    def identity_of(self, coldkey: str) -> Identity | None:
        """What a coldkey says of itself, or None."""
        said = Identity(*self.read("identity_of", coldkey))
        return said if any(astuple(said)) else None

    def name_query(self, coldkey: str) -> Query[str]:
        """What a coldkey calls itself, empty if nothing."""
        return self.query("name_of", coldkey)

    def set_children(self, hotkey: str, netuid: int, shares_u16: Mapping[str, int]) -> Call:
        """Lend to these hotkeys, one unbonding period from now; none ends all loans."""
        children, shares = list(shares_u16), list(shares_u16.values())
        doing = f"set children in subnet {netuid}"
        return self.call("set_children", hotkey, netuid, children, shares, doing=doing)

    def set_child_take(self, hotkey: str, netuid: int, take_u16: int) -> Call:
        doing = f"set the child's take in subnet {netuid}"
        return self.call("set_child_take", hotkey, netuid, take_u16, doing=doing)

    def admit_parent(self, hotkey: str, netuid: int, parent: str) -> Call:
        doing = f"admit a parent in subnet {netuid}"
        return self.call("admit_parent", hotkey, netuid, parent, doing=doing)

    def dismiss_parent(self, hotkey: str, netuid: int, parent: str) -> Call:
        doing = f"dismiss a parent in subnet {netuid}"
        return self.call("dismiss_parent", hotkey, netuid, parent, doing=doing)

    def swap_hotkey(self, old: str, new: str, lives: Sequence[int], signature: bytes) -> Call:
        """The coldkey calls, with the new hotkey's consent; the allowance must be there."""
        named = list(lives)
        return self.call("swap_hotkey", old, new, named, signature, doing="swap a hotkey")

    def announce_coldkey_swap(self, new_coldkey: str) -> Call:
        return self.call("announce_coldkey_swap", new_coldkey, doing="announce a coldkey swap")

    def cancel_coldkey_swap(self) -> Call:
        return self.call("cancel_coldkey_swap", doing="cancel a coldkey swap")

    def swap_coldkey(self, old_coldkey: str) -> Call:
        """The announced coldkey calls."""
        return self.call("swap_coldkey", old_coldkey, doing="swap a coldkey")

    def set_identity(self, hotkey: str, identity: Identity) -> Call:
        """The owner of the hotkey calls; all empty removes it."""
        return self.call("set_identity", hotkey, astuple(identity), doing="set an identity")
