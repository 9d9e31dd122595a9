# SPDX-License-Identifier: Apache-2.0
"""What a voter does: propose, vote, override, queue, execute, take back; and what there is.

A validator's coldkey votes with everything behind its hotkey. A delegator's coldkey overrides it
for its own part, before or after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from offchain.chain.contract import Call, Contract, read_all
from offchain.chain.errors import InsufficientFunds
from offchain.chain.events import read_events
from offchain.chain.governor import (
    MAX_CALL_BYTES,
    MAX_CALLS,
    MAX_DESCRIPTION,
    MAX_HOTKEYS,
    Draft,
    ProposalCreated,
    StakeVoted,
    State,
    Support,
    Tally,
)
from offchain.chain.network import Network
from offchain.chain.transactions import Receipt, Sender
from offchain.protocol.errors import ConfigError
from offchain.protocol.units import format_tao

PROPOSER_MARK = "#proposer="
# of a prefix of a number, so that it is not taken for a place in the list
_SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal and how it stands. `place` counts from 1 in the order of proposing."""

    place: int
    number: int
    proposer: str
    state: State
    snapshot_tick: int
    deadline_tick: int
    tally: Tally
    draft: Draft

    @property
    def short(self) -> str:
        """The number's first digits, enough to name it."""
        return f"0x{self.number:064x}"[:10]


def proposals(network: Network) -> list[Proposal]:
    """All of them, oldest first."""
    governor = network.governor
    made = read_events(governor, ProposalCreated, network.deployment.first_block)
    numbers = [event.proposalId for event in made]
    states = read_all(network.connection, [governor.state_query(n) for n in numbers])
    tallies = read_all(network.connection, [governor.tally_query(n) for n in numbers])
    return [
        Proposal(
            place=place,
            number=event.proposalId,
            proposer=event.proposer,
            state=State(state),
            snapshot_tick=event.voteStart,
            deadline_tick=event.voteEnd,
            tally=Tally(*tally),
            draft=Draft(event.targets, event.values, event.calldatas, event.description),
        )
        for place, (event, state, tally) in enumerate(zip(made, states, tallies, strict=True), 1)
    ]


def find_proposal(network: Network, name: str) -> Proposal:
    """By its place in the list, its number, or the number's first digits (`0x1a2b`)."""
    known = proposals(network)
    found = [p for p in known if name in (str(p.place), str(p.number), f"0x{p.number:064x}")]
    if not found and name.startswith("0x") and len(name) >= 2 + _SHORTEST_PREFIX:
        found = [p for p in known if f"0x{p.number:064x}".startswith(name.lower())]
    if len(found) != 1:
        what = "several proposals begin with" if found else "no proposal is named"
        raise ConfigError(f"{what} {name!r}", next_step="See `evmtensor gov list`.")
    return found[0]


def votes_of(network: Network, proposal: Proposal) -> list[StakeVoted]:
    """Every pool's and member's vote, oldest first."""
    return read_events(
        network.governor,
        StakeVoted,
        network.deployment.first_block,
        indexed=[proposal.number],
    )


def words_of(network: Network, target: str, calldata: bytes) -> str:
    """A call as `Subnets.set_parameter(1, 1, 32767)`; as hexadecimal for a foreign contract."""
    for name, deployed in network.deployment.contracts.items():
        if deployed.address == target and calldata:
            contract = _Known(network.connection, target, deployed.abi)
            try:
                function, arguments = contract.web3.decode_function_input(calldata)
            except ValueError:
                break
            listed = ", ".join(_word(value) for value in arguments.values())
            return f"{name}.{function.fn_name}({listed})"
    return f"{target} 0x{calldata.hex()}"


class _Known(Contract):
    NAME = "contract"


