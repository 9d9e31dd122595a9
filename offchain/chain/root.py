# SPDX-License-Identifier: Apache-2.0
"""The root, netuid 0: hotkeys in its seats weigh subnets, and its ranks are their shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from offchain.chain.contract import read_all
from offchain.chain.hotkey import Hotkey
from offchain.chain.network import Network
from offchain.chain.neurons import Seat
from offchain.chain.transactions import Receipt, Sender
from offchain.protocol.errors import ConfigError
from offchain.protocol.identifiers import NONE

ROOT_NETUID = 0
COLUMNS = 128
U16_MAX = 65_535
_NO_MEMBER_YET = NONE  # a new member's number is above all others


class RootMember(Hotkey):
    """One hotkey on the root; it needs stake and no neuron there.

    address: of the hotkey, if somebody else sends for it, which can only take a seat.
    """

    def __init__(self, network: Network, sender: Sender, address: str | None = None) -> None:
        super().__init__(network, sender, ROOT_NETUID, address)

    def uid(self) -> int | None:
        """None: members have no column, so there is nothing to claim either."""
        return None

    def seat_among(self, seats: Sequence[Seat | None], epoch: int) -> Seat | None:
        member = self.network.neurons.member_of(self.address)
        return next((s for s in seats if s is not None and s.registration_id == member), None)

    def take_seat(self, seat: int) -> Receipt:
        return self.sender.send(self.network.neurons.poke_root(seat, self.address))

    def best_poke(self) -> int | None:
        """The seat of the next epoch that this hotkey can take: an empty one, else the weakest.

        None when it has one, has no stake that counts, or every holder has more.
        """
        network = self.network
        terms = network.subnets.poke_terms(ROOT_NETUID)
        seats = network.neurons.seats_at(ROOT_NETUID, terms.next_epoch)
        stake = network.staking.stake_at(self.address, terms.stake_tick)
        if stake == 0 or self.seat_among(seats, terms.next_epoch) is not None:
            return None
        empty = [index for index, seat in enumerate(seats) if seat is None]
        if empty:
            # newcomers of one block rarely want the same one
            return empty[int(self.address, 16) % len(empty)]
        held = [seat for seat in seats if seat is not None]
        stakes = _stakes(network, [seat.registration_id for seat in held], terms.stake_tick)
        weakest = min(
            (holder_rao, seat.registration_id, seat.seat)
            for holder_rao, seat in zip(stakes, held, strict=True)
        )
        member = network.neurons.member_of(self.address) or _NO_MEMBER_YET
        return weakest[2] if weakest[:2] < (stake, member) else None


@dataclass(frozen=True, slots=True)
class RootColumn:
    """A subnet that the root can weigh. share: of all emission, 0 to 1, for display only."""

    netuid: int
    incarnation: int
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class RootSeat:
    """Who sits in a seat of the running epoch, with its stake now; name: its coldkey's own."""

    seat: int
    hotkey: str
    coldkey: str
    stake_rao: int
    since_epoch: int
    name: str


def columns(network: Network) -> list[RootColumn]:
    """Every started subnet with its share of the emission now."""
    shares = network.emission.shares()
    total = sum(shares)
    return [
        RootColumn(
            netuid=column + 1,
            incarnation=incarnation,
            name=network.subnets.identity_of(column + 1)[0],
            share=shares[column] / total if total else 0.0,
        )
        for column, incarnation in enumerate(network.subnets.incarnations_at(NONE))
        if incarnation
    ]


def root_seats(network: Network, epoch: int) -> list[RootSeat]:
    """Everybody who sits on the root in an epoch (current - 2 to current + 1)."""
    held = [s for s in network.neurons.seats_at(ROOT_NETUID, epoch) if s is not None]
    neurons, staking = network.neurons, network.staking
    hotkeys = read_all(
        network.connection, [neurons.hotkey_query(seat.registration_id) for seat in held]
    )
    owners = read_all(network.connection, [staking.owner_query(hotkey) for hotkey in hotkeys])
    stakes = read_all(network.connection, [staking.stake_query(hotkey) for hotkey in hotkeys])
    names = read_all(network.connection, [network.keys.name_query(owner) for owner in owners])
    return [
        RootSeat(seat.seat, hotkey, owner, stake_rao, seat.since_epoch, name)
        for seat, hotkey, owner, stake_rao, name in zip(
            held, hotkeys, owners, stakes, names, strict=True
        )
    ]


def root_row(network: Network, weights: Mapping[int, Decimal]) -> list[int]:
    """A row of the root, u16 by column, the largest weight 65,535.

    weights: by netuid, in any unit. Raises `ConfigError` for a weight that earns nobody anything:
    of a subnet that is not started, a negative one, or none at all.
    """
    started = network.subnets.incarnations_at(NONE)
    for netuid, weight in weights.items():
        if not 1 <= netuid <= COLUMNS or not started[netuid - 1]:
            known = [column + 1 for column, there in enumerate(started) if there]
            raise ConfigError(
                f"subnet {netuid} is not started, so weight on it goes to nobody",
                next_step=f"Weigh some of {known}." if known else "Start a subnet first.",
            )
        if not weight.is_finite() or weight < 0:
            raise ConfigError(
                f"weight {weight} of subnet {netuid} is not 0 or more",
                next_step="Leave a subnet out to give it nothing.",
            )
    most = max(weights.values(), default=Decimal(0))
    if most == 0:
        raise ConfigError(
            "no subnet has any weight", next_step="Give some like `1=0.7 2=0.3`, NETUID=WEIGHT."
        )
    row = [0] * COLUMNS
    for netuid, weight in weights.items():
        row[netuid - 1] = int((weight * U16_MAX / most).to_integral_value(ROUND_HALF_EVEN))
    return row


def _stakes(network: Network, registration_ids: Sequence[int], tick: int) -> list[int]:
    """Stake behind members at a tick."""
    hotkeys = read_all(
        network.connection, [network.neurons.hotkey_query(one) for one in registration_ids]
    )
    queries = [network.staking.query("stake_at", hotkey, tick) for hotkey in hotkeys]
    return [int(stake_rao) for stake_rao in read_all(network.connection, queries)]
