# SPDX-License-Identifier: Apache-2.0
"""What a hotkey does in one subnet: it serves, commits, reveals, settles and claims.

Validators and miners build on this; nothing here keeps state, the chain does.
"""

from __future__ import annotations

from collections.abc import Sequence

from offchain.chain.coldkey import allow, check_balance
from offchain.chain.contract import E_, Call
from offchain.chain.errors import NoSeat, NotRegistered
from offchain.chain.events import read_events
from offchain.chain.network import Network
from offchain.chain.neurons import Seat, axon_from
from offchain.chain.rewards import MAX_CLAIMS, Claim, Claimed
from offchain.chain.settlement import (
    NOTHING_CARRIED,
    EpochClosed,
    EpochFinalized,
    EpochProposed,
)
from offchain.chain.transactions import Presigned, Receipt, Sender
from offchain.chain.weights import WeightsRevealed
from offchain.protocol.eras import EpochWindow
from offchain.protocol.identifiers import life_in


class Hotkey:
    """One hotkey in one subnet.

    address: of the hotkey, if somebody else sends for it, which can only take a seat.
    """

    def __init__(
        self, network: Network, sender: Sender, netuid: int, address: str | None = None
    ) -> None:
        self.network = network
        self.sender = sender
        self.netuid = netuid
        self.address = address or sender.address

    # who am I

    def uid(self) -> int | None:
        """Uid in the running or the next epoch; None if not registered."""
        return uid_now(self.network, self.netuid, self.address)

    def require_uid(self) -> int:
        """Raises `NotRegistered`."""
        uid = self.uid()
        if uid is None:
            raise not_registered(self.address, self.netuid)
        return uid

    def seat(self, epoch: int) -> Seat | None:
        """The seat of this hotkey in an epoch (current - 2 to current + 1)."""
        return self.seat_among(self.network.neurons.seats_at(self.netuid, epoch), epoch)

    def seat_among(self, seats: Sequence[Seat | None], epoch: int) -> Seat | None:
        """The seat of this hotkey among the seats of an epoch."""
        uid = self.network.neurons.uid_of(self.netuid, self.address, epoch)
        if uid is None:
            return None
        return next((seat for seat in seats if seat is not None and seat.uid == uid), None)

    def require_seat(self, epoch: int) -> Seat:
        """Raises `NoSeat`."""
        seat = self.seat(epoch)
        if seat is None:
            raise NoSeat(
                f"hotkey {self.address} has no seat in epoch {epoch} of subnet {self.netuid}",
                next_step="Add stake and let it poke; a seat serves from the next epoch on.",
            )
        return seat

    # a miner's words

    def serve_axon(self, ip: str, port: int) -> Receipt | None:
        """Announce the endpoint; None when it is announced already."""
        uid = self.require_uid()
        known = axon_from(self.network.neurons.read("axon_of", self.netuid, uid))
        if known is not None and (known.ip, known.port) == (ip, port):
            return None
        return self.sender.send(self.network.neurons.serve_axon(self.netuid, ip, port))

    def commit_model(self, model_hash: bytes, profile_hash: bytes) -> Receipt:
        self.require_uid()
        call = self.network.neurons.commit_model(self.netuid, model_hash, profile_hash)
        return self.sender.send(call)

    # a validator's words

    def take_seat(self, seat: int) -> Receipt:
        """Poke for itself; raises `NotRegistered`."""
        return self.poke(seat, self.require_uid())

    def poke(self, seat: int, uid: int) -> Receipt:
        return self.sender.send(self.network.neurons.poke(self.netuid, seat, uid))

    def best_poke(self) -> int | None:
        """The seat of the next epoch that this hotkey can take: an empty one, else the weakest.

        None when it has one, has no stake that counts, or every holder has more.
        """
        neurons, staking = self.network.neurons, self.network.staking
        terms = self.network.subnets.poke_terms(self.netuid)
        uid = neurons.uid_of(self.netuid, self.address, terms.next_epoch)
        if uid is None:
            return None
        life = life_in(self.netuid, terms.next_epoch)
        stake = staking.stake_for(self.address, life, terms.stake_tick)
        seats = neurons.seats_at(self.netuid, terms.next_epoch)
        if stake == 0 or any(seat is not None and seat.uid == uid for seat in seats):
            return None
        empty = [index for index, seat in enumerate(seats) if seat is None]
        if empty:
            return empty[uid % len(empty)]  # newcomers of one block rarely want the same one
        weakest: tuple[int, int, int] | None = None  # (stake, uid, seat)
        for index, seat in enumerate(seats):
            if seat is None:
                continue
            holder = neurons.hotkey_of(seat.registration_id)
            weight = staking.stake_for(holder, life, terms.stake_tick)
            rank = (weight, seat.uid, index)
            weakest = rank if weakest is None else min(weakest, rank)
        if weakest is None or (weakest[0], weakest[1]) >= (stake, uid):
            return None
        return weakest[2]

    def commit(self, window: EpochWindow, seat: int, commit_hash: bytes) -> Receipt:
        """Commit during the epoch; the same hash again never becomes a second transaction."""
        return self.sender.send(
            self.network.weights.commit(self.netuid, window.epoch, seat, commit_hash),
            purpose=f"commit {self.netuid} {window.epoch} {commit_hash.hex()}",
            deadline=self.network.clock.timestamp_of(window.end_tick),
            urgent=True,
        )

    def reveal_call(self, window: EpochWindow, seat: int, row: bytes, salt: bytes) -> Call:
        """The reveal with its stake hints. While the epoch runs, the hint at its end is the newest
        checkpoint, which is right unless the hotkey's stake moves once more.
        """
        staking = self.network.staking
        if self.network.clock.tick() < window.end_tick:
            index_after = staking.newest_checkpoint(self.address)
        else:
            index_after = staking.checkpoint_index(self.address, window.end_tick - 1)
        return self.network.weights.reveal(
            self.netuid,
            window.epoch,
            seat,
            row,
            salt,
            staking.checkpoint_index(self.address, window.start_tick - 1),
            index_after,
        )

    def reveal(self, window: EpochWindow, call: Call | Presigned) -> Receipt:
        """Reveal in the first ticks of the next epoch, with what `reveal_call` made."""
        end = window.end_tick + window.reveal_ticks
        purpose = f"reveal {self.netuid} {window.epoch}"
        deadline = self.network.clock.timestamp_of(end)
        if isinstance(call, Presigned):
            return self.sender.send_presigned(call, purpose=purpose, deadline=deadline)
        return self.sender.send(call, purpose=purpose, deadline=deadline, urgent=True)

    # settlement: anybody may, validators do

    def close(self, epoch: int) -> EpochClosed:
        settlement = self.network.settlement
        receipt = self.sender.send(settlement.close(self.netuid, epoch))
        return settlement.events(EpochClosed, receipt.logs)[0]

    def allow_bonds(self) -> None:
        """Let Settlement take the bonds of proposals to come; `propose` allows what is missing."""
        settlement = self.network.settlement
        bond = settlement.min_bond_rao()
        allow(self.network, self.sender, settlement, bond, 100 * bond)

    def propose(self, epoch: int, parent_id: int, trace: Sequence[int]) -> EpochProposed:
        """Post a result with the smallest bond. Raises `InsufficientFunds` without the bond."""
        settlement = self.network.settlement
        bond = settlement.bond_rao(self.netuid, epoch)
        check_balance(self.network, self.address, bond, f"bond of epoch {epoch}")
        allow(self.network, self.sender, settlement, bond, 100 * bond)
        receipt = self.sender.send(settlement.propose(self.netuid, epoch, parent_id, bond, trace))
        return settlement.events(EpochProposed, receipt.logs)[0]

    def finalize(
        self,
        closed: EpochClosed,
        proposed: EpochProposed,
        cumulatives: Sequence[int],
        carried: Sequence[int] = NOTHING_CARRIED,
    ) -> EpochFinalized:
        """See `Settlement.finalize`."""
        settlement = self.network.settlement
        receipt = self.sender.send(settlement.finalize(closed, proposed, cumulatives, carried))
        return settlement.events(EpochFinalized, receipt.logs)[0]

    def withdraw(self, account: str | None = None) -> Receipt | None:
        """Pay out what waits in Settlement for an account; None when nothing does."""
        who = account or self.address
        if self.network.settlement.withdrawable_rao(who) == 0:
            return None
        return self.sender.send(self.network.settlement.withdraw(who))

    def claim(self, claims: Sequence[Claim], *, purpose: str = "") -> list[Claimed]:
        """Claim for anybody, in as many transactions as it takes; `purpose` as in `Sender.send`,
        for up to MAX_CLAIMS.
        """
        paid: list[Claimed] = []
        for start in range(0, len(claims), MAX_CLAIMS):
            call = self.network.rewards.claim(self.netuid, claims[start : start + MAX_CLAIMS])
            receipt = self.sender.send(call, purpose=purpose and f"{purpose} {start}")
            paid += self.network.rewards.events(Claimed, receipt.logs)
        return paid