def _word(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def draft_of(calls: Sequence[Call], description: str, proposer: str) -> Draft:
    """Calls as a draft that only this proposer can use; raises `ConfigError` when too large."""
    if not 1 <= len(calls) <= MAX_CALLS:
        raise ConfigError(
            f"a proposal has {len(calls)} calls, wanted 1 to {MAX_CALLS}",
            next_step="Give --set-parameter, --transfer or --call; split what is more.",
        )
    for call in calls:
        size = len(call.data[2:]) // 2
        if size > MAX_CALL_BYTES:
            raise ConfigError(
                f"{call.doing}: the call has {size} bytes, the timelock takes {MAX_CALL_BYTES}",
                next_step="Split it into smaller calls.",
            )
    marked = f"{description}\n{PROPOSER_MARK}{proposer.lower()}"
    if len(marked.encode()) > MAX_DESCRIPTION or not marked.isascii():
        raise ConfigError(
            f"the description has {len(marked.encode())} bytes, wanted at most {MAX_DESCRIPTION} "
            "and ASCII alone",
            next_step="Shorten it, and put the long text elsewhere.",
        )
    return Draft(
        targets=tuple(cast(str, call.to) for call in calls),
        values_wei=tuple(call.value_wei for call in calls),
        calldatas=tuple(bytes.fromhex(call.data[2:]) for call in calls),
        description=marked,
    )


class Voter:
    """A coldkey that votes."""

    def __init__(self, network: Network, sender: Sender) -> None:
        self.network = network
        self.sender = sender

    @property
    def address(self) -> str:
        return self.sender.address

    def set_hotkeys(self, hotkeys: Sequence[str]) -> Receipt:
        """Raises `ConfigError` for more than a vote takes."""
        if len(set(hotkeys)) > MAX_HOTKEYS:
            raise ConfigError(
                f"{len(set(hotkeys))} hotkeys, wanted at most {MAX_HOTKEYS}",
                next_step="Vote with the others by naming them in the vote.",
            )
        return self.sender.send(self.network.governor.set_hotkeys(hotkeys))

    def propose(self, calls: Sequence[Call], description: str) -> Proposal:
        """Raises `InsufficientFunds` below the threshold, `ConfigError` in a network's first tick,
        before anything is sent.
        """
        draft = draft_of(calls, description, self.address)
        governor, tick = self.network.governor, self.network.clock.tick()
        if tick == 0:
            raise ConfigError(
                "nobody had stake at the tick before this one, the network's first",
                next_step="Try again in the next tick.",
            )
        have, need = governor.votes_rao(self.address, tick - 1), governor.threshold_rao()
        if have < need:
            listed = ", ".join(governor.hotkeys_of(self.address)) or "none"
            raise InsufficientFunds(
                f"{self.address} speaks for {format_tao(have)} TAO of stake (hotkeys: {listed}), a "
                f"proposal needs {format_tao(need)}",
                next_step="Name your hotkeys with `evmtensor gov hotkeys`, or add stake.",
            )
        self.sender.send(governor.propose(draft))
        return find_proposal(self.network, str(draft.number))

    def vote(
        self,
        proposal: Proposal,
        support: Support,
        hotkeys: Sequence[str] = (),
        reason: str = "",
    ) -> list[StakeVoted]:
        """What was counted, by hotkey. Raises `ConfigError` when the vote is not open."""
        governor = self.network.governor
        self._check_open(proposal)
        listed = hotkeys or governor.hotkeys_of(self.address)
        if not listed:
            raise ConfigError(
                f"{self.address} has not said which hotkeys it votes with",
                next_step="Give --hotkey, or name them once with `evmtensor gov hotkeys`.",
            )
        if not governor.votes_rao(self.address, proposal.snapshot_tick, listed):
            raise InsufficientFunds(
                f"{self.address} had no stake behind {', '.join(listed)} at tick "
                f"{proposal.snapshot_tick}, when it counts",
                next_step="Name other hotkeys; stake that came later votes next time.",
            )
        receipt = self.sender.send(governor.vote(proposal.number, support, hotkeys, reason))
        return governor.events(StakeVoted, receipt.logs)

    def override(
        self, proposal: Proposal, support: Support, hotkey: str, reason: str = ""
    ) -> list[StakeVoted]:
        """A delegator's own part, taken out of its validator's vote."""
        if self.network.staking.owner_of(hotkey) == self.address:
            raise ConfigError(
                f"{hotkey} is a hotkey of {self.address} itself, which has nobody to override",
                next_step="Use `evmtensor gov vote`.",
            )
        return self.vote(proposal, support, [hotkey], reason)

    def queue(self, proposal: Proposal) -> Receipt:
        """Raises `ConfigError` for what was not decided."""
        _check_state(proposal, State.SUCCEEDED, "queued")
        return self.sender.send(self.network.governor.queue(proposal.draft))

    def execute(self, proposal: Proposal) -> Receipt:
        """Raises `ConfigError` for what is not queued or has not waited."""
        _check_state(proposal, State.QUEUED, "executed")
        eta, now = self.network.governor.eta(proposal.number), self.network.clock.chain_time()
        if now < eta:
            raise ConfigError(
                f"proposal {proposal.place} waits {eta - now} more seconds in the timelock",
                next_step="Run the command again then.",
            )
        return self.sender.send(self.network.governor.execute(proposal.draft))

    def cancel(self, proposal: Proposal) -> Receipt:
        """Raises `ConfigError` for somebody else's proposal."""
        if proposal.proposer != self.address:
            raise ConfigError(
                f"proposal {proposal.place} is {proposal.proposer}'s, not {self.address}'s",
                next_step="Use the proposer's key with --key.",
            )
        if proposal.state in (State.CANCELED, State.DEFEATED, State.EXECUTED):
            raise ConfigError(
                f"proposal {proposal.place} is {proposal.state.name.lower()} already",
                next_step="Nothing is left to do.",
            )
        return self.sender.send(self.network.governor.cancel(proposal.draft))

    def _check_open(self, proposal: Proposal) -> None:
        if proposal.state is State.ACTIVE:
            return
        if proposal.state is State.PENDING:
            now = self.network.clock.tick()
            raise ConfigError(
                f"the vote on proposal {proposal.place} begins after tick "
                f"{proposal.snapshot_tick}, it is tick {now}",
                next_step="Run the command again then.",
            )
        _check_state(proposal, State.ACTIVE, "voted on")


def _check_state(proposal: Proposal, wanted: State, doing: str) -> None:
    if proposal.state is not wanted:
        raise ConfigError(
            f"proposal {proposal.place} is {proposal.state.name.lower()}; it can be {doing} only "
            f"while it is {wanted.name.lower()}",
            next_step=f"See `evmtensor gov show {proposal.place}`.",
        )
