# SPDX-License-Identifier: Apache-2.0
"""The gas that a call gets when nobody has fixed it."""

from __future__ import annotations

import math
from dataclasses import replace

from offchain.chain.connection import Connection, ViewCall
from offchain.chain.contract import MAX_GAS
from offchain.chain.errors import NodeRefused, Reverted

# State can change between the estimate and the block. A new tick alone takes a fresh slot for every
# checkpoint that is touched: 132,000 gas for the six of a move of stake.
_SLACK, _SPARE = 1.25, 150_000
# Unused gas costs nothing, so Ganache's answer may be coarse.
_RUNGS = (500_000, 2_000_000, 8_000_000)


def gas_for(connection: Connection, call: ViewCall) -> int:
    """A limit for `call` with room for what may change before its block, in gas.

    Raises `Reverted` if the contract would refuse it now, in the contract's own words, which an
    estimate may not repeat.
    """
    connection.view(call)
    enough = _climb(connection, call) if _is_ganache(connection) else connection.estimate_gas(call)
    return min(math.ceil(enough * _SLACK) + _SPARE, MAX_GAS)


def _is_ganache(connection: Connection) -> bool:
    try:
        return connection.client.startswith("Ganache")
    except NodeRefused:  # a gateway that does not say what it is
        return False


def _climb(connection: Connection, call: ViewCall) -> int:
    """The first rung that `eth_call` can do with: Ganache leaves some estimates unanswered."""
    for gas in _RUNGS:
        try:
            connection.view(replace(call, gas=gas))
        except (Reverted, NodeRefused):
            continue
        return gas
    connection.view(replace(call, gas=MAX_GAS))  # perhaps it is refused since the first question
    return MAX_GAS
