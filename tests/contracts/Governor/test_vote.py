# SPDX-License-Identifier: Apache-2.0
"""Votes: by stake at the snapshot, a delegator's own part over its validator's, nothing twice.

given an open proposal
- a validator votes with all behind its hotkey, a delegator with its part instead of it
- what moved after the snapshot, or came back before its end, does not count again
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import boa
import pytest

from tests.contracts.deployment import FULL, RAO, role_address
from tests.contracts.Governor.assembly import (
    ABSTAIN,
    ACTIVE,
    AGAINST,
    DEFEATED,
    FAVOUR,
    HOTKEY,
    LARGE,
    OTHER_HOTKEY,
    RIVAL,
    SMALL,
    STAKES,
    SUCCEEDED,
    VALIDATOR,
    Assembly,
    assemble,
    hotkey_list,
)


def test_vote__validator__with_everything_behind_its_hotkey(assembly: Assembly) -> None:
    number = assembly.opened()
    governor = assembly.governor
    assert governor.castVote(number, FAVOUR, sender=VALIDATOR) == 200 * RAO
    cast, stake = governor.get_logs()[::-1][:2]
    assert (cast.voter, cast.proposalId, cast.support, cast.weight, cast.reason) == (
        *(VALIDATOR, number, FAVOUR, 200 * RAO, ""),
    )
    assert (stake.hotkey, stake.coldkey, stake.weight_rao, stake.is_pool) == (
        *(HOTKEY, VALIDATOR, 200 * RAO, True),
    )
    assert assembly.tally(number) == (0, 200 * RAO, 0)
    assert governor.hasVoted(number, VALIDATOR)
    assert governor.has_voted_with(number, HOTKEY, VALIDATOR)
    assert not governor.has_voted_with(number, HOTKEY, SMALL)


@pytest.mark.parametrize("order", permutations((VALIDATOR, SMALL, LARGE)))
def test_vote__delegators_override_in_any_order__same_tally(
    assembly: Assembly, order: tuple[str, ...]
) -> None:
    choice = {VALIDATOR: FAVOUR, SMALL: AGAINST, LARGE: ABSTAIN}
    number = assembly.opened()
    for voter in order:
        assembly.vote(number, voter, choice[voter])
    assert assembly.tally(number) == (30 * RAO, 100 * RAO, 70 * RAO)


def test_vote__override_at_the_last_tick__still_counts(assembly: Assembly) -> None:
    number = assembly.opened()
    assembly.vote(number, VALIDATOR, FAVOUR)
    assembly.world.warp_to(assembly.governor.proposalDeadline(number))
    assembly.vote(number, LARGE, AGAINST)
    assert assembly.tally(number) == (70 * RAO, 130 * RAO, 0)


def test_vote__twice__is_nothing_to_vote_with(assembly: Assembly) -> None:
    number = assembly.opened()
    for voter in (VALIDATOR, SMALL):
        assembly.vote(number, voter, FAVOUR)
        for support in (FAVOUR, AGAINST):
            with boa.reverts("governor: nothing to vote with"):
                assembly.vote(number, voter, support)
    assert assembly.tally(number) == (0, 200 * RAO, 0)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_vote__outside_its_time__reverts(assembly: Assembly, moment: str) -> None:
    number = assembly.propose(assembly.draft())
    if moment == "before":
        assembly.world.warp_to(assembly.governor.proposalSnapshot(number))
    else:
        assembly.end(number)
    with boa.reverts("governor: not in that state"):
        assembly.vote(number, VALIDATOR, FAVOUR)


def test_vote__no_such_support__reverts(assembly: Assembly) -> None:
    number = assembly.opened()
    with boa.reverts("governor: no such support"):
        assembly.vote(number, VALIDATOR, 3)


def test_vote__stranger_or_foreign_hotkey__has_nothing(assembly: Assembly) -> None:
    number = assembly.opened()
    for voter, hotkeys in ((role_address("stranger"), [HOTKEY]), (VALIDATOR, [OTHER_HOTKEY])):
        with boa.reverts("governor: nothing to vote with"):
            assembly.vote(number, voter, FAVOUR, *hotkeys)


def test_T_J6_stolen_hotkey__has_no_vote_and_no_proposal(assembly: Assembly) -> None:
    """A key that works online decides nothing."""
    assembly.governor.set_hotkeys([HOTKEY], sender=HOTKEY)
    with boa.reverts("governor: below the threshold"):
        assembly.propose(assembly.draft(), HOTKEY)
    number = assembly.opened()
    with boa.reverts("governor: nothing to vote with"):
        assembly.vote(number, HOTKEY, FAVOUR, HOTKEY)


def test_vote__list_of_hotkeys__owner_of_one_delegator_of_another(assembly: Assembly) -> None:
    assembly.stake(OTHER_HOTKEY, VALIDATOR, 11 * RAO)
    number = assembly.opened()
    both = hotkey_list(HOTKEY, OTHER_HOTKEY)
    governor, tick = assembly.governor, assembly.world.tick - 1
    assert governor.getVotesWithParams(VALIDATOR, tick, both) == 211 * RAO
    assert governor.getVotes(VALIDATOR, tick) == 200 * RAO
    assert assembly.vote(number, VALIDATOR, FAVOUR, HOTKEY, OTHER_HOTKEY) == 211 * RAO
    cast = governor.get_logs()[-1]
    assert (type(cast).__name__, bytes(cast.params)) == ("VoteCastWithParams", both)
    assembly.vote(number, RIVAL, AGAINST)
    assert assembly.tally(number) == (300 * RAO, 211 * RAO, 0)


def test_vote__one_hotkey_after_the_other__each_counts_once(assembly: Assembly) -> None:
    assembly.stake(OTHER_HOTKEY, VALIDATOR, 11 * RAO)
    number = assembly.opened()
    assembly.vote(number, VALIDATOR, FAVOUR)
    assert assembly.vote(number, VALIDATOR, FAVOUR, HOTKEY, OTHER_HOTKEY) == 11 * RAO
    assert assembly.tally(number) == (0, 211 * RAO, 0)


def test_vote__same_hotkey_twice_in_a_list__reverts(assembly: Assembly) -> None:
    number = assembly.opened()
    with boa.reverts("governor: hotkeys not in order"):
        assembly.vote(number, SMALL, FAVOUR, HOTKEY, HOTKEY)
    with boa.reverts("governor: hotkeys not in order"):
        assembly.governor.getVotesWithParams(
            SMALL, assembly.world.tick - 1, hotkey_list(HOTKEY, HOTKEY)
        )


def test_vote__params_that_are_no_list__revert(assembly: Assembly) -> None:
    number = assembly.opened()
    for params in (b"\1", b"\xff" * 64, hotkey_list(HOTKEY)[:-1]):
        with boa.reverts():
            assembly.governor.castVoteWithReasonAndParams(
                number, FAVOUR, "", params, sender=VALIDATOR
            )
    assert assembly.tally(number) == (0, 0, 0)


def test_vote__reason__is_in_the_event(assembly: Assembly) -> None:
    number = assembly.opened()
    assembly.governor.castVoteWithReason(number, AGAINST, "too dear", sender=RIVAL)
    assert assembly.governor.get_logs()[-1].reason == "too dear"
    assert assembly.tally(number) == (300 * RAO, 0, 0)


def test_T_J4_borrowed_stake__back_before_the_end_of_the_tick__votes_with_nothing(
    assembly: Assembly,
) -> None:
    """A flash loan at the snapshot: staked and out again in one tick."""
    flash = role_address("flash")
    number = assembly.propose(assembly.draft())
    assembly.world.warp_to(assembly.governor.proposalSnapshot(number))
    assembly.stake(HOTKEY, flash, 10_000 * RAO)
    staking = assembly.world.staking
    staking.unbond(HOTKEY, staking.shares_of(HOTKEY, flash), sender=flash)
    assembly.open(number)
    with boa.reverts("governor: nothing to vote with"):
        assembly.vote(number, flash, FAVOUR, HOTKEY)
    assert assembly.vote(number, VALIDATOR, FAVOUR) == 200 * RAO


def test_T_J4_moved_to_another_hotkey_after_the_snapshot__counts_once(assembly: Assembly) -> None:
    number = assembly.opened()
    staking = assembly.world.staking
    assembly.vote(number, LARGE, FAVOUR)
    staking.move_stake(HOTKEY, OTHER_HOTKEY, staking.shares_of(HOTKEY, LARGE), sender=LARGE)
    assembly.world.warp(1)
    with boa.reverts("governor: nothing to vote with"):
        assembly.vote(number, LARGE, FAVOUR, HOTKEY, OTHER_HOTKEY)
    assembly.vote(number, RIVAL, FAVOUR)
    assembly.vote(number, VALIDATOR, FAVOUR)
    assert assembly.tally(number) == (0, sum(STAKES.values()), 0)


def test_T_J4_unbonded_and_staked_by_another__counts_once(assembly: Assembly) -> None:
    number = assembly.opened()
    staking, friend = assembly.world.staking, role_address("friend")
    assembly.vote(number, LARGE, FAVOUR)
    staking.unbond(HOTKEY, staking.shares_of(HOTKEY, LARGE), sender=LARGE)
    assembly.stake(HOTKEY, friend, 70 * RAO)
    assembly.world.warp(1)
    with boa.reverts("governor: nothing to vote with"):
        assembly.vote(number, friend, FAVOUR, HOTKEY)
    assert assembly.vote(number, VALIDATOR, FAVOUR) == 130 * RAO


def test_T_J4_bought_after_the_snapshot__does_not_vote(assembly: Assembly) -> None:
    number, late = assembly.opened(), role_address("late")
    assembly.stake(HOTKEY, late, 1_000 * RAO)
    assembly.world.warp(1)
    with boa.reverts("governor: nothing to vote with"):
        assembly.vote(number, late, FAVOUR, HOTKEY)
    assert assembly.vote(number, VALIDATOR, FAVOUR) == 200 * RAO


@pytest.mark.parametrize(
    ("votes", "outcome"),
    [
        ({}, DEFEATED),
        ({VALIDATOR: FAVOUR}, SUCCEEDED),
        ({VALIDATOR: ABSTAIN}, DEFEATED),
        ({VALIDATOR: FAVOUR, RIVAL: AGAINST}, DEFEATED),
        ({SMALL: FAVOUR}, DEFEATED),
        ({SMALL: FAVOUR, LARGE: ABSTAIN}, SUCCEEDED),
        ({SMALL: FAVOUR, LARGE: AGAINST}, DEFEATED),
        ({VALIDATOR: FAVOUR, LARGE: AGAINST}, SUCCEEDED),
    ],
)
def test_state__after_the_vote(assembly: Assembly, votes: dict[str, int], outcome: int) -> None:
    """A tenth of 500 TAO, for or abstaining, is the quorum; a tie is defeated."""
    number = assembly.opened()
    for voter, support in votes.items():
        assembly.vote(number, voter, support)
    assembly.end(number)
    assert assembly.governor.state(number) == outcome


@pytest.mark.parametrize(("missing_rao", "outcome"), [(0, SUCCEEDED), (1, DEFEATED)])
def test_quorum__exactly_and_one_rao_less(
    assembly: Assembly, missing_rao: int, outcome: int
) -> None:
    # 500 TAO, and x that are a tenth of all: x = (500 + x) / 10; rounded up
    voter, part = role_address("voter"), -(-500 * RAO // 9) - missing_rao
    assembly.stake(OTHER_HOTKEY, voter, part)
    number = assembly.opened()
    quorum = -(-(500 * RAO + part) // 10)
    assert quorum == part + missing_rao
    assert assembly.governor.proposal_quorum_rao(number) == quorum
    assert assembly.governor.quorum(assembly.world.tick - 1) == quorum
    assert assembly.vote(number, voter, FAVOUR, OTHER_HOTKEY) == part
    assembly.end(number)
    assert assembly.governor.state(number) == outcome


@pytest.mark.parametrize("voted", [True, False])
def test_T_C10_hotkey_swapped_during_the_vote__its_stake_votes_once(
    assembly: Assembly, voted: bool
) -> None:
    number, successor = assembly.opened(), role_address("successor hotkey")
    if voted:
        assembly.vote(number, VALIDATOR, FAVOUR)
        assembly.vote(number, SMALL, AGAINST)
    assembly.world.staking.swap_hotkey(HOTKEY, successor, sender=assembly.world.address["Keys"])
    for voter in (VALIDATOR, SMALL, LARGE):
        with boa.reverts("governor: nothing to vote with"):
            assembly.vote(number, voter, FAVOUR, HOTKEY)
    if voted:
        for voter in (VALIDATOR, SMALL):
            assert assembly.governor.has_voted_with(number, successor, voter)
            with boa.reverts("governor: nothing to vote with"):
                assembly.vote(number, voter, FAVOUR, successor)
    else:
        assert assembly.vote(number, VALIDATOR, FAVOUR, successor) == 200 * RAO
        assembly.vote(number, SMALL, AGAINST, successor)
    assembly.vote(number, LARGE, ABSTAIN, successor)
    assert assembly.tally(number) == (30 * RAO, 100 * RAO, 70 * RAO)


@pytest.mark.parametrize("who", [VALIDATOR, SMALL])
@pytest.mark.parametrize("voted", [True, False])
def test_T_C10_coldkey_swapped_during_the_vote__its_stake_votes_once(
    assembly: Assembly, who: str, voted: bool
) -> None:
    number, successor = assembly.opened(), role_address("successor coldkey")
    weight = 200 * RAO if who == VALIDATOR else 30 * RAO
    if voted:
        assert assembly.vote(number, who, FAVOUR) == weight
    assembly.world.staking.swap_coldkey(who, successor, sender=assembly.world.address["Keys"])
    with boa.reverts("governor: nothing to vote with"):
        assembly.vote(number, who, AGAINST, HOTKEY)
    if voted:
        with boa.reverts("governor: nothing to vote with"):
            assembly.vote(number, successor, AGAINST, HOTKEY)
    else:
        assert assembly.vote(number, successor, FAVOUR, HOTKEY) == weight
    assert assembly.tally(number) == (0, weight, 0)


def test_T_C7_a_take_that_rises__changes_no_vote(assembly: Assembly) -> None:
    """A validator's take is its pay, never its delegators' say."""
    number = assembly.opened()
    staking = assembly.world.staking
    staking.set_take(HOTKEY, 0, sender=VALIDATOR)
    staking.set_take(HOTKEY, staking.MAX_TAKE_RISE_U16(), sender=VALIDATOR)
    assembly.world.warp(1)
    assembly.vote(number, LARGE, AGAINST)
    assembly.vote(number, VALIDATOR, FAVOUR)
    assert assembly.tally(number) == (70 * RAO, 130 * RAO, 0)


@pytest.mark.parametrize("seconds", [1, 2, 12])
def test_T_J7_blocks_of_any_length__same_windows(seconds: int) -> None:
    """Ticks of 12 seconds, blocks of 1, 2 and 12: the vote opens and ends at the same second."""
    with boa.env.anchor():
        assembly = assemble(replace(FULL, voting_delay_ticks=3, voting_period_ticks=5))
        governor, genesis = assembly.governor, assembly.world.genesis_at
        number = assembly.propose(assembly.draft())
        snapshot = governor.proposalSnapshot(number)
        active = []
        while governor.state(number) != DEFEATED:
            boa.env.timestamp += seconds
            boa.env.evm.patch.block_number += 1
            if governor.state(number) == ACTIVE:
                active.append(boa.env.timestamp)
        opens, ends = genesis + (snapshot + 1) * 12, genesis + (snapshot + 6) * 12
        assert opens <= active[0] < opens + seconds
        assert ends - seconds <= active[-1] < ends
