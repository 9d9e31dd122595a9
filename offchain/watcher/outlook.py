# SPDX-License-Identifier: Apache-2.0
"""What the plan needs besides the logs, in one request: the state of what is still open."""

from __future__ import annotations

from offchain.chain.contract import read_all
from offchain.chain.errors import Reverted
from offchain.chain.network import Network
from offchain.protocol.phases import is_closable
from offchain.settlement.history import History, State
from offchain.watcher.plan import Outlook


def look(network: Network, history: History, tick: int, account: str, *, settles: bool) -> Outlook:
    """The outlook for one subnet, as of the newest block. settles: whether it would close."""
    live = [
        record.live.proposal_id
        for record in history.epochs.values()
        if record.live is not None and record.state is State.CLOSED
    ]
    newest = [
        record.live.proposal_id
        for record in (history.epochs[epoch] for epoch in history.newest_of_lives())
        if record.live is not None
    ]
    settlement = network.settlement
    queries = [settlement.query("proposal_of", i) for i in (*live, *newest)]
    queries += [settlement.query("proven_of", i) for i in live]
    answers = read_all(network.connection, queries)
    posted, proven = answers[: len(live)], answers[len(live) + len(newest) :]
    return Outlook(
        tick=tick,
        proposed_ticks={i: int(found[1]) for i, found in zip(live, posted, strict=True)},
        proven={i: int(word) for i, word in zip(live, proven, strict=True)},
        closable=_closable(network, history.netuid, tick) if settles else None,
        account=account,
        locked_rao={
            i: int(found[2]) for i, found in zip(newest, answers[len(live) :], strict=False)
        },
    )


def _closable(network: Network, netuid: int, tick: int) -> tuple[int, int] | None:
    """The epoch that may be closed now and the first tick at which it could."""
    try:
        running = network.subnets.epoch_at(netuid, tick)
        if running.epoch == 0:
            return None
        ended = network.subnets.window_of(netuid, running.epoch - 1)
    except Reverted:
        return None  # evicted, or not started
    if not is_closable(ended, running, tick):
        return None
    return int(ended.epoch), ended.end_tick + ended.reveal_ticks
