# SPDX-License-Identifier: Apache-2.0
"""Where every token is from and where it went, and when the halvings come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offchain.chain.contract import Query, read_all
from offchain.chain.errors import NodeRefused, Reverted
from offchain.chain.network import Network
from offchain.protocol.halving import schedule, ticks_until

ROOT_AND_SUBNETS = 129
PAST_SAMPLES = 24


@dataclass(frozen=True, slots=True)
class Supply:
    """The books at one block, in rao.

    supply: tokens that exist. issuance: what the halvings go by, recycled tokens taken off.
    pending: accrued and not minted yet, the fraction of a rao apart. recycled: back in the schedule
    to be emitted again; withheld: the part of it that was never minted. burned_fees and
    burned_by_holders are gone for good and do not come back into the schedule.
    """

    supply_rao: int
    issuance_rao: int
    genesis_rao: int
    accrued_rao: int
    minted_rao: int
    bonus_rao: int
    pending_rao: int
    recycled_rao: int
    withheld_rao: int
    burned_fees_rao: int
    burned_by_holders_rao: int


@dataclass(frozen=True, slots=True)
class Halving:
    """One row of the schedule: from an issuance on a tick pays `rate_rao`.

    tick and timestamp: when it was passed or, at the present rate and without recycling, will be;
    None where the node no longer knows (past), or never comes.
    """

    number: int
    issuance_rao: int
    rate_rao: int
    is_past: bool
    tick: int | None
    timestamp: int | None


def supply_of(network: Network) -> Supply:
    """The books as of the newest block."""
    emission = network.emission
    names = (
        *("issuance_rao", "genesis_rao", "accrued_rao", "minted_rao", "bonus_rao"),
        *("recycled_rao", "withheld_rao", "burned_rao"),
    )
    queries: list[Query[Any]] = [network.tao.query("totalSupply")]
    queries += [emission.query(name) for name in names]
    queries += [emission.query("pending_rao", netuid) for netuid in range(ROOT_AND_SUBNETS)]
    supply, *books = read_all(network.connection, queries, network.connection.head().number)
    issuance, genesis, accrued, minted, bonus, recycled, withheld, burned = books[: len(names)]
    # burned through Emission, by registrations and by anybody: they come back
    returned = recycled - withheld
    return Supply(
        supply_rao=supply,
        issuance_rao=issuance,
        genesis_rao=genesis,
        accrued_rao=accrued,
        minted_rao=minted,
        bonus_rao=bonus,
        pending_rao=sum(books[len(names) :]),
        recycled_rao=recycled,
        withheld_rao=withheld,
        burned_fees_rao=burned,
        burned_by_holders_rao=genesis + minted + bonus - returned - burned - supply,
    )


def halvings(network: Network) -> list[Halving]:
    """All rows of the schedule, past and future."""
    issuance = network.emission.issuance_rao()
    tick_now = network.clock.tick()
    rows = []
    for step in schedule():
        is_past = step.issuance_rao <= issuance
        if is_past:
            tick = _passed_at(network, step.issuance_rao)
        else:
            ahead = ticks_until(issuance, step.issuance_rao)
            tick = None if ahead is None else tick_now + ahead
        timestamp = None if tick is None else network.clock.timestamp_of(tick)
        rows.append(
            Halving(step.halving, step.issuance_rao, step.rate_rao, is_past, tick, timestamp)
        )
    return rows


def course(network: Network) -> list[tuple[int, int]]:
    """Tick and issuance now and at every halving to come: between two of them it is a line."""
    points = [(network.clock.tick(), network.emission.issuance_rao())]
    points += [
        (row.tick, row.issuance_rao)
        for row in halvings(network)
        if not row.is_past and row.tick is not None
    ]
    return points


def past(network: Network, samples: int = PAST_SAMPLES) -> list[tuple[int, int]]:
    """Tick and issuance at blocks since the deployment, as far back as the node remembers."""
    first, last = network.deployment.last_block, network.connection.head().number
    points: list[tuple[int, int]] = []
    for block in sorted({first + (last - first) * n // samples for n in range(samples + 1)}):
        try:
            issuance = int(network.emission.read("issuance_rao", block=block))
        except (NodeRefused, Reverted):
            continue
        tick = network.clock.ticks.tick_at(network.connection.block(block).timestamp)
        points.append((tick, issuance))
    return points


def _passed_at(network: Network, issuance_rao: int) -> int | None:
    """First tick at which an issuance was reached, which may lie between two blocks; None where the
    node forgot the state.

    Recycling lowers issuance, so that it can be passed twice: then this is one of the two.
    """
    if issuance_rao <= network.emission.genesis_rao():
        return 0
    low, high = network.deployment.last_block, network.connection.head().number
    try:
        while low < high:
            middle = (low + high) // 2
            if int(network.emission.read("issuance_rao", block=middle)) >= issuance_rao:
                high = middle
            else:
                low = middle + 1
        before = int(network.emission.read("issuance_rao", block=low - 1))
    except (NodeRefused, Reverted):
        return None
    tick_before, tick = (
        network.clock.ticks.tick_at(network.connection.block(block).timestamp)
        for block in (low - 1, low)
    )
    ahead = ticks_until(before, issuance_rao)
    return tick if ahead is None else min(tick, tick_before + ahead)
