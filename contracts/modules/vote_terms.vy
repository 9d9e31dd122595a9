# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Vote terms
@license AGPL-3.0-only
@notice The four numbers of a vote: how long before it, how long it is, what a proposer needs and
        what a decision needs. The timelock sets them, so a vote does.
@custom:invariant Each number stays inside its bounds, which nothing can move.
"""

from contracts.interfaces import IGovernor
from contracts.modules import constants as c


# hard bounds: shares of all stake
MIN_THRESHOLD_PPM: public(constant(uint256)) = 10
MAX_THRESHOLD_PPM: public(constant(uint256)) = 50_000
MIN_QUORUM_PPM: public(constant(uint256)) = 10_000
MAX_QUORUM_PPM: public(constant(uint256)) = 500_000
# delay and period: from half to four times what the network began with
LEAST_PART: constant(uint256) = 2
MOST_TIMES: constant(uint256) = 4

TIMELOCK: immutable(address)
FIRST_DELAY_TICKS: immutable(uint256)
FIRST_PERIOD_TICKS: immutable(uint256)

# ticks from a proposal to its snapshot
votingDelay: public(uint256)
# ticks of a vote
votingPeriod: public(uint256)
# share of all stake that a proposer has
threshold_ppm: public(uint256)
# share of all stake that is for or abstains
quorumNumerator: public(uint256)


@deploy
def __init__(
    timelock: address,
    delay_ticks: uint256,
    period_ticks: uint256,
    threshold_ppm: uint256,
    quorum_ppm: uint256,
):
    """
    @param timelock Who sets the numbers.
    @param delay_ticks Ticks from a proposal to its snapshot, at least 2.
    @param period_ticks Ticks of a vote, at least 2.
    @param threshold_ppm Share of all stake that a proposer has, in parts per million.
    @param quorum_ppm Share of all stake that is for or abstains, in parts per million.
    """
    assert delay_ticks >= LEAST_PART and delay_ticks < 2**32, "governor: delay"
    assert period_ticks >= LEAST_PART and period_ticks < 2**30, "governor: period"
    self._check_threshold(threshold_ppm)
    self._check_quorum(quorum_ppm)
    TIMELOCK = timelock
    FIRST_DELAY_TICKS = delay_ticks
    FIRST_PERIOD_TICKS = period_ticks
    self.votingDelay = delay_ticks
    self.votingPeriod = period_ticks
    self.threshold_ppm = threshold_ppm
    self.quorumNumerator = quorum_ppm


@external
@reentrant
def setVotingDelay(newVotingDelay: uint48):
    """
    @notice Set the ticks from a proposal to its snapshot, for proposals to come; only the timelock.
    @dev Reentrant, because a proposal that changes it arrives from inside `execute`.
    @param newVotingDelay Ticks, half to four times what the network began with.
    """
    self._check_timelock()
    delay_ticks: uint256 = convert(newVotingDelay, uint256)
    self._check_span(delay_ticks, FIRST_DELAY_TICKS)

    log IGovernor.VotingDelaySet(oldVotingDelay=self.votingDelay, newVotingDelay=delay_ticks)
    self.votingDelay = delay_ticks


@external
@reentrant
def setVotingPeriod(newVotingPeriod: uint32):
    """
    @notice Set the ticks of a vote, for proposals to come; only the timelock.
    @dev Reentrant, because a proposal that changes it arrives from inside `execute`.
    @param newVotingPeriod Ticks, half to four times what the network began with.
    """
    self._check_timelock()
    period_ticks: uint256 = convert(newVotingPeriod, uint256)
    self._check_span(period_ticks, FIRST_PERIOD_TICKS)

    log IGovernor.VotingPeriodSet(oldVotingPeriod=self.votingPeriod, newVotingPeriod=period_ticks)
    self.votingPeriod = period_ticks


@external
@reentrant
def setProposalThreshold(newProposalThreshold: uint256):
    """
    @notice Set the share of all stake that a proposer has; only the timelock.
    @dev Reentrant, because a proposal that changes it arrives from inside `execute`.
    @param newProposalThreshold Parts per million, MIN_THRESHOLD_PPM to MAX_THRESHOLD_PPM.
    """
    self._check_timelock()
    self._check_threshold(newProposalThreshold)

    log IGovernor.ProposalThresholdSet(
        oldProposalThreshold=self.threshold_ppm, newProposalThreshold=newProposalThreshold
    )
    self.threshold_ppm = newProposalThreshold


@external
@reentrant
def updateQuorumNumerator(newQuorumNumerator: uint256):
    """
    @notice Set the share of all stake that must be for or abstain, for proposals to come; only the
            timelock.
    @dev Reentrant, because a proposal that changes it arrives from inside `execute`.
    @param newQuorumNumerator Parts per million, MIN_QUORUM_PPM to MAX_QUORUM_PPM.
    """
    self._check_timelock()
    self._check_quorum(newQuorumNumerator)

    log IGovernor.QuorumNumeratorUpdated(
        oldQuorumNumerator=self.quorumNumerator, newQuorumNumerator=newQuorumNumerator
    )
    self.quorumNumerator = newQuorumNumerator


@external
@pure
def quorumDenominator() -> uint256:
    """
    @notice What quorumNumerator is a part of.
    @return A million.
    """
    return c.PPM


@external
@view
def delay_bounds() -> (uint256, uint256):
    """
    @notice Between what the voting delay stays.
    @return Ticks: the least and the most.
    """
    return FIRST_DELAY_TICKS // LEAST_PART, FIRST_DELAY_TICKS * MOST_TIMES


@external
@view
def period_bounds() -> (uint256, uint256):
    """
    @notice Between what the voting period stays.
    @return Ticks: the least and the most.
    """
    return FIRST_PERIOD_TICKS // LEAST_PART, FIRST_PERIOD_TICKS * MOST_TIMES


@internal
@view
def _check_timelock():
    assert msg.sender == TIMELOCK, "governor: not the timelock"


@internal
@pure
def _check_span(span_ticks: uint256, first_ticks: uint256):
    assert span_ticks >= first_ticks // LEAST_PART, "governor: too short"
    assert span_ticks <= first_ticks * MOST_TIMES, "governor: too long"


@internal
@pure
def _check_threshold(threshold_ppm: uint256):
    assert threshold_ppm >= MIN_THRESHOLD_PPM, "governor: threshold too low"
    assert threshold_ppm <= MAX_THRESHOLD_PPM, "governor: threshold too high"


@internal
@pure
def _check_quorum(quorum_ppm: uint256):
    assert quorum_ppm >= MIN_QUORUM_PPM, "governor: quorum too low"
    assert quorum_ppm <= MAX_QUORUM_PPM, "governor: quorum too high"