def uid_now(network: Network, netuid: int, hotkey: str) -> int | None:
    """Uid of a hotkey that serves now or from the next boundary on."""
    following = network.subnets.next_epoch(netuid)
    uid = network.neurons.uid_of(netuid, hotkey, following)
    if uid is None and following > 0:
        uid = network.neurons.uid_of(netuid, hotkey, following - 1)
    return uid


def not_registered(hotkey: str, netuid: int) -> NotRegistered:
    """The error for a hotkey without a uid."""
    return NotRegistered(
        f"hotkey {hotkey} is not registered in subnet {netuid}",
        next_step=f"Run `evmtensor neuron register --netuid {netuid}`.",
    )


def closed_epoch(network: Network, netuid: int, epoch: int) -> EpochClosed | None:
    """The event of a close, which holds the preimage of what it froze."""
    found = _epoch_events(network, EpochClosed, netuid, epoch)
    return found[-1] if found else None


def proposals(network: Network, netuid: int, epoch: int) -> list[EpochProposed]:
    """Every proposal of an epoch, oldest first."""
    return _epoch_events(network, EpochProposed, netuid, epoch)


def final_result(network: Network, netuid: int, epoch: int) -> EpochFinalized | None:
    """The event that made an epoch final."""
    found = _epoch_events(network, EpochFinalized, netuid, epoch)
    return found[-1] if found else None


def revealed_rows(network: Network, netuid: int, epoch: int) -> list[WeightsRevealed]:
    """Every masked row of an epoch."""
    return read_events(
        network.weights,
        WeightsRevealed,
        network.deployment.first_block,
        indexed=(netuid, epoch),
    )


def _epoch_events(
    network: Network,
    kind: type[E_],
    netuid: int,
    epoch: int,
) -> list[E_]:
    return read_events(
        network.settlement, kind, network.deployment.first_block, indexed=(netuid, epoch)
    )
