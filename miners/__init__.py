# SPDX-License-Identifier: Apache-2.0
"""The miner: ONNX engine, batcher, server, exporters from torch.

    from miners import Miner, Settings

    miner = Miner.from_onnx("model.onnx", "vision")       # or Miner.from_torch(module, "vision")
    miner.run(chain, hotkey, Settings(port=8091, max_burn_rao=10**9))

`chain` is a `ChainPort` (see `chain_port.py`), `hotkey` a signer with `.address` and
`.sign_digest`. Inside an event loop: `await miner.start(chain, hotkey, settings)`, `await
miner.swap("better.onnx")`, `await miner.close()`.

    checks.read_model(path, interface)        # is this model safe, and does it fit
    checks.self_test(content, interface)      # does it work
    python -m miners.train --out DIR          # the demo's three models

Serving needs neither torch nor ape; `export`, `models` and `train` do need torch.
"""

from miners.chain_port import ChainPort
from miners.checks import ModelReport
from miners.engine import Engine
from miners.errors import MinerError, ModelError
from miners.miner import Miner, Settings

__all__ = ["ChainPort", "Engine", "Miner", "MinerError", "ModelError", "ModelReport", "Settings"]
