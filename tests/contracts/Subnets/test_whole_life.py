# SPDX-License-Identifier: Apache-2.0
"""A subnet lives, is evicted in the middle of its epochs, and its number lives again.

128 subnets; netuid 1 pays, a 129th takes its number; the last epochs of the first life become
final in the second one's time; both lives pay their neurons, and nothing passes between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import boa
import pytest

from offchain.protocol.identifiers import (
    first_epoch,
    generation_in_life,
    life_in,
    life_of,
    unpack_registration_id,
)
from offchain.protocol.rows import pack_row
from offchain.settlement.history import History, Proposal
from offchain.settlement.payouts import PayTree, unpack_cumulatives
from tests.contracts import life
from tests.contracts.deployment import RAO, World, role_address, seeded
from tests.contracts.Subnets.full import full_world
from tests.contracts.Weights.voting import Voting

NETUID = 1
FIRST = first_epoch(2)
PROPOSER = role_address("proposer")


@dataclass
class Market:
    """Netuid 1 in one of its lives: validators in seats, miners behind them."""

    world: World
    voting: Voting
    miners: list[str]
    history: History = field(default_factory=lambda: History(NETUID))

    def vote(self, epoch: int) -> None:
        """Every seat commits in its epoch and reveals at the start of the next."""
        row = pack_row([0] * len(self.voting.names) + [40, 60] + [0] * self.free)
        self.voting.go(epoch, plus=1)
        for seat in range(len(self.voting.names)):
            self.voting.commit(seat, epoch, row)
        self.voting.go(epoch + 1)
        for seat in range(len(self.voting.names)):
            self.voting.reveal(seat, epoch, row)
            (log,) = self.logs(self.world.weights, "WeightsRevealed")
            self.history.weights_revealed(epoch, seat, log.row)

    @property
    def free(self) -> int:
        return self.voting.max_uids - len(self.voting.names) - 2

    def close(self, epoch: int) -> Any:
        window = self.world.subnets.window_of(NETUID, epoch)
        self.world.warp_to(window.start_tick + window.tempo + window.reveal_ticks)
        self.world.settlement.close(NETUID, epoch)
        (log,) = self.logs(self.world.settlement, "EpochClosed")
        return self.history.epoch_closed(log.header, log.seats, log.generations, log.frozen_hash, 0)

    def propose(self, epoch: int) -> None:
        settlement = self.world.settlement
        bond = settlement.bond_rao(NETUID, epoch)
        self.world.give(PROPOSER, bond, settlement.address)
        parent_id = self.history.parent_id(epoch)
        words = list(self.history.result(epoch).words)
        number = settlement.propose(NETUID, epoch, parent_id, bond, words, sender=PROPOSER)
        proposal = Proposal(int(number), parent_id, PROPOSER, bond, tuple(words), 0)
        self.history.epoch_proposed(epoch, proposal)

    def finalize(self, epoch: int) -> Any:
        record = self.history.epochs[epoch]
        assert record.live is not None
        settlement = self.world.settlement
        due = settlement.proposal_of(record.live.proposal_id).tick + 3
        self.world.warp_to(max(due, self.world.tick))
        parent = self.history.parent_of(epoch)
        settlement.finalize(
            *(record.live.proposal_id, list(record.header), list(record.seats)),
            *(list(record.generations), list(record.live.trace)),
            list(parent.cumulatives) if parent is not None else [],
            [0, 0, 0, 0],
        )
        (log,) = self.logs(settlement, "EpochFinalized")
        self.history.epoch_finalized(epoch, record.live.proposal_id, log.cumulatives)
        return log

    def claim(self, epoch: int, uid: int) -> int:
        """Claim for a uid by the root of an epoch; rao that its coldkey or pool got."""
        record = self.history.epochs[epoch]
        cumulatives = unpack_cumulatives(record.cumulatives)
        chain_id = boa.env.evm.chain.chain_id
        tree = PayTree(record.frozen, cumulatives, chain_id, self.world.address["Rewards"])
        registration_id = NETUID << 64 | uid << 48 | record.frozen.generations[uid]
        due = cumulatives[uid]
        subnet = life_in(NETUID, epoch)
        before = self.world.rewards.paid_rao(subnet)
        claim = (epoch, registration_id, due.server_rao, due.validator_rao, tree.proof(uid))
        self.world.rewards.claim(NETUID, claim)
        return int(self.world.rewards.paid_rao(subnet) - before)

    @staticmethod
    def logs(contract: Any, name: str) -> list[Any]:
        return [log for log in contract.get_logs() if type(log).__name__ == name]


def open_market(world: World, names: Sequence[str], miners: Sequence[str]) -> Market:
    """Validators and miners register in netuid 1, stake, start it and take its seats."""
    owner_tick = world.tick
    for name in (*names, *miners):
        life.register(world, NETUID, name)
    for weight, name in enumerate(names):
        life.stake(world, name, (weight + 1) * 100 * RAO)
    world.warp(max(1, owner_tick + 1 - world.tick))
    life.start(world, NETUID, in_ticks=2)
    for seat in range(len(names)):
        world.neurons.poke(NETUID, seat, seat)
    max_uids = int(world.subnets.max_uids(NETUID))
    return Market(world, Voting(world, NETUID, max_uids, list(names)), list(miners))


def whole_life(world: World) -> None:
    for netuid in range(2, 129):
        life.start(world, netuid)
    old = open_market(world, ["old validator", "old validator 2"], ["old miner", "old miner 2"])
    for epoch in (0, 2, 4):  # what nobody votes in between is null
        old.vote(epoch)
        old.close(epoch)
        old.propose(epoch)
        if epoch < 1:
            old.finalize(epoch)
    old_id = int(world.neurons.registration_at(NETUID, 2, 4))
    old_lock, old_owner = world.subnets.lock_rao(NETUID), world.subnets.owner_of(NETUID)
    old_price = world.neurons.burn_rao(NETUID)
    old_drained = world.emission.drained_rao(NETUID)
    assert old_drained > 0
    assert world.subnets.weakest() == NETUID

    # somebody wants a subnet, and every number is taken
    assert life.create(world, owner="heir", max_uids=32) == NETUID
    (evicted,) = old.logs(world.subnets, "SubnetEvicted")

    balance = world.tao.balanceOf(old_owner)
    assert world.subnets.owner_of(NETUID) == role_address("heir")
    assert evicted.refund_rao == max(0, old_lock - old_drained * 11_796 // 65_535)
    assert balance >= evicted.refund_rao
    # nothing of the first life can be closed any more, or votes in the second
    assert world.neurons.uid_count(NETUID) == 0
    assert world.neurons.uid_of(NETUID, life.key("old miner").address, FIRST) == life.NO_LIMIT
    assert list(life.seats_at(world, NETUID, FIRST)) == [0] * 4
    assert list(world.neurons.standing_at(NETUID, FIRST).generations) == [0] * 4
    assert world.neurons.registration_at(NETUID, 2, FIRST) == 0
    assert world.neurons.holder_of(NETUID, 0, FIRST) == (0, "0x" + "00" * 20)
    # (after the sale of four neurons the price had risen)
    assert world.neurons.burn_rao(NETUID) == 1_000_000_000 != old_price
    assert world.neurons.pruning_of(NETUID, 2) == (0, 0)
    with boa.reverts("neurons: not registered"):
        world.neurons.serve_axon(NETUID, 1 << 24, 80, 4, 0, 1, sender=life.key("old miner").address)

    new = open_market(world, ["new validator", "new validator 2"], ["new miner", "old miner"])
    with boa.reverts():
        world.settlement.close(NETUID, 5)
    new_id = int(world.neurons.registration_at(NETUID, 2, FIRST))
    assert unpack_registration_id(new_id).uid == unpack_registration_id(old_id).uid == 2
    assert generation_in_life(unpack_registration_id(new_id).generation) == (2, 1)
    assert generation_in_life(unpack_registration_id(old_id).generation) == (1, 1)

    # the old miner claims what was final before; then the old epochs end among the new ones
    paid_old = [old.claim(0, uid) for uid in range(4)]
    assert all(paid > 0 for paid in paid_old)
    old_final = old.finalize(2)
    assert old_final.owner_rao == 0  # its owner is no more: recycled
    new.vote(FIRST)
    record = new.close(FIRST)
    header = record.frozen.header
    assert (header.incarnation, header.parent_epoch, header.epoch) == (2, None, FIRST)
    assert header.max_uids == 32
    assert all(not seat.loads_bonds for seat in record.frozen.seats if seat.generation)
    new.propose(FIRST)
    first_final = new.finalize(FIRST)
    assert first_final.owner_rao > 0
    last = old.finalize(4)
    assert last.root != first_final.root
    assert world.rewards.root_of(NETUID, 4) == last.root
    assert world.rewards.root_of(NETUID, FIRST) == first_final.root

    # both lives are paid, each from its own roots
    assert all(old.claim(4, uid) > 0 for uid in range(4))
    new_paid = [new.claim(FIRST, uid) for uid in range(4)]
    assert all(paid > 0 for paid in new_paid)
    assert all(old.claim(4, uid) == 0 for uid in range(4))
    assert all(new.claim(FIRST, uid) == 0 for uid in range(4))
    for number in (1, 2):
        subnet = life_of(NETUID, number)
        assert world.rewards.received_rao(subnet) == world.rewards.paid_rao(subnet) > 0
    new.vote(FIRST + 2)
    assert new.close(FIRST + 2).frozen.header.parent_epoch == FIRST
    new.propose(FIRST + 2)
    new.finalize(FIRST + 2)
    assert new.claim(FIRST + 2, 3) > 0


def test_whole_life__evicted_and_reused__both_lives_pay_their_own(full: World) -> None:
    whole_life(full)


@pytest.mark.soundness
@pytest.mark.parametrize(
    "name, bug",
    [
        (
            "Neurons",
            ("modules/registration_id.vy", "(epoch >> LIFE_EPOCH_BITS) << 16 | netuid", "netuid"),
        ),
        ("Rewards", ("Rewards.vy", "ids._life(netuid, epoch)", "netuid")),
        ("Subnets", ("Subnets.vy", "- 1) << ids.LIFE_EPOCH_BITS", "- 1) << 0")),
        ("Subnets", ("Subnets.vy", "    eras._end(netuid)\n", "")),
    ],
)
def test_whole_life__seeded__trips(name: str, bug: tuple[str, str, str]) -> None:
    with boa.env.anchor(), pytest.raises((AssertionError, boa.BoaError)):
        whole_life(full_world(**{name: seeded(name, bug)}))
