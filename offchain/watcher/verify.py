# SPDX-License-Identifier: Apache-2.0
"""Whether the chain's root of an epoch is right, from logs alone."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.network import Network
from offchain.chain.subnet_history import SubnetHistory
from offchain.protocol.errors import ConfigError
from offchain.settlement.history import State
from offchain.settlement.payouts import PayTree, settle, unpack_cumulatives
from offchain.watcher.plan import fault_of


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. expected: the root that the epoch's inputs give; posted: the chain's."""

    netuid: int
    epoch: int
    is_right: bool
    expected_root: bytes
    posted_root: bytes
    fault: str


def verify_epoch(network: Network, netuid: int, epoch: int) -> Verification:
    """Rebuild an epoch from the first log on and compare.

    Raises:
        ConfigError: the epoch is not final.
        ConsensusMismatch: the node's logs contradict themselves.
    """
    follower = SubnetHistory(network, netuid)
    follower.poll()
    history = follower.history
    record = history.epochs.get(epoch)
    if record is None or record.state is not State.FINAL:
        known = sorted(e for e, r in history.epochs.items() if r.state is State.FINAL)
        raise ConfigError(
            f"epoch {epoch} of subnet {netuid} is not final",
            next_step=f"Final epochs: {known[-8:] or 'none yet'}.",
        )
    base = unpack_cumulatives(history.base(epoch))
    carried = history.carried_flags(epoch)
    pay = settle(record.frozen, history.result(epoch).trace, base, carried)
    chain_id, rewards = network.deployment.chain_id, network.rewards.address
    expected = PayTree(record.frozen, pay.cumulatives, chain_id, rewards).root
    posted = network.rewards.root_of(netuid, epoch) or bytes(32)
    fault = fault_of(record, history)
    return Verification(
        netuid=netuid,
        epoch=epoch,
        is_right=expected == posted and fault is None,
        expected_root=expected,
        posted_root=posted,
        fault="" if fault is None else repr(fault),
    )
