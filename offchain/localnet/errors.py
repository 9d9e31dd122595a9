# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with processes on this machine.

ConfigError
+-- MissingProgram     anvil, ganache or a service is not installed
+-- PortBusy           somebody else listens on the wanted port
ChainError
+-- ChainNotReady      the node stopped, or never answered
+-- ServiceFailed      a service of the supervisor ended although it should run
"""

from offchain.protocol.errors import ChainError, ConfigError


class MissingProgram(ConfigError):
    """A program that this command starts is not installed."""


class PortBusy(ConfigError):
    """The wanted port is taken."""


class ChainNotReady(ChainError):
    """The node stopped while starting, or did not answer in time."""


class ServiceFailed(ChainError):
    """A supervised service ended although it should still run."""
