# SPDX-License-Identifier: Apache-2.0
"""What a checkout makes for itself once its packages are there."""

from __future__ import annotations

import re

from tools.bootstrap.failure import SetupError
from tools.bootstrap.install import PYTHON
from tools.bootstrap.steps import ROOT, Step, call, hash_of

_ARTIFACTS = ROOT / "offchain" / "chain" / "artifacts"


def contracts(evm: str) -> Step:
    """Compiled contracts for one EVM version; the builder keeps what is fresh."""

    def run() -> None:
        try:
            call([PYTHON, "-m", "offchain.chain.build", "--evm", evm])
        except SetupError as error:
            refused = re.search(r"vyper refuses (\S+): (.*)", error.output)
            if not refused:
                raise
            raise SetupError(
                f"vyper refuses {refused[1]} ({refused[2]})", "correct the source and try again"
            ) from error

    return Step(
        name=f"contracts-{evm}",
        title=f"Compile the contracts for {evm}",
        fingerprint=lambda: hash_of("contracts/**/*.vy*", "offchain/chain/build.py"),
        run=run,
        done=(_ARTIFACTS / evm).is_dir,
    )
