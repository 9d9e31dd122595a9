# SPDX-License-Identifier: Apache-2.0
"""Claims that no honest tree contains: inner nodes, cut and stretched paths, foreign leaves.

Each guard is shown to bite: the same forgery passes on a copy that is naive on purpose.
"""

from __future__ import annotations

import random

import boa
import pytest

from offchain.protocol.domains import keccak
from offchain.protocol.leaves import leaf_prefix, levels, path
from tests.contracts.deployment import compiled, role_address
from tests.contracts.Rewards.conftest import MINER
from tests.contracts.Rewards.payroll import Claim, Pay, Payroll

FORGER = role_address("forger")
ANY_KEY = """
@external
@view
def hotkey_of(registration_id: uint256) -> address:
    return {forger}

@external
@view
def owner_account_of(hotkey: address) -> address:
    return {forger}

@external
@view
def coldkey_of(account: address) -> address:
    return account
"""
NAIVE_LEAF = (
    "modules/domains.vy",
    """    return keccak256(
        keccak256(
            abi_encode(
                prefix, registration_id, server_cumulative_rao, validator_cumulative_rao
            )
        )
    )""",
    "    return keccak256(abi_encode(registration_id, server_cumulative_rao))",
)
NO_DEPTH = (
    "Rewards.vy",
    "depth: uint256 = len(claim.proof)",
    "depth: uint256 = self._depth_of(netuid, claim.epoch)",
)
NO_UID = ("Rewards.vy", "uid < 1 << depth and ", "")
NO_SUBNET = ("Rewards.vy", "assert ids._netuid(registration_id) == netuid, ", "assert True, ")


def random_pays(rng: random.Random) -> dict[int, Pay]:
    return {uid: Pay(rng.randrange(10**12), rng.randrange(10**12)) for uid in range(3)}


def forged_from(tree: list[list[bytes]], level: int, index: int, epoch: int) -> Claim:
    """An inner node passed off as the leaf (left child, right child)."""
    left, right = tree[level - 1][2 * index : 2 * index + 2]
    siblings = [tree[h][(index >> (h - level)) ^ 1] for h in range(level, len(tree) - 1)]
    return Claim(epoch, int.from_bytes(left, "big"), int.from_bytes(right, "big"), 0, siblings)


def test_G1_claim__every_inner_node_as_a_leaf__reverts(payroll: Payroll) -> None:
    rng = random.Random(1)
    tried = 0
    for epoch in range(8):
        payroll.add_root(epoch, random_pays(rng), sent_rao=10**13)
        tree = payroll.trees[epoch]
        for level in range(1, len(tree)):
            for index in range(len(tree[level])):
                forged = forged_from(tree, level, index, epoch)
                own = forged._replace(registration_id=payroll.ids[MINER])
                stretched = own._replace(proof=[*tree[0][:level], *forged.proof])
                for claim in (forged, own, stretched):
                    with boa.reverts():
                        payroll.rewards.claim(payroll.netuid, claim)
                    tried += 1
    assert tried == 8 * 15 * 3
    assert payroll.rewards.paid_rao(payroll.netuid) == 0


@pytest.mark.soundness
def test_G1_claim__inner_node_on_a_naive_copy__is_paid(payroll: Payroll) -> None:
    """The negative control: leaf of 64 bytes hashed once, no depth, no subnet in the id."""
    any_key = boa.loads(ANY_KEY.format(forger=FORGER))
    naive = payroll.with_bug(
        *(NAIVE_LEAF, NO_DEPTH, NO_UID, NO_SUBNET),
        neurons=str(any_key.address),
        staking=str(any_key.address),
    )
    leaves = [keccak(i.to_bytes(32, "big")) for i in range(16)]
    tree = levels(leaves)
    naive.world.give(str(naive.rewards.address), 10**12)
    naive.rewards.add_root(naive.netuid, 0, tree[-1][0], 4, 10**12, sender=naive.settlement)
    # a forger needs an inner node whose path turns as the bits of its left child say
    forged = next(
        claim
        for index in range(8)
        for claim in [forged_from(tree, 1, index, 0)]
        if (claim.registration_id >> 48) & 7 == index
    )
    naive.rewards.claim(naive.netuid, forged)
    assert naive.balance(FORGER) == 10**12


def test_G2_claim__every_truncation_and_extension__reverts(payroll: Payroll) -> None:
    payroll.add_root(0, {uid: Pay(100 + uid, 0) for uid in range(3)})
    honest = payroll.claim(0, MINER)
    paths = [honest.proof[:cut] for cut in range(4)]
    paths += [honest.proof[cut:] for cut in range(1, 4)]
    paths += [[*honest.proof, extra] for extra in (bytes(32), honest.proof[0])]
    paths += [[extra, *honest.proof] for extra in (bytes(32), honest.proof[-1])]
    paths += [honest.proof[:i] + honest.proof[i + 1 :] for i in range(4)]
    paths += [[*honest.proof, *[bytes(32)] * 6]]
    for siblings in paths:
        wrong_depth = len(siblings) != 4
        reason = (
            "rewards: no root of this depth" if wrong_depth else "rewards: wrong proof of uid 0"
        )
        with boa.reverts(reason):
            payroll.rewards.claim(payroll.netuid, honest._replace(proof=siblings))
    with pytest.raises(Exception, match="10"):
        payroll.rewards.claim(payroll.netuid, honest._replace(proof=[bytes(32)] * 11))


