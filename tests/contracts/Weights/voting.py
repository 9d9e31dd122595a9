# SPDX-License-Identifier: Apache-2.0
"""A subnet whose seats are taken: who commits and reveals, and with which hints."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import boa

from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.rows import pack_row, row_hash
from tests.contracts import life
from tests.contracts.deployment import RAO, World, seeded

STAKE_RAO = 1_000 * RAO
SALT = b"\x5a" * 32


@dataclass(slots=True)
class Voting:
    """Validators by seat: seat i is held by uid i, whose hotkey is `key(names[i])`."""

    world: World
    netuid: int
    max_uids: int
    names: list[str] = field(default_factory=list)

    @property
    def weights(self) -> Any:
        return self.world.weights

    def hotkey(self, seat: int) -> str:
        return str(life.key(self.names[seat]).address)

    def registration_id(self, seat: int, epoch: int) -> int:
        return int(self.world.neurons.seat_at(self.netuid, seat, epoch).registration_id)

    def row(self, first: int = 1) -> bytes:
        """A dense row without zeros."""
        return pack_row([1 + (first + 257 * uid) % 65_535 for uid in range(self.max_uids)])

    def hash_of(self, seat: int, epoch: int, row: bytes, salt: bytes = SALT) -> bytes:
        commitment = Commitment(
            boa.env.evm.chain.chain_id,
            str(self.weights.address),
            self.netuid,
            epoch,
            self.registration_id(seat, epoch),
        )
        return commit_hash(commitment, row_hash(row), salt)

    def commit(self, seat: int, epoch: int, row: bytes, salt: bytes = SALT) -> None:
        """The holder of a seat commits to a row; the chain has to be in that epoch."""
        self.weights.commit_weights(
            *(self.netuid, epoch, seat, self.hash_of(seat, epoch, row, salt)),
            sender=self.hotkey(seat),
        )

    def hints(self, seat: int, epoch: int) -> tuple[int, int]:
        window = self.world.subnets.window_of(self.netuid, epoch)
        ticks = (window.start_tick - 1, window.start_tick + window.tempo - 1)
        index = self.world.staking.checkpoint_index
        before, after = (int(index(self.hotkey(seat), tick)) for tick in ticks)
        return before, after

    def reveal(
        self, seat: int, epoch: int, row: bytes, salt: bytes = SALT, sender: str | None = None
    ) -> None:
        """Anybody (by default the holder) opens a commit."""
        before, after = self.hints(seat, epoch)
        self.weights.reveal_weights(
            *(self.netuid, epoch, seat, row, salt, before, after),
            sender=sender or self.hotkey(seat),
        )

    def with_bug(self, *bugs: tuple[str, str, str]) -> Voting:
        """The same subnet with a Weights that has seeded bugs; it starts without commits."""
        known = self.world.address
        broken = seeded("Weights", *bugs).deploy(
            *(known[name] for name in ("Staking", "Subnets", "Neurons")),
            self.world.genesis_at,
            self.world.preset.tick_seconds,
        )
        contracts = {**self.world.contracts, "Weights": broken}
        return replace(self, world=replace(self.world, contracts=contracts))

    def go(self, epoch: int, plus: int = 0) -> None:
        """To the first tick of an epoch, or some ticks after it."""
        life.go_to_epoch(self.world, self.netuid, epoch, plus=plus)


def open_voting(
    world: World, validators: int = 3, *, max_uids: int = 16, with_owner: bool = True
) -> Voting:
    """A new subnet in the first tick of epoch 0; the owner's hotkey holds the last seat."""
    netuid = life.create(world, max_uids=max_uids, max_validators=min(64, max_uids))
    voting = Voting(world, netuid, max_uids)
    voting.names = [f"validator {seat}" for seat in range(validators)]
    if with_owner:
        voting.names[-1] = "owner hotkey"
    for name in voting.names:
        life.register(world, netuid, name)
        life.stake(world, name, STAKE_RAO)
    world.warp(1)
    life.start(world, netuid, in_ticks=2)
    for seat in range(validators):
        world.neurons.poke(netuid, seat, seat)
    voting.go(0)
    return voting


def transaction_gas(contract: Any, function: str, *arguments: Any) -> int:
    """Gas of a whole transaction that just ran: execution and calldata, with EIP-7623's floor."""
    data = getattr(contract, function).prepare_calldata(*arguments)
    zeros = data.count(0)
    tokens = zeros + 4 * (len(data) - zeros)
    used = int(contract._computation.get_gas_used())
    return 21_000 + max(4 * tokens + used, 10 * tokens)
