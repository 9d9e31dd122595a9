# SPDX-License-Identifier: Apache-2.0
"""Governance: propose, vote, override, queue, execute, cancel, list, show, status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.cli import proposal as calls_of
from offchain.cli.options import Key, tao
from offchain.cli.output import progress, show, show_table
from offchain.cli.session import Session
from offchain.protocol.errors import ConfigError

if TYPE_CHECKING:
    from offchain.chain.governance import Proposal, Voter
    from offchain.chain.governor import StakeVoted, Support
    from offchain.chain.network import Network

app = typer.Typer(
    name="gov",
    help="Governance by stake: propose, vote, override, queue, execute, list, show, status.",
    no_args_is_help=True,
)
_SHARES_OF_STAKE = "threshold_ppm and quorum_ppm are shares of all stake, in parts per million"
ProposalName = Annotated[
    str, typer.Argument(help="Place in `gov list`, number, or its first digits (0x1a2b).")
]
Choice = Annotated[str, typer.Argument(help="for, against or abstain.")]
Reason = Annotated[str, typer.Option(help="In words; on the chain for everybody to read.")]
Hotkeys = Annotated[
    list[str] | None,
    typer.Option("--hotkey", "-H", help="Vote with this one; several times for several."),
]


@app.command("hotkeys")
def set_hotkeys(
    context: typer.Context,
    hotkeys: Annotated[list[str], typer.Argument(help="Names or addresses.")],
    key: Key = "",
) -> None:
    """Say which hotkeys you own or are behind, so that votes and proposals mean these.

    evmtensor gov hotkeys alice-hot bob-hot --key alice
    """
    session: Session = context.obj
    addresses = [session.address_of(hotkey) for hotkey in hotkeys]
    voter = _voter(session, key)
    with progress("setting the hotkeys"):
        receipt = voter.set_hotkeys(addresses)
    done = {"transaction": receipt.transaction_hash, "hotkeys": addresses}
    show(session.flags.json, done, f"{voter.address} votes with {', '.join(addresses)}")


@app.command()
def propose(
    context: typer.Context,
    description: Annotated[str, typer.Option("--description", "-d", help="What for, in words.")],
    set_parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NETUID:NAME=VALUE", help="A hyperparameter of a subnet."),
    ] = None,
    set_schedule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETUID:T,R,W", help="Tempo, reveal and window of a subnet or of the root, 0."
        ),
    ] = None,
    set_governance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="voting_delay_ticks, voting_period_ticks, threshold_ppm, quorum_ppm or "
            f"delay_seconds (of the timelock). {_SHARES_OF_STAKE}.",
        ),
    ] = None,
    transfer: Annotated[
        list[str] | None, typer.Option(metavar="TO:TAO", help="Pay out of the treasury.")
    ] = None,
    set_guardian: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Who may cancel an unproven result.")
    ] = "",
    call: Annotated[
        list[str] | None,
        typer.Option(metavar="TARGET:0xDATA", help="Any call; TARGET may be a contract's name."),
    ] = None,
    key: Key = "",
) -> None:
    """Propose what the timelock shall do: up to 8 calls, all or none.

    evmtensor gov propose -d "more" --set-parameter 1:kappa_u16=36044 -k alice
    evmtensor gov propose -d "pay bob" --transfer 0xB0b...:12.5 --key alice
    """
    session: Session = context.obj
    calls = [
        *calls_of.parameters(session, set_parameter or ()),
        *calls_of.schedules(session, set_schedule or ()),
        *calls_of.governance(session.network, set_governance or ()),
        *calls_of.transfers(session, transfer or ()),
        *calls_of.guardian(session, set_guardian),
        *calls_of.raw(session, call or ()),
    ]
    voter = _voter(session, key)
    with progress("proposing"):
        made = voter.propose(calls, description)
    text = (
        f"proposal {made.place} ({made.short}): stake counts at tick {made.snapshot_tick}, votes "
        f"until tick {made.deadline_tick}; now: evmtensor gov vote {made.place} for"
    )
    show(session.flags.json, _plain(session.network, made), text)


@app.command()
def vote(
    context: typer.Context,
    proposal: ProposalName,
    support: Choice,
    hotkey: Hotkeys = None,
    reason: Reason = "",
    key: Key = "",
) -> None:
    """Vote with all stake behind your hotkeys, or with your own part behind others'.

    evmtensor gov vote 1 for --hotkey alice-hot --key alice
    """
    session: Session = context.obj
    choice = _support(support)
    hotkeys = [session.address_of(one) for one in hotkey or ()]
    voter = _voter(session, key)
    found = _find(session, proposal)
    with progress("voting"):
        counted = voter.vote(found, choice, hotkeys, reason)
    _show_votes(session, found, choice, counted)


@app.command()
def override(
    context: typer.Context,
    proposal: ProposalName,
    support: Choice,
    hotkey: Annotated[str, typer.Option("--hotkey", "-H", help="Whom you have delegated to.")],
    reason: Reason = "",
    key: Key = "",
) -> None:
    """Vote with your own part of a validator's stake, whatever the validator votes.

    evmtensor gov override 1 against --hotkey alice-hot --key bob
    """
    session: Session = context.obj
    choice, validator = _support(support), session.address_of(hotkey)
    voter = _voter(session, key)
    found = _find(session, proposal)
    with progress("overriding"):
        counted = voter.override(found, choice, validator, reason)
    _show_votes(session, found, choice, counted)


@app.command()
def queue(context: typer.Context, proposal: ProposalName, key: Key = "") -> None:
    """Announce in the timelock what was decided; anybody may.

    evmtensor gov queue 1 --key alice
    """
    session: Session = context.obj
    voter, found = _voter(session, key), _find(session, proposal)
    with progress("queueing"):
        receipt = voter.queue(found)
    eta = session.network.governor.eta(found.number)
    done = {"transaction": receipt.transaction_hash, "proposal": found.number, "eta": eta}
    wait = max(0, eta - session.network.clock.chain_time())
    show(session.flags.json, done, f"proposal {found.place} can be executed in {wait} seconds")


@app.command()
def execute(context: typer.Context, proposal: ProposalName, key: Key = "") -> None:
    """Let the timelock do what was decided, once it has waited; anybody may.

    evmtensor gov execute 1 --key alice
    """
    session: Session = context.obj
    voter, found = _voter(session, key), _find(session, proposal)
    with progress("executing"):
        receipt = voter.execute(found)
    done = {"transaction": receipt.transaction_hash, "proposal": found.number}
    show(session.flags.json, done, f"proposal {found.place} is executed")


@app.command()
def cancel(context: typer.Context, proposal: ProposalName, key: Key = "") -> None:
    """Take your own proposal back, until it is executed.

    evmtensor gov cancel 1 --key alice
    """
    session: Session = context.obj
    voter, found = _voter(session, key), _find(session, proposal)
    with progress("cancelling"):
        receipt = voter.cancel(found)
    done = {"transaction": receipt.transaction_hash, "proposal": found.number}
    show(session.flags.json, done, f"proposal {found.place} is cancelled")


@app.command()
def status(context: typer.Context) -> None:
    """Show the treasury, what a proposal needs, and between what each number can be set.

    evmtensor gov status
    """
    session: Session = context.obj
    network = session.network
    governor, timelock = network.governor, network.timelock
    numbers = {
        "voting_delay_ticks": (governor.voting_delay_ticks(), *governor.delay_bounds()),
        "voting_period_ticks": (governor.voting_period_ticks(), *governor.period_bounds()),
        "threshold_ppm": (governor.threshold_ppm(), *governor.threshold_bounds()),
        "quorum_ppm": (governor.quorum_ppm(), *governor.quorum_bounds()),
        "delay_seconds": (timelock.minimum_delay_seconds(), *timelock.delay_bounds()),
    }
    value: dict[str, Any] = {
        "tick": network.clock.tick(),
        "treasury": timelock.address,
        "treasury_rao": network.tao.balance_of(timelock.address),
        "threshold_rao": governor.threshold_rao(),
        "numbers": {
            name: {"now": now, "least": least, "most": most}
            for name, (now, least, most) in numbers.items()
        },
    }
    rows: list[tuple[object, ...]] = [
        ("tick", value["tick"], "", ""),
        ("treasury", f"{tao(value['treasury_rao'])} TAO in {timelock.address}", "", ""),
        ("a proposer needs", f"{tao(value['threshold_rao'])} TAO of stake", "", ""),
        *((name, *limits) for name, limits in numbers.items()),
    ]
    columns = ("what", "now", "least", "most")
    show_table(session.flags.json, "governance", columns, rows, value)


@app.command("list")
def list_proposals(context: typer.Context) -> None:
    """Show all proposals and how they stand.

    evmtensor gov list
    """
    from offchain.chain.governance import proposals

    session: Session = context.obj
    found = proposals(session.network)
    columns = ("", "number", "state", "for", "against", "abstain", "votes until tick", "what for")
    rows = [
        (
            p.place,
            p.short,
            p.state.name.lower(),
            *(tao(votes) for votes in (p.tally.for_rao, p.tally.against_rao, p.tally.abstain_rao)),
            p.deadline_tick,
            p.draft.description.splitlines()[0],
        )
        for p in found
    ]
    value = [_plain(session.network, p) for p in found]
    show_table(session.flags.json, "proposals", columns, rows, value)


@app.command("show")
def show_proposal(context: typer.Context, proposal: ProposalName) -> None:
    """Show one proposal: its calls in words, its votes, and what comes next.

    evmtensor gov show 1
    """
    from offchain.chain.governance import votes_of

    session: Session = context.obj
    network = session.network
    found = _find(session, proposal)
    votes = votes_of(network, found)
    value = _plain(network, found)
    value["votes"] = [_plain_vote(vote) for vote in votes]
    if network.clock.tick() > found.snapshot_tick:
        value["quorum_rao"] = network.governor.quorum_rao(found.number)
    shown = {name: item for name, item in value.items() if name not in ("calls", "votes")}
    rows: list[tuple[str, object]] = [
        (name, tao(item) if name.endswith("_rao") else item) for name, item in shown.items()
    ]
    rows += [("call", words) for words in value["calls"]]
    rows += [("vote", _vote_in_words(vote)) for vote in votes]
    rows.append(("next", _next_step(network, found)))
    show_table(session.flags.json, f"proposal {found.place}", ("what", "value"), rows, value)


def _voter(session: Session, key: str) -> Voter:
    from offchain.chain.governance import Voter

    return Voter(session.network, session.sender(session.signer(session.coldkey_name(key))))


def _find(session: Session, name: str) -> Proposal:
    from offchain.chain.governance import find_proposal

    return find_proposal(session.network, name)


def _support(word: str) -> Support:
    from offchain.chain.governor import Support

    try:
        return Support[word.upper()]
    except KeyError:
        raise ConfigError(
            f"{word!r} is no vote", next_step="Say for, against or abstain."
        ) from None


def _show_votes(
    session: Session, proposal: Proposal, support: Support, counted: list[StakeVoted]
) -> None:
    total = sum(vote.weight_rao for vote in counted)
    value = {
        "proposal": proposal.number,
        "support": support.name.lower(),
        "weight_rao": total,
        "votes": [_plain_vote(vote) for vote in counted],
    }
    text = f"{tao(total)} TAO of stake {support.name.lower()} proposal {proposal.place}"
    show(session.flags.json, value, text)


def _plain_vote(vote: StakeVoted) -> dict[str, Any]:
    from offchain.chain.governor import Support

    return {
        "hotkey": vote.hotkey,
        "coldkey": vote.coldkey,
        "support": Support(vote.support).name.lower(),
        "weight_rao": vote.weight_rao,
        "is_pool": vote.is_pool,
    }


def _vote_in_words(vote: StakeVoted) -> str:
    plain = _plain_vote(vote)
    who = "its validator" if vote.is_pool else f"delegator {vote.coldkey}"
    return f"{plain['support']}: {tao(vote.weight_rao)} TAO behind {vote.hotkey}, by {who}"


def _plain(network: Network, proposal: Proposal) -> dict[str, Any]:
    from offchain.chain.governance import words_of

    draft = proposal.draft
    return {
        "place": proposal.place,
        "number": f"0x{proposal.number:064x}",
        "state": proposal.state.name.lower(),
        "proposer": proposal.proposer,
        "description": draft.description,
        "snapshot_tick": proposal.snapshot_tick,
        "deadline_tick": proposal.deadline_tick,
        "for_rao": proposal.tally.for_rao,
        "against_rao": proposal.tally.against_rao,
        "abstain_rao": proposal.tally.abstain_rao,
        "calls": [
            words_of(network, target, data)
            for target, data in zip(draft.targets, draft.calldatas, strict=True)
        ],
    }


def _next_step(network: Network, proposal: Proposal) -> str:
    from offchain.chain.governor import State

    place = proposal.place
    steps = {
        State.PENDING: f"wait until tick {proposal.snapshot_tick + 1}, then vote",
        State.ACTIVE: f"evmtensor gov vote {place} for|against|abstain",
        State.SUCCEEDED: f"evmtensor gov queue {place}",
        State.QUEUED: f"evmtensor gov execute {place}",
    }
    if proposal.state is State.QUEUED:
        wait = network.governor.eta(proposal.number) - network.clock.chain_time()
        if wait > 0:
            return f"wait {wait} seconds, then {steps[State.QUEUED]}"
    return steps.get(proposal.state, "nothing")
