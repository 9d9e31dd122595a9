# SPDX-License-Identifier: Apache-2.0
"""Subnets in domain words: creation, start, epochs, hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offchain.chain.contract import Call, Contract, Event, Query
from offchain.chain.neurons import eip712_separator
from offchain.protocol.eras import EpochWindow
from offchain.protocol.hyperparameters import HYPERPARAMETERS, hyperparameter
from offchain.protocol.identifiers import NONE, Epoch, Tick


@dataclass(frozen=True, slots=True)
class SubnetCreated(Event):
    """A subnet was bought; it pays nobody before its start."""

    netuid: int
    owner: str
    incarnation: int
    max_uids: int
    max_validators: int
    cost_rao: int


@dataclass(frozen=True, slots=True)
class SubnetEvicted(Event):
    """The weakest subnet lost its number to a new one; its owner got back what was due."""

    netuid: int
    owner: str
    incarnation: int
    refund_rao: int
    recycled_rao: int


@dataclass(frozen=True, slots=True)
class OwnerOffered(Event):
    """The owner offers the subnet; the zero address takes an offer back."""

    netuid: int
    owner: str


@dataclass(frozen=True, slots=True)
class OwnerChanged(Event):
    """The subnet, its lock and the owner's cut belong to another coldkey."""

    netuid: int
    owner: str
    previous: str


@dataclass(frozen=True, slots=True)
class OwnerHotkeySet(Event):
    """Whose neuron is immune and whose incentive is recycled, from an epoch on."""

    netuid: int
    owner_hotkey: str
    from_epoch: int


@dataclass(frozen=True, slots=True)
class SubnetStarted(Event):
    """Epoch 0 (or the next one of a reused netuid) begins at `start_tick`."""

    netuid: int
    called_tick: int
    start_tick: int


@dataclass(frozen=True, slots=True)
class ConsensusParameters:
    """What a close freezes, as of the start of an epoch."""

    kappa_u16: int
    bonds_penalty_u16: int
    bonds_moving_average_ppm: int
    owner_hotkey: str
    is_owner_cut_enabled: bool


@dataclass(frozen=True, slots=True)
class StartTicks:
    """When `start` was called and when epoch 0 begins; both None before."""

    called_tick: int | None
    start_tick: int | None


@dataclass(frozen=True, slots=True)
class PokeTerms:
    """What a poke made now serves, and the tick at which stakes are compared."""

    next_epoch: int
    stake_tick: int
    max_validators: int


