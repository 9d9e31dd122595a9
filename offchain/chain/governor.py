# SPDX-License-Identifier: Apache-2.0
"""Votes by stake in domain words: drafts, proposals, ballots.

A proposal's number is the hash of its content, so that everybody computes it; its content is in
the event that made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from eth_abi.abi import encode
from eth_hash.auto import keccak

from offchain.chain.contract import Call, Contract, Event, Query

MAX_CALLS = 8
MAX_CALL_BYTES = 1_024
MAX_DESCRIPTION = 4_096
MAX_HOTKEYS = 16


class Support(IntEnum):
    """What a vote says."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


class State(IntEnum):
    """What became of a proposal; OpenZeppelin's numbers."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


@dataclass(frozen=True, slots=True)
class ProposalCreated(Event):
    """Somebody proposed; ticks are those of the snapshot and of the last vote. Signatures are
    empty: what is called is in the calldatas.
    """

    proposalId: int
    proposer: str
    targets: tuple[str, ...]
    values: tuple[int, ...]
    signatures: tuple[str, ...]
    calldatas: tuple[bytes, ...]
    voteStart: int
    voteEnd: int
    description: str


@dataclass(frozen=True, slots=True)
class StakeVoted(Event):
    """One pool in a vote: its owner with all that is left of it, or a member with its part."""

    proposal_id: int
    hotkey: str
    coldkey: str
    support: int
    weight_rao: int
    is_pool: bool


@dataclass(frozen=True, slots=True)
class ProposalQueued(Event):
    """What was decided waits in the timelock until that Unix time."""

    proposalId: int
    etaSeconds: int


@dataclass(frozen=True, slots=True)
class ProposalExecuted(Event):
    """The timelock did what was decided."""

    proposalId: int


@dataclass(frozen=True, slots=True)
class ProposalCanceled(Event):
    """Its proposer took it back."""

    proposalId: int


@dataclass(frozen=True, slots=True)
class Draft:
    """Calls that the timelock shall make, all or none, and why."""

    targets: tuple[str, ...]
    values_wei: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str

    @property
    def description_hash(self) -> bytes:
        return bytes(keccak(self.description.encode()))

    @property
    def number(self) -> int:
        """The proposal's number, as the contract computes it."""
        types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
        parts = [self.targets, self.values_wei, self.calldatas, self.description_hash]
        return int.from_bytes(keccak(encode(types, parts)), "big")


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes of a proposal, in rao of stake."""

    against_rao: int
    for_rao: int
    abstain_rao: int


class Governor(Contract):
    """Proposals, votes by stake at a past tick, the way into the timelock."""

    NAME = "Governor"

    def voting_delay_ticks(self) -> int:
        """Ticks from a proposal to the moment at which stake counts."""
        return int(self.read("votingDelay"))

    def voting_period_ticks(self) -> int:
        return int(self.read("votingPeriod"))

    def threshold_ppm(self) -> int:
        """Share of all stake that a proposer needs."""
        return int(self.read("threshold_ppm"))

    def quorum_ppm(self) -> int:
        """Share of all stake that must be for or abstain."""
        return int(self.read("quorumNumerator"))

    def delay_bounds(self) -> tuple[int, int]:
        """Ticks: the least and the most that the voting delay can be."""
        least, most = self.read("delay_bounds")
        return int(least), int(most)

    def period_bounds(self) -> tuple[int, int]:
        """Ticks: the least and the most that the voting period can be."""
        least, most = self.read("period_bounds")
        return int(least), int(most)

    def threshold_bounds(self) -> tuple[int, int]:
        """Parts per million."""
        return int(self.read("MIN_THRESHOLD_PPM")), int(self.read("MAX_THRESHOLD_PPM"))

    def quorum_bounds(self) -> tuple[int, int]:
        """Parts per million."""
        return int(self.read("MIN_QUORUM_PPM")), int(self.read("MAX_QUORUM_PPM"))

    def threshold_rao(self) -> int:
        return int(self.read("proposalThreshold"))

    def state(self, number: int) -> State:
        return State(self.read("state", number))

    def state_query(self, number: int) -> Query[int]:
        return self.query("state", number)

    def tally(self, number: int) -> Tally:
        return Tally(*self.read("proposalVotes", number))

    def tally_query(self, number: int) -> Query[tuple[int, int, int]]:
        return self.query("proposalVotes", number)

    def quorum_rao(self, number: int) -> int:
        """What a proposal needs; its snapshot must be over."""
        return int(self.read("proposal_quorum_rao", number))

    def eta(self, number: int) -> int:
        """Unix time from which a queued proposal can be executed; 0 before it is queued."""
        return int(self.read("proposalEta", number))

    def votes_rao(self, account: str, tick: int, hotkeys: Sequence[str] = ()) -> int:
        """What an account speaks for at a past tick, with these hotkeys or those it has set."""
        return int(self.read("getVotesWithParams", account, tick, hotkey_params(hotkeys)))

    def has_voted_with(self, number: int, hotkey: str, coldkey: str) -> bool:
        return bool(self.read("has_voted_with", number, hotkey, coldkey))

    def hotkeys_of(self, coldkey: str) -> tuple[str, ...]:
        return tuple(self.read("hotkeys_of", coldkey))

    def set_hotkeys(self, hotkeys: Sequence[str]) -> Call:
        """Say with which hotkeys a plain vote is meant."""
        return self.call("set_hotkeys", in_order(hotkeys), doing="say which hotkeys vote")

    def propose(self, draft: Draft) -> Call:
        return self.call(
            "propose",
            draft.targets,
            draft.values_wei,
            draft.calldatas,
            draft.description,
            doing="propose",
        )

    def vote(
        self, number: int, support: Support, hotkeys: Sequence[str] = (), reason: str = ""
    ) -> Call:
        """Vote with these hotkeys, or with those that are set."""
        params = hotkey_params(hotkeys)
        return self.call(
            "castVoteWithReasonAndParams", number, int(support), reason, params, doing="vote"
        )

    def queue(self, draft: Draft) -> Call:
        """Announce what was decided; anybody may."""
        return self._step("queue", draft)

    def execute(self, draft: Draft) -> Call:
        """Do what was decided and has waited; anybody may."""
        return self._step("execute", draft)

    def cancel(self, draft: Draft) -> Call:
        """Take one's own proposal back."""
        return self._step("cancel", draft)

    def set_voting_delay(self, delay_ticks: int) -> Call:
        """For the timelock, like the three below."""
        return self.call("setVotingDelay", delay_ticks, doing="set the voting delay")

    def set_voting_period(self, period_ticks: int) -> Call:
        return self.call("setVotingPeriod", period_ticks, doing="set the voting period")

    def set_threshold(self, share_ppm: int) -> Call:
        return self.call("setProposalThreshold", share_ppm, doing="set the threshold")

    def set_quorum(self, share_ppm: int) -> Call:
        return self.call("updateQuorumNumerator", share_ppm, doing="set the quorum")

    def _step(self, function: str, draft: Draft) -> Call:
        return self.call(
            function,
            draft.targets,
            draft.values_wei,
            draft.calldatas,
            draft.description_hash,
            doing=f"{function} the proposal",
        )


def in_order(hotkeys: Sequence[str]) -> list[str]:
    """Each once, in rising order, as the contract wants them."""
    return sorted(set(hotkeys), key=lambda hotkey: int(hotkey, 16))


def hotkey_params(hotkeys: Sequence[str]) -> bytes:
    """The params of a vote with these hotkeys; empty for those that are set."""
    return bytes(encode(["address[]"], [in_order(hotkeys)])) if hotkeys else b""
