# SPDX-License-Identifier: Apache-2.0
"""To the outside it is OpenZeppelin's Governor 5: signatures, events, interface ids, clock."""

from __future__ import annotations

from functools import reduce
from operator import xor

import boa
import pytest
from eth_hash.auto import keccak
from vyper.compiler.output import build_abi_output

from tests.contracts.deployment import compiled
from tests.contracts.Governor.assembly import Assembly

# IGovernor.sol of OpenZeppelin Contracts 5.0; 5.3 adds getProposalId
CONTENT = "(address[],uint256[],bytes[],bytes32)"
FUNCTIONS = {
    *("name()", "version()", "COUNTING_MODE()", f"hashProposal{CONTENT}", "state(uint256)"),
    *("proposalThreshold()", "proposalSnapshot(uint256)", "proposalDeadline(uint256)"),
    *("proposalProposer(uint256)", "proposalEta(uint256)", "proposalNeedsQueuing(uint256)"),
    *("votingDelay()", "votingPeriod()", "quorum(uint256)", "getVotes(address,uint256)"),
    *("getVotesWithParams(address,uint256,bytes)", "hasVoted(uint256,address)"),
    *("propose(address[],uint256[],bytes[],string)", f"queue{CONTENT}", f"execute{CONTENT}"),
    *(f"cancel{CONTENT}", "castVote(uint256,uint8)", "castVoteWithReason(uint256,uint8,string)"),
    "castVoteWithReasonAndParams(uint256,uint8,string,bytes)",
    "castVoteBySig(uint256,uint8,address,bytes)",
    "castVoteWithReasonAndParamsBySig(uint256,uint8,address,string,bytes,bytes)",
}
CLOCK = {"clock()", "CLOCK_MODE()"}
# of GovernorSettings, GovernorVotesQuorumFraction, GovernorCountingSimple, Nonces, EIP-5267
EXTENSIONS = {
    *("setVotingDelay(uint48)", "setVotingPeriod(uint32)", "setProposalThreshold(uint256)"),
    *("updateQuorumNumerator(uint256)", "quorumNumerator()", "quorumDenominator()"),
    *("proposalVotes(uint256)", "nonces(address)", "eip712Domain()", "timelock()", "token()"),
}
EVENTS = {
    "ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)",
    "ProposalQueued(uint256,uint256)",
    "ProposalExecuted(uint256)",
    "ProposalCanceled(uint256)",
    "VoteCast(address,uint256,uint8,uint256,string)",
    "VoteCastWithParams(address,uint256,uint8,uint256,string,bytes)",
    "VotingDelaySet(uint256,uint256)",
    "VotingPeriodSet(uint256,uint256)",
    "ProposalThresholdSet(uint256,uint256)",
    "QuorumNumeratorUpdated(uint256,uint256)",
}
ABI = build_abi_output(compiled("Governor").compiler_data)


def signatures(kind: str) -> set[str]:
    return {
        f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
        for entry in ABI
        if entry["type"] == kind
    }


def interface_id(functions: set[str]) -> bytes:
    selectors = [int.from_bytes(keccak(text.encode())[:4], "big") for text in functions]
    return reduce(xor, selectors).to_bytes(4, "big")


def test_functions_and_events__are_openzeppelins() -> None:
    assert (FUNCTIONS | CLOCK | EXTENSIONS) - signatures("function") == set()
    assert EVENTS - signatures("event") == set()


def test_events__index_the_voter_and_nothing_else() -> None:
    indexed = {
        entry["name"]: [i["name"] for i in entry["inputs"] if i["indexed"]]
        for entry in ABI
        if entry["type"] == "event"
    }
    for text in EVENTS:
        name = text.partition("(")[0]
        assert indexed[name] == (["voter"] if name.startswith("VoteCast") else [])


@pytest.mark.parametrize(
    "functions",
    [
        FUNCTIONS,
        FUNCTIONS | {f"getProposalId{CONTENT}"},
        CLOCK,
        {"supportsInterface(bytes4)"},
    ],
    ids=["IGovernor 5.0", "IGovernor 5.3", "EIP-6372", "ERC-165"],
)
def test_supports_interface(assembly: Assembly, functions: set[str]) -> None:
    assert assembly.governor.supportsInterface(interface_id(functions))


def test_supports_interface__others__not(assembly: Assembly) -> None:
    for other in (b"\xff" * 4, interface_id({"transfer(address,uint256)"})):
        assert not assembly.governor.supportsInterface(other)


def test_words_about_itself(assembly: Assembly) -> None:
    governor, world = assembly.governor, assembly.world
    assert (governor.name(), governor.version()) == ("evmtensor Governor", "1")
    assert governor.COUNTING_MODE().startswith("support=bravo&quorum=for,abstain")
    assert (governor.clock(), governor.CLOCK_MODE()) == (world.tick, "mode=tick")
    assert governor.timelock() == world.timelock.address
    assert governor.token() == world.staking.address
    assert governor.quorumDenominator() == 10**6
    assert governor.eip712Domain()[1:5] == (
        *("evmtensor Governor", "1", boa.env.evm.patch.chain_id, governor.address),
    )
