# SPDX-License-Identifier: Apache-2.0
"""What can be claimed from the final epochs of a subnet, with proofs."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from offchain.chain.contract import read_all
from offchain.chain.errors import NodeRefused
from offchain.chain.events import read_events
from offchain.chain.hotkey import closed_epoch, final_result
from offchain.chain.network import Network
from offchain.chain.neurons import NeuronRegistered
from offchain.chain.rewards import Claim, RootAdded, claimed_from
from offchain.chain.settlement import EpochFinalized
from offchain.chain.stakes import hotkeys_before
from offchain.protocol.identifiers import first_epoch, incarnation_of_epoch
from offchain.settlement.frozen import Frozen, unpack_frozen
from offchain.settlement.payouts import Cumulative, PayTree, unpack_cumulatives


@dataclass(frozen=True, slots=True)
class Tenure:
    """Epochs in which a registration serves: from `first`, before `end`."""

    registration_id: int
    uid: int
    hotkey: str
    first: int
    end: int


def final_epochs(network: Network, netuid: int) -> list[int]:
    """Every epoch of a subnet that has a root, oldest first; those of earlier lives are smaller."""
    first = network.deployment.first_block
    return sorted(
        e.epoch for e in read_events(network.rewards, RootAdded, first, indexed=(netuid,))
    )


def last_final(network: Network, netuid: int) -> EpochFinalized | None:
    """The newest final epoch of a subnet."""
    epochs = final_epochs(network, netuid)
    return final_result(network, netuid, epochs[-1]) if epochs else None


def open_claims(network: Network, netuid: int, hotkey: str | None = None) -> list[Claim]:
    """Every claim that still pays something, of one hotkey or of everybody; newest epochs first.

    A registration is in no newer root than that of the last final epoch that it served, and that
    one has all that it ever earned. So one root is looked at for each registration, in whichever
    life of the netuid it was, and only roots that still owe something are opened. Raises
    `NodeRefused` when the node's events do not give the root that the contract has.
    """
    names = None if hotkey is None else {n.lower() for n in hotkeys_before(network, hotkey)}
    finals = final_epochs(network, netuid)
    last_roots: dict[int, list[Tenure]] = defaultdict(list)
    for tenure in _tenures(network, netuid):
        epoch = _last_served(tenure, finals)
        if epoch is not None and (names is None or tenure.hotkey.lower() in names):
            last_roots[epoch].append(tenure)
    claims: list[Claim] = []
    for epoch, tenures in sorted(last_roots.items(), reverse=True):
        claims += _claims_of(network, netuid, epoch, tenures)
    return claims


def _tenures(network: Network, netuid: int) -> list[Tenure]:
    """Who served when, from the registrations of all lives of a subnet."""
    found = read_events(
        network.neurons, NeuronRegistered, network.deployment.first_block, indexed=(netuid,)
    )
    ends: dict[tuple[int, int], int] = {}  # (incarnation, uid) -> when the one after it begins
    tenures = []
    for event in sorted(found, key=lambda event: event.from_epoch, reverse=True):
        incarnation = incarnation_of_epoch(event.from_epoch)
        end = ends.get((incarnation, event.uid), first_epoch(incarnation + 1))
        ends[incarnation, event.uid] = event.from_epoch
        number = event.registration_id
        tenures.append(Tenure(number, event.uid, event.hotkey, event.from_epoch, end))
    return tenures


def _last_served(tenure: Tenure, finals: Sequence[int]) -> int | None:
    """The newest final epoch in a tenure."""
    before = bisect_left(finals, tenure.end)
    return finals[before - 1] if before and finals[before - 1] >= tenure.first else None


def _claims_of(network: Network, netuid: int, epoch: int, tenures: Sequence[Tenure]) -> list[Claim]:
    """What a root still owes to registrations that it has, by uid."""
    final = final_result(network, netuid, epoch)
    if final is None:
        raise NodeRefused(f"the node does not have the event of the result of epoch {epoch}")
    cumulatives = unpack_cumulatives(final.cumulatives)
    queries = [network.rewards.claimed_query(t.registration_id) for t in tenures]
    owed = []
    for tenure, word in zip(tenures, read_all(network.connection, queries), strict=True):
        due, so_far = cumulatives[tenure.uid], claimed_from(word)
        if due.server_rao > so_far.server_rao or due.validator_rao > so_far.validator_rao:
            owed.append(tenure)
    if not owed:
        return []
    frozen, tree = _pay_tree(network, netuid, final, cumulatives)
    return [
        _claim(final, frozen, cumulatives, tree, tenure)
        for tenure in sorted(owed, key=lambda tenure: tenure.uid)
    ]


def _claim(
    final: EpochFinalized,
    frozen: Frozen,
    cumulatives: Sequence[Cumulative],
    tree: PayTree,
    tenure: Tenure,
) -> Claim:
    uid = tenure.uid
    served = frozen.registration_id(uid)
    if served != tenure.registration_id:
        raise NodeRefused(
            f"the events say that uid {uid} of epoch {final.epoch} was {served}, and that it was "
            f"{tenure.registration_id}",
            next_step="Ask another node with --url.",
        )
    return Claim(
        epoch=final.epoch,
        registration_id=tenure.registration_id,
        server_cumulative_rao=cumulatives[uid].server_rao,
        validator_cumulative_rao=cumulatives[uid].validator_rao,
        proof=tuple(tree.proof(uid)),
    )


def _pay_tree(
    network: Network, netuid: int, final: EpochFinalized, cumulatives: Sequence[Cumulative]
) -> tuple[Frozen, PayTree]:
    """The tree of a final epoch, checked against the root in `Rewards`."""
    closed = closed_epoch(network, netuid, final.epoch)
    if closed is None:
        raise NodeRefused(f"the node does not have the event of the close of epoch {final.epoch}")
    frozen = unpack_frozen(closed.header, closed.seats, closed.generations)
    tree = PayTree(frozen, cumulatives, network.deployment.chain_id, network.rewards.address)
    if tree.root != network.rewards.root_of(netuid, final.epoch):
        raise NodeRefused(
            f"the events of epoch {final.epoch} do not give the root in Rewards",
            next_step="Ask another node with --url.",
        )
    return frozen, tree
