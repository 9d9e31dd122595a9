# SPDX-License-Identifier: Apache-2.0
"""Reads from the chain what the demo is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Event, read_all
from offchain.chain.emission import Drained
from offchain.chain.events import read_events
from offchain.chain.rewards import claimed_from
from offchain.chain.settlement import EpochClosed, EpochFinalized, EpochProposed, ProposalStruck
from offchain.localnet.demo.cast import PLAYERS
from offchain.localnet.demo.outcome import Account, EpochBooks, Strike
from offchain.localnet.demo.stage import Stage
from offchain.settlement.history import History


@dataclass(frozen=True, slots=True)
class Line:
    """One uid in one settled epoch: Q32 bits and rao."""

    epoch: int
    name: str
    uid: int
    consensus_bits: int
    incentive_bits: int
    dividends_bits: int
    server_rao: int
    validator_rao: int


def epoch_lines(stage: Stage, history: History, epoch: int) -> list[Line]:
    """Every player's share of a final epoch, computed from the chain's own inputs."""
    yuma = history.result(epoch).yuma
    record = history.epochs[epoch]
    seats = {seat.uid: i for i, seat in enumerate(record.frozen.seats) if seat.generation}
    lines = []
    for player in PLAYERS:
        uid = stage.uids[player.name]
        seat = seats.get(uid)
        lines.append(
            Line(
                epoch=epoch,
                name=player.name,
                uid=uid,
                consensus_bits=yuma.consensus_bits[uid],
                incentive_bits=yuma.incentive_bits[uid],
                dividends_bits=0 if seat is None else yuma.dividends_bits[seat],
                server_rao=yuma.server_emission[uid],
                validator_rao=0 if seat is None else yuma.validator_emission[seat],
            )
        )
    return lines


def accounts(stage: Stage, history: History) -> list[Account]:
    """What everybody earned up to the last final epoch, and what has been paid."""
    network, last = stage.network, history.last_final
    if last is None:
        return []
    earned = history.cumulatives(last)
    frozen = history.epochs[last].frozen
    uids = [stage.uids[player.name] for player in PLAYERS]
    ids = [frozen.registration_id(uid) for uid in uids]
    paid = read_all(
        network.connection, [network.rewards.claimed_query(i) for i in ids if i is not None]
    )
    claimed = dict(zip([i for i in ids if i is not None], map(claimed_from, paid), strict=True))
    return [
        Account(
            player=player,
            uid=uid,
            server_rao=earned[uid].server_rao,
            validator_rao=earned[uid].validator_rao,
            claimed_server_rao=claimed[i].server_rao if i is not None else 0,
            claimed_validator_rao=claimed[i].validator_rao if i is not None else 0,
        )
        for player, uid, i in zip(PLAYERS, uids, ids, strict=True)
    ]


def strikes(stage: Stage) -> list[Strike]:
    """Every false proposal that was struck, with the ticks it stood."""
    network, first = stage.network, stage.network.deployment.first_block
    settlement, clock = network.settlement, network.clock.ticks

    def tick_of(event: Event) -> int:
        return clock.tick_at(network.connection.block(event.at.block_number).timestamp)

    proposed = {
        p.proposal_id: p
        for p in read_events(settlement, EpochProposed, first, indexed=(stage.netuid,))
    }
    return [
        Strike(
            epoch=proposed[s.proposal_id].epoch,
            proposer=proposed[s.proposal_id].proposer,
            challenger=s.challenger,
            bond_rao=proposed[s.proposal_id].bond_rao,
            reward_rao=s.reward_rao,
            recycled_rao=s.recycled_rao,
            stood_ticks=tick_of(s) - tick_of(proposed[s.proposal_id]),
        )
        for s in read_events(settlement, ProposalStruck, first)
        if s.proposal_id in proposed
    ]


def books(stage: Stage) -> list[EpochBooks]:
    """Every final epoch's money, from the events of Emission and Settlement."""
    network, first = stage.network, stage.network.deployment.first_block
    indexed = (stage.netuid,)
    drained = {
        d.at.transaction_hash: d.amount_rao
        for d in read_events(network.emission, Drained, first, indexed=indexed)
    }
    events: list[EpochClosed | EpochFinalized] = [
        *read_events(network.settlement, EpochClosed, first, indexed=indexed),
        *read_events(network.settlement, EpochFinalized, first, indexed=indexed),
    ]
    events.sort(key=lambda e: (e.at.block_number, e.at.log_index))
    pot, opened, found = 0, {}, []
    for event in events:
        if isinstance(event, EpochClosed):
            opened[event.epoch] = (drained[event.at.transaction_hash], pot)
            pot = 0
            continue
        drained_rao, pot_before = opened[event.epoch]
        pot += event.pot_rao
        found.append(
            EpochBooks(
                epoch=event.epoch,
                drained_rao=drained_rao,
                pot_before_rao=pot_before,
                payouts_rao=event.payouts_rao,
                owner_rao=event.owner_rao,
                proposer_rao=event.proposer_rao,
                recycled_rao=event.recycled_rao,
                pot_after_rao=event.pot_rao,
            )
        )
    return found