class Subnets(Contract):
    """Registration cost, owner, eras and hyperparameters, start, eviction."""

    NAME = "Subnets"

    def domain_separator(self) -> bytes:
        """EIP-712 domain of hotkeys' consents, computed from the contract's own words."""
        return eip712_separator(self.read("eip712Domain"))

    def nonce_of(self, hotkey: str) -> int:
        """Nonce of the hotkey's next consent to be an owner's hotkey."""
        return int(self.read("nonce_of", hotkey))

    def weakest(self) -> int | None:
        """The subnet that a creation would evict now if all numbers are taken; None: all immune."""
        netuid = int(self.read("weakest"))
        return None if netuid == NONE else netuid

    def subnet_count(self) -> int:
        """How many netuids were ever taken; from 128 on a creation evicts."""
        return int(self.read("subnet_count"))

    def immune_until(self, netuid: int) -> int:
        """First tick at which the subnet can be evicted."""
        return int(self.read("immune_until", netuid))

    def offered_to(self, netuid: int) -> str:
        """Who may accept the subnet; the zero address if nobody."""
        return str(self.read("offered_to", netuid))

    def owner_hotkey_at(self, netuid: int, epoch: int) -> str:
        """Whose neuron is immune and whose incentive is recycled in an epoch."""
        return str(self.read("owner_hotkey_at", netuid, epoch))

    def lock_rao(self, netuid: int) -> int:
        return int(self.read("lock_rao", netuid))

    def exists(self, netuid: int) -> bool:
        return bool(self.read("exists", netuid))

    def exists_query(self, netuid: int) -> Query[bool]:
        return self.query("exists", netuid)

    def owner_of(self, netuid: int) -> str:
        """The coldkey that owns a subnet."""
        return str(self.read("owner_of", netuid))

    def incarnation_of(self, netuid: int) -> int:
        return int(self.read("incarnation_of", netuid))

    def incarnations_at(self, tick: int, block: int | str = "latest") -> tuple[int, ...]:
        """Which subnets had been started before a tick and are no others since: the root's columns.

        Entry i is the incarnation of netuid i + 1, 0 for none.
        """
        words = self.read("incarnations_at", tick, block=block)
        return tuple(word >> 32 * (7 - lane) & 0xFFFF_FFFF for word in words for lane in range(8))

    def max_uids(self, netuid: int) -> int:
        return int(self.read("max_uids", netuid))

    def max_validators(self, netuid: int) -> int:
        return int(self.read("max_validators", netuid))

    def cost_rao(self) -> int:
        """Price of a new subnet now."""
        return int(self.read("cost_rao"))

    def start_ticks(self, netuid: int) -> StartTicks:
        called, start = self.read("start_ticks", netuid)
        return StartTicks(
            None if called == NONE else int(called), None if start == NONE else int(start)
        )

    def epoch_at(self, netuid: int, tick: int, block: int | str = "latest") -> EpochWindow:
        """The epoch that a tick lies in; raises `Reverted` before the subnet's start."""
        return _window(self.read("epoch_at", netuid, tick, block=block))

    def window_of(self, netuid: int, epoch: int, block: int | str = "latest") -> EpochWindow:
        return _window(self.read("window_of", netuid, epoch, block=block))

    def next_epoch(self, netuid: int) -> int:
        """First epoch that a registration or poke made now serves; answers before the start too."""
        return int(self.read("next_epoch", netuid))

    def running_epoch(self, netuid: int) -> int:
        """The running epoch; before the start, the first one."""
        return int(self.read("running_epoch", netuid))

    def poke_terms(self, netuid: int) -> PokeTerms:
        """Raises `Reverted` before `start` was called."""
        return PokeTerms(*self.read("poke_terms", netuid))

    def identity_of(self, netuid: int) -> tuple[str, str]:
        """Name and page."""
        name, url = self.read("identity_of", netuid)
        return str(name), str(url)

    def parameter_at(self, netuid: int, name: str, epoch: int) -> int:
        return int(self.read("parameter_at", netuid, hyperparameter(name).id, epoch))

    def parameters_at(self, netuid: int, epoch: int) -> dict[str, Query[int]]:
        """A query for every hyperparameter, by name."""
        return {
            row.name: self.query("parameter_at", netuid, row.id, epoch) for row in HYPERPARAMETERS
        }

    def consensus_parameters(self, netuid: int, epoch: int) -> ConsensusParameters:
        return ConsensusParameters(*self.read("consensus_parameters", netuid, epoch))

    def create(
        self,
        owner_hotkey: str,
        max_uids: int,
        max_validators: int,
        max_cost_rao: int,
        consent: bytes,
    ) -> Call:
        """Buy a subnet; the allowance of the cost must be there.

        consent: of the owner's hotkey, `keys.consent.sign_owning`.
        """
        return self.call(
            *("create", owner_hotkey, max_uids, max_validators, max_cost_rao, consent),
            doing="create a subnet",
        )

    def set_identity(self, netuid: int, name: str, url: str) -> Call:
        """At most 64 bytes of name and 256 of page."""
        return self.call("set_identity", netuid, name, url, doing=f"name subnet {netuid}")

    def offer_owner(self, netuid: int, owner: str) -> Call:
        return self.call("offer_owner", netuid, owner, doing=f"offer subnet {netuid}")

    def accept_owner(self, netuid: int) -> Call:
        return self.call("accept_owner", netuid, doing=f"accept subnet {netuid}")

    def set_owner_hotkey(self, netuid: int, hotkey: str, consent: bytes) -> Call:
        return self.call(
            "set_owner_hotkey", netuid, hotkey, consent, doing="set the owner's hotkey"
        )

    def start(self, netuid: int, start_tick: int) -> Call:
        return self.call("start", netuid, start_tick, doing=f"start subnet {netuid}")

    def set_parameter(self, netuid: int, name: str, value: int) -> Call:
        """Raises `ConfigError` for an unknown name or a value outside the hard bounds."""
        row = hyperparameter(name)
        row.check(value)
        return self.call("set_parameter", netuid, row.id, value, doing=f"set {name}")

    def set_schedule(self, netuid: int, tempo: int, reveal_ticks: int, window_ticks: int) -> Call:
        """Ticks throughout; from the boundary after the next."""
        return self.call(
            "set_schedule", netuid, tempo, reveal_ticks, window_ticks, doing="set the schedule"
        )


def _window(values: Any) -> EpochWindow:
    epoch, start_tick, tempo, reveal_ticks, window_ticks = values
    return EpochWindow(Epoch(epoch), Tick(start_tick), tempo, reveal_ticks, window_ticks)
