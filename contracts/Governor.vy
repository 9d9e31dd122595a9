# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Governor
@license AGPL-3.0-only
@notice Holders of stake decide what the timelock does. OpenZeppelin's Governor to the outside, with
        stake at a past tick as weight: the owner of a hotkey votes with everything behind it, and
        every delegator may vote with its own part instead.
@custom:invariant In a proposal no rao of stake counts twice: for + against + abstain is at most
        the total stake at its snapshot, which is over before the first vote.
        Nothing is queued that did not reach its quorum with more for than against; what is queued
        waits in the timelock for its delay.
        Delay, period, threshold and quorum stay inside bounds that no vote can move.
@custom:trust Whoever has the threshold may propose, and take its own proposal back until it is
        executed; everybody may queue and execute. The timelock alone, so a vote, changes the four
        numbers. It holds no tokens, and its only power is to schedule and cancel in the timelock.
@custom:kill A vote takes its role in the timelock away; stakes, claims and exits do not know it.
"""

from snekmate.utils import ecdsa
from snekmate.utils import eip712_domain_separator as eip712

from contracts.interfaces import IGovernor
from contracts.interfaces import IStaking
from contracts.interfaces import ITimelock
from contracts.modules import ballots
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import proposer_suffix
from contracts.modules import vote_terms as terms

implements: IGovernor

initializes: ticks
initializes: eip712
initializes: terms
initializes: ballots

exports: (
    # EIP-6372
    ticks.clock,
    ticks.CLOCK_MODE,
    # the clock's fixed numbers
    ticks.genesis_at,
    ticks.tick_seconds,
    # EIP-5267
    eip712.eip712Domain,
    # the four numbers, and who may set them
    terms.votingDelay,
    terms.votingPeriod,
    terms.threshold_ppm,
    terms.quorumNumerator,
    terms.quorumDenominator,
    terms.setVotingDelay,
    terms.setVotingPeriod,
    terms.setProposalThreshold,
    terms.updateQuorumNumerator,
    # their bounds
    terms.delay_bounds,
    terms.period_bounds,
    terms.MIN_THRESHOLD_PPM,
    terms.MAX_THRESHOLD_PPM,
    terms.MIN_QUORUM_PPM,
    terms.MAX_QUORUM_PPM,
)


# What happens to a proposal; votes are in `ballots`.
struct Proposal:
    proposer: address
    # the tick at whose end stake counts; votes come after it
    snapshot_tick: uint256
    # last tick of the vote
    deadline_tick: uint256
    # what the quorum was when it was made
    quorum_ppm: uint256
    # the operation in the timelock; empty until it is queued
    operation: bytes32
    eta_at: uint256
    canceled: bool
    executed: bool


# OpenZeppelin's ProposalState
PENDING: constant(uint8) = 0
ACTIVE: constant(uint8) = 1
CANCELED: constant(uint8) = 2
DEFEATED: constant(uint8) = 3
SUCCEEDED: constant(uint8) = 4
QUEUED: constant(uint8) = 5
EXECUTED: constant(uint8) = 7

# calls of a proposal, bytes of each and of its description; the timelock takes as many bytes
MAX_CALLS: constant(uint256) = 8
MAX_CALLDATA: constant(uint256) = 1_024
MAX_DESCRIPTION: constant(uint256) = 4_096
MAX_REASON: constant(uint256) = 1_024
# hotkeys of one vote, and their ABI encoding
MAX_HOTKEYS: constant(uint256) = 16
MAX_PARAMS: constant(uint256) = 64 + 32 * MAX_HOTKEYS

NAME: constant(String[18]) = "evmtensor Governor"
VERSION: constant(String[1]) = "1"
BALLOT_TYPE: constant(bytes32) = keccak256(
    "Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)"
)
EXTENDED_BALLOT_TYPE: constant(bytes32) = keccak256(
    "ExtendedBallot(uint256 proposalId,uint8 support,address voter,uint256 nonce,string reason,bytes params)"
)

# ERC-165 ids of: itself, IGovernor of OpenZeppelin Contracts 5.0 and of 5.3, EIP-6372
SUPPORTED: constant(bytes4[4]) = [0x01FFC9A7, 0x65455A86, 0xCDBDFCEE, 0xDA287A1D]

STAKING: immutable(IStaking)
TIMELOCK: immutable(ITimelock)

# signed votes of an account so far
nonces: public(HashMap[address, uint256])

_proposals: HashMap[uint256, Proposal]
_has_voted: HashMap[uint256, HashMap[address, bool]]
_hotkeys: HashMap[address, DynArray[address, MAX_HOTKEYS]]


@deploy
def __init__(
    staking_: address,
    timelock_: address,
    genesis_at: uint256,
    tick_seconds: uint256,
    voting_delay_ticks_: uint256,
    voting_period_ticks_: uint256,
    threshold_ppm_: uint256,
    quorum_ppm_: uint256,
):
    """
    @param staking_ Knows the stake at every tick that is over.
    @param timelock_ Carries out what was decided; this contract proposes to it.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds in a tick.
    @param voting_delay_ticks_ Ticks from a proposal to its snapshot, at least 2.
    @param voting_period_ticks_ Ticks of a vote, at least 2.
    @param threshold_ppm_ Share of all stake that a proposer has, in parts per million.
    @param quorum_ppm_ Share of all stake that is for or abstains, in parts per million.
    """
    ticks.__init__(genesis_at, tick_seconds)
    eip712.__init__(NAME, VERSION)
    STAKING = IStaking(staking_)
    TIMELOCK = ITimelock(timelock_)
    terms.__init__(
        timelock_, voting_delay_ticks_, voting_period_ticks_, threshold_ppm_, quorum_ppm_
    )


@external
def set_hotkeys(hotkeys: DynArray[address, MAX_HOTKEYS]):
    """
    @notice Say which hotkeys the caller owns or is behind, so that a vote or a proposal without a
            list of them means these. It gives no weight that the caller does not have.
    @param hotkeys In rising order.
    """
    self._check_order(hotkeys)

    self._hotkeys[msg.sender] = hotkeys

    log IGovernor.HotkeysSet(coldkey=msg.sender, hotkeys=hotkeys)


@external
def propose(
    targets: DynArray[address, MAX_CALLS],
    values: DynArray[uint256, MAX_CALLS],
    calldatas: DynArray[Bytes[MAX_CALLDATA], MAX_CALLS],
    description: String[MAX_DESCRIPTION],
) -> uint256:
    """
    @notice Propose calls that the timelock shall make, all or none. The caller had the threshold,
            with the hotkeys that it has set, at the end of the last tick.
    @param targets Whom to call.
    @param values Wei to send with each call.
    @param calldatas What to call, with arguments.
    @param description In words; ending in "#proposer=0x<address>" it can be proposed by that
            account alone, so that nobody is first with it and takes it back.
    @return Number of the proposal.
    """
    assert proposer_suffix._may_propose(description, msg.sender), "governor: for another proposer"
    assert len(targets) > 0, "governor: no call"
    assert len(targets) == len(values), "governor: lengths differ"
    assert len(targets) == len(calldatas), "governor: lengths differ"
    proposal_id: uint256 = self._hash(targets, values, calldatas, keccak256(description))
    assert self._proposals[proposal_id].snapshot_tick == 0, "governor: proposed before"
    votes_rao: uint256 = self._votes(msg.sender, ticks._tick() - 1, self._hotkeys[msg.sender])
    assert votes_rao >= self._threshold_rao(), "governor: below the threshold"

    snapshot_tick: uint256 = ticks._tick() + terms.votingDelay
    deadline_tick: uint256 = snapshot_tick + terms.votingPeriod

    self._proposals[proposal_id] = Proposal(
        proposer=msg.sender,
        snapshot_tick=snapshot_tick,
        deadline_tick=deadline_tick,
        quorum_ppm=terms.quorumNumerator,
        operation=empty(bytes32),
        eta_at=0,
        canceled=False,
        executed=False,
    )

    signatures: DynArray[String[1], MAX_CALLS] = []
    for target: address in targets:
        signatures.append("")
    log IGovernor.ProposalCreated(
        proposalId=proposal_id,
        proposer=msg.sender,
        targets=targets,
        values=values,
        signatures=signatures,
        calldatas=calldatas,
        voteStart=snapshot_tick,
        voteEnd=deadline_tick,
        description=description,
    )
    return proposal_id


@external
def castVote(proposalId: uint256, support: uint8) -> uint256:
    """
    @notice Vote with the hotkeys that the caller has set.
    @param proposalId A proposal that is active.
    @param support 0 against, 1 for, 2 abstain.
    @return Rao counted.
    """
    return self._cast(proposalId, msg.sender, support, "", b"")


@external
def castVoteWithReason(proposalId: uint256, support: uint8, reason: String[MAX_REASON]) -> uint256:
    """
    @notice As castVote.
    @param proposalId A proposal that is active.
    @param support 0 against, 1 for, 2 abstain.
    @param reason For the event alone.
    @return Rao counted.
    """
    return self._cast(proposalId, msg.sender, support, reason, b"")


@external
def castVoteWithReasonAndParams(
    proposalId: uint256, support: uint8, reason: String[MAX_REASON], params: Bytes[MAX_PARAMS]
) -> uint256:
    """
    @notice Vote with these hotkeys: with all that is behind one's own, with one's own part behind
            another's. Each counts once, so that a voter with more hotkeys votes several times.
    @param proposalId A proposal that is active.
    @param support 0 against, 1 for, 2 abstain.
    @param reason For the event alone.
    @param params ABI encoding of address[], in rising order; empty for the hotkeys that are set.
    @return Rao counted.
    """
    return self._cast(proposalId, msg.sender, support, reason, params)


@external
def castVoteBySig(
    proposalId: uint256, support: uint8, voter: address, signature: Bytes[65]
) -> uint256:
    """
    @notice As castVote for somebody who has signed a Ballot (EIP-712).
    @param proposalId A proposal that is active.
    @param support 0 against, 1 for, 2 abstain.
    @param voter Who signed.
    @param signature 65 bytes.
    @return Rao counted.
    """
    ballot: bytes32 = keccak256(
        abi_encode(BALLOT_TYPE, proposalId, support, voter, self.nonces[voter])
    )
    self._check_signature(voter, ballot, signature)

    self.nonces[voter] += 1

    return self._cast(proposalId, voter, support, "", b"")


@external
def castVoteWithReasonAndParamsBySig(
    proposalId: uint256,
    support: uint8,
    voter: address,
    reason: String[MAX_REASON],
    params: Bytes[MAX_PARAMS],
    signature: Bytes[65],
) -> uint256:
    """
    @notice As castVoteWithReasonAndParams for somebody who has signed an ExtendedBallot (EIP-712).
    @param proposalId A proposal that is active.
    @param support 0 against, 1 for, 2 abstain.
    @param voter Who signed.
    @param reason For the event alone.
    @param params ABI encoding of address[], in rising order; empty for the hotkeys that are set.
    @param signature 65 bytes.
    @return Rao counted.
    """
    ballot: bytes32 = keccak256(
        abi_encode(
            EXTENDED_BALLOT_TYPE,
            proposalId,
            support,
            voter,
            self.nonces[voter],
            keccak256(reason),
            keccak256(params),
        )
    )
    self._check_signature(voter, ballot, signature)

    self.nonces[voter] += 1

    return self._cast(proposalId, voter, support, reason, params)


@external
def queue(
    targets: DynArray[address, MAX_CALLS],
    values: DynArray[uint256, MAX_CALLS],
    calldatas: DynArray[Bytes[MAX_CALLDATA], MAX_CALLS],
    descriptionHash: bytes32,
) -> uint256:
    """
    @notice Announce in the timelock what was decided.
    @param targets As proposed.
    @param values As proposed.
    @param calldatas As proposed.
    @param descriptionHash keccak256 of the description.
    @return Number of the proposal.
    """
    proposal_id: uint256 = self._hash(targets, values, calldatas, descriptionHash)
    self._check_state(proposal_id, SUCCEEDED)

    delay_seconds: uint256 = staticcall TIMELOCK.get_minimum_delay()
    salt: bytes32 = self._salt(descriptionHash)
    # the timelock's own id of the operation; asking for it would cost 1.5 million gas
    operation: bytes32 = keccak256(
        abi_encode(targets, values, calldatas, empty(bytes32), salt)
    )

    self._proposals[proposal_id].operation = operation
    self._proposals[proposal_id].eta_at = block.timestamp + delay_seconds

    log IGovernor.ProposalQueued(
        proposalId=proposal_id, etaSeconds=block.timestamp + delay_seconds
    )

    extcall TIMELOCK.schedule_batch(
        targets, values, calldatas, empty(bytes32), salt, delay_seconds
    )
    return proposal_id


@external
@payable
def execute(
    targets: DynArray[address, MAX_CALLS],
    values: DynArray[uint256, MAX_CALLS],
    calldatas: DynArray[Bytes[MAX_CALLDATA], MAX_CALLS],
    descriptionHash: bytes32,
) -> uint256:
    """
    @notice Let the timelock do what was decided, once its delay is over. Wei that is sent goes to
            the timelock.
    @param targets As proposed.
    @param values As proposed.
    @param calldatas As proposed.
    @param descriptionHash keccak256 of the description.
    @return Number of the proposal.
    """
    proposal_id: uint256 = self._hash(targets, values, calldatas, descriptionHash)
    self._check_state(proposal_id, QUEUED)

    self._proposals[proposal_id].executed = True

    log IGovernor.ProposalExecuted(proposalId=proposal_id)

    extcall TIMELOCK.execute_batch(
        targets,
        values,
        calldatas,
        empty(bytes32),
        self._salt(descriptionHash),
        value=msg.value,
    )
    return proposal_id


@external
def cancel(
    targets: DynArray[address, MAX_CALLS],
    values: DynArray[uint256, MAX_CALLS],
    calldatas: DynArray[Bytes[MAX_CALLDATA], MAX_CALLS],
    descriptionHash: bytes32,
) -> uint256:
    """
    @notice Take back a proposal of the caller that is not executed, queued or not.
    @param targets As proposed.
    @param values As proposed.
    @param calldatas As proposed.
    @param descriptionHash keccak256 of the description.
    @return Number of the proposal.
    """
    proposal_id: uint256 = self._hash(targets, values, calldatas, descriptionHash)
    state_now: uint8 = self._state(proposal_id)
    assert msg.sender == self._proposals[proposal_id].proposer, "governor: not the proposer"
    assert state_now not in [CANCELED, DEFEATED, EXECUTED], "governor: over"

    self._proposals[proposal_id].canceled = True

    log IGovernor.ProposalCanceled(proposalId=proposal_id)

    if state_now == QUEUED:
        extcall TIMELOCK.cancel(self._proposals[proposal_id].operation)
    return proposal_id


@external
@view
def state(proposalId: uint256) -> uint8:
    """
    @notice What became of a proposal.
    @param proposalId A proposal.
    @return 0 pending, 1 active, 2 canceled, 3 defeated, 4 succeeded, 5 queued, 7 executed.
    """
    return self._state(proposalId)


@external
@view
def getVotes(account: address, timepoint: uint256) -> uint256:
    """
    @notice What an account can vote with, with the hotkeys that it has set.
    @param account A coldkey.
    @param timepoint A tick that is over.
    @return Rao.
    """
    return self._votes(account, timepoint, self._hotkeys[account])


@external
@view
def getVotesWithParams(account: address, timepoint: uint256, params: Bytes[MAX_PARAMS]) -> uint256:
    """
    @notice What an account can vote with, with these hotkeys.
    @param account A coldkey.
    @param timepoint A tick that is over.
    @param params ABI encoding of address[], in rising order; empty for the hotkeys that are set.
    @return Rao.
    """
    return self._votes(account, timepoint, self._listed(account, params))


@external
@view
def proposalThreshold() -> uint256:
    """
    @notice What a proposer needs now.
    @return Rao at the end of the last tick.
    """
    return self._threshold_rao()


@external
@view
def quorum(timepoint: uint256) -> uint256:
    """
    @notice What must be for or abstain, by the share in force now.
    @param timepoint A tick that is over.
    @return Rao.
    """
    return self._quorum_rao(timepoint, terms.quorumNumerator)


@external
@view
def proposalSnapshot(proposalId: uint256) -> uint256:
    """
    @notice When stake counts for a proposal.
    @param proposalId A proposal.
    @return Tick after which votes are cast; 0 for an unknown one.
    """
    return self._proposals[proposalId].snapshot_tick


@external
@view
def proposalDeadline(proposalId: uint256) -> uint256:
    """
    @notice When the vote ends.
    @param proposalId A proposal.
    @return Last tick of the vote; 0 for an unknown one.
    """
    return self._proposals[proposalId].deadline_tick


@external
@view
def proposalProposer(proposalId: uint256) -> address:
    """
    @notice Who made a proposal.
    @param proposalId A proposal.
    @return Its proposer; the zero address for an unknown one.
    """
    return self._proposals[proposalId].proposer


@external
@view
def proposalEta(proposalId: uint256) -> uint256:
    """
    @notice From when a queued proposal can be executed.
    @param proposalId A proposal.
    @return Unix time; 0 if it was not queued.
    """
    return self._proposals[proposalId].eta_at


@external
@view
def proposalNeedsQueuing(proposalId: uint256) -> bool:
    """
    @notice Whether a proposal goes through the timelock's queue: every one does.
    @param proposalId Any.
    @return True.
    """
    return True


@external
@view
def proposalVotes(proposalId: uint256) -> (uint256, uint256, uint256):
    """
    @notice The tallies.
    @param proposalId A proposal.
    @return Rao against, for, abstaining.
    """
    tally: uint256[3] = ballots._tallies[proposalId]
    return tally[ballots.AGAINST], tally[ballots.IN_FAVOUR], tally[ballots.ABSTAIN]


@external
@view
def proposal_quorum_rao(proposalId: uint256) -> uint256:
    """
    @notice What must be for or abstain in a proposal, by the share when it was made.
    @param proposalId A proposal whose snapshot is over.
    @return Rao.
    """
    proposal: Proposal = self._proposals[proposalId]
    return self._quorum_rao(proposal.snapshot_tick, proposal.quorum_ppm)


@external
@view
def hasVoted(proposalId: uint256, account: address) -> bool:
    """
    @notice Whether an account has voted with some hotkey.
    @param proposalId A proposal.
    @param account A coldkey.
    @return True after its first vote.
    """
    return self._has_voted[proposalId][account]


@external
@view
def has_voted_with(proposalId: uint256, hotkey: address, coldkey: address) -> bool:
    """
    @notice Whether a coldkey can no longer vote with a hotkey.
    @param proposalId A proposal.
    @param hotkey A hotkey.
    @param coldkey Its owner, or somebody behind it.
    @return True after its vote.
    """
    pool_id: uint256 = staticcall STAKING.pool_id_of(hotkey)
    if staticcall STAKING.owner_of(hotkey) == coldkey:
        return ballots._pools[proposalId][pool_id].vote > 0
    return ballots._members[proposalId][pool_id][staticcall STAKING.account_of(coldkey)]


@external
@view
def hotkeys_of(coldkey: address) -> DynArray[address, MAX_HOTKEYS]:
    """
    @notice The hotkeys that an account has set.
    @param coldkey Any.
    @return In rising order.
    """
    return self._hotkeys[coldkey]


@external
@pure
def hashProposal(
    targets: DynArray[address, MAX_CALLS],
    values: DynArray[uint256, MAX_CALLS],
    calldatas: DynArray[Bytes[MAX_CALLDATA], MAX_CALLS],
    descriptionHash: bytes32,
) -> uint256:
    """
    @notice Number of a proposal, by its content.
    @param targets Whom to call.
    @param values Wei to send with each call.
    @param calldatas What to call.
    @param descriptionHash keccak256 of the description.
    @return The number.
    """
    return self._hash(targets, values, calldatas, descriptionHash)


@external
@pure
def getProposalId(
    targets: DynArray[address, MAX_CALLS],
    values: DynArray[uint256, MAX_CALLS],
    calldatas: DynArray[Bytes[MAX_CALLDATA], MAX_CALLS],
    descriptionHash: bytes32,
) -> uint256:
    """
    @notice As hashProposal.
    @param targets Whom to call.
    @param values Wei to send with each call.
    @param calldatas What to call.
    @param descriptionHash keccak256 of the description.
    @return The number.
    """
    return self._hash(targets, values, calldatas, descriptionHash)


@external
@view
def timelock() -> address:
    """
    @notice Who carries out what was decided.
    @return The timelock.
    """
    return TIMELOCK.address


@external
@view
def token() -> address:
    """
    @notice Where the weight of votes is from, under the name that tools look for.
    @return Staking.
    """
    return STAKING.address


@external
@pure
def name() -> String[18]:
    """
    @notice Name in the EIP-712 domain.
    @return "evmtensor Governor".
    """
    return NAME


@external
@pure
def version() -> String[1]:
    """
    @notice Version in the EIP-712 domain.
    @return "1".
    """
    return VERSION


@external
@pure
def COUNTING_MODE() -> String[53]:
    """
    @notice How votes are counted, for tools.
    @return Bravo's three choices; for and abstain make the quorum; params are hotkeys.
    """
    return "support=bravo&quorum=for,abstain&params=hotkeys"


@external
@pure
def supportsInterface(interfaceId: bytes4) -> bool:
    """
    @notice ERC-165.
    @param interfaceId Any.
    @return True for IGovernor, EIP-6372 and ERC-165.
    """
    return interfaceId in SUPPORTED


@internal
def _cast(
    proposal_id: uint256,
    voter: address,
    support: uint8,
    reason: String[MAX_REASON],
    params: Bytes[MAX_PARAMS],
) -> uint256:
    """
    @notice Vote with every listed hotkey that can still vote.
    """
    self._check_state(proposal_id, ACTIVE)
    assert convert(support, uint256) <= ballots.ABSTAIN, "governor: no such support"

    hotkeys: DynArray[address, MAX_HOTKEYS] = self._listed(voter, params)
    weight_rao: uint256 = 0
    for hotkey: address in hotkeys:
        weight_rao += self._cast_with(proposal_id, voter, hotkey, convert(support, uint256))
    assert weight_rao > 0, "governor: nothing to vote with"
    self._has_voted[proposal_id][voter] = True

    if len(params) == 0:
        log IGovernor.VoteCast(
            voter=voter, proposalId=proposal_id, support=support, weight=weight_rao, reason=reason
        )
    else:
        log IGovernor.VoteCastWithParams(
            voter=voter,
            proposalId=proposal_id,
            support=support,
            weight=weight_rao,
            reason=reason,
            params=params,
        )
    return weight_rao


@internal
def _cast_with(
    proposal_id: uint256, voter: address, hotkey: address, support: uint256
) -> uint256:
    """
    @notice Vote with one hotkey: as its owner with the pool, else with one's own part.
    """
    tick: uint256 = self._proposals[proposal_id].snapshot_tick
    # INVARIANT: a pool and a member count under what a swap of keys does not change
    pool_id: uint256 = staticcall STAKING.pool_id_of(hotkey)
    if pool_id == 0:
        return 0
    stake_rao: uint256 = staticcall STAKING.stake_at(hotkey, tick)
    is_pool: bool = staticcall STAKING.owner_of(hotkey) == voter
    weight_rao: uint256 = 0
    if is_pool:
        weight_rao = ballots._vote_pool(proposal_id, pool_id, support, stake_rao)
    else:
        account: address = staticcall STAKING.account_of(voter)
        part_rao: uint256 = staticcall STAKING.member_stake_at(hotkey, voter, tick)
        weight_rao = ballots._vote_member(
            proposal_id, pool_id, account, support, stake_rao, part_rao
        )

    if weight_rao > 0:
        log IGovernor.StakeVoted(
            proposal_id=proposal_id,
            hotkey=hotkey,
            coldkey=voter,
            support=support,
            weight_rao=weight_rao,
            is_pool=is_pool,
        )
    return weight_rao


@internal
@view
def _listed(account: address, params: Bytes[MAX_PARAMS]) -> DynArray[address, MAX_HOTKEYS]:
    """
    @notice The hotkeys of a vote: those in its params, else those that the account has set.
    """
    if len(params) == 0:
        return self._hotkeys[account]
    hotkeys: DynArray[address, MAX_HOTKEYS] = abi_decode(params, DynArray[address, MAX_HOTKEYS])
    self._check_order(hotkeys)
    return hotkeys


@internal
@view
def _votes(
    account: address, tick: uint256, hotkeys: DynArray[address, MAX_HOTKEYS]
) -> uint256:
    """
    @notice Stake at a tick that an account speaks for.
    """
    votes_rao: uint256 = 0
    for hotkey: address in hotkeys:
        if staticcall STAKING.owner_of(hotkey) == account:
            votes_rao += staticcall STAKING.stake_at(hotkey, tick)
        else:
            votes_rao += staticcall STAKING.member_stake_at(hotkey, account, tick)
    return votes_rao


@internal
@view
def _threshold_rao() -> uint256:
    """
    @notice What a proposer needs at the end of the last tick; never nothing.
    """
    total_rao: uint256 = staticcall STAKING.total_stake_at(ticks._tick() - 1)
    # rounds up: nobody proposes with less than the share
    return max(1, (total_rao * terms.threshold_ppm + c.PPM - 1) // c.PPM)


@internal
@view
def _quorum_rao(tick: uint256, quorum_ppm: uint256) -> uint256:
    """
    @notice A share of all stake at a tick.
    """
    total_rao: uint256 = staticcall STAKING.total_stake_at(tick)
    # rounds up: less than the share is no quorum
    return (total_rao * quorum_ppm + c.PPM - 1) // c.PPM


@internal
@view
def _state(proposal_id: uint256) -> uint8:
    """
    @notice What became of a proposal; reverts for an unknown one.
    """
    proposal: Proposal = self._proposals[proposal_id]
    assert proposal.snapshot_tick > 0, "governor: unknown proposal"
    if proposal.executed:
        return EXECUTED
    if proposal.canceled:
        return CANCELED
    if ticks._tick() <= proposal.snapshot_tick:
        return PENDING
    if ticks._tick() <= proposal.deadline_tick:
        return ACTIVE
    if proposal.operation != empty(bytes32):
        return self._state_in_timelock(proposal.operation)
    tally: uint256[3] = ballots._tallies[proposal_id]
    if tally[ballots.IN_FAVOUR] <= tally[ballots.AGAINST]:
        return DEFEATED
    quorum_rao: uint256 = self._quorum_rao(proposal.snapshot_tick, proposal.quorum_ppm)
    if tally[ballots.IN_FAVOUR] + tally[ballots.ABSTAIN] < quorum_rao:
        return DEFEATED
    return SUCCEEDED


@internal
@view
def _state_in_timelock(operation: bytes32) -> uint8:
    """
    @notice What became of a queued proposal; anybody can execute it in the timelock, too.
    """
    if staticcall TIMELOCK.is_operation_done(operation):
        return EXECUTED
    if staticcall TIMELOCK.is_operation_pending(operation):
        return QUEUED
    return CANCELED


@internal
@pure
def _hash(
    targets: DynArray[address, MAX_CALLS],
    values: DynArray[uint256, MAX_CALLS],
    calldatas: DynArray[Bytes[MAX_CALLDATA], MAX_CALLS],
    description_hash: bytes32,
) -> uint256:
    """
    @notice Number of a proposal, as OpenZeppelin computes it.
    """
    return convert(keccak256(abi_encode(targets, values, calldatas, description_hash)), uint256)


@internal
@view
def _salt(description_hash: bytes32) -> bytes32:
    """
    @notice Keeps equal calls of different proposals, and of different governors, apart.
    """
    own: uint256 = convert(self, uint256) << 96
    return convert(own ^ convert(description_hash, uint256), bytes32)


@internal
@view
def _check_signature(voter: address, ballot: bytes32, signature: Bytes[65]):
    # SAFETY: a signature of odd length recovers to zero, which is nobody's key.
    assert voter != empty(address), "governor: no voter"
    digest: bytes32 = eip712._hash_typed_data_v4(ballot)
    assert ecdsa._recover_sig(digest, signature) == voter, "governor: not signed"


@internal
@view
def _check_state(proposal_id: uint256, wanted: uint8):
    assert self._state(proposal_id) == wanted, "governor: not in that state"


@internal
@pure
def _check_order(hotkeys: DynArray[address, MAX_HOTKEYS]):
    # INVARIANT: no hotkey counts twice
    before: uint256 = 0
    for hotkey: address in hotkeys:
        assert convert(hotkey, uint256) > before, "governor: hotkeys not in order"
        before = convert(hotkey, uint256)
