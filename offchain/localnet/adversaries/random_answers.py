# SPDX-License-Identifier: Apache-2.0
"""A miner without a model: well-formed distributions at random, at once."""

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from offchain.wire import Synapse, Tensor

if TYPE_CHECKING:
    from miners import Miner


def random_miner(subnet: str = "vision", seed: int = 0) -> "Miner":
    """A miner that guesses, very sure of itself; it commits a hash of nothing, so only its
    answers betray it.
    """
    from miners import Miner

    miner = Miner(subnet, model_hash=sha256(b"no model" + seed.to_bytes(8, "big")).digest())
    rng = np.random.default_rng(seed)
    outputs = miner.subnet.MODEL.outputs
    inputs = next(iter(miner.subnet.MODEL.inputs))

    @miner.forward
    def guess(synapse: Synapse) -> Synapse:
        rows = getattr(synapse, inputs).shape[0]
        for name, spec in outputs.items():
            shape = [rows if size is None else size for size in spec.shape]
            guesses = rng.dirichlet(np.full(shape[-1], 0.2), size=shape[:-1])
            setattr(synapse, name, Tensor.of(guesses.astype(spec.dtype)))
        return synapse

    return miner
