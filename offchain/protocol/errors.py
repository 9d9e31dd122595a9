# SPDX-License-Identifier: Apache-2.0
"""The errors of evmtensor; a child says who can act.

    EvmtensorError
    +-- ConfigError          the operator: a flag, a file, a missing program
    +-- ChainError           nobody yet: try again, the node or the transaction failed
    +-- InvalidSubmission    the other party: what it sent breaks the protocol
    +-- ConsensusMismatch    stop and page: two parties that must agree do not

Packages derive their own trees from these in their `errors.py`. A message says what failed, where,
what was got, what was wanted, and the next step; keys never appear in it.
"""


class EvmtensorError(Exception):
    """Base of every error that this project raises on purpose.

    `next_step` is one imperative sentence for the person at the terminal; the command line prints
    it after the message.
    """

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class ConfigError(EvmtensorError):
    """The operator can fix it: wrong flag, missing file, missing program, busy port."""


class ChainError(EvmtensorError):
    """The node or a transaction failed; trying again may help."""


class InvalidSubmission(EvmtensorError):
    """The other party sent something that the protocol forbids."""


class ConsensusMismatch(EvmtensorError):
    """Two computations that must agree do not; stop and look, never retry."""
