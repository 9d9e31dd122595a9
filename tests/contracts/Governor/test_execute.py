# SPDX-License-Identifier: Apache-2.0
"""From a decision to what it does: queue, delay, execute; the treasury and the four numbers."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts.deployment import RAO, role_address
from tests.contracts.Governor.assembly import (
    EXECUTED,
    FAVOUR,
    QUEUED,
    SMALL,
    VALIDATOR,
    Assembly,
    Draft,
)
from tests.contracts.Governor.test_propose import operation


def test_queue_and_execute__the_treasury_pays_by_vote(assembly: Assembly) -> None:
    receiver = role_address("receiver")
    draft = assembly.payment(receiver, 7 * RAO)
    number = assembly.queued(draft)
    governor = assembly.governor
    assert governor.state(number) == QUEUED
    assert governor.proposalNeedsQueuing(number)
    assert governor.proposalEta(number) == boa.env.timestamp + 10
    assembly.wait_for_timelock()
    governor.execute(*draft.hashed, sender=role_address("stranger"))
    assert assembly.world.tao.balanceOf(receiver) == 7 * RAO
    assert governor.state(number) == EXECUTED
    with boa.reverts("governor: not in that state"):
        governor.execute(*draft.hashed, sender=SMALL)


def test_execute__before_the_delay__reverts(assembly: Assembly) -> None:
    draft = assembly.draft()
    assembly.queued(draft)
    boa.env.timestamp += assembly.world.preset.timelock_seconds - 1
    with boa.reverts("timelock_controller: operation is not ready"):
        assembly.governor.execute(*draft.hashed, sender=SMALL)


def test_execute__in_the_timelock_by_anybody__counts_as_executed(assembly: Assembly) -> None:
    draft = assembly.draft()
    number = assembly.queued(draft)
    assembly.wait_for_timelock()
    stranger = role_address("stranger")
    assembly.world.timelock.execute_batch(*operation(assembly, draft), sender=stranger)
    assert assembly.governor.state(number) == EXECUTED
    assert assembly.governor.votingDelay() == 5
    with boa.reverts("governor: not in that state"):
        assembly.governor.execute(*draft.hashed, sender=SMALL)


@pytest.mark.parametrize("stage", ["propose", "opened", "defeated"])
def test_queue__not_decided__reverts(assembly: Assembly, stage: str) -> None:
    draft = assembly.draft()
    if stage == "defeated":
        assembly.end(assembly.opened(draft))
    else:
        getattr(assembly, stage)(draft)
    for step in (assembly.governor.queue, assembly.governor.execute):
        with boa.reverts("governor: not in that state"):
            step(*draft.hashed, sender=SMALL)


def test_queue__twice__reverts(assembly: Assembly) -> None:
    draft = assembly.draft()
    assembly.queued(draft)
    with boa.reverts("governor: not in that state"):
        assembly.governor.queue(*draft.hashed, sender=SMALL)


def test_execute__one_call_reverts__none_is_made(assembly: Assembly) -> None:
    governor = assembly.governor
    calls = (
        governor.setVotingDelay.prepare_calldata(5),
        governor.setVotingDelay.prepare_calldata(2**32),
    )
    draft = assembly.draft(*calls)
    number = assembly.queued(draft)
    assembly.wait_for_timelock()
    with boa.reverts():
        governor.execute(*draft.hashed, sender=SMALL)
    assert (governor.votingDelay(), governor.state(number)) == (4, QUEUED)


def test_execute__with_wei__reaches_the_receiver(assembly: Assembly) -> None:
    receiver, payer = role_address("receiver of wei"), role_address("payer")
    draft = Draft([receiver], [3], [b""])
    assembly.queued(draft)
    assembly.wait_for_timelock()
    boa.env.set_balance(payer, 3)
    assembly.governor.execute(*draft.hashed, sender=payer, value=3)
    assert boa.env.get_balance(receiver) == 3


# name of the setter -> reader, least, most
NUMBERS: dict[str, tuple[str, int, int]] = {
    "setVotingDelay": ("votingDelay", 2, 16),
    "setVotingPeriod": ("votingPeriod", 12, 96),
    "setProposalThreshold": ("threshold_ppm", 10, 50_000),
    "updateQuorumNumerator": ("quorumNumerator", 10_000, 500_000),
}


@pytest.mark.parametrize("setter", NUMBERS)
def test_T_J5_number__only_the_timelock_and_inside_its_bounds(
    assembly: Assembly, setter: str
) -> None:
    governor, timelock = assembly.governor, assembly.world.timelock.address
    reader, least, most = NUMBERS[setter]
    for value in (least, most):
        getattr(governor, setter)(value, sender=timelock)
        assert getattr(governor, reader)() == value
    for value in (least - 1, most + 1):
        with boa.reverts():
            getattr(governor, setter)(value, sender=timelock)
    for caller in (VALIDATOR, governor.address, assembly.world.address["deployer"]):
        with boa.reverts("governor: not the timelock"):
            getattr(governor, setter)(least, sender=caller)
    assert getattr(governor, reader)() == most


@pytest.mark.parametrize("setter", NUMBERS)
def test_T_J5_number__by_vote__changes_after_the_delay_and_for_later_proposals(
    assembly: Assembly, setter: str
) -> None:
    governor = assembly.governor
    reader, _, most = NUMBERS[setter]
    before = getattr(governor, reader)()
    draft = assembly.draft(getattr(governor, setter).prepare_calldata(most))
    assembly.queued(draft)
    running = assembly.propose(assembly.draft(why="meanwhile"))
    fixed = terms(governor, running)
    assembly.wait_for_timelock()
    assert getattr(governor, reader)() == before
    governor.execute(*draft.hashed, sender=SMALL)
    assert getattr(governor, reader)() == most
    assert terms(governor, running) == fixed


def terms(governor: Any, number: int) -> tuple[int, ...]:
    """What a proposal was promised when it was made."""
    with boa.env.anchor():
        boa.env.timestamp += 100
        return (
            governor.proposalSnapshot(number),
            governor.proposalDeadline(number),
            governor.proposal_quorum_rao(number),
        )


def test_bounds__are_told(assembly: Assembly) -> None:
    assert tuple(assembly.governor.delay_bounds()) == NUMBERS["setVotingDelay"][1:]
    assert tuple(assembly.governor.period_bounds()) == NUMBERS["setVotingPeriod"][1:]


def test_A2_governor__can_do_nothing_in_the_timelock_but_what_was_voted(
    assembly: Assembly,
) -> None:
    timelock, governor = assembly.world.timelock, assembly.governor
    roles = {name: timelock.hasRole(getattr(timelock, name)(), governor) for name in ROLES}
    assert roles == dict(zip(ROLES, (False, True, False, True), strict=True))


ROLES = ("DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE")


def test_governor__can_be_replaced_by_vote(assembly: Assembly) -> None:
    """Upgrades of replaceable parts: a new governor gets the role, the old one loses it."""
    timelock, successor = assembly.world.timelock, role_address("successor")
    role = timelock.PROPOSER_ROLE()
    calls = (
        timelock.grantRole.prepare_calldata(role, successor),
        timelock.revokeRole.prepare_calldata(role, assembly.governor.address),
    )
    assembly.carry_out(assembly.draft(*calls, target=timelock))
    assert timelock.hasRole(role, successor)
    draft = assembly.draft(why="too late")
    number = assembly.opened(draft)
    assembly.vote(number, VALIDATOR, FAVOUR)
    assembly.end(number)
    with boa.reverts("access_control: account is missing role"):
        assembly.governor.queue(*draft.hashed, sender=SMALL)
