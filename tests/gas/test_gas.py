# SPDX-License-Identifier: Apache-2.0
"""Gas of the operations that everybody pays for: receipts of a real chain against the snapshot.

One subnet of 256 uids and 64 validators, every weight and every old bond non-zero, three epochs
deep. `pytest -m gas --update` rewrites gas.json, footprint.json, docs/gas.md, docs/capacity.md and
the table in README.md; read the difference before you commit it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from offchain.chain.keys import IDENTITY_BYTES
from offchain.lab import capacity
from offchain.protocol.rows import pack_row
from offchain.settlement import challenge
from offchain.settlement.history import History, Proposal
from offchain.settlement.payouts import Cumulative, PayTree
from tests.contracts import life
from tests.contracts.deployment import FULL, RAO, role_address
from tests.contracts.Weights.voting import SALT, Voting
from tests.gas.anvil_world import (
    CHAIN_ID,
    MAX_TRANSACTION_GAS,
    AnvilWorld,
    Node,
    anvil,
    deploy,
)
from tests.gas.report import (
    PAGE,
    README,
    SNAPSHOT,
    over_budget,
    page,
    readme,
    table,
)

UIDS, SEATS = 256, 64
BLOCKS = UIDS // 16
LAST = 2  # what is measured: words that epochs share have all been used by then
COLDKEY = role_address("coldkey of all")
PROPOSER = role_address("proposer")
CHALLENGER = role_address("challenger")
LARGEST_TRANSACTION_BYTES = 128 * 1024


@dataclass
class Subnet:
    """The subnet, its off-chain history, and the gas of what was measured."""

    world: AnvilWorld
    voting: Voting
    history: History
    gas: dict[str, int]
    # calldata of the same operations, and storage slots that were not there before
    sizes: dict[str, int] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)

    @property
    def node(self) -> Node:
        return self.world.node

    @property
    def netuid(self) -> int:
        return self.voting.netuid

    def note(self, what: str, times: int = 1) -> None:
        """The last transaction's gas under a name; the largest if there are several."""
        used = int(self.node.receipt["gasUsed"])
        assert used < MAX_TRANSACTION_GAS
        self.gas[what] = max(used, self.gas.get(what, 0)) if times > 1 else used
        sent = self.node.w3.eth.get_transaction(self.node.receipt["transactionHash"])
        self.sizes[what] = max(len(sent["input"]), self.sizes.get(what, 0))

    @contextmanager
    def note_slots(self, what: str) -> Iterator[None]:
        """The storage slots that come into use inside."""
        before = self.node.slots_in_use()
        yield
        self.slots[what] = self.node.slots_in_use() - before

    def vote(self, epoch: int) -> None:
        """All validators commit to dense rows and reveal them."""
        rng = Random(epoch)
        rows = [pack_row([rng.randint(256, 65_535) for _ in range(UIDS)]) for _ in range(SEATS)]
        for seat, row in enumerate(rows):
            self.voting.commit(seat, epoch, row)
            self.note("commit", SEATS)
        self.voting.go(epoch + 1)
        for seat, row in enumerate(rows):
            self.voting.reveal(seat, epoch, row, SALT)
            self.note("reveal of 256 uids" if epoch >= 2 else "a seat's first two reveals", SEATS)
            masked = self.world.weights.last("WeightsRevealed").row
            self.history.weights_revealed(epoch, seat, bytes(masked))

    def close(self, epoch: int) -> None:
        window = self.world.subnets.window_of(self.netuid, epoch)
        self.world.warp_to(window.start_tick + window.tempo + window.reveal_ticks)
        self.world.settlement.close(self.netuid, epoch)
        self.note("close 64 x 256")
        closed = self.world.settlement.last("EpochClosed")
        self.history.epoch_closed(
            closed.header, closed.seats, closed.generations, closed.frozen_hash, 0
        )

    def propose(self, epoch: int, trace: tuple[int, ...]) -> int:
        settlement = self.world.settlement
        bond = settlement.bond_rao(self.netuid, epoch)
        self.world.give(PROPOSER, bond, self.world.address["Settlement"])
        parent = self.history.parent_id(epoch)
        assert parent is not None
        made = settlement.propose(self.netuid, epoch, parent, bond, list(trace), sender=PROPOSER)
        self.note("propose 64 x 256")
        proposal = Proposal(int(made), parent, PROPOSER, bond, trace, 0)
        self.history.epoch_proposed(epoch, proposal)
        return int(made)

    def finalize(self, epoch: int, proposal_id: int) -> None:
        closed = self.history.epochs[epoch]
        base = list(self.history.base(epoch))
        assert closed.live is not None
        words = [list(part) for part in (closed.header, closed.seats, closed.generations)]
        carried = list(self.history.carried(epoch))
        self.world.settlement.finalize(proposal_id, *words, list(closed.live.trace), base, carried)
        self.note("finalize")
        final = self.world.settlement.last("EpochFinalized")
        self.history.epoch_finalized(epoch, proposal_id, final.cumulatives)

    def pay_tree(self, pay: Sequence[Cumulative]) -> PayTree:
        frozen = self.history.epochs[LAST].frozen
        return PayTree(frozen, pay, CHAIN_ID, self.world.address["Rewards"])

    def claim(self, epoch: int, uid: int, pay: Sequence[Cumulative] = ()) -> tuple[Any, ...]:
        """The claim of a uid's pay: by default what history says."""
        pay = pay or self.history.cumulatives(epoch)
        identity = self.history.epochs[LAST].frozen.registration_id(uid)
        mine, proof = pay[uid], self.pay_tree(pay).proof(uid)
        return epoch, identity, mine.server_rao, mine.validator_rao, proof


