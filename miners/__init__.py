# SPDX-License-Identifier: Apache-2.0
"""The miner: ONNX engine, batcher, server, exporters from torch.

    from miners import Miner, Settings, connect

    miner = Miner.from_onnx("model.onnx", "vision")       # or Miner.from_torch(module, "vision")
    chain, hotkey = connect(1, "alice-hot", "alice")      # subnet 1, keys by name
    miner.run(chain, hotkey, Settings(port=8091, max_burn_rao=10**9))

`chain` is a `ChainPort` (see `chain_port.py`), `hotkey` a signer with `.address` and
`.sign_digest`: `connect` makes both, tests make their own. Inside an event loop: `await
miner.start(chain, hotkey, settings)`, `await miner.swap("better.onnx")`, `await miner.close()`.

    python -m miners.train --out DIR            # the demo's models
    python -m miners.exam model.onnx            # its score, as a validator would find it
    python -m miners.quantize a.onnx --out b.onnx   # the form that is exact on every machine
    python -m miners.bench                      # how much of the model's speed reaches callers

`checks` refuses unsafe and unfit files, `untrusted` runs somebody else's model in the sandbox, a
process with limits, `edge` is the plain HTTP side (Settings.http_port), and
Settings.dial_out connects to validators for a miner that cannot listen.

Serving needs neither torch nor ape; `export`, `models` and `train` do need torch.
"""

from miners.chain_port import ChainPort
from miners.checks import ModelReport
from miners.connection import connect
from miners.engine import Engine
from miners.errors import MinerError, ModelError
from miners.miner import Miner
from miners.payday import ClaimPolicy
from miners.settings import Settings

__all__ = [
    "ChainPort", "ClaimPolicy", "Engine", "Miner", "MinerError", "ModelError", "ModelReport",
    "Settings", "connect",
]  # fmt: skip
