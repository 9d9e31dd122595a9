# SPDX-License-Identifier: Apache-2.0
"""What was signed or committed on one chain is worth nothing on a fork of it (row A5).

The fork has the same contracts at the same addresses and the same state; only its number differs.
So a contract that remembered its domain from its deployment would accept what is here refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boa
import pytest

from tests.contracts import life
from tests.contracts.deployment import World, deploy_world, role_address, seeded
from tests.contracts.Keys.test_hotkey import COST, consent
from tests.contracts.Weights.voting import open_voting

NEW = "new hotkey"
Signed = tuple[str, Callable[[], object]]


@contextmanager
def fork() -> Iterator[None]:
    """The same state under another chain's number."""
    patch = boa.env.evm.patch
    home = patch.chain_id
    patch.chain_id = home + 1
    try:
        yield
    finally:
        patch.chain_id = home


def registration(world: World) -> Signed:
    netuid, payer, hotkey = life.create(world), role_address("newcomer"), life.key("newcomer")
    world.give(payer, 10**12, world.address["Neurons"])
    signature = life.consent(world, netuid, hotkey, payer)
    arguments = (netuid, hotkey.address, life.NO_LIMIT, signature)
    return "neurons: no consent", lambda: world.neurons.register(*arguments, sender=payer)


def owning(world: World) -> Signed:
    netuid, hotkey = life.create(world), life.key("another")
    owner = world.subnets.owner_of(netuid)
    signature = life.owning(world, hotkey, owner)
    arguments = (netuid, hotkey.address, signature)
    return "subnets: no consent", lambda: world.subnets.set_owner_hotkey(*arguments, sender=owner)


def place(world: World) -> Signed:
    netuid = life.create(world)
    life.register(world, netuid, "old")
    old = life.key("old").address
    coldkey = world.staking.owner_of(old)
    world.give(coldkey, COST, world.address["Keys"])
    arguments = (old, life.key(NEW).address, [netuid], consent(world, old, coldkey))
    return "keys: no consent", lambda: world.keys.swap_hotkey(*arguments, sender=coldkey)


def commitment(world: World) -> Signed:
    voting = open_voting(world, 1)
    voting.commit(0, 0, voting.row())
    voting.go(1)
    return "weights: not the commit", lambda: voting.reveal(0, 0, voting.row())


@pytest.mark.parametrize("signed", [registration, owning, place, commitment])
def test_A5_signed_or_committed_at_home__on_a_fork__reverts_and_still_works_at_home(
    world: World, signed: Callable[[World], Signed]
) -> None:
    world.warp(1)
    reason, use = signed(world)
    with fork(), boa.reverts(reason):
        use()
    use()


@pytest.mark.soundness
@pytest.mark.parametrize(
    ("signed", "contract", "file", "right"),
    [
        (registration, "Neurons", "consent", "_VERSION_HASH, chain.id, self"),
        (commitment, "Weights", "domains", "COMMIT_DOMAIN, chain.id, self"),
    ],
)
def test_A5_seeded_bug__domain_of_one_chain_for_ever__is_found(
    signed: Callable[[World], Signed], contract: str, file: str, right: str
) -> None:
    bug = (f"modules/{file}.vy", right, right.replace("chain.id", "convert(1, uint256)"))
    with boa.env.anchor():
        world = deploy_world(**{contract: seeded(contract, bug)})
        with pytest.raises(BaseException, match="Did not revert"):
            test_A5_signed_or_committed_at_home__on_a_fork__reverts_and_still_works_at_home(
                world, signed
            )
