# SPDX-License-Identifier: Apache-2.0
"""The whole economy in one command: `ape run demo --chain anvil`."""

from scripts._ape import command

cli = command(("demo",), __doc__)
