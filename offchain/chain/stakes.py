# SPDX-License-Identifier: Apache-2.0
"""Who has stake where, who lends to whom, and which lives a hotkey had: read from the chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from offchain.chain.contract import E_, read_all
from offchain.chain.errors import NotRegistered
from offchain.chain.events import read_events
from offchain.chain.network import Network
from offchain.chain.neurons import NeuronRegistered
from offchain.chain.staking import (
    ColdkeySwapped,
    HotkeySwapped,
    PoolOpened,
    StakeAdded,
    StakeMoved,
    StakeTransferred,
    Unbonding,
    UnbondingStarted,
)
from offchain.protocol.identifiers import Life, life_in, life_of


@dataclass(frozen=True, slots=True)
class Position:
    """A coldkey's stake behind one hotkey; `is_owner`: the hotkey is its own.

    name: what the hotkey's coldkey calls itself.
    """

    hotkey: str
    shares: int
    value_rao: int
    is_owner: bool
    name: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An unbonding that was not removed yet."""

    unbonding_id: int
    hotkey: str
    amount_rao: int
    ripe_tick: int


@dataclass(frozen=True, slots=True)
class Loan:
    """A share of 65,535 of the lender's own stake; `from_tick` 0: in force now."""

    hotkey: str
    share_u16: int
    from_tick: int = 0


@dataclass(frozen=True, slots=True)
class Family:
    """A hotkey's loans in a subnet, and those that are announced."""

    children: tuple[Loan, ...]
    announced: tuple[Loan, ...]
    ends_tick: int  # from which the announced ones replace the others; 0: nothing is announced
    parents: tuple[Loan, ...]
    take_u16: int


def positions(network: Network, coldkey: str) -> list[Position]:
    """Where a coldkey has stake, and its own hotkeys, with or without."""
    hotkeys = _hotkeys_touched(network, coldkey)
    staking = network.staking
    queries = [staking.query(name, hotkey, coldkey) for hotkey in hotkeys for name in _HELD]
    answers = iter(read_all(network.connection, queries))
    owners = read_all(network.connection, [staking.owner_query(hotkey) for hotkey in hotkeys])
    names = read_all(network.connection, [network.keys.name_query(owner) for owner in owners])
    found = [
        Position(hotkey, int(next(answers)), int(next(answers)), owner == coldkey, name)
        for hotkey, owner, name in zip(hotkeys, owners, names, strict=True)
    ]
    return [position for position in found if position.shares or position.is_owner]


def own_hotkey(network: Network, coldkey: str) -> str:
    """One of a coldkey's hotkeys; raises `NotRegistered` when it has none."""
    for position in positions(network, coldkey):
        if position.is_owner:
            return position.hotkey
    raise NotRegistered(
        f"{coldkey} never registered a hotkey, so there is nothing that would show its identity",
        next_step="Register one with `evmtensor neuron register`.",
    )


def waiting(network: Network, coldkey: str) -> list[Waiting]:
    """A coldkey's unbondings that were neither removed nor cancelled."""
    staking = network.staking
    begun = [
        event.unbonding_id
        for name in coldkeys_before(network, coldkey)
        for event in _events(network, UnbondingStarted, None, name)
    ]
    queries = [staking.query("unbonding_of", number) for number in begun]
    records = [Unbonding(*answer) for answer in read_all(network.connection, queries)]
    return [
        Waiting(number, record.hotkey, record.amount_rao, record.ripe_tick)
        for number, record in zip(begun, records, strict=True)
        if record.coldkey == coldkey
    ]


def family(network: Network, hotkey: str, netuid: int) -> Family:
    """Whom a hotkey lends to in a subnet and who may lend to it."""
    staking, tick = network.staking, network.clock.tick()
    pool_id = staking.pool_id_of(hotkey)
    if pool_id == 0:
        raise NotRegistered(
            f"hotkey {hotkey} has no pool, or was swapped",
            next_step="Name the hotkey that is in use; `evmtensor stake list` shows yours.",
        )
    incarnation = network.subnets.incarnation_of(netuid)
    if incarnation == 0:
        raise NotRegistered(
            f"there is no subnet {netuid}, so nobody lends in it",
            next_step="`evmtensor subnet list` shows those that there are.",
        )
    life = life_of(netuid, incarnation)
    loans = staking.loans_of(pool_id, life)
    from_tick, newest = loans.announced(tick)
    parents = []
    for parent in loans.parents:
        lent = dict(staking.loans_of(parent, life).in_force(tick))
        parents.append(Loan(staking.hotkey_of(parent), lent.get(pool_id, 0)))
    return Family(
        children=_named(network, loans.in_force(tick), 0),
        announced=_named(network, newest, from_tick),
        ends_tick=from_tick,
        parents=tuple(parents),
        take_u16=loans.take_u16(tick),
    )


def lives_of(network: Network, hotkey: str) -> list[Life]:
    """Every life of a subnet that a hotkey, or one whose place it took, registered in."""
    lives = {
        life_in(event.netuid, event.from_epoch)
        for name in hotkeys_before(network, hotkey)
        for event in read_events(
            network.neurons,
            NeuronRegistered,
            network.deployment.first_block,
            indexed=(None, None, name),
        )
    }
    return sorted(lives)


def hotkeys_before(network: Network, hotkey: str) -> list[str]:
    """A hotkey and all whose place it took, the newest first."""
    names = [hotkey]
    while older := _events(network, HotkeySwapped, None, names[-1]):
        names.append(older[-1].old_hotkey)
    return names


def coldkeys_before(network: Network, coldkey: str) -> list[str]:
    """A coldkey and all whose place it took, the newest first."""
    names = [coldkey]
    while older := _events(network, ColdkeySwapped, None, names[-1]):
        names.append(older[-1].coldkey)
    return names


_HELD = ("shares_of", "value_of")


def _hotkeys_touched(network: Network, coldkey: str) -> list[str]:
    """Hotkeys that a coldkey may have shares of, by the names they have now."""
    touched: dict[str, None] = {}
    for name in coldkeys_before(network, coldkey):
        for event in _stakes_of(network, name):
            touched[event] = None
    staking = network.staking
    ids = [staking.query("pool_id_of", hotkey) for hotkey in touched]
    alive = read_all(network.connection, ids)
    renamed = {_latest(network, h) for h, i in zip(touched, alive, strict=True) if i == 0}
    current = [h for h, i in zip(touched, alive, strict=True) if i != 0]
    return [*current, *sorted(renamed - set(current))]


def _stakes_of(network: Network, coldkey: str) -> Iterator[str]:
    """Hotkeys that a coldkey opened, staked to, moved to or was given shares of."""
    for opened in _events(network, PoolOpened, None, coldkey):
        yield opened.hotkey
    for added in _events(network, StakeAdded, None, coldkey):
        yield added.hotkey
    for moved in _events(network, StakeMoved, coldkey):
        yield moved.to_hotkey
    for given in _events(network, StakeTransferred, None, None, coldkey):
        yield given.hotkey


def _latest(network: Network, hotkey: str) -> str:
    """The hotkey that is in a retired one's place now."""
    while newer := _events(network, HotkeySwapped, hotkey):
        hotkey = newer[-1].new_hotkey
    return hotkey


def _named(
    network: Network, loans: tuple[tuple[int, int], ...], from_tick: int
) -> tuple[Loan, ...]:
    return tuple(Loan(network.staking.hotkey_of(i), share, from_tick) for i, share in loans)


def _events(network: Network, kind: type[E_], *indexed: str | None) -> list[E_]:
    first = network.deployment.first_block
    return read_events(network.staking, kind, first, indexed=indexed)
