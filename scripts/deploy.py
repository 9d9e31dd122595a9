# SPDX-License-Identifier: Apache-2.0
"""Deploy all contracts and check that no key has any power: `ape run deploy`."""

from scripts._ape import command

cli = command(("chain", "deploy"), __doc__)
