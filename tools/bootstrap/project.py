# SPDX-License-Identifier: Apache-2.0
"""What a checkout makes for itself once its packages are there."""

from __future__ import annotations

import re

from tools.bootstrap.failure import SetupError
from tools.bootstrap.install import PYTHON
from tools.bootstrap.steps import CACHE, ROOT, Step, call, hash_of

_ARTIFACTS = ROOT / "offchain" / "chain" / "artifacts"
MODELS = CACHE / "models"


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


def engine() -> Step:
    """The epoch's machine code, cached by numba; replaying the vectors compiles and checks it."""

    def run() -> None:
        vectors = ROOT / "tests" / "vectors" / "epoch_vectors.json"
        call([PYTHON, "-m", "offchain.yuma.replay", vectors, "--implementation", "both"])

    return Step(
        name="engine",
        title="Compile the epoch and replay its vectors",
        fingerprint=lambda: hash_of("offchain/yuma/**/*.py", "tests/vectors/epoch_vectors.json"),
        run=run,
        done=lambda: True,
    )


def models() -> Step:
    """The demo's models: trained with torch, exported to ONNX; the trainer keeps what is fresh."""

    def run() -> None:
        call([PYTHON, "-m", "miners.train", "--out", MODELS])

    return Step(
        name="models",
        title="Train and export the demo's models",
        fingerprint=lambda: hash_of(
            "miners/models.py", "miners/train.py", "miners/export.py", "offchain/subnets/vision.py"
        ),
        run=run,
        done=lambda: any(MODELS.glob("*.onnx")),
    )