def open_subnet(world: AnvilWorld) -> Subnet:
    """256 neurons of one coldkey, but for two miners with their own; 64 of them in seats."""
    netuid = life.create(world, max_uids=UIDS, max_validators=SEATS)
    voting = Voting(world, netuid, UIDS, [f"neuron {uid}" for uid in range(SEATS)])
    for spender in ("Neurons", "Staking"):
        world.give(COLDKEY, 100_000 * RAO, world.address[spender])
    for uid in range(UIDS):
        if uid in (64, 65):
            life.register(world, netuid, f"neuron {uid}")
            continue
        hotkey = life.key(f"neuron {uid}")
        consent = life.consent(world, netuid, hotkey, COLDKEY)
        world.neurons.register(netuid, hotkey.address, life.NO_LIMIT, consent, sender=COLDKEY)
    for seat in range(SEATS):
        world.staking.add_stake(voting.hotkey(seat), (1_000 + seat) * RAO, sender=COLDKEY)
    world.warp(1)
    life.start(world, netuid, in_ticks=100)
    for seat in range(SEATS):
        world.neurons.poke(netuid, seat, seat)
    voting.go(0)
    return Subnet(world, voting, History(netuid), {})


def strike_once(subnet: Subnet, true: tuple[int, ...]) -> None:
    """The first strike of a network lets Emission take tokens, once for all that follow."""
    proposal = subnet.propose(LAST, (true[0] ^ 1, *true[1:]))
    arguments = challenge.sums(challenge.examine(subnet.history, LAST))
    subnet.world.settlement.challenge_sum(*arguments, sender=CHALLENGER)
    subnet.note("the first strike of a network")
    subnet.history.proposal_ended(proposal, struck=True)


def measure_disputes(subnet: Subnet) -> None:
    """A wrong rank and a wrong dividend total, each struck in one transaction."""
    true = subnet.history.result(LAST).words
    strike_once(subnet, true)
    for what, index, bits in (("a block", 1, 1), ("the sums", len(true) - 1, 1)):
        with subnet.node.undone():
            wrong = list(true)
            wrong[index] ^= bits
            subnet.propose(LAST, tuple(wrong))
            examination = challenge.examine(subnet.history, LAST)
            settlement = subnet.world.settlement
            if what == "a block":
                arguments = challenge.challenge_block(examination, 0)
                settlement.challenge_block(*arguments, sender=CHALLENGER)
            else:
                settlement.challenge_sum(*challenge.sums(examination), sender=CHALLENGER)
            subnet.note(f"challenge {what}")
            assert subnet.world.settlement.last("ProposalStruck").reward_rao > 0


