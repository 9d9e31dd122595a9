# SPDX-License-Identifier: Apache-2.0
"""From an untrained torch module to the first earned rao, on a network of your own, in a minute:

    .venv/bin/python examples/first_rao.py

A researcher writes `build`, `train` and the three lines of `miner`. Everything else (a chain, the
contracts, a subnet with two validators, registration, pay) is started around it and ended again.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from miners import Miner
from offchain.localnet.first_rao import earn
from offchain.protocol.errors import EvmtensorError
from offchain.subnets import vision

STEPS = 200


def build() -> torch.nn.Module:
    """A small classifier: (batch, 8, 8) images to (batch, 10) logits."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
    )


def train(module: torch.nn.Module) -> None:
    """A few seconds on the subnet's public images, distorted as its validators distort them."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=5e-3)
    rng = np.random.default_rng(0)
    images, labels = (array[: vision.TRAINING_IMAGES] for array in vision.digits())
    for _ in range(STEPS):
        chosen = rng.integers(0, len(images), 128)
        seen = torch.from_numpy(vision.distort(images[chosen], rng))
        loss = torch.nn.functional.cross_entropy(module(seen), torch.from_numpy(labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def miner(folder: Path) -> Any:
    """What turns a module into a miner: export, checks and self-test are in `from_torch`."""
    module = build()
    train(module)
    return Miner.from_torch(
        torch.nn.Sequential(module, torch.nn.Softmax(dim=1)), "vision", folder / "model.onnx"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="From a torch module to the first earned rao")
    parser.add_argument("--chain", choices=["anvil", "ganache"], default="anvil")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    try:
        earned = earn(miner, options.chain)
    except EvmtensorError as error:
        raise SystemExit(f"{error}. {error.next_step}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    seconds = time.monotonic() - began
    print(f"the newcomer earned {earned} rao, {seconds:.0f} s after an untrained module")


if __name__ == "__main__":
    main()
