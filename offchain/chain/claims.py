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
from offchain.settlement.frozen import unpack_frozen
from offchain.settlement.payouts import PayTree, unpack_cumulatives


def last_final(network: Network, netuid: int) -> EpochFinalized | None:
    """The newest final epoch of a subnet."""
    found = read_events(
        network.settlement, EpochFinalized, network.deployment.first_block, indexed=(netuid,)
    )
    return max(found, key=lambda event: event.epoch, default=None)


def open_claims(network: Network, netuid: int, uid: int | None = None) -> list[Claim]:
    """Every claim that still pays something, for one uid or for all.

    Raises `NodeRefused` when the node's events do not give the root that the contract has.
    """
    final = last_final(network, netuid)
    if final is None:
        return []
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
    uids = [uid] if uid is not None else range(frozen.header.max_uids)
    ids = {u: netuid << 64 | u << 48 | frozen.generations[u] for u in uids if frozen.generations[u]}
    paid = read_all(network.connection, [network.rewards.claimed_query(i) for i in ids.values()])
    claims = []
    for (u, registration_id), word in zip(ids.items(), paid, strict=True):
        so_far, earned = claimed_from(word), cumulatives[u]
        if earned.server_rao > so_far.server_rao or earned.validator_rao > so_far.validator_rao:
            claims.append(
                Claim(
                    epoch=final.epoch,
                    registration_id=registration_id,
                    server_cumulative_rao=earned.server_rao,
                    validator_cumulative_rao=earned.validator_rao,
                    proof=tuple(tree.proof(u)),
                )
            )
    return claims
