# SPDX-License-Identifier: Apache-2.0
"""Score miners: `ape run validator --netuid 1 --hotkey dev:5`."""

from scripts._ape import command

cli = command(("validator", "run"), __doc__)
