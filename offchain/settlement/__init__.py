# SPDX-License-Identifier: Apache-2.0
"""Trace of an epoch, column blocks, Merkle tree, disputes. Pure: integers in, integers out.

    history = History(netuid)                      # fed with the events of one subnet
    result = history.result(epoch)                 # what is true: trace words, bonds, shares
    settle(frozen, result.trace, base, carried)    # what finalize will pay
    PayTree(frozen, cumulatives, chain_id, rewards).proof(uid)

Layouts: docs/settlement.md. Every encoding has one twin in contracts/modules.
"""

from offchain.settlement.frozen import Frozen, FrozenSeat, Header, frozen_hash, unpack_frozen
from offchain.settlement.history import ClosedEpoch, History, Proposal, State
from offchain.settlement.payouts import Cumulative, Pay, PayTree, settle
from offchain.settlement.result import EpochResult, compute
from offchain.settlement.trace import Trace, pack_trace, trace_hash, unpack_trace

__all__ = [
    "ClosedEpoch",
    "Cumulative",
    "EpochResult",
    "Frozen",
    "FrozenSeat",
    "Header",
    "History",
    "Pay",
    "PayTree",
    "Proposal",
    "State",
    "Trace",
    "compute",
    "frozen_hash",
    "pack_trace",
    "settle",
    "trace_hash",
    "unpack_frozen",
    "unpack_trace",
]
