# SPDX-License-Identifier: Apache-2.0
"""The whole economy in one command: `evmtensor demo`."""

from offchain.localnet.demo.run import DemoSettings, run

__all__ = ["DemoSettings", "run"]