def test_G2_claim__position_of_another_uid__reverts(payroll: Payroll) -> None:
    """The position is the uid of the id: a leaf that lies elsewhere in the tree is not proven."""
    payroll.add_root(0, {uid: Pay(100, 0) for uid in range(3)})
    honest = payroll.claim(0, MINER)
    for position in range(1, 16):
        with boa.reverts("rewards: wrong proof of uid 0"):
            payroll.rewards.claim(
                payroll.netuid, honest._replace(proof=path(payroll.trees[0], position))
            )


def misplaced(payroll: Payroll, uid: int) -> tuple[bytes, Claim]:
    """A tree that holds the leaf of a uid beyond its size at position uid % 16."""
    identity = payroll.netuid << 64 | uid << 48 | 1
    made = payroll.leaves({}, 16)
    books = Payroll(payroll.world, payroll.netuid, [], rewards=payroll.rewards)
    books.ids = [payroll.netuid << 64 | i << 48 for i in range(uid)] + [identity]
    made[uid % 16] = books.leaves({uid: Pay(100, 0)}, uid + 1)[uid]
    tree = levels(made)
    return tree[-1][0], Claim(0, identity, 100, 0, path(tree, uid % 16))


def test_G2_claim__uid_beyond_the_tree__reverts(payroll: Payroll) -> None:
    root, claim = misplaced(payroll, 16 + MINER)
    payroll.rewards.add_root(payroll.netuid, 0, root, 4, 100, sender=payroll.settlement)
    with boa.reverts("rewards: wrong proof of uid 16"):
        payroll.rewards.claim(payroll.netuid, claim)


@pytest.mark.soundness
def test_G2_claim__uid_beyond_the_tree_unchecked__is_paid(payroll: Payroll) -> None:
    any_key = boa.loads(ANY_KEY.format(forger=FORGER))
    naive = payroll.with_bug(NO_UID, neurons=str(any_key.address), staking=str(any_key.address))
    root, claim = misplaced(naive, 16 + MINER)
    naive.world.give(str(naive.rewards.address), 100)
    naive.rewards.add_root(naive.netuid, 0, root, 4, 100, sender=naive.settlement)
    naive.rewards.claim(naive.netuid, claim)
    assert naive.balance(FORGER) == 100


def test_G4_claim__other_contract_subnet_or_chain__valid_in_one_of_eight(payroll: Payroll) -> None:
    """The same leaf and path under the same root, in 2 distributors x 2 netuids x 2 chains."""
    known = payroll.world.address
    other = compiled("Rewards").deploy(
        *(known[name] for name in ("Tao", "Staking", "Neurons", "Settlement"))
    )
    payroll.add_root(0, {MINER: Pay(100, 0)})
    root, claim = payroll.trees[0][-1][0], payroll.claim(0, MINER)
    chain_id = boa.env.evm.chain.chain_id
    valid = []
    try:
        for distributor in (payroll.rewards, other):
            for netuid in (payroll.netuid, payroll.netuid + 1):
                if (distributor, netuid) != (payroll.rewards, payroll.netuid):
                    distributor.add_root(netuid, 0, root, 4, 100, sender=payroll.settlement)
                for chain in (chain_id, chain_id + 1):
                    boa.env.evm.patch.chain_id = chain
                    moved = (netuid - payroll.netuid) << 64
                    replayed = claim._replace(registration_id=claim.registration_id + moved)
                    if _pays(distributor, netuid, replayed):
                        valid.append((distributor.address, netuid, chain))
    finally:
        boa.env.evm.patch.chain_id = chain_id
    assert valid == [(payroll.rewards.address, payroll.netuid, chain_id)]
    prefixes = {leaf_prefix(c, known["Rewards"], payroll.netuid) for c in (chain_id, chain_id + 1)}
    assert len(prefixes) == 2


def _pays(distributor: object, netuid: int, claim: Claim) -> bool:
    with boa.env.anchor():
        try:
            distributor.claim(netuid, claim)  # type: ignore[attr-defined]
        except boa.BoaError as error:
            if "rewards: wrong proof of uid 0" not in str(error):
                raise
            return False
    return True


def test_G3_claim__two_leaves_of_one_id__never_more_than_the_larger(payroll: Payroll) -> None:
    payroll.add_root(0, {MINER: Pay(100, 0)})
    payroll.add_root(1, {MINER: Pay(70, 0)}, sent_rao=70)
    for epoch in (1, 0, 1):
        payroll.rewards.claim(payroll.netuid, payroll.claim(epoch, MINER))
    assert payroll.claimed(MINER) == Pay(100, 0)


def test_G7_claim__tree_of_1024_leaves__every_level_is_climbed(payroll: Payroll) -> None:
    payroll.add_root(0, {uid: Pay(100, 0) for uid in range(3)}, leaves=1024)
    for uid in range(3):
        payroll.rewards.claim(payroll.netuid, payroll.claim(0, uid))
        assert payroll.claimed(uid) == Pay(100, 0)


def test_claim__root_of_another_depth_from_an_earlier_life__stays_claimable(
    payroll: Payroll,
) -> None:
    """A netuid that is used again may have another number of uids; old roots keep their depth."""
    payroll.add_root(0, {MINER: Pay(100, 0)})
    payroll.add_root(1, {MINER: Pay(100, 0)}, sent_rao=0, leaves=64)
    assert [payroll.rewards.depth_of(payroll.netuid, epoch) for epoch in (0, 1)] == [4, 6]
    payroll.rewards.claim(payroll.netuid, payroll.claim(0, MINER))
    assert payroll.claimed(MINER) == Pay(100, 0)
