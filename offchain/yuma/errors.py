# SPDX-License-Identifier: Apache-2.0
"""The errors of the epoch.

EvmtensorError
+-- InvalidSubmission
|   +-- InvalidEpoch     a parameter or an input of an epoch is out of its range
+-- ConfigError
    +-- InvalidScenario  a scenario file cannot be read, or one of its epochs is invalid
"""

from __future__ import annotations

from offchain.protocol.errors import ConfigError, InvalidSubmission


class InvalidEpoch(InvalidSubmission):
    """A parameter or an input is out of its range.

    `field` is its name in the vectors (`weights[3]`), `problem` says what was got and what the
    limit is.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class InvalidScenario(ConfigError):
    """A scenario file is not what `tests/vectors/README.md` describes; the message names
    scenario, field and limit.
    """
