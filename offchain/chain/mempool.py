# SPDX-License-Identifier: Apache-2.0
"""What waits to be mined, as far as the node shows it."""

from __future__ import annotations

from offchain.chain.connection import Connection
from offchain.chain.contract import Call
from offchain.chain.errors import NodeRefused

COMPARED_CHARACTERS = 2 + 8 + 64  # 0x, selector, first argument


def is_pending(connection: Connection, call: Call, sender: str) -> bool:
    """Whether another account's transaction with this target, function and first argument waits.

    A node without a pending block shows nothing, so the answer is then False.
    """
    try:
        block = connection.rpc.call("eth_getBlockByNumber", "pending", True)
    except NodeRefused:
        return False
    waiting = block.get("transactions", []) if isinstance(block, dict) else []
    wanted = call.data[:COMPARED_CHARACTERS].lower()
    return any(
        isinstance(t, dict)
        and str(t.get("to", "")).lower() == str(call.to).lower()
        and str(t.get("from", "")).lower() != sender.lower()
        and str(t.get("input", ""))[:COMPARED_CHARACTERS].lower() == wanted
        for t in waiting
    )
