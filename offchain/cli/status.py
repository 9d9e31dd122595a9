# SPDX-License-Identifier: Apache-2.0
"""What can be said of a subnet in a few lines, for `subnet show` and `chain status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from offchain.cli.options import tao
from offchain.protocol.identifiers import first_epoch, incarnation_of_epoch
from offchain.protocol.phases import phase_of

if TYPE_CHECKING:
    from offchain.chain.network import Network


def subnet_status(network: Network, netuid: int) -> dict[str, Any]:
    """Owner, size, price and phase; ticks and TAO as the names say."""
    subnets = network.subnets
    name, url = subnets.identity_of(netuid)
    starts = subnets.start_ticks(netuid)
    status: dict[str, Any] = {
        "name": name,
        "url": url,
        "owner": subnets.owner_of(netuid),
        "neurons": network.neurons.read("uid_count", netuid),
        "max_uids": subnets.max_uids(netuid),
        "seats": subnets.max_validators(netuid),
        "burn_tao": tao(network.neurons.burn_rao(netuid)),
        "start_tick": starts.start_tick,
    }
    tick = network.clock.tick()
    if starts.start_tick is None or tick < starts.start_tick:
        return status
    window = subnets.epoch_at(netuid, tick)
    status |= {
        "tick": tick,
        "epoch": window.epoch,
        "tempo": window.tempo,
        "next_epoch_at_tick": window.end_tick,
        "phases": _phases(network, netuid, window.epoch, tick),
        "pending_tao": tao(network.emission.pending_rao(netuid)),
    }
    return status


def _phases(network: Network, netuid: int, epoch: int, tick: int) -> str:
    """The phase of the running epoch and of the one before."""
    first = max(epoch - 1, first_epoch(incarnation_of_epoch(epoch)))
    windows = [network.subnets.window_of(netuid, e) for e in range(first, epoch + 1)]
    return ", ".join(f"epoch {w.epoch}: {phase_of(w, tick).name.lower()}" for w in windows)
