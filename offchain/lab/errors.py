# SPDX-License-Identifier: Apache-2.0
"""The errors of the laboratory.

EvmtensorError
+-- ConfigError
    +-- InvalidExperiment   a knob, an attack or an input of the laboratory is out of its range
"""

from __future__ import annotations

from offchain.protocol.errors import ConfigError


class InvalidExperiment(ConfigError):
    """What was asked for cannot be simulated; the message names the knob and its limits."""
