# SPDX-License-Identifier: Apache-2.0
"""Who is in the running epoch, where they answer, and what models they have committed to."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.connection import Block
from offchain.chain.contract import read_all
from offchain.chain.events import LogFollower
from offchain.chain.network import Network
from offchain.chain.neurons import ModelCommitted, Standing, axon_from
from offchain.protocol.eras import EpochWindow
from offchain.subnets.base import Commitment
from offchain.validator.examine import Examinee
from offchain.wire import Endpoint

REFRESH_BLOCKS = 5  # endpoints and models change within an epoch
LOGS_PER_BLOCK = 1 << 20  # more than any block can hold: orders commitments of one block


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The subnet as of one block.

    commitments: every one ever made, in the order of the chain. block_hash: seeds the tasks.
    """

    window: EpochWindow | None
    max_uids: int
    neurons: tuple[Examinee, ...]
    seat_uids: frozenset[int]
    commitments: tuple[Commitment, ...]
    block_hash: bytes

    def has_neuron(self, hotkey: str) -> bool:
        """Whether this hotkey belongs to a neuron of the epoch."""
        return any(neuron.hotkey == hotkey for neuron in self.neurons)


class Roster:
    """Refreshed by the thread that talks to the chain, read by the one that talks to miners."""

    def __init__(self, network: Network, netuid: int) -> None:
        self._network = network
        self._netuid = netuid
        self._max_uids = network.subnets.max_uids(netuid)
        self._commitments: list[tuple[int, Commitment]] = []
        self._models = LogFollower(
            network.connection,
            [network.neurons.address],
            network.deployment.first_block,
            topics=[network.neurons.topic(ModelCommitted)],
        )
        self._taken_at = 0
        self._taken_for: int | None = None
        self._standing: tuple[int, Standing] | None = None  # of the epoch that runs
        self.snapshot: Snapshot | None = None

    def refresh(self, window: EpochWindow | None, head: Block) -> None:
        """Take a new snapshot, if the epoch is new or the old one is a few blocks old.

        Before the start, of those who will serve in epoch 0.
        """
        epoch_now = None if window is None else window.epoch
        is_fresh = head.number < self._taken_at + REFRESH_BLOCKS
        if self.snapshot is not None and epoch_now == self._taken_for and is_fresh:
            return
        self._take(window, head)
        self._taken_at, self._taken_for = head.number, epoch_now

    def _take(self, window: EpochWindow | None, head: Block) -> None:
        network, netuid = self._network, self._netuid
        epoch = window.epoch if window else network.subnets.next_epoch(netuid)
        standing = self._standing_at(epoch, window, head)
        generations = standing.generations
        uids = [uid for uid, generation in enumerate(generations) if generation]
        ids = {uid: netuid << 64 | uid << 48 | generations[uid] for uid in uids}
        hotkeys = read_all(
            network.connection, [network.neurons.hotkey_query(ids[uid]) for uid in uids]
        )
        axons = read_all(
            network.connection, [network.neurons.axon_query(netuid, uid) for uid in uids]
        )
        self._follow_models()
        self.snapshot = Snapshot(
            window=window,
            max_uids=self._max_uids,
            neurons=tuple(
                Examinee(uid, ids[uid], _endpoint(hotkey, axon), hotkey)
                for uid, hotkey, axon in zip(uids, hotkeys, axons, strict=True)
            ),
            seat_uids=frozenset(seat.uid for seat in standing.seats if seat is not None),
            commitments=tuple(commitment for _, commitment in self._commitments),
            block_hash=bytes.fromhex(head.hash[2:]),
        )

    def _standing_at(self, epoch: int, window: EpochWindow | None, head: Block) -> Standing:
        """Who serves and sits; fixed once the epoch runs."""
        if self._standing is None or self._standing[0] != epoch:
            standing = self._network.neurons.standing_at(self._netuid, epoch, head.number)
            if window is None:
                return standing
            self._standing = epoch, standing
        return self._standing[1]

    def _follow_models(self) -> None:
        delta = self._models.poll()
        if delta.rolled_back_to is not None:
            kept = [c for c in self._commitments if c[0] < delta.rolled_back_to]
            self._commitments = kept
        for event in self._network.neurons.events(ModelCommitted, delta.logs):
            if event.netuid == self._netuid:
                order = event.at.block_number * LOGS_PER_BLOCK + event.at.log_index
                commitment = Commitment(event.registration_id, event.uid, event.model_hash, order)
                self._commitments.append((event.at.block_number, commitment))


def _endpoint(hotkey: str, axon: tuple[int, ...]) -> Endpoint | None:
    announced = axon_from(axon)
    return None if announced is None else Endpoint(hotkey, announced.ip, announced.port)
