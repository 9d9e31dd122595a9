# SPDX-License-Identifier: Apache-2.0
"""The root in a whole world: subnets to weigh, members in seats, epochs from commit to shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from offchain.protocol.rows import pack_row
from offchain.settlement import challenge
from offchain.settlement.history import ClosedEpoch, History, Proposal
from tests.contracts import life
from tests.contracts.deployment import MINIMAL, RAO, World, deploy_world, role_address
from tests.contracts.Weights.voting import Voting

ROOT = 0
COLUMNS = 128


@dataclass
class Root:
    """A running root: seat i is held by `key(voting.names[i])`. Column c is netuid c + 1."""

    world: World
    voting: Voting
    history: History = field(default_factory=lambda: History(ROOT))

    @property
    def settlement(self) -> Any:
        return self.world.settlement

    def row(self, weights: Mapping[int, int]) -> bytes:
        """A row from weights by netuid."""
        return pack_row([weights.get(column + 1, 0) for column in range(COLUMNS)])

    def vote(self, epoch: int, rows: Mapping[int, Mapping[int, int]]) -> None:
        """Commit rows (by seat) in an epoch that has begun and reveal them in the next one."""
        self.voting.go(epoch, plus=1)
        for seat, weights in rows.items():
            self.voting.commit(seat, epoch, self.row(weights))
        self.voting.go(epoch + 1)
        for seat, weights in rows.items():
            self.voting.reveal(seat, epoch, self.row(weights))
            (log,) = logs(self.world.weights, "WeightsRevealed")
            self.history.weights_revealed(epoch, seat, log.row)

    def close(self, epoch: int) -> ClosedEpoch:
        """Close at the first tick possible."""
        window = self.world.subnets.window_of(ROOT, epoch)
        first = window.start_tick + window.tempo + window.reveal_ticks
        self.world.warp_to(max(self.world.tick, first))
        self.world.settlement.close(ROOT, epoch)
        (log,) = logs(self.world.settlement, "EpochClosed")
        return self.history.epoch_closed(log.header, log.seats, log.generations, log.frozen_hash, 0)

    def propose(self, epoch: int, trace: Any = None) -> int:
        """Post a trace, the true one by default; the proposal's id."""
        settlement = self.world.settlement
        bond = settlement.bond_rao(ROOT, epoch)
        proposer = role_address("root proposer")
        self.world.give(proposer, bond, self.world.address["Settlement"])
        parent_id = self.history.parent_id(epoch)
        words = list(trace or self.history.result(epoch).words)
        proposal_id = settlement.propose(ROOT, epoch, parent_id, bond, words, sender=proposer)
        self.history.epoch_proposed(
            epoch, Proposal(proposal_id, parent_id, proposer, bond, tuple(words), 0)
        )
        return int(proposal_id)

    def finalize(self, epoch: int) -> Any:
        """Finalize the live proposal once it is old enough; the event."""
        record = self.history.epochs[epoch]
        settlement = self.world.settlement
        assert record.live is not None
        due = settlement.proposal_of(record.live.proposal_id).tick
        self.world.warp_to(max(self.world.tick, due + record.frozen.header.window_ticks))
        settlement.finalize(
            record.live.proposal_id,
            list(record.header),
            list(record.seats),
            list(record.generations),
            list(record.live.trace),
            [],
            [0, 0, 0, 0],
        )
        (log,) = logs(settlement, "EpochFinalized")
        self.history.epoch_finalized(epoch, record.live.proposal_id, log.cumulatives)
        return log

    def settle(self, epoch: int, rows: Mapping[int, Mapping[int, int]]) -> Any:
        """A whole epoch: vote, close, propose the truth, wait, finalize; the event."""
        self.vote(epoch, rows)
        self.close(epoch)
        self.propose(epoch)
        return self.finalize(epoch)

    def prove(self, epoch: int) -> None:
        """Prove all blocks and the sums of the live proposal."""
        examination = challenge.examine(self.history, epoch)
        blocks = range(examination.frozen.header.blocks)
        self.settlement.prove(*challenge.prove(examination, blocks))
        self.settlement.prove_sum(*challenge.sums(examination))

    def strike(self, epoch: int) -> Any:
        """Find the fault of the live proposal off chain and challenge it; the event."""
        examination = challenge.examine(self.history, epoch)
        header = examination.frozen.header
        fault = challenge.find_fault(
            examination.result.words, examination.posted, header.blocks, header.seats
        )
        assert fault is not None, "the proposal is true"
        settlement, sender = self.world.settlement, role_address("challenger")
        if isinstance(fault, challenge.BlockFault):
            arguments = challenge.challenge_block(examination, fault.block)
            settlement.challenge_block(*arguments, sender=sender)
        else:
            settlement.challenge_sum(*challenge.sums(examination), sender=sender)
        (log,) = logs(settlement, "ProposalStruck")
        self.history.proposal_ended(log.proposal_id, struck=True)
        return log


def logs(contract: Any, name: str) -> list[Any]:
    """Events of that name in the last call to a contract."""
    return [log for log in contract.get_logs() if type(log).__name__ == name]


def open_root(
    stakes_tao: tuple[int, ...] = (3_000, 2_000, 1_000),
    subnets: int = 2,
    asleep: int = 0,
    **patched: Any,
) -> Root:
    """A world with started subnets, whose root is in the first tick of epoch 0.

    The members registered in subnet 1, which gave them their pools; member i has seat i. asleep:
    further subnets that are not started.
    """
    world = deploy_world(MINIMAL, **patched)
    world.warp(1)
    for number in range(subnets + asleep):
        life.create(world, owner=f"owner {number + 1}")
        if subnets + asleep > 3:  # the cost falls to its floor, so that the faucet can pay for all
            world.warp(2 * world.preset.lock_reduction_ticks)
    names = [f"member {seat}" for seat in range(len(stakes_tao))]
    for name, stake in zip(names, stakes_tao, strict=True):
        life.register(world, 1, name)
        life.stake(world, name, stake * RAO)
    world.warp(1)
    for netuid in range(1, subnets + 1):
        life.start(world, netuid)
    world.subnets.start(ROOT, world.tick + 2, sender=role_address("stranger"))
    for seat, name in enumerate(names):
        world.neurons.poke_root(seat, life.key(name).address)
    root = Root(world, Voting(world, ROOT, COLUMNS, names))
    root.voting.go(0)
    return root
