# SPDX-License-Identifier: Apache-2.0
"""The watcher on titanoboa's chain: as isolated as the contracts' tests."""

from tests.contracts.isolation import chain, isolation

__all__ = ["chain", "isolation"]
