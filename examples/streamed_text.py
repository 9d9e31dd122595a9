# SPDX-License-Identifier: Apache-2.0
"""A language model as a miner, its answer read as it is written, and proof of who wrote it:

    python examples/streamed_text.py

Trains a small decoder (twenty seconds, kept in .cache/models), serves it over the wire, streams an
answer as a validator would, waits for the miner's receipt, re-executes the answer with the
committed model, and shows that one changed character is noticed. No chain is needed for that: its
facts are three lambdas here.
"""

import argparse
import asyncio
import time
from pathlib import Path

from miners.llm import open_decoder
from miners.llm.answers import text_handler
from miners.llm.verify import Verifier
from offchain.subnets.text import Complete
from offchain.wire import (
    Axon,
    Dendrite,
    Domain,
    Egress,
    Endpoint,
    Evidence,
    LocalHotkey,
    check_evidence,
)

DOMAIN = Domain(31_337, "0x" + "11" * 20)
PROMPT = "The assert statement is a convenient way to "


def now() -> int:
    """The chain's time."""
    return int(time.time())


async def ask(axon: Axon, dendrite: Dendrite, tokens: int) -> tuple[str, Evidence]:
    """(the whole answer, what shows that this miner gave it with this model)."""
    there = Endpoint(axon.hotkey, "127.0.0.1", axon.port)
    question = Complete(prompts=(PROMPT,), max_tokens=tokens, stream=True)
    print(PROMPT, end="", flush=True)
    async for reply in dendrite.stream(there, question, 30.0):
        if not reply.synapse.finish:
            print(reply.synapse.texts[0], end="", flush=True)
    print(f"\n[{reply.synapse.finish[0]} after {reply.synapse.tokens} tokens]")
    while (evidence := reply.evidence()) is None:
        await asyncio.sleep(0.05)
    return reply.synapse.texts[0], evidence


async def run(decoder: Path, tokens: int) -> None:
    """Serve, ask, check."""
    miner, validator = LocalHotkey(b"\1" * 32), LocalHotkey(b"\2" * 32)
    engine = open_decoder(decoder)
    axon = Axon(
        miner, DOMAIN, has_seat=lambda hotkey: hotkey == validator.address,
        stake_of=lambda _hotkey: 1, chain_time=now, model_hash=engine.model_hash,
    )  # fmt: skip
    await axon.attach(text_handler(engine)).serve("127.0.0.1")
    dendrite = Dendrite(validator, DOMAIN, chain_time=now, egress=Egress(localnet=True))
    answer, evidence = await ask(axon, dendrite, tokens)
    check_evidence(evidence)
    print(f"signed by {evidence.signer} with model {evidence.model.hex()[:16]}")
    verifier = Verifier.open(decoder)
    verdict = verifier.check(PROMPT, answer)
    print(f"re-executed: {verdict.right} of {verdict.tokens} tokens are the model's own")
    forged = verifier.check(PROMPT, answer[:-1] + "~")
    print(f"one character changed: {forged.right} of {forged.tokens}")
    await dendrite.close()
    await axon.close()
    engine.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Stream an answer of a decoder and check it")
    parser.add_argument("decoder", type=Path, nargs="?", help="a folder; without one it is trained")
    parser.add_argument("--tokens", type=int, default=120)
    options = parser.parse_args()
    folder = options.decoder
    if folder is None:
        from miners.llm.train import make

        folder = make("decoder", Path(".cache/models"))
    asyncio.run(run(folder, options.tokens))


if __name__ == "__main__":
    main()
