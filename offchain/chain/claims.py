# SPDX-License-Identifier: Apache-2.0
"""What can be claimed from the last final epoch of a subnet, with proofs."""

from __future__ import annotations

from offchain.chain.contract import read_all
from offchain.chain.errors import NodeRefused
from offchain.chain.events import read_events
from offchain.chain.hotkey import closed_epoch
from offchain.chain.network import Network
from offchain.chain.rewards import Claim, claimed_from
from offchain.chain.settlement import EpochFinalized
from offchain.protocol.identifiers import generation_in_life, incarnation_of_epoch
from offchain.settlement.frozen import Frozen, unpack_frozen
from offchain.settlement.payouts import Cumulative, PayTree, unpack_cumulatives


def last_final(network: Network, netuid: int) -> EpochFinalized | None:
    """The newest final epoch of a subnet."""
    finals = final_epochs(network, netuid)
    return finals[0] if finals else None


def final_epochs(network: Network, netuid: int) -> list[EpochFinalized]:
    """Every final epoch of a subnet, newest first."""
    found = read_events(
        network.settlement, EpochFinalized, network.deployment.first_block, indexed=(netuid,)
    )
    return sorted(found, key=lambda event: -event.epoch)


def open_claims(network: Network, netuid: int, uid: int | None = None) -> list[Claim]:
    """Every claim that still pays something, for one uid or for all; newest epochs first.

    A replaced neuron is in no newer root than that of the last epoch that it served, so older
    epochs are read until every generation of every uid was met, in each life of the netuid. Raises
    `NodeRefused` when the node's events do not give the root that the contract has.
    """
    claims: dict[int, Claim] = {}  # by registration id, from the newest root that has it
    met: set[int] = set()  # incarnations of which nothing is missing
    for final in final_epochs(network, netuid):
        if incarnation_of_epoch(final.epoch) in met:
            continue
        frozen, cumulatives, tree = _pay_tree(network, netuid, final)
        uids = range(frozen.header.max_uids)
        wanted = [u for u in uids if uid is None or u == uid]
        for u in wanted:
            registration_id = netuid << 64 | u << 48 | frozen.generations[u]
            if frozen.generations[u] and registration_id not in claims:
                claims[registration_id] = Claim(
                    epoch=final.epoch,
                    registration_id=registration_id,
                    server_cumulative_rao=cumulatives[u].server_rao,
                    validator_cumulative_rao=cumulatives[u].validator_rao,
                    proof=tuple(tree.proof(u)),
                )
        oldest = [frozen.generations[u] for u in wanted]
        if all(_all_met(netuid, u, g, claims) for u, g in zip(wanted, oldest, strict=True)):
            met.add(incarnation_of_epoch(final.epoch))
    return _unpaid(network, list(claims.values()))


def _pay_tree(
    network: Network, netuid: int, final: EpochFinalized
) -> tuple[Frozen, tuple[Cumulative, ...], PayTree]:
    """What a final epoch pays, checked against the root in `Rewards`."""
    closed = closed_epoch(network, netuid, final.epoch)
    if closed is None:
        raise NodeRefused(f"the node does not have the event of the close of epoch {final.epoch}")
    frozen = unpack_frozen(closed.header, closed.seats, closed.generations)
    cumulatives = unpack_cumulatives(final.cumulatives)
    tree = PayTree(frozen, cumulatives, network.deployment.chain_id, network.rewards.address)
    if tree.root != network.rewards.root_of(netuid, final.epoch):
        raise NodeRefused(
            f"the events of epoch {final.epoch} do not give the root in Rewards",
            next_step="Ask another node with --url.",
        )
    return frozen, cumulatives, tree


def _all_met(netuid: int, uid: int, generation: int, claims: dict[int, Claim]) -> bool:
    """Whether no older epoch of its life holds a generation of this uid that was not met."""
    count = generation_in_life(generation)[1]
    latest = netuid << 64 | uid << 48 | generation
    return all(latest - back in claims for back in range(1, count))


def _unpaid(network: Network, claims: list[Claim]) -> list[Claim]:
    queries = [network.rewards.claimed_query(claim.registration_id) for claim in claims]
    words = read_all(network.connection, queries)
    return [
        claim
        for claim, so_far in zip(claims, map(claimed_from, words), strict=True)
        if claim.server_cumulative_rao > so_far.server_rao
        or claim.validator_cumulative_rao > so_far.validator_rao
    ]