def measure_proofs(subnet: Subnet, parts: int) -> None:
    """All blocks of the live proposal, over `parts` transactions."""
    examination = challenge.examine(subnet.history, LAST)
    used = []
    for part in range(parts):
        chosen = range(part * BLOCKS // parts, (part + 1) * BLOCKS // parts)
        subnet.world.settlement.prove(*challenge.prove(examination, chosen))
        used.append(int(subnet.node.receipt["gasUsed"]))
        sent = subnet.node.w3.eth.get_transaction(subnet.node.receipt["transactionHash"])
        assert len(sent["input"]) < LARGEST_TRANSACTION_BYTES
    assert max(used) < MAX_TRANSACTION_GAS
    subnet.gas[f"prove all blocks in {parts}" + (", sum" if parts > 1 else "")] = sum(used)
    if parts > 1:
        subnet.gas[f"prove all blocks in {parts}, largest"] = max(used)
        return
    subnet.world.settlement.prove_sum(*challenge.sums(examination))
    subnet.note("prove the sums")


def measure_claims(subnet: Subnet) -> None:
    """The last two epochs are final; uid 64 has a coldkey of its own that holds a token.

    Every claim into a pool is in a tick of its own, as claims of different epochs are: it puts a
    checkpoint of the pool and one of all stake away.
    """
    rewards, netuid = subnet.world.rewards, subnet.netuid
    subnet.world.give(subnet.world.staking.owner_of(life.key("neuron 64").address), 1)
    rewards.claim(netuid, subnet.claim(LAST - 1, 64))
    subnet.note("first claim of a miner")
    rewards.claim(netuid, subnet.claim(LAST, 64))
    subnet.note("later claim of a miner")
    measure_dividends(subnet)
    for epoch, which in ((LAST - 1, "first"), (LAST, "later")):
        subnet.world.warp(1)
        rewards.claim(netuid, subnet.claim(epoch, 0))
        subnet.note(f"{which} claim of a validator that also mines")
    for uid in range(70, 80):
        rewards.claim(netuid, subnet.claim(LAST - 1, uid))
    with subnet.note_slots("ten later claims"):
        rewards.claim_many(netuid, [subnet.claim(LAST, uid) for uid in range(70, 80)])
    subnet.note("ten later claims in 1")


def measure_identities(subnet: Subnet) -> None:
    """A short one, its removal, and everything at its bound."""
    few = ("Acme", "https://acme.example", "", "", "", "We validate text and images.", "")
    full = tuple("x" * most for most in IDENTITY_BYTES.values())
    for what, said in (
        ("identity: name, page, a sentence", few),
        ("identity: removed", ("",) * len(few)),
        ("identity: everything at its bound", full),
    ):
        subnet.world.keys.set_identity(subnet.voting.hotkey(0), said, sender=COLDKEY)
        subnet.note(what)


def measure_dividends(subnet: Subnet) -> None:
    """A validator that earns dividends alone, which nobody does where no weight is missing: two
    more roots, in Settlement's name.
    """
    world, uid = subnet.world, 1
    for epoch, which in ((LAST + 1, "first"), (LAST + 2, "later")):
        pay = list(subnet.history.cumulatives(LAST))
        dividends_rao = pay[uid].validator_rao
        pay[uid] = replace(pay[uid], server_rao=0, validator_rao=(epoch - LAST) * dividends_rao)
        tree = subnet.pay_tree(pay)
        world.give(world.address["Rewards"], dividends_rao)
        root = (epoch, tree.root, len(tree.proof(uid)), dividends_rao)
        world.rewards.add_root(subnet.netuid, *root, sender=world.address["Settlement"])
        world.warp(1)
        world.rewards.claim(subnet.netuid, subnet.claim(epoch, uid, pay))
        subnet.note(f"{which} claim of a validator into its pool")


@pytest.fixture(scope="module")
def measured() -> Iterator[Subnet]:
    with anvil() as node:
        subnet = open_subnet(deploy(node, FULL))
        for epoch in range(LAST):
            subnet.vote(epoch)
            subnet.close(epoch)
            proposal = subnet.propose(epoch, subnet.history.result(epoch).words)
            subnet.world.warp(FULL.profile.window_ticks)
            subnet.finalize(epoch, proposal)

        with subnet.note_slots("an epoch"):
            subnet.vote(LAST)
            subnet.close(LAST)
            measure_disputes(subnet)
            proposal = subnet.propose(LAST, subnet.history.result(LAST).words)
            for parts in (1, 4):
                with node.undone():
                    measure_proofs(subnet, parts)
            subnet.world.warp(FULL.profile.window_ticks)
            subnet.finalize(LAST, proposal)
        measure_claims(subnet)
        measure_identities(subnet)
        yield subnet


@pytest.mark.gas
@pytest.mark.chain
@pytest.mark.slow
def test_gas__every_operation__is_in_budget_and_as_committed(
    measured: Subnet, update_snapshots: Callable[[Path, str], None]
) -> None:
    gas, footprint = measured.gas, {"bytes": measured.sizes, "slots": measured.slots}
    print(table(gas))
    assert over_budget(gas) == set()
    update_snapshots(SNAPSHOT, json.dumps(gas, indent=1) + "\n")
    update_snapshots(capacity.FOOTPRINT, json.dumps(footprint, indent=1) + "\n")
    update_snapshots(PAGE, page(gas))
    update_snapshots(capacity.PAGE, capacity.page(gas, footprint))
    update_snapshots(README, readme(gas))
