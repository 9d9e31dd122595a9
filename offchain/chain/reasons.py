# SPDX-License-Identifier: Apache-2.0
"""From a contract's refusal to what the person at the terminal does next.

A contract says what *is*; this table says what to do. A test reads every reason out of
`contracts/` and fails when one has no entry here.
"""

from __future__ import annotations

_WAIT = "Wait for the phase; `evmtensor chain status` shows the present one."

NEXT_STEP: dict[str, str] = {}

# By contract, for reasons without an entry of their own.
BY_CONTRACT: dict[str, str] = {
    "erc20": "Check the balance with `evmtensor token balance`, and the approved amount.",
    "weights": _WAIT,
    "settlement": _WAIT,
}


def next_step_for(reason: str) -> str:
    """One imperative sentence, or a general one for a reason that nobody foresaw."""
    contract = reason.partition(":")[0]
    fallback = "Run the command again with -v for details."
    return NEXT_STEP.get(reason) or BY_CONTRACT.get(contract, fallback)
