# SPDX-License-Identifier: Apache-2.0
"""Many subnets that live at once on one Anvil, and what they used.

    python -m tests.e2e.many_subnets [--subnets 32] [--epochs 3] [--out FILE.json]

Real contracts, tick and tempo of mainnet (12 s, 360 ticks), one process that speaks for everybody:
every validator commits and reveals, every epoch is closed, proposed, finalized, and paid out. The
subnets start within one tempo of each other, so that their epochs overlap in every phase.
"""

from __future__ import annotations

import argparse
import heapq
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from offchain.protocol.rows import pack_row
from offchain.settlement.history import History, Proposal
from offchain.settlement.payouts import PayTree
from tests.contracts import life
from tests.contracts.deployment import FULL, RAO, role_address
from tests.contracts.Weights.voting import SALT, Voting
from tests.gas.anvil_world import CHAIN_ID, AnvilWorld, Node, anvil, deploy

VALIDATORS, MINERS, UIDS = 4, 8, 16
PROPOSER, COLDKEY = role_address("proposer"), role_address("coldkey of all")
MIB = 2**20


class CountingNode(Node):
    """A node that adds up what was sent to it."""

    transactions = 0
    gas = 0

    def send(self, sender: str, data: str, to: str | None = None) -> Any:
        receipt = super().send(sender, data, to)
        self.transactions += 1
        self.gas += int(receipt["gasUsed"])
        return receipt


@dataclass
class Subnet:
    """One subnet and its off-chain history."""

    world: AnvilWorld
    voting: Voting
    history: History
    start_tick: int = 0
    # epochs that are final, and what they paid
    paid_rao: dict[int, int] = field(default_factory=dict)

    @property
    def netuid(self) -> int:
        return self.voting.netuid

    def tick_of(self, epoch: int, after: int = 0) -> int:
        return self.start_tick + epoch * FULL.profile.tempo_ticks + after

    def rows(self, epoch: int) -> list[bytes]:
        rng = Random(f"{self.netuid} {epoch}")
        return [pack_row([rng.randint(1, 65_535) for _ in range(UIDS)]) for _ in range(VALIDATORS)]

    def commit(self, epoch: int) -> None:
        for seat, row in enumerate(self.rows(epoch)):
            self.voting.commit(seat, epoch, row)

    def reveal(self, epoch: int) -> None:
        for seat, row in enumerate(self.rows(epoch)):
            self.voting.reveal(seat, epoch, row, SALT)
            masked = self.world.weights.last("WeightsRevealed").row
            self.history.weights_revealed(epoch, seat, bytes(masked))

    def close(self, epoch: int) -> None:
        self.world.settlement.close(self.netuid, epoch)
        closed = self.world.settlement.last("EpochClosed")
        self.history.epoch_closed(
            closed.header, closed.seats, closed.generations, closed.frozen_hash, 0
        )

    def propose(self, epoch: int) -> None:
        settlement, words = self.world.settlement, self.history.result(epoch).words
        bond, parent = settlement.bond_rao(self.netuid, epoch), self.history.parent_id(epoch)
        assert parent is not None
        self.world.give(PROPOSER, bond, self.world.address["Settlement"])
        call = (self.netuid, epoch, parent, bond, list(words))
        number = int(settlement.propose(*call, sender=PROPOSER))
        self.history.epoch_proposed(epoch, Proposal(number, parent, PROPOSER, bond, words, 0))

    def finalize(self, epoch: int) -> None:
        closed = self.history.epochs[epoch]
        assert closed.live is not None
        words = [list(part) for part in (closed.header, closed.seats, closed.generations)]
        rest = (list(self.history.base(epoch)), list(self.history.carried(epoch)))
        number = closed.live.proposal_id
        self.world.settlement.finalize(number, *words, list(closed.live.trace), *rest)
        final = self.world.settlement.last("EpochFinalized")
        self.history.epoch_finalized(epoch, number, final.cumulatives)

    def claim(self, epoch: int) -> None:
        """Everybody's pay in one transaction for ten of them, and one for the rest."""
        closed, pay = self.history.epochs[epoch], self.history.cumulatives(epoch)
        tree = PayTree(closed.frozen, pay, CHAIN_ID, self.world.address["Rewards"])
        claims = [
            (
                *(epoch, closed.frozen.registration_id(uid)),
                *(pay[uid].server_rao, pay[uid].validator_rao, tree.proof(uid)),
            )
            for uid in range(VALIDATORS + MINERS)
        ]
        before = self.world.rewards.paid_rao(self.netuid)
        for first in range(0, len(claims), 10):
            self.world.rewards.claim_many(self.netuid, claims[first : first + 10])
        self.paid_rao[epoch] = self.world.rewards.paid_rao(self.netuid) - before


