# SPDX-License-Identifier: Apache-2.0
"""Proposing: who may, what is recorded, whose description it is, and taking it back."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts.deployment import RAO, role_address
from tests.contracts.Governor.assembly import (
    CANCELED,
    EXECUTED,
    HOTKEY,
    LARGE,
    OTHER_HOTKEY,
    PENDING,
    QUEUED,
    RIVAL,
    SMALL,
    STAKES,
    VALIDATOR,
    Assembly,
    Draft,
)

TOTAL_RAO = sum(STAKES.values())


def test_propose__with_the_threshold__is_pending_under_openzeppelins_number(
    assembly: Assembly,
) -> None:
    draft = assembly.draft()
    tick = assembly.world.tick
    number = assembly.propose(draft)
    (created,) = assembly.governor.get_logs()
    assert (created.proposalId, created.proposer) == (draft.number, VALIDATOR)
    assert (created.voteStart, created.voteEnd) == (tick + 4, tick + 4 + 24)
    assert list(created.targets) == draft.targets
    assert [bytes(call) for call in created.calldatas] == draft.calldatas
    assert (list(created.signatures), created.description) == ([""], draft.description)
    governor = assembly.governor
    assert governor.state(number) == PENDING
    assert governor.proposalSnapshot(number) == tick + 4
    assert governor.proposalDeadline(number) == tick + 28
    assert governor.proposalProposer(number) == VALIDATOR
    assert governor.hashProposal(*draft.hashed) == governor.getProposalId(*draft.hashed) == number


def test_propose__threshold__is_a_share_of_all_stake(assembly: Assembly) -> None:
    governor, world = assembly.governor, assembly.world
    assert governor.proposalThreshold() == TOTAL_RAO // 1_000
    poor, rich = role_address("poor"), role_address("rich")
    assembly.stake(HOTKEY, poor, RAO // 2 - RAO // 1_000)
    assembly.stake(HOTKEY, rich, RAO // 2 + RAO // 1_000)
    for delegator in (poor, rich):
        governor.set_hotkeys([HOTKEY], sender=delegator)
    world.warp(1)
    # 501 TAO are staked: the threshold is 0.501
    assert governor.proposalThreshold() == 501 * RAO // 1_000
    assert governor.getVotes(rich, world.tick - 1) == 501 * RAO // 1_000
    with boa.reverts("governor: below the threshold"):
        assembly.propose(assembly.draft(), poor)
    assembly.propose(assembly.draft(), rich)


def test_propose__stake_of_this_tick__does_not_count(assembly: Assembly) -> None:
    newcomer = role_address("newcomer")
    assembly.stake(HOTKEY, newcomer, 50 * RAO)
    assembly.governor.set_hotkeys([HOTKEY], sender=newcomer)
    with boa.reverts("governor: below the threshold"):
        assembly.propose(assembly.draft(), newcomer)
    assembly.world.warp(1)
    assembly.propose(assembly.draft(), newcomer)


def test_propose__without_hotkeys__is_below_the_threshold(assembly: Assembly) -> None:
    assembly.governor.set_hotkeys([], sender=RIVAL)
    with boa.reverts("governor: below the threshold"):
        assembly.propose(assembly.draft(), RIVAL)


def test_propose__twice__reverts(assembly: Assembly) -> None:
    assembly.propose(assembly.draft())
    with boa.reverts("governor: proposed before"):
        assembly.propose(assembly.draft())
    assembly.propose(assembly.draft(why="another reason"))


@pytest.mark.parametrize(
    ("targets", "values", "calls", "reason"),
    [
        (0, 0, 0, "governor: no call"),
        (2, 1, 2, "governor: lengths differ"),
        (2, 2, 1, "governor: lengths differ"),
    ],
)
def test_propose__lists_that_do_not_fit__revert(
    assembly: Assembly, targets: int, values: int, calls: int, reason: str
) -> None:
    lists = ([assembly.governor.address] * targets, [0] * values, [b""] * calls)
    with boa.reverts(reason):
        assembly.governor.propose(*lists, "why", sender=VALIDATOR)


@pytest.mark.parametrize(
    ("suffix", "may"),
    [
        ("#proposer={own}", True),
        ("#proposer={other}", False),
        ("#proposer={other} ", True),
        ("#proposer=0xzz", True),
        ("#proposer={bad}", True),
        ("", True),
    ],
)
def test_T_front_running__a_description_that_names_its_proposer__is_for_it_alone(
    assembly: Assembly, suffix: str, may: bool
) -> None:
    words = {"own": VALIDATOR, "other": RIVAL, "bad": "0x" + "g" * 40}
    for spelled in (str, str.lower):
        draft = assembly.draft(why=f"why {may}" + spelled(suffix.format(**words)))
        with boa.env.anchor():
            if may:
                assembly.propose(draft)
                continue
            with boa.reverts("governor: for another proposer"):
                assembly.propose(draft)


def test_set_hotkeys__out_of_order_or_twice__reverts(assembly: Assembly) -> None:
    first, second = sorted((HOTKEY, OTHER_HOTKEY), key=str.lower)
    for hotkeys in ([second, first], [first, first], ["0x" + "00" * 20]):
        with boa.reverts("governor: hotkeys not in order"):
            assembly.governor.set_hotkeys(hotkeys, sender=SMALL)
    assembly.governor.set_hotkeys([first, second], sender=SMALL)
    assert list(assembly.governor.hotkeys_of(SMALL)) == [first, second]


@pytest.mark.parametrize("stage", ["propose", "opened", "decided", "queued"])
def test_cancel__by_the_proposer_until_executed__nothing_happens(
    assembly: Assembly, stage: str
) -> None:
    draft = assembly.draft()
    number = getattr(assembly, stage)(draft)
    with boa.reverts("governor: not the proposer"):
        assembly.governor.cancel(*draft.hashed, sender=LARGE)
    assembly.governor.cancel(*draft.hashed, sender=VALIDATOR)
    assert assembly.governor.state(number) == CANCELED
    assembly.end(number) if stage in ("propose", "opened") else None
    assembly.wait_for_timelock()
    assert assembly.governor.state(number) == CANCELED
    for step in (assembly.governor.queue, assembly.governor.execute):
        with boa.reverts("governor: not in that state"):
            step(*draft.hashed, sender=SMALL)
    if stage == "queued":
        with boa.reverts("timelock_controller: operation is not ready"):
            assembly.world.timelock.execute_batch(*operation(assembly, draft), sender=SMALL)


def test_cancel__executed_or_twice__reverts(assembly: Assembly) -> None:
    done = assembly.draft()
    number = assembly.carry_out(done)
    assert assembly.governor.state(number) == EXECUTED
    with boa.reverts("governor: over"):
        assembly.governor.cancel(*done.hashed, sender=VALIDATOR)
    draft = assembly.draft(why="again")
    assembly.propose(draft)
    assembly.governor.cancel(*draft.hashed, sender=VALIDATOR)
    with boa.reverts("governor: over"):
        assembly.governor.cancel(*draft.hashed, sender=VALIDATOR)


def test_state__unknown__reverts(assembly: Assembly) -> None:
    with boa.reverts("governor: unknown proposal"):
        assembly.governor.state(1)


def test_state__cancelled_in_the_timelock__is_canceled(assembly: Assembly) -> None:
    draft = assembly.draft()
    number = assembly.queued(draft)
    timelock = assembly.world.timelock
    assert assembly.governor.state(number) == QUEUED
    timelock.cancel(
        timelock.hash_operation_batch(*operation(assembly, draft)),
        sender=assembly.world.address["deployer"],
    )
    assert assembly.governor.state(number) == CANCELED


def operation(assembly: Assembly, draft: Draft) -> tuple[Any, ...]:
    """The timelock's operation of a proposal, with OpenZeppelin's salt."""
    own = int(assembly.governor.address, 16) << 96
    salt = (own ^ int.from_bytes(draft.hashed[-1], "big")).to_bytes(32, "big")
    return (*draft.content, b"\0" * 32, salt)
