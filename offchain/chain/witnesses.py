# SPDX-License-Identifier: Apache-2.0
"""What is asked before a bond is put at risk or a lie is struck (security J2, FI-20, FI-21).

A bond is lost if it stands behind a result of other inputs than the contract froze. So the close
that the result follows from, and the parent's proposal whose bonds it loads, lie deep enough in the
chain, and every node that we know tells the same of both. Logs are asked for, because the words
that a result follows from are nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

from offchain.chain.connection import Block
from offchain.chain.contract import Event
from offchain.chain.errors import NodesDisagree, Unconfirmed
from offchain.chain.network import Network
from offchain.chain.presets import PRESETS
from offchain.chain.settlement import EpochClosed, EpochProposed
from offchain.settlement.history import ClosedEpoch, History

Testimony = tuple[type[Event], int, int]
"""What happened to which epoch in which block."""


class Witnesses:
    """All nodes of a network, asked once about each event.

    Args:
        confirmations: blocks on top of an event before a bond relies on it; None for those of the
            deployment's preset.
    """

    def __init__(self, network: Network, confirmations: int | None = None) -> None:
        self._network = network
        if confirmations is None:
            preset = PRESETS.get(network.deployment.preset)
            confirmations = 0 if preset is None else preset.confirmations
        self._confirmations = confirmations
        self._heard: dict[tuple[int, Testimony], str] = {}

    def vouch_for_inputs(self, history: History, epoch: int, head: Block) -> None:
        """Before `propose`: what the result of an epoch follows from is deep and undisputed.

        Raises:
            Unconfirmed: too few blocks on top of it.
            NodesDisagree: nodes contradict each other, or too few answer.
        """
        for told in _inputs(history, history.epochs[epoch]):
            self._check_depth(history, told, head)
            self._hear(history, told)

    def vouch_for_lie(self, history: History, epoch: int) -> None:
        """Before a challenge, which needs no depth: it risks gas, and a reorganisation undoes it
        with the lie.

        Raises:
            NodesDisagree: as `vouch_for_inputs`.
        """
        record = history.epochs[epoch]
        for told in (*_inputs(history, record), *_proposal(record)):
            self._hear(history, told)

    def _check_depth(self, history: History, told: Testimony, head: Block) -> None:
        kind, epoch, number = told
        if head.number - number < self._confirmations:
            raise Unconfirmed(
                f"netuid {history.netuid} epoch {epoch}: {kind.__name__} is {head.number - number} "
                f"blocks deep, wanted {self._confirmations}",
                next_step="It is tried again with every block.",
            )

    def _hear(self, history: History, told: Testimony) -> None:
        """Every node tells the same of an event; with one node there is nobody to contradict."""
        connection = self._network.connection
        if len(connection.rpc.urls) < 2:
            return
        kind, epoch, number = told
        block = connection.block(number)
        key = (history.netuid, told)
        if self._heard.get(key) == block.hash:
            return
        settlement = self._network.settlement
        topics = [settlement.topic(kind), _word(history.netuid), _word(epoch)]
        if not connection.agreed_logs(settlement.address, topics, block):
            raise NodesDisagree(
                f"netuid {history.netuid} epoch {epoch}: no node has {kind.__name__} in block "
                f"{number}, where one had it before",
                next_step="Find out which node is wrong before anything with a bond is sent.",
            )
        self._heard[key] = block.hash


def _inputs(history: History, record: ClosedEpoch) -> Iterator[Testimony]:
    yield EpochClosed, record.epoch, record.closed_block
    parent = history.parent_of(record.epoch)
    if parent is not None:
        yield from _proposal(parent)


def _proposal(record: ClosedEpoch) -> Iterator[Testimony]:
    if record.live is not None:
        yield EpochProposed, record.epoch, record.live.block_number


def _word(number: int) -> str:
    return f"0x{number:064x}"