def open_subnets(world: AnvilWorld, count: int) -> list[Subnet]:
    """Created one after the other as the price falls, started together, a few ticks apart."""
    subnets = []
    for number in range(count):
        netuid = life.create(world, owner=f"owner {number}", max_uids=UIDS, max_validators=4)
        names = [f"subnet {number} validator {seat}" for seat in range(VALIDATORS)]
        subnets.append(Subnet(world, Voting(world, netuid, UIDS, names), History(netuid)))
        for neuron in (*names, *(f"subnet {number} miner {uid}" for uid in range(MINERS))):
            life.register(world, netuid, neuron)
        for seat, neuron in enumerate(names):
            life.stake(world, neuron, (1_000 + seat) * RAO)
        world.warp(2 * FULL.lock_reduction_ticks)
    apart = FULL.profile.tempo_ticks // count
    for number, subnet in enumerate(subnets):
        first_tick = 100 * count + apart * number
        subnet.start_tick = life.start(world, subnet.netuid, in_ticks=first_tick)
    for subnet in subnets:
        for seat in range(VALIDATORS):
            world.neurons.poke(subnet.netuid, seat, seat)
    return subnets


def diary(subnet: Subnet, epochs: int) -> list[tuple[int, str, Callable[[], None]]]:
    """What is done for a subnet, and at which tick."""
    reveal, window = FULL.profile.reveal_ticks, FULL.profile.window_ticks
    plan = []
    for epoch in range(epochs):
        over = subnet.tick_of(epoch + 1)
        for tick, what in (
            (subnet.tick_of(epoch, 200), "commit"),
            (over, "reveal"),
            (over + reveal, "close"),
            (over + reveal, "propose"),
            (over + reveal + window + 20, "finalize"),
            (over + reveal + window + 20, "claim"),
        ):
            plan.append((tick, what, partial(getattr(subnet, what), epoch)))
    return plan


def live(world: AnvilWorld, subnets: Sequence[Subnet], epochs: int) -> dict[str, int]:
    """All diaries in the order of their ticks; gas by what it was for, and ticks."""
    plan: list[tuple[int, int, str, Callable[[], None]]] = []
    for subnet in subnets:
        for tick, what, action in diary(subnet, epochs):
            heapq.heappush(plan, (tick, len(plan), what, action))
    first_tick = plan[0][0]
    used: dict[str, int] = {}
    while plan:
        tick, _, what, action = heapq.heappop(plan)
        # a transaction takes a second; where many fall on one tick the last are a little late
        if world.tick < tick:
            world.warp_to(tick)
        before = world.node.gas
        action()
        used[what] = used.get(what, 0) + world.node.gas - before
    return {f"gas of {what}": gas for what, gas in used.items()} | {
        "ticks": world.tick - first_tick
    }


def check(world: AnvilWorld, subnets: Sequence[Subnet], epochs: int) -> None:
    """Every epoch of every subnet is final and paid out, and the books balance to the rao."""
    for subnet in subnets:
        assert sorted(subnet.paid_rao) == list(range(epochs)), f"netuid {subnet.netuid}"
        assert min(subnet.paid_rao.values()) > 0
        pay = subnet.history.cumulatives(epochs - 1)
        everybody = sum(one.server_rao + one.validator_rao for one in pay)
        assert world.rewards.paid_rao(subnet.netuid) == everybody
    tao, emission = world.tao, world.emission
    burned = emission.recycled_rao() - emission.withheld_rao()
    assert tao.totalSupply() == FULL.genesis_rao + emission.minted_rao() - burned


def measure(count: int, epochs: int) -> dict[str, Any]:
    """Run it; what it used. Anvil's CPU is that of its whole life, the opening included."""
    before = cpu_seconds(resource.RUSAGE_CHILDREN)
    with anvil() as plain:
        node = CountingNode(plain.url)
        world = deploy(node, FULL)
        subnets = open_subnets(world, count)
        node.transactions = node.gas = 0
        started, cpu = time.monotonic(), cpu_seconds(resource.RUSAGE_SELF)
        used = live(world, subnets, epochs)
        seconds = time.monotonic() - started
        spent = cpu_seconds(resource.RUSAGE_SELF) - cpu
        check(world, subnets, epochs)
    ticks = used.pop("ticks")
    return {
        "subnets": count,
        "epochs_each": epochs,
        "validators_each": VALIDATORS,
        "miners_each": MINERS,
        "ticks": ticks,
        "transactions": node.transactions,
        "gas": node.gas,
        "gas_a_tick": node.gas // ticks,
        **used,
        "seconds": round(seconds),
        "cpu_seconds": round(spent, 1),
        "anvil_cpu_seconds": round(cpu_seconds(resource.RUSAGE_CHILDREN) - before, 1),
        "most_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // MIB,
    }


def cpu_seconds(whose: int) -> float:
    """CPU of this process, or of those that it has started and that have ended."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--subnets", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    measured = json.dumps(measure(options.subnets, options.epochs), indent=1)
    print(measured)
    if options.out:
        options.out.write_text(measured + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
