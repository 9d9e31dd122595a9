# SPDX-License-Identifier: Apache-2.0
"""Language models: a decoder with a key-value cache, served as it speaks.

    python -m miners.llm.train --out decoder          # a small one, trained here in seconds
    evmtensor miner run decoder --netuid 1 --subnet text

    engine = open_decoder(Path("decoder"))
    async for piece in engine.generate("The assert statement", Sampling(max_tokens=64)):
        print(piece.text, end="")

`folder` reads what a folder holds, `tokens` turns text into numbers and back, `sampling` picks the
next token, `cached` and `genai` run the graph, `engine` serves many answers at once, `answers`
puts that behind a subnet's message, `verify` re-executes somebody's answer. Torch is needed by
`models`, `export` and `train` only.
"""

from miners.llm.engine import Piece, TextEngine, open_decoder
from miners.llm.sampling import Sampling

__all__ = ["Piece", "Sampling", "TextEngine", "open_decoder"]
