# SPDX-License-Identifier: Apache-2.0
"""A snapshot of one subnet: who is there, what they hold, what they earned last."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.claims import last_final
from offchain.chain.contract import read_all
from offchain.chain.hotkey import closed_epoch, proposals
from offchain.chain.network import Network
from offchain.chain.neurons import Axon, axon_from, model_from
from offchain.chain.root import ROOT_NETUID
from offchain.protocol.errors import ConfigError
from offchain.protocol.identifiers import life_in
from offchain.settlement.frozen import unpack_frozen
from offchain.settlement.payouts import unpack_cumulatives
from offchain.settlement.trace import unpack_trace

BLOCK_COLUMNS = 16


@dataclass(frozen=True, slots=True)
class Neuron:
    """One uid of the running epoch.

    name: what its coldkey calls itself, which nobody checked; empty if nothing.
    seat: the number of its seat, None for a miner. incentive, dividends: its share of the last
    final epoch, 0 to 1, for display only; server_rao and validator_rao: cumulative pay, exact.
    """

    uid: int
    registration_id: int
    hotkey: str
    coldkey: str
    name: str
    stake_rao: int
    seat: int | None
    axon: Axon | None
    model_hash: bytes | None
    incentive: float
    dividends: float
    server_rao: int
    validator_rao: int


@dataclass(frozen=True, slots=True)
class Metagraph:
    """A subnet as of one block. `final_epoch`: the epoch that shares and pay are of, or None."""

    netuid: int
    block: int
    tick: int
    epoch: int
    final_epoch: int | None
    max_uids: int
    neurons: tuple[Neuron, ...]

    @property
    def n(self) -> int:
        return len(self.neurons)

    def by_hotkey(self, hotkey: str) -> Neuron | None:
        return next((n for n in self.neurons if n.hotkey.lower() == hotkey.lower()), None)


@dataclass(frozen=True, slots=True)
class _Earnings:
    """Of the last final epoch, by uid; only of the generation that served in it."""

    epoch: int | None
    generations: tuple[int, ...]
    incentive: dict[int, float]
    dividends: dict[int, float]
    server_rao: dict[int, int]
    validator_rao: dict[int, int]


def read_metagraph(network: Network, netuid: int) -> Metagraph:
    """Everything as of one block.

    Raises `Reverted` for an unknown netuid, `ConfigError` for the root, which has no neurons.
    """
    if netuid == ROOT_NETUID:
        raise ConfigError(
            "the root, netuid 0, has no neurons", next_step="Run `evmtensor root show`, or `seats`."
        )
    head = network.clock.head()
    at, neurons, staking = head.number, network.neurons, network.staking
    epoch = int(network.subnets.read("running_epoch", netuid, block=at))
    standing = neurons.standing_at(netuid, epoch, at)
    generations = standing.generations
    ids = [netuid << 64 | uid << 48 | g for uid, g in enumerate(generations) if g]
    uids = [i >> 48 & 0xFFFF for i in ids]
    hotkeys = read_all(network.connection, [neurons.hotkey_query(i) for i in ids], at)
    owners = read_all(network.connection, [staking.owner_query(h) for h in hotkeys], at)
    names = read_all(network.connection, [network.keys.name_query(o) for o in owners], at)
    stakes = read_all(network.connection, [staking.stake_query(h) for h in hotkeys], at)
    axons = read_all(network.connection, [neurons.axon_query(netuid, u) for u in uids], at)
    models = read_all(network.connection, [neurons.model_query(i) for i in ids], at)
    seat_of = {s.uid: s.seat for s in standing.seats if s is not None}
    earned = _earnings(network, netuid, epoch)
    made = []
    for i, registration_id in enumerate(ids):
        uid = uids[i]
        model = model_from(models[i])
        same = uid < len(earned.generations) and earned.generations[uid] == generations[uid]
        made.append(
            Neuron(
                uid=uid,
                registration_id=registration_id,
                hotkey=hotkeys[i],
                coldkey=owners[i],
                name=names[i],
                stake_rao=stakes[i],
                seat=seat_of.get(uid),
                axon=axon_from(axons[i]),
                model_hash=model.model_hash if model else None,
                incentive=earned.incentive.get(uid, 0.0) if same else 0.0,
                dividends=earned.dividends.get(uid, 0.0) if same else 0.0,
                server_rao=earned.server_rao.get(uid, 0) if same else 0,
                validator_rao=earned.validator_rao.get(uid, 0) if same else 0,
            )
        )
    return Metagraph(
        netuid=netuid,
        block=at,
        tick=network.clock.ticks.tick_at(head.timestamp),
        epoch=epoch,
        final_epoch=earned.epoch,
        max_uids=len(generations),
        neurons=tuple(made),
    )


def _earnings(network: Network, netuid: int, running_epoch: int) -> _Earnings:
    final = last_final(network, netuid)
    if final is not None and life_in(netuid, final.epoch) != life_in(netuid, running_epoch):
        final = None  # a predecessor's
    closed = closed_epoch(network, netuid, final.epoch) if final else None
    if final is None or closed is None:
        return _Earnings(None, (), {}, {}, {}, {})
    words = next(
        p.trace
        for p in proposals(network, netuid, final.epoch)
        if p.proposal_id == final.proposal_id
    )
    frozen = unpack_frozen(closed.header, closed.seats, closed.generations)
    trace = unpack_trace(words, frozen.header.max_uids // BLOCK_COLUMNS, len(frozen.seats))
    ranks = [rank for block in trace.blocks for rank in block.ranks]
    all_dividends = sum(trace.dividend_totals)
    dividends: dict[int, float] = {}
    for seat, total in zip(frozen.seats, trace.dividend_totals, strict=True):
        if seat.generation and all_dividends:
            dividends[seat.uid] = total / all_dividends
    cumulatives = unpack_cumulatives(final.cumulatives)
    return _Earnings(
        epoch=final.epoch,
        generations=frozen.generations,
        incentive={u: r / trace.total_rank for u, r in enumerate(ranks) if trace.total_rank},
        dividends=dividends,
        server_rao={u: c.server_rao for u, c in enumerate(cumulatives)},
        validator_rao={u: c.validator_rao for u, c in enumerate(cumulatives)},
    )
