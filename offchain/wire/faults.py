# SPDX-License-Identifier: Apache-2.0
"""What went wrong in somebody's code, for the log: where, but never with the values in play.

structlog prints the local variables of every frame, and those of an HTTP client hold its token
(security I10).
"""

from traceback import format_exception
from typing import Any

from offchain.protocol.errors import EvmtensorError


def log_fault(log: Any, what: str, error: BaseException, **fields: Any) -> None:
    """One line for an error of ours, which says it all; a plain traceback for any other."""
    if isinstance(error, EvmtensorError):
        log.error(what, reason=str(error), **fields)
        return
    log.error(f"{what}\n{''.join(format_exception(error))}", **fields)
